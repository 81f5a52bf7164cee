// What the catalog's isolates remember between requests.

import type { CatalogMemory, KeptPointer, ShortenedMode } from "./catalog-deps.ts";
import type { TableMetadata } from "../table-metadata.ts";

/** Pointers kept: some hundred bytes each. */
const MAX_POINTERS = 2000;

interface KeptMetadata {
  readonly metadata: TableMetadata;
  readonly shortened?: Readonly<Partial<Record<ShortenedMode, Uint8Array>>>;
  readonly sizeBytes: number;
}

/**
 * A memory of metadata whose files come to at most `maxBytes`; the least recently used goes first. A parsed file takes
 * several times its bytes.
 */
export function createCatalogMemory(maxBytes: number): CatalogMemory {
  const metadataByLocation = new Map<string, KeptMetadata>();
  const pointers = new Map<string, KeptPointer>();
  let heldBytes = 0;
  let moment = 0;
  const drop = (location: string): void => {
    heldBytes -= metadataByLocation.get(location)?.sizeBytes ?? 0;
    metadataByLocation.delete(location);
  };
  const find = (location: string): KeptMetadata | undefined => {
    const kept = metadataByLocation.get(location);
    if (kept === undefined) return undefined;
    metadataByLocation.delete(location);
    metadataByLocation.set(location, kept);
    return kept;
  };
  const keep = (location: string, kept: KeptMetadata): void => {
    drop(location);
    if (kept.sizeBytes > maxBytes) return;
    metadataByLocation.set(location, kept);
    heldBytes += kept.sizeBytes;
    for (const oldest of metadataByLocation.keys()) {
      if (heldBytes <= maxBytes) break;
      drop(oldest);
    }
  };
  return {
    metadata: (location) => find(location)?.metadata,
    keepMetadata: (location, metadata, sizeBytes) => keep(location, { metadata, sizeBytes }),
    shortened: (location, mode) => find(location)?.shortened?.[mode],
    keepShortened(location, mode, json) {
      const kept = metadataByLocation.get(location);
      if (kept === undefined || kept.shortened?.[mode] !== undefined) return;
      keep(location, {
        ...kept,
        shortened: { ...kept.shortened, [mode]: json },
        sizeBytes: kept.sizeBytes + json.length,
      });
    },
    now: () => ++moment,
    pointer: (table) => pointers.get(table),
    keepPointer(table, location, asOf) {
      if ((pointers.get(table)?.asOf ?? 0) > asOf) return;
      pointers.delete(table);
      pointers.set(table, { location, asOf });
      const [oldest] = pointers.keys();
      if (pointers.size > MAX_POINTERS && oldest !== undefined) pointers.delete(oldest);
    },
    dropPointer: (table) => void pointers.delete(table),
  };
}
