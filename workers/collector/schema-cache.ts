// Table schemas as ingest needs them, kept for seconds: validating an event must not cost a catalog call.

import { tableNameToString, type Clock, type TableIdentifier } from "#core";
import type { Table } from "#iceberg";
import type { IngestTable } from "#ingest";

/** A schema change reaches validation after this long; shards check the table's identity on every append. */
const FRESH_MS = 5000;
/** Tables kept at once; the least recently loaded goes first. */
const MAX_TABLES = 256;

/** Loads tables through `loadTable`, at most once in {@link FRESH_MS} for each unless asked for a fresh one. */
export function createSchemaCache(
  loadTable: (table: TableIdentifier) => Promise<Table>,
  clock: Clock,
): (table: TableIdentifier, options?: { readonly fresh?: boolean }) => Promise<IngestTable> {
  const known = new Map<string, { readonly table: IngestTable; readonly loadedMs: number }>();
  return async (identifier, options = {}) => {
    const name = tableNameToString(identifier);
    const found = known.get(name);
    if (found !== undefined && options.fresh !== true && clock.nowMs() - found.loadedMs < FRESH_MS) return found.table;
    const loaded = await loadTable(identifier);
    const table: IngestTable = {
      identifier,
      tableUuid: loaded.metadata["table-uuid"],
      schema: loaded.schema(),
      properties: loaded.metadata.properties ?? {},
    };
    known.delete(name);
    known.set(name, { table, loadedMs: clock.nowMs() });
    for (const oldest of known.keys()) {
      if (known.size <= MAX_TABLES) break;
      known.delete(oldest);
    }
    return table;
  };
}
