// What a client remembers of loaded tables, so that loading an unchanged table again costs one small conditional
// request: the catalog answers 304 to the ETag of the metadata it last sent.
// Source: Iceberg REST OpenAPI, loadTable (If-None-Match, ETag).

import type { TableMetadata } from "./table-metadata.ts";

/** A loaded table's metadata with the catalog's ETag for it. */
export interface RememberedTable {
  readonly etag: string;
  readonly metadata: TableMetadata;
  readonly metadataLocation: string;
}

/** Metadata by table; forgets the table used longest ago. Share one among the clients of an isolate. */
export interface TableMemory {
  get(table: string): RememberedTable | undefined;
  set(table: string, remembered: RememberedTable): void;
}

/** Creates a memory of at most `maxTables` tables. Cost: their parsed metadata. */
export function createTableMemory(maxTables: number): TableMemory {
  const tables = new Map<string, RememberedTable>();
  return {
    get(table) {
      const remembered = tables.get(table);
      if (remembered === undefined) return undefined;
      tables.delete(table);
      tables.set(table, remembered);
      return remembered;
    },
    set(table, remembered) {
      tables.delete(table);
      tables.set(table, remembered);
      const oldest = tables.keys().next();
      if (tables.size > maxTables && oldest.done !== true) tables.delete(oldest.value);
    },
  };
}
