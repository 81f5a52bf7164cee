// Metadata tables that the metadata file alone answers: history, snapshots, refs, metadata_log_entries.

import { findSnapshot, type Table, type TableMetadata } from "#iceberg";
import {
  BOOLEAN,
  INT,
  LONG,
  TEXT,
  TIMESTAMP,
  column,
  long,
  mapOf,
  rowsOf,
  timestamp,
  type MetadataRows,
} from "./rows.ts";

/** When which snapshot was current. */
export function historyTable({ metadata }: Table): MetadataRows {
  const ancestors = currentAncestors(metadata);
  return rowsOf(
    [
      column("made_current_at", TIMESTAMP, false),
      column("snapshot_id", LONG, false),
      column("parent_id", LONG),
      column("is_current_ancestor", BOOLEAN, false),
    ],
    metadata["snapshot-log"].map((entry) => [
      timestamp(entry["timestamp-ms"]),
      long(entry["snapshot-id"]),
      long(findSnapshot(metadata, entry["snapshot-id"])?.["parent-snapshot-id"]),
      ancestors.has(entry["snapshot-id"]),
    ]),
  );
}

/** Every snapshot the metadata holds. */
export function snapshotsTable({ metadata }: Table): MetadataRows {
  return rowsOf(
    [
      column("committed_at", TIMESTAMP, false),
      column("snapshot_id", LONG, false),
      column("parent_id", LONG),
      column("operation", TEXT),
      column("manifest_list", TEXT),
      column("summary", mapOf(TEXT, TEXT)),
    ],
    metadata.snapshots.map((snapshot) => {
      const { operation, ...summary } = snapshot.summary;
      return [
        timestamp(snapshot["timestamp-ms"]),
        long(snapshot["snapshot-id"]),
        long(snapshot["parent-snapshot-id"]),
        operation ?? null,
        snapshot["manifest-list"],
        Object.entries(summary),
      ];
    }),
  );
}

/** Branches and tags. */
export function refsTable({ metadata }: Table): MetadataRows {
  return rowsOf(
    [
      column("name", TEXT, false),
      column("type", TEXT, false),
      column("snapshot_id", LONG, false),
      column("max_reference_age_in_ms", LONG),
      column("min_snapshots_to_keep", INT),
      column("max_snapshot_age_in_ms", LONG),
    ],
    Object.entries(metadata.refs).map(([name, ref]) => [
      name,
      ref.type.toUpperCase(),
      long(ref["snapshot-id"]),
      ref["max-ref-age-ms"] ?? null,
      ref["min-snapshots-to-keep"] ?? null,
      ref["max-snapshot-age-ms"] ?? null,
    ]),
  );
}

/** The metadata files of the past and the present one, with the snapshot each had as its latest. */
export function metadataLogTable({ metadata, metadataLocation }: Table): MetadataRows {
  const current = { "timestamp-ms": metadata["last-updated-ms"], "metadata-file": metadataLocation };
  return rowsOf(
    [
      column("timestamp", TIMESTAMP, false),
      column("file", TEXT, false),
      column("latest_snapshot_id", LONG),
      column("latest_schema_id", INT),
      column("latest_sequence_number", LONG),
    ],
    [...metadata["metadata-log"], current].map((entry) => {
      const latest = metadata["snapshot-log"].findLast((item) => item["timestamp-ms"] <= entry["timestamp-ms"]);
      const snapshot = findSnapshot(metadata, latest?.["snapshot-id"]);
      return [
        timestamp(entry["timestamp-ms"]),
        entry["metadata-file"],
        long(latest?.["snapshot-id"]),
        snapshot?.["schema-id"] ?? null,
        long(snapshot?.["sequence-number"]),
      ];
    }),
  );
}

function currentAncestors(metadata: TableMetadata): ReadonlySet<bigint> {
  const ancestors = new Set<bigint>();
  let id = metadata["current-snapshot-id"];
  while (id !== undefined && !ancestors.has(id)) {
    ancestors.add(id);
    id = findSnapshot(metadata, id)?.["parent-snapshot-id"];
  }
  return ancestors;
}
