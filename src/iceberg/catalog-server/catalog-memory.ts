// What the catalog's isolates remember between requests.

import type { CatalogMemory } from "./catalog-deps.ts";
import type { TableMetadata } from "../table-metadata.ts";

/** Pointers kept: some hundred bytes each. */
const MAX_POINTERS = 2000;

interface KeptMetadata {
  readonly metadata: TableMetadata;
  readonly sizeBytes: number;
}

/**
 * A memory of metadata whose files come to at most `maxBytes`; the least recently used goes first. A parsed file takes
 * several times its bytes.
 */
export function createCatalogMemory(maxBytes: number): CatalogMemory {
  const metadataByLocation = new Map<string, KeptMetadata>();
  const pointers = new Map<string, string>();
  let heldBytes = 0;
  const drop = (location: string): void => {
    heldBytes -= metadataByLocation.get(location)?.sizeBytes ?? 0;
    metadataByLocation.delete(location);
  };
  return {
    metadata(location) {
      const kept = metadataByLocation.get(location);
      if (kept === undefined) return undefined;
      metadataByLocation.delete(location);
      metadataByLocation.set(location, kept);
      return kept.metadata;
    },
    keepMetadata(location, metadata, sizeBytes) {
      if (sizeBytes > maxBytes) return;
      drop(location);
      metadataByLocation.set(location, { metadata, sizeBytes });
      heldBytes += sizeBytes;
      for (const oldest of metadataByLocation.keys()) {
        if (heldBytes <= maxBytes) break;
        drop(oldest);
      }
    },
    pointer: (table) => pointers.get(table),
    keepPointer(table, location) {
      pointers.delete(table);
      pointers.set(table, location);
      const [oldest] = pointers.keys();
      if (pointers.size > MAX_POINTERS && oldest !== undefined) pointers.delete(oldest);
    },
    dropPointer: (table) => void pointers.delete(table),
  };
}
