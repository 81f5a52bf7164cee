// Which tables a statement reads, so that a file that is suddenly gone is explained: the table was dropped, or the
// snapshot expired, while it was read.

import { LakeError, tableNameToString, type TableIdentifier } from "#core";
import { findSnapshot, type CatalogClient, type Snapshot, type Table } from "#iceberg";
import type { ObjectStore } from "#storage";

/** What one statement reads. */
export interface TableReads {
  /** The statement's store; it remembers objects that were asked for in vain. */
  readonly store: ObjectStore;
  /** Notes a table in the state it is read in. */
  note(table: Table, snapshot: Snapshot | undefined): void;
  /**
   * The error that the client must hear: for a missing file what became of its table, else the error itself. `catalog`
   * loads tables with all their snapshots.
   *
   * Errors it gives: `table_not_found` when a table was dropped, `snapshot_expired` when a snapshot was.
   */
  explain(error: unknown, catalog: () => CatalogClient): Promise<unknown>;
}

interface TableRead {
  readonly identifier: TableIdentifier;
  readonly uuid: string;
  readonly snapshot: Snapshot | undefined;
}

/** Follows the reads of one statement through its store. */
export function createTableReads(inner: ObjectStore): TableReads {
  const reads = new Map<string, TableRead>();
  let isMissing = false;

  async function watched<T>(read: Promise<T | undefined>): Promise<T | undefined> {
    const found = await read;
    if (found === undefined) isMissing = true;
    return found;
  }

  return {
    store: {
      head: (key) => inner.head(key),
      get: (key) => watched(inner.get(key)),
      getRange: (key, offset, length) => watched(inner.getRange(key, offset, length)),
      put: (key, bytes, options) => inner.put(key, bytes, options),
      startMultipart: (key, options) => inner.startMultipart(key, options),
      delete: (keys) => inner.delete(keys),
      list: (prefix, cursor) => inner.list(prefix, cursor),
    },
    note({ identifier, metadata }, snapshot) {
      const uuid = metadata["table-uuid"];
      reads.set(`${uuid} ${snapshot?.["snapshot-id"] ?? ""}`, { identifier, uuid, snapshot });
    },
    async explain(error, catalog) {
      if (!isMissing || !(error instanceof LakeError) || !MISSING_CODES.has(error.code)) return error;
      for (const read of reads.values()) {
        // A catalog that does not answer now leaves the error as it was.
        const reason = await whyGone(catalog(), read, error).catch(() => undefined);
        if (reason !== undefined) return reason;
      }
      return error;
    },
  };
}

/** What a missing file ends in: metadata or data that cannot be what the table says. */
const MISSING_CODES = new Set(["metadata_invalid", "data_invalid"]);

/** The error for a table that is not the one that was read any more. */
export function droppedWhileRead(identifier: TableIdentifier, how: string, cause?: unknown): LakeError {
  const name = tableNameToString(identifier);
  const message = `Table ${name} was ${how} while it was read; nothing was returned or changed.`;
  return new LakeError("table_not_found", message, { details: { table: name }, cause });
}

async function whyGone(
  catalog: CatalogClient,
  { identifier, uuid, snapshot }: TableRead,
  cause: LakeError,
): Promise<LakeError | undefined> {
  const name = tableNameToString(identifier);
  let table: Table;
  try {
    table = await catalog.loadTable(identifier, { snapshots: "all" });
  } catch (error) {
    const isGone =
      error instanceof LakeError && (error.code === "table_not_found" || error.code === "namespace_not_found");
    return isGone ? droppedWhileRead(identifier, "dropped", cause) : undefined;
  }
  if (table.metadata["table-uuid"] !== uuid) return droppedWhileRead(identifier, "dropped and created anew", cause);
  if (snapshot === undefined || findSnapshot(table.metadata, snapshot["snapshot-id"]) !== undefined) return undefined;
  const id = String(snapshot["snapshot-id"]);
  return new LakeError(
    "snapshot_expired",
    `Snapshot ${id} of table ${name} expired while it was read; nothing was returned or changed.`,
    { details: { table: name, snapshot_id: id }, cause },
  );
}
