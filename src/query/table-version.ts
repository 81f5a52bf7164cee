// Which snapshot of a table a query means, and the schema it is read with.

import { LakeError, nearestName, tableNameToString } from "#core";
import {
  currentSchema,
  findSnapshot,
  schemaById,
  type IcebergSchema,
  type Snapshot,
  type Table,
  type TableMetadata,
} from "#iceberg";
import type { TableVersion } from "#sql";

/** A state of a table. */
export interface VersionedTable {
  readonly snapshot: Snapshot;
  readonly schema: IcebergSchema;
}

/**
 * The state a version names. A snapshot id and a time are read with the schema of then; a branch with the table's
 * current schema, a tag with that of its snapshot, as Iceberg's own readers do.
 *
 * Needs metadata with all snapshots. Errors: `undefined_snapshot`, with the nearest that exists.
 */
export function resolveVersion(table: Table, version: TableVersion): VersionedTable {
  const { metadata } = table;
  switch (version.kind) {
    case "snapshot":
      return atSnapshot(metadata, version.id, () => unknownSnapshot(table, version.id));
    case "timestamp":
      return atTime(table, version.micros);
    case "ref":
      return atRef(table, version.name);
  }
}

/** Whether metadata that holds only the snapshots of branches and tags is enough to resolve a version. */
export function isInRefs(metadata: TableMetadata, version: TableVersion): boolean {
  switch (version.kind) {
    case "timestamp":
      return false;
    case "snapshot":
      return findSnapshot(metadata, version.id) !== undefined;
    case "ref":
      return metadata.refs[version.name] !== undefined;
  }
}

function atSnapshot(metadata: TableMetadata, id: bigint, missing: () => LakeError): VersionedTable {
  const snapshot = findSnapshot(metadata, id);
  if (snapshot === undefined) throw missing();
  const schemaId = snapshot["schema-id"];
  return { snapshot, schema: schemaId === undefined ? currentSchema(metadata) : schemaById(metadata, schemaId) };
}

/** A text of digits that names no ref is a snapshot id: parameters carry ids beyond 2^53 as text. */
function atRef(table: Table, name: string): VersionedTable {
  const { metadata } = table;
  const ref = metadata.refs[name];
  if (ref === undefined) {
    if (/^\d{1,19}$/.test(name)) return atSnapshot(metadata, BigInt(name), () => unknownSnapshot(table, BigInt(name)));
    const names = Object.keys(metadata.refs);
    const known = names.length === 0 ? "it has none" : `it has ${names.toSorted().join(", ")}`;
    const shown = tableNameToString(table.identifier);
    throw undefinedSnapshot(`Table ${shown} has no branch or tag "${name}": ${known}.`, nearestName(name, names));
  }
  const found = atSnapshot(metadata, ref["snapshot-id"], () => unknownSnapshot(table, ref["snapshot-id"]));
  return ref.type === "branch" ? { ...found, schema: currentSchema(metadata) } : found;
}

const MICROS_PER_MILLI = 1000;

/**
 * The snapshot that was current at a time, by the log of what main pointed to; a snapshot that was rolled back is
 * found for the time it was current.
 */
function atTime(table: Table, micros: number | bigint): VersionedTable {
  const { metadata } = table;
  const atMs = Math.floor(Number(micros) / MICROS_PER_MILLI);
  const log = metadata["snapshot-log"];
  const entry = log.findLast((candidate) => candidate["timestamp-ms"] <= atMs);
  const shown = tableNameToString(table.identifier);
  if (entry === undefined) {
    const [first] = log;
    const since = first === undefined ? "it never had data" : `its history begins at ${isoTime(first["timestamp-ms"])}`;
    throw undefinedSnapshot(
      `Table ${shown} has no snapshot as of ${isoTime(atMs)}: ${since}.`,
      first === undefined ? undefined : isoTime(first["timestamp-ms"]),
    );
  }
  const id = entry["snapshot-id"];
  return atSnapshot(metadata, id, () => {
    const kept = log.find((candidate) => findSnapshot(metadata, candidate["snapshot-id"]) !== undefined);
    const nearest = kept === undefined ? undefined : isoTime(kept["timestamp-ms"]);
    return undefinedSnapshot(`The snapshot of table ${shown} as of ${isoTime(atMs)} has expired.`, nearest);
  });
}

function unknownSnapshot(table: Table, id: bigint): LakeError {
  const { snapshots } = table.metadata;
  const shown = tableNameToString(table.identifier);
  const ids = snapshots.map((snapshot) => String(snapshot["snapshot-id"]));
  const what = `Table ${shown} has no snapshot ${id}, or it has expired.`;
  return undefinedSnapshot(what, nearestName(String(id), ids) ?? ids.at(-1));
}

function undefinedSnapshot(message: string, nearest: string | undefined): LakeError {
  const hint = nearest === undefined ? "" : ` Did you mean "${nearest}"?`;
  return new LakeError("undefined_snapshot", message + hint, { details: nearest === undefined ? {} : { nearest } });
}

function isoTime(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}
