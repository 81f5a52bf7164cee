// Lists, structs and maps through parquet-wasm: read a row group at a time, whole.

import { ParquetFile } from "parquet-wasm/esm/parquet_wasm.js";
import { LakeError } from "#core";
import { concatVectors, constantVector, readArrowIpc, type Vector } from "#columnar";
import type { RangeReader } from "./metadata.ts";
import { isParquetWasmReady } from "./wasm.ts";

/** Bytes beside a file's own reads that parquet-wasm asks a handle for. */
interface BlobLike {
  readonly size: number;
  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

/**
 * One top-level column of a row group with all its rows.
 *
 * Cost: parquet-wasm reads the footer again, then the column's chunks; the column is held whole.
 * Errors: `sql_unsupported` where parquet-wasm is not initialized, `data_invalid` when it cannot read the column.
 */
export async function readNestedColumn(reader: RangeReader, name: string, rowGroup: number): Promise<Vector> {
  if (!isParquetWasmReady()) {
    throw new LakeError("sql_unsupported", `Column "${name}" is nested, which this reader does not support.`);
  }
  try {
    const file = await ParquetFile.fromFile(blobOf(reader) as unknown as Blob);
    try {
      const table = await file.read({ rowGroups: [rowGroup], columns: [name] });
      const { columns, batches } = readArrowIpc(table.intoIPCStream());
      const [column] = columns;
      if (column === undefined) throw new LakeError("data_invalid", `Column "${name}" is not in the file.`);
      const pieces = batches.map((batch) => batch.columns[0] ?? constantVector(column.type, null, batch.rowCount));
      return pieces.length === 0 ? constantVector(column.type, null, 0) : concatVectors(pieces);
    } finally {
      file.free();
    }
  } catch (cause) {
    if (cause instanceof LakeError) throw cause;
    throw new LakeError("data_invalid", `Nested column "${name}" is not readable.`, { cause });
  }
}

function blobOf(reader: RangeReader): BlobLike {
  return {
    size: reader.sizeBytes,
    slice: (start, end) => ({
      async arrayBuffer() {
        const bytes = await reader.read(start, end - start);
        return bytes.slice().buffer;
      },
    }),
  };
}
