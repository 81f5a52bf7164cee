// One consistent view of a table for a whole query: a snapshot and exactly the acknowledged rows it does not hold.

import { LakeError, retry, tableNameToString, type RetryDeps } from "#core";
import type { Table } from "#iceberg";
import { readFreshRows, type FreshBatch, type FreshSource } from "./fresh-rows.ts";

/** A snapshot and the rows acknowledged after it, with the fields that were asked for. */
export interface TableView {
  readonly table: Table;
  readonly fresh: readonly FreshBatch[];
}

/** Set to "false" on tables that are never ingested to, which saves their queries one call a shard. */
export const INGEST_ENABLED_PROPERTY = "firn.ingest.enabled";

/** A flush commits at most every second or so; five reloads in a row that are each behind mean something else. */
const VIEW_RETRY = { attempts: 5, baseDelayMs: 20, maxDelayMs: 200 } as const;

/**
 * Pairs a loaded table with its fresh rows, reloading the table while rows move into it between the two reads, so
 * that every acknowledged row is seen once.
 *
 * Cost: one call a shard, and one catalog call for each reload. Errors: `upstream_unavailable` when the table kept
 * moving.
 */
export async function loadTableView(
  loaded: Table,
  freshSource: FreshSource | undefined,
  fieldIds: ReadonlySet<number>,
  deps: RetryDeps,
): Promise<TableView> {
  if (freshSource === undefined || loaded.metadata.properties[INGEST_ENABLED_PROPERTY] === "false") {
    return { table: loaded, fresh: [] };
  }
  return retry(
    async (attempt) => {
      const table = attempt === 1 ? loaded : await loaded.refresh();
      const fresh = await readFreshRows(freshSource.shards(table.identifier, table.metadata), table.metadata, fieldIds);
      if (fresh === undefined) throw new TableMoved(loaded);
      return { table, fresh };
    },
    (error) => error instanceof TableMoved,
    VIEW_RETRY,
    deps,
  );
}

/** The table's snapshot was older than what its shards still hold. */
class TableMoved extends LakeError {
  constructor(table: Table) {
    super(
      "upstream_unavailable",
      `${tableNameToString(table.identifier)} changed repeatedly while it was read; nothing was returned.`,
    );
  }
}
