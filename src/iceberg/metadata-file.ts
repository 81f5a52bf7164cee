// Reads metadata files, parsing each cached file once.

import type { FileIO } from "./file-io.ts";
import { decodeTableMetadata } from "./metadata-json.ts";
import type { TableMetadata } from "./table-metadata.ts";

/** Parsed metadata lives exactly as long as the FileIO's cached bytes do. */
const parsedByBytes = new WeakMap<Uint8Array, TableMetadata>();

/** The metadata in a file. Errors: `metadata_invalid`, `storage_unavailable`. */
export async function readTableMetadata(io: FileIO, location: string): Promise<TableMetadata> {
  const bytes = await io.read(location);
  const known = parsedByBytes.get(bytes);
  if (known !== undefined) return known;
  const metadata = decodeTableMetadata(bytes);
  parsedByBytes.set(bytes, metadata);
  return metadata;
}
