// The tables that other engines committed (test/golden/iceberg), as files in memory.

import { readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import type { TableMetadata } from "#iceberg";
import { decodeTableMetadata } from "../../src/iceberg/metadata-json.ts";

const FOLDER = join(import.meta.dirname, "../golden/iceberg");

/** A table's files by location, and its newest metadata. */
export interface GoldenTable {
  readonly name: string;
  readonly metadataLocation: string;
  readonly metadata: TableMetadata;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Reads every golden table. */
export function goldenTables(): readonly GoldenTable[] {
  return readdirSync(FOLDER).map((name) => {
    const expected = JSON.parse(readFileSync(join(FOLDER, name, "expected.json"), "utf8")) as {
      readonly bucket: string;
      readonly metadataLocation: string;
    };
    const root = join(FOLDER, name, "lake");
    const files = new Map<string, Uint8Array>();
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      files.set(`s3://${expected.bucket}/${relative(root, path)}`, new Uint8Array(readFileSync(path)));
    }
    const bytes = files.get(expected.metadataLocation);
    if (bytes === undefined) throw new Error(`${name} lacks ${expected.metadataLocation}`);
    return { name, metadataLocation: expected.metadataLocation, metadata: decodeTableMetadata(bytes), files };
  });
}
