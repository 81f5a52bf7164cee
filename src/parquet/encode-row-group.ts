// One row group through parquet-wasm: Arrow in, column chunks and their thrift out.

import { Compression, Encoding, Table, WriterPropertiesBuilder, writeParquet } from "parquet-wasm/esm/parquet_wasm.js";
import { LakeError } from "#core";
import { FIELD_ID_KEY, batchToArrowIpc, type Batch, type Vector } from "#columnar";
import type { ThriftStruct } from "#codec";
import { encodeBloomFilters, type BloomFilterColumn, type EncodedBloomFilter } from "./bloom-columns.ts";
import { columnEncoding, takesDelta } from "./column-encoding.ts";
import { createPageCodec, type ParquetCompression } from "./compress-pages.ts";
import { finishRowGroup } from "./compress-row-group.ts";
import { footerLength, parseFooter } from "./footer.ts";
import type { ParquetField } from "./metadata.ts";
import { countNans, leafTypes } from "./nan-counts.ts";
import { prepareColumn } from "./prepare-column.ts";
import { requireParquetWasm } from "./wasm.ts";

/** How Parquet is written; see the writers for the defaults. */
export interface ParquetWriteOptions {
  /** Default zstd. */
  readonly compression?: ParquetCompression;
  /** Of zstd, gzip and brotli, each by its own scale; default 1, 6 and 4. Values outside the scale are moved to its ends. */
  readonly compressionLevel?: number;
  /** Rows a row group holds at most; default 262,144. */
  readonly rowGroupRows?: number;
  /** A row group also ends once its rows take this much memory, bytes; default 32 MiB. */
  readonly rowGroupBytes?: number;
  readonly keyValueMetadata?: Readonly<Record<string, string>>;
  /** False turns dictionary encoding off; by default each column's values decide. */
  readonly dictionary?: boolean;
  /** A chunk leaves its dictionary once that takes more than this, bytes; default 1 MiB. */
  readonly dictionaryBytes?: number;
  /** A page ends once it takes this much before compression, bytes, or has 20,000 rows; default 1 MiB. */
  readonly pageBytes?: number;
  /** Columns that get bloom filters; default none. */
  readonly bloomFilters?: readonly BloomFilterColumn[];
}

/** A complete little Parquet file with one row group, to be merged into a bigger one. */
export interface EncodedRowGroup {
  readonly bytes: Uint8Array;
  /** The footer; its only row group's offsets are those within `bytes`. */
  readonly thrift: ThriftStruct;
  readonly numRows: number;
  /** End of the last column chunk within `bytes`; the first one starts after the magic. */
  readonly dataEnd: number;
  /** NaNs of each leaf; undefined where the type has none. */
  readonly nanCounts: readonly (number | undefined)[];
  readonly bloomFilters: readonly EncodedBloomFilter[];
}

const COMPRESSIONS: Readonly<Record<ParquetCompression, Compression>> = {
  // Compressed afterwards, natively: see compress-pages.ts.
  zstd: Compression.UNCOMPRESSED,
  gzip: Compression.UNCOMPRESSED,
  brotli: Compression.UNCOMPRESSED,
  snappy: Compression.SNAPPY,
  lz4: Compression.LZ4_RAW,
  uncompressed: Compression.UNCOMPRESSED,
};

const TRAILER_BYTES = 8;

/**
 * Encodes one batch as one row group. Each column's encoding follows its values, see {@link columnEncoding}: delta took a
 * third of the bytes of a dictionary of 100 k distinct timestamps, in an eighth of the time.
 *
 * Cost: about four times the batch in wasm memory while it runs. Errors: `data_invalid` for a null in a required
 * column, `unsupported_operation` for types the writer does not take, `numeric_out_of_range` for decimals.
 */
export function encodeRowGroup(
  fields: readonly ParquetField[],
  batch: Batch,
  options: ParquetWriteOptions,
): EncodedRowGroup {
  requireParquetWasm();
  const columns = fields.map((field, index) => prepareColumn(batch.columns[index], field, batch.rowCount));
  const ipc = batchToArrowIpc(fields, [{ rowCount: batch.rowCount, columns }], {
    fieldMetadata: fields.map((field) => new Map([[FIELD_ID_KEY, String(field.fieldId)]])),
    keepDictionaries: true,
    stored: true,
  });
  const bytes = runWriter(ipc, writerProperties(fields, columns, batch.rowCount, options));
  const footerBytes = footerLength(bytes, bytes.length);
  const footerStart = bytes.length - TRAILER_BYTES - footerBytes;
  const { metadata, thrift } = parseFooter(bytes.subarray(footerStart, footerStart + footerBytes), bytes.length);
  const chunks = metadata.rowGroups[0]?.columns ?? [];
  const roots = columns.flatMap((column) => leafTypes(column.type).map(() => column));
  const encoded = {
    bytes,
    thrift,
    numRows: metadata.numRows,
    dataEnd: Math.max(0, ...chunks.map((chunk) => chunk.offset + chunk.compressedBytes)),
    nanCounts: countNans(columns),
    bloomFilters: encodeBloomFilters(options.bloomFilters ?? [], metadata.columns, roots),
  };
  return finishRowGroup(encoded, createPageCodec(options.compression ?? "zstd", options.compressionLevel));
}

function writerProperties(
  fields: readonly ParquetField[],
  columns: readonly Vector[],
  rowCount: number,
  options: ParquetWriteOptions,
): WriterPropertiesBuilder {
  const { dictionaryBytes, pageBytes } = options;
  let properties = new WriterPropertiesBuilder()
    .setCompression(COMPRESSIONS[options.compression ?? "zstd"])
    .setMaxRowGroupSize(Math.max(1, rowCount));
  if (options.dictionary === false) properties = properties.setDictionaryEnabled(false);
  if (dictionaryBytes !== undefined) properties = properties.setDictionaryPageSizeLimit(Math.max(1, dictionaryBytes));
  if (pageBytes !== undefined) properties = properties.setDataPageSizeLimit(Math.max(1, pageBytes));
  for (const [index, field] of fields.entries()) {
    const column = columns[index] as Vector;
    if (takesDelta(field.type)) {
      properties = properties.setColumnEncoding(field.name, Encoding.DELTA_BINARY_PACKED);
    }
    if (columnEncoding(column, dictionaryBytes) !== "dictionary") {
      properties = properties.setColumnDictionaryEnabled(field.name, false);
    }
  }
  return properties;
}

function runWriter(ipc: Uint8Array, properties: WriterPropertiesBuilder): Uint8Array {
  try {
    // Both are consumed by the call, also when it fails: nothing is left to free.
    return writeParquet(Table.fromIPCStream(ipc), properties.build());
  } catch (cause) {
    throw new LakeError("internal", "The Parquet writer failed.", { cause });
  }
}
