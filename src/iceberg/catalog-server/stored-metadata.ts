// Metadata files of tables: read once, written under names that no other commit can have.

import { LakeError, type TableIdentifier } from "#core";
import { decodeTableMetadata } from "../metadata-json.ts";
import { metadataFolder } from "../snapshot-files.ts";
import type { TableMetadata } from "../table-metadata.ts";
import type { CatalogServerDeps } from "./catalog-deps.ts";
import { checkLocation } from "./locations.ts";
import { metadataToUtf8 } from "./metadata-text.ts";
import { nameTaken, noSuchEntry } from "./names.ts";
import { entryText } from "./pointer-store.ts";

/** A table's metadata with the file it is in. */
export interface StoredMetadata {
  readonly location: string;
  readonly metadata: TableMetadata;
  /** The file's JSON, where it was just written. */
  readonly json?: Uint8Array;
}

/** Reads a metadata file, or remembers it. Errors: `metadata_invalid`, `not_found`, `storage_unavailable`. */
export async function readStored(deps: CatalogServerDeps, location: string): Promise<StoredMetadata> {
  const known = deps.memory?.metadata(location);
  if (known !== undefined) return { location, metadata: known };
  const bytes = await readMetadataBytes(deps, location);
  const metadata = decodeTableMetadata(bytes);
  deps.memory?.keepMetadata(location, metadata, bytes.length);
  return { location, metadata };
}

/**
 * The JSON of a metadata file, also of a compressed one. Errors: `not_found` when the file is gone; `metadata_invalid`,
 * `storage_unavailable`.
 */
export async function readMetadataBytes(deps: CatalogServerDeps, location: string): Promise<Uint8Array> {
  const bytes = await readFile(deps, location);
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? inflate(bytes) : bytes;
}

async function inflate(bytes: Uint8Array): Promise<Uint8Array> {
  try {
    const stream = new Blob([new Uint8Array(bytes)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch (cause) {
    throw new LakeError("metadata_invalid", "The table's metadata is not gzip.", { cause });
  }
}

async function readFile(deps: CatalogServerDeps, location: string): Promise<Uint8Array> {
  try {
    return await deps.io.read(location);
  } catch (cause) {
    if (!(cause instanceof LakeError) || cause.code !== "metadata_invalid") throw cause;
    throw new LakeError("not_found", `Failed to open input stream for file: ${location}`, { cause });
  }
}

/** The current pointer of a table. Errors: `table_not_found`, also for the name of a view. */
export async function tablePointer(deps: CatalogServerDeps, table: TableIdentifier): Promise<string> {
  const asOf = deps.memory?.now() ?? 0;
  const entry = await deps.pointers.findEntry(table);
  if (entry?.kind !== "table") {
    deps.memory?.dropPointer(entryText(table));
    throw noSuchEntry("table", table);
  }
  deps.memory?.keepPointer(entryText(table), entry.metadataLocation, asOf);
  return entry.metadataLocation;
}

/** The current pointer of a table that may not exist. Errors: `already_exists` when a view has the name. */
export async function tablePointerIfAny(deps: CatalogServerDeps, table: TableIdentifier): Promise<string | undefined> {
  const asOf = deps.memory?.now() ?? 0;
  const entry = await deps.pointers.findEntry(table);
  if (entry?.kind === "view") throw nameTaken("table", "view", table);
  if (entry === undefined) deps.memory?.dropPointer(entryText(table));
  else deps.memory?.keepPointer(entryText(table), entry.metadataLocation, asOf);
  return entry?.metadataLocation;
}

const VERSION = /\/(\d+)-[^/]*$/;

/** The name of the metadata file after `previous`; the five-digit version counts from 0. */
export function nextMetadataLocation(deps: CatalogServerDeps, folder: string, previous: string | undefined): string {
  const version = previous === undefined ? 0 : Number(VERSION.exec(previous)?.[1] ?? -1) + 1;
  checkLocation(deps, folder);
  return `${folder}/${String(version).padStart(5, "0")}-${deps.random.uuid()}.metadata.json`;
}

/** Writes a table's next metadata file. Errors: `invalid_request`, `storage_unavailable`. */
export async function writeMetadata(
  deps: CatalogServerDeps,
  metadata: TableMetadata,
  previous: string | undefined,
): Promise<StoredMetadata> {
  const location = nextMetadataLocation(deps, metadataFolder(metadata), previous);
  const json = metadataToUtf8(metadata);
  await writeOrRemove(deps, location, json);
  deps.memory?.keepMetadata(location, metadata, json.length);
  return { location, metadata, json };
}

/** Writes a file that nothing names yet. After a failure it may be there all the same, so it is removed. */
export async function writeOrRemove(deps: CatalogServerDeps, location: string, bytes: Uint8Array): Promise<void> {
  try {
    await deps.io.write(location, bytes);
  } catch (error) {
    await deleteQuietly(deps, [location]);
    throw error;
  }
}

/** A file left behind is for orphan removal; no outcome depends on it. */
export async function deleteQuietly(deps: CatalogServerDeps, locations: readonly string[]): Promise<void> {
  try {
    if (locations.length > 0) await deps.io.delete(locations);
  } catch (error) {
    deps.reportError?.(error);
  }
}
