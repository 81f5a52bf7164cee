// One row group through parquet-wasm: Arrow in, column chunks and their thrift out.

import { Compression, Encoding, Table, WriterPropertiesBuilder, writeParquet } from "parquet-wasm/esm/parquet_wasm.js";
import { LakeError } from "#core";
import {
  batchToArrowIpc,
  constantVector,
  gather,
  hashRange,
  textBlockOf,
  vectorFromScalars,
  type Batch,
  type DataType,
  type TypeKind,
  type DictionaryVector,
  type FlatVector,
  type Vector,
} from "#columnar";
import type { ThriftStruct } from "#codec";
import { compressRowGroup } from "./compress-row-group.ts";
import { footerLength, parseFooter } from "./footer.ts";
import type { ParquetField } from "./metadata.ts";
import { promoteVector } from "./promote.ts";
import { requireParquetWasm } from "./wasm.ts";

/** Compression codecs the writer offers. */
export type ParquetCompression = "zstd" | "snappy" | "uncompressed" | "gzip";

/** How Parquet is written; see the writers for the defaults. */
export interface ParquetWriteOptions {
  /** Default zstd. */
  readonly compression?: ParquetCompression;
  /** Rows a row group holds at most; default 122,880. */
  readonly rowGroupRows?: number;
  /** A row group also ends once its rows take this much memory, bytes; default 32 MiB. */
  readonly rowGroupBytes?: number;
  readonly keyValueMetadata?: Readonly<Record<string, string>>;
  /** False turns dictionary encoding off; by default each column's values decide. */
  readonly dictionary?: boolean;
}

/** A complete little Parquet file with one row group, to be merged into a bigger one. */
export interface EncodedRowGroup {
  readonly bytes: Uint8Array;
  /** The footer; its only row group's offsets are those within `bytes`. */
  readonly thrift: ThriftStruct;
  readonly numRows: number;
  /** End of the last column chunk within `bytes`; the first one starts after the magic. */
  readonly dataEnd: number;
  /** NaNs of each column; undefined where the type has none. */
  readonly nanCounts: readonly (number | undefined)[];
}

const COMPRESSIONS: Readonly<Record<ParquetCompression, Compression>> = {
  // Compressed afterwards, natively: see compress-row-group.ts.
  zstd: Compression.UNCOMPRESSED,
  snappy: Compression.SNAPPY,
  uncompressed: Compression.UNCOMPRESSED,
  gzip: Compression.GZIP,
};

const FIELD_ID_KEY = "PARQUET:field_id";
const TRAILER_BYTES = 8;

/** Rows looked at to tell whether a column repeats its values. */
const SAMPLE_ROWS = 2048;

/** 2^32 / φ, odd: its multiples spread evenly. */
const GOLDEN_RATIO_32 = 0x9e37_79b1;

/** The writer gives up a dictionary beyond this size and stores the rest of the chunk plainly. */
const DICTIONARY_PAGE_BYTES = 1024 * 1024;

const TEXT_KINDS: ReadonlySet<TypeKind> = new Set(["string", "json", "binary"]);

/**
 * Encodes one batch as one row group. Each column's encoding follows its values: dictionary where they repeat,
 * else delta for integers (on 100 k distinct timestamps: a third of the bytes of the dictionary that the writer
 * would try first, in an eighth of the time) and plain for the rest.
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
  });
  let properties = new WriterPropertiesBuilder()
    .setCompression(COMPRESSIONS[options.compression ?? "zstd"])
    .setMaxRowGroupSize(Math.max(1, batch.rowCount));
  if (options.dictionary === false) properties = properties.setDictionaryEnabled(false);
  for (const [index, field] of fields.entries()) {
    const column = columns[index] as Vector;
    if (DELTA_KINDS.has(field.type.kind)) {
      properties = properties.setColumnEncoding(field.name, Encoding.DELTA_BINARY_PACKED);
    }
    if (!dictionaryPays(column)) properties = properties.setColumnDictionaryEnabled(field.name, false);
  }
  const bytes = runWriter(ipc, properties);
  const footerBytes = footerLength(bytes, bytes.length);
  const footerStart = bytes.length - TRAILER_BYTES - footerBytes;
  const { metadata, thrift } = parseFooter(bytes.subarray(footerStart, footerStart + footerBytes), bytes.length);
  const chunks = metadata.rowGroups[0]?.columns ?? [];
  const encoded = {
    bytes,
    thrift,
    numRows: metadata.numRows,
    dataEnd: Math.max(0, ...chunks.map((chunk) => chunk.offset + chunk.compressedBytes)),
    nanCounts: columns.map(countNans),
  };
  return (options.compression ?? "zstd") === "zstd" ? compressRowGroup(encoded) : encoded;
}

function runWriter(ipc: Uint8Array, properties: WriterPropertiesBuilder): Uint8Array {
  try {
    // Both are consumed by the call, also when it fails: nothing is left to free.
    return writeParquet(Table.fromIPCStream(ipc), properties.build());
  } catch (cause) {
    throw new LakeError("internal", "The Parquet writer failed.", { cause });
  }
}

function prepareColumn(vector: Vector | undefined, field: ParquetField, rowCount: number): Vector {
  const { type } = field;
  if (!isWritable(type)) {
    throw new LakeError("unsupported_operation", `Column "${field.name}": ${type.kind} cannot be written to Parquet.`);
  }
  const given = vector ?? constantVector(type, null, rowCount);
  const promoted = promoteVector(given, type, field.name);
  if (!field.nullable && hasNull(promoted)) {
    throw new LakeError("data_invalid", `Column "${field.name}" is required but a row has no value.`);
  }
  if (promoted.encoding === "constant" && promoted.value !== null) {
    const dictionary = vectorFromScalars(type, [promoted.value]);
    const codes = new Int32Array(promoted.length);
    return { encoding: "dictionary", type, length: promoted.length, codes, dictionary, validity: undefined };
  }
  return promoted.encoding === "dictionary" ? withUsedEntries(promoted) : promoted;
}

/** The vector without the dictionary entries that no row uses: a dictionary may belong to many more rows than these. */
function withUsedEntries(vector: DictionaryVector): Vector {
  const { codes, dictionary, validity, length } = vector;
  if (dictionary.length * 4 < length) return vector;
  const renumbered = new Int32Array(dictionary.length);
  const used = new Int32Array(Math.min(length, dictionary.length));
  const compact = new Int32Array(length);
  let count = 0;
  for (let i = 0; i < length; i++) {
    if (validity?.[i] === 0) continue;
    const code = codes[i] as number;
    if (renumbered[code] === 0) {
      used[count++] = code;
      renumbered[code] = count;
    }
    compact[i] = (renumbered[code] as number) - 1;
  }
  if (count === dictionary.length || count === 0) return vector;
  return { ...vector, codes: compact, dictionary: gather(dictionary, used.subarray(0, count)) as FlatVector };
}

const UNWRITABLE: ReadonlySet<TypeKind> = new Set(["null", "interval", "list", "struct", "map"]);

function isWritable(type: DataType): boolean {
  if (type.kind === "decimal") return (type.precision ?? 39) <= 38 && type.scale !== undefined;
  return !UNWRITABLE.has(type.kind);
}

function hasNull(vector: Vector): boolean {
  if (vector.encoding === "constant") return vector.value === null && vector.length > 0;
  return vector.validity?.includes(0) ?? false;
}

const DELTA_KINDS: ReadonlySet<TypeKind> = new Set(["int16", "int32", "int64", "date", "time", "timestamp"]);

/**
 * Whether a dictionary pays: whether the values that a sample suggests (Chao's estimate from the values seen once and
 * twice) are few. Codes help scans most on text, so text may have more distinct values than numbers.
 */
function dictionaryPays(vector: Vector): boolean {
  if (vector.type.kind === "boolean") return false;
  if (vector.encoding === "constant") return true;
  const maxDistinct = vector.length / (TEXT_KINDS.has(vector.type.kind) ? 3 : 20);
  if (vector.encoding === "dictionary") return vector.dictionary.length <= maxDistinct;
  const block = textBlockOf(vector);
  const counts = new Map<unknown, number>();
  let sampled = 0;
  let units = 0;
  for (let k = 0; k < SAMPLE_ROWS && k < vector.length; k++) {
    // Scattered positions: a regular stride would be fooled by values that cycle.
    const row: number = vector.length <= SAMPLE_ROWS ? k : Math.imul(k, GOLDEN_RATIO_32) >>> 0;
    const i: number = row % vector.length;
    if (vector.validity?.[i] === 0) continue;
    sampled += 1;
    if (block !== undefined) {
      const start = block.offsets[i] as number;
      const end = block.offsets[i + 1] as number;
      units += end - start;
      const hash = hashRange(block.bytes, start, end);
      counts.set(hash, (counts.get(hash) ?? 0) + 1);
      continue;
    }
    const value = vector.values[i];
    if (typeof value === "string") units += value.length;
    const key = typeof value === "object" && "unscaled" in value ? value.unscaled : value;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  if (sampled === 0) return true;
  let once = 0;
  let twice = 0;
  for (const count of counts.values()) {
    if (count === 1) once += 1;
    else if (count === 2) twice += 1;
  }
  const unseen = sampled === vector.length ? 0 : (once * once) / (2 * Math.max(1, twice));
  const distinct = counts.size + unseen;
  return distinct <= maxDistinct && (distinct * units) / sampled <= DICTIONARY_PAGE_BYTES;
}

function countNans(vector: Vector): number | undefined {
  if (vector.type.kind !== "float32" && vector.type.kind !== "float64") return undefined;
  if (vector.encoding === "constant") return Number.isNaN(vector.value) ? vector.length : 0;
  const isDictionary = vector.encoding === "dictionary";
  const values = (isDictionary ? vector.dictionary.values : vector.values) as Float64Array;
  const { validity } = vector;
  let nans = 0;
  for (let i = 0; i < vector.length; i++) {
    const value = values[isDictionary ? (vector.codes[i] as number) : i] as number;
    if (value !== value && validity?.[i] !== 0) nans += 1;
  }
  return nans;
}
