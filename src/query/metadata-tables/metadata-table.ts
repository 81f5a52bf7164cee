// A table of another table's metadata as the SQL engine sees it.

import { LakeError, required, tableNameToString, unreachable } from "#core";
import { BATCH_ROWS, vectorFromScalars, type Batch, type ColumnSchema, type Scalar } from "#columnar";
import { currentSchema, type FileIO, type Snapshot, type Table } from "#iceberg";
import { emptyScanStatistics, type ScanRequest, type TableSource, type TableVersion } from "#sql";
import { resolveVersion } from "../table-version.ts";
import { entriesTable, filesTable, type FileSelection } from "./files.ts";
import { manifestsTable, partitionsTable } from "./manifests.ts";
import type { MetadataTableKind } from "./names.ts";
import type { MetadataRows } from "./rows.ts";
import { historyTable, metadataLogTable, refsTable, snapshotsTable } from "./snapshots.ts";

/**
 * A metadata table. `table` has all its snapshots. Tables of one snapshot's files take a version; the others show
 * the metadata as it is now.
 *
 * Cost: none for history, snapshots, refs and metadata_log_entries; else the manifest list and its manifests, read
 * while rows are asked for. Errors: `undefined_snapshot`; `sql_unsupported` for a version of a table without any.
 */
export function metadataTable(
  table: Table,
  kind: MetadataTableKind,
  version: TableVersion | undefined,
  io: FileIO,
): TableSource {
  const name = `${tableNameToString(table.identifier)}.${kind}`;
  if (version !== undefined && !VERSIONED.has(kind)) {
    throw new LakeError("sql_unsupported", `${name} shows the table's metadata as it is now: it has no versions.`);
  }
  const dated = version === undefined ? undefined : resolveVersion(table, version);
  const current = dated?.snapshot ?? table.currentSnapshot();
  const content = contentOf(table, kind, current === undefined ? [] : [current], io, dated?.schema);
  const { columns } = content;
  const identity = JSON.stringify([
    table.metadata["table-uuid"],
    table.metadataLocation,
    table.metadata["last-updated-ms"],
    kind,
    String(current?.["snapshot-id"]),
  ]);
  return rowsTable(name, columns, () => Promise.resolve({ identity, rows: content.rows() }));
}

/** Rows of one scan; equal identities mean equal rows. */
export interface PlannedRows {
  readonly identity: string;
  readonly rows: AsyncIterable<readonly Scalar[]>;
}

/** A table whose rows are made, not read from data files. They have all columns, in order. */
export function rowsTable(
  name: string,
  columns: readonly ColumnSchema[],
  plan: (request: ScanRequest) => Promise<PlannedRows>,
): TableSource {
  return {
    name,
    columns,
    async planScan(request) {
      const statistics = emptyScanStatistics(name);
      const wanted = request.columns.map((index) => required(columns[index], `column ${index} of ${name}`));
      const toBatch = (rows: readonly (readonly Scalar[])[]): Batch => {
        statistics.rowsScanned += rows.length;
        return {
          rowCount: rows.length,
          columns: wanted.map(({ type }, i) =>
            vectorFromScalars(
              type,
              rows.map((row) => row[request.columns[i] ?? 0] ?? null),
            ),
          ),
        };
      };
      const planned = await plan(request);
      return {
        identity: planned.identity,
        statistics,
        async *open(signal): AsyncGenerator<Batch, void, undefined> {
          let rows: (readonly Scalar[])[] = [];
          for await (const row of planned.rows) {
            signal.throwIfAborted();
            rows.push(row);
            if (rows.length < BATCH_ROWS) continue;
            yield toBatch(rows);
            rows = [];
          }
          if (rows.length > 0) yield toBatch(rows);
        },
      };
    },
  };
}

const VERSIONED: ReadonlySet<MetadataTableKind> = new Set([
  "entries",
  "files",
  "data_files",
  "delete_files",
  "manifests",
  "partitions",
]);

function contentOf(
  table: Table,
  kind: MetadataTableKind,
  current: readonly Snapshot[],
  io: FileIO,
  schema = currentSchema(table.metadata),
): MetadataRows {
  const { metadata } = table;
  const all = metadata.snapshots;
  const files = (selection: FileSelection): MetadataRows => filesTable(io, metadata, selection, schema);
  switch (kind) {
    case "history":
      return historyTable(table);
    case "metadata_log_entries":
      return metadataLogTable(table);
    case "snapshots":
      return snapshotsTable(table);
    case "refs":
      return refsTable(table);
    case "entries":
      return entriesTable(io, metadata, { snapshots: current, content: "all" }, schema);
    case "all_entries":
      return entriesTable(io, metadata, { snapshots: all, content: "all" }, schema);
    case "files":
      return files({ snapshots: current, content: "all" });
    case "data_files":
      return files({ snapshots: current, content: "data" });
    case "delete_files":
      return files({ snapshots: current, content: "deletes" });
    case "all_files":
      return files({ snapshots: all, content: "all" });
    case "all_data_files":
      return files({ snapshots: all, content: "data" });
    case "all_delete_files":
      return files({ snapshots: all, content: "deletes" });
    case "manifests":
      return manifestsTable(io, metadata, current);
    case "all_manifests":
      return manifestsTable(io, metadata, all);
    case "partitions":
      return partitionsTable(io, metadata, current);
    default:
      return unreachable(kind);
  }
}
