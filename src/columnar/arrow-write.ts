// Batches to Arrow: buffers are built straight from our arrays, no Arrow builder in between.

import * as arrow from "apache-arrow";
import { concatBytes, InvariantViolation, LakeError } from "#core";
import { flattenVector } from "./access.ts";
import { arrowField, dataTypeToArrow, hasDecimal128 } from "./arrow-type.ts";
import { vectorFromScalars } from "./build.ts";
import type { DataType, Decimal, Interval, Scalar } from "./data-type.ts";
import { decimalToString } from "./decimal.ts";
import { gatherInt32 } from "./gather-values.ts";
import { doublesToInt64 } from "./int64.ts";
import { gatherBlock, textBlockOf } from "./text-vector.ts";
import { encodeUtf8Block } from "./utf8-block.ts";
import type { Batch, ColumnSchema, DictionaryVector, FlatVector, Vector } from "./vector.ts";

/** How {@link batchToArrowIpc} writes. */
export interface ArrowWriteOptions {
  /** Metadata for each column's field, in column order. */
  readonly fieldMetadata?: readonly ReadonlyMap<string, string>[];
  /**
   * Writes dictionary vectors of strings and binaries as Arrow dictionaries; there may then be only one batch.
   * Otherwise dictionaries are expanded.
   */
  readonly keepDictionaries?: boolean;
  /** Types as a Parquet writer wants them; see dataTypeToArrow. Our own exact types are then left out. */
  readonly stored?: boolean;
}

/**
 * Writes batches of one schema as an Arrow IPC stream. Our exact types travel in field metadata, so
 * `arrowIpcToBatches` returns the same types and values.
 *
 * Cost: one copy of the data. Errors: `numeric_out_of_range` when a decimal does not fit its type, `data_invalid`
 * when a binary of fixed width has another one.
 */
export function batchToArrowIpc(
  columns: readonly ColumnSchema[],
  batches: readonly Batch[],
  options: ArrowWriteOptions = {},
): Uint8Array<ArrayBuffer> {
  const { stored = false } = options;
  const keep = options.keepDictionaries === true && batches.length === 1;
  const parts = batches.map((batch) =>
    batch.columns.map((vector, index) =>
      vectorToArrowData(vector, columns[index]?.type ?? vector.type, keep && canKeepDictionary(vector), stored),
    ),
  );
  const fields = columns.map((column, index) => {
    const { name, type, nullable } = column;
    const field = arrowField(name, type, nullable, options.fieldMetadata?.[index], options.stored);
    const data = parts[0]?.[index];
    return data !== undefined && arrow.DataType.isDictionary(data.type) ? field.clone({ type: data.type }) : field;
  });
  const schema = new arrow.Schema(fields);
  const recordBatches = batches.map((batch, index) => {
    const children = parts[index] ?? [];
    return new arrow.RecordBatch(
      schema,
      arrow.makeData({ type: new arrow.Struct(fields), length: batch.rowCount, nullCount: 0, children }),
    );
  });
  const writer = new arrow.RecordBatchStreamWriter();
  const sink = new ChunkSink();
  writer.reset(sink, schema);
  for (const recordBatch of recordBatches) writer.write(recordBatch);
  writer.finish();
  return concatBytes(sink.chunks);
}

/**
 * Keeps each chunk as it is written. Arrow's own queue joins neighbours that lie in one buffer, so a column written
 * twice in a row would lose its second writing.
 */
class ChunkSink extends arrow.AsyncByteQueue {
  readonly chunks: Uint8Array[] = [];
  override write(chunk: Uint8Array): void {
    this.chunks.push(chunk);
  }
}

function canKeepDictionary(vector: Vector): vector is DictionaryVector {
  return (
    vector.encoding === "dictionary" &&
    vector.dictionary.length > 0 &&
    vector.dictionary.validity === undefined &&
    (vector.type.kind === "string" || vector.type.kind === "json" || vector.type.kind === "binary")
  );
}

/** Values of numeric(p,s) may stand in a column of numeric: the column tells how they are written. */
function vectorToArrowData(vector: Vector, type: DataType, keepDictionary: boolean, stored: boolean): arrow.Data {
  if (vector.encoding === "dictionary" && isText(vector.type)) {
    return keepDictionary ? dictionaryData(vector) : expandedTextData(vector);
  }
  const flat = flattenVector(vector);
  const isDecimal = flat.type.kind === "decimal" && type.kind === "decimal";
  return flatToArrowData(isDecimal ? { ...flat, type } : flat, stored);
}

function isText(type: DataType): boolean {
  return type.kind === "string" || type.kind === "json";
}

function dictionaryData(vector: DictionaryVector): arrow.Data {
  const dictionary = flatToArrowData(vector.dictionary);
  const type = new arrow.Dictionary(dictionary.type, new arrow.Int32());
  return arrow.makeData({
    type,
    length: vector.length,
    ...nullBuffers(vector),
    data: vector.codes,
    dictionary: new arrow.Vector([dictionary]),
  });
}

/** Encodes each dictionary entry once and copies its bytes to every row. */
function expandedTextData(vector: DictionaryVector): arrow.Data {
  const { dictionary, codes, length } = vector;
  if (dictionary.length === 0 || dictionary.validity !== undefined) return flatToArrowData(flattenVector(vector));
  const kept = textBlockOf(dictionary);
  if (kept !== undefined && vector.validity === undefined) {
    const gathered = gatherBlock(kept, codes);
    return arrow.makeData({
      type: new arrow.Utf8(),
      length,
      ...nullBuffers(vector),
      valueOffsets: gathered.offsets,
      data: gathered.bytes,
    });
  }
  const block = kept ?? encodeUtf8Block(dictionary.values as readonly string[], undefined);
  const offsets = new Int32Array(length + 1);
  const validity = vector.validity;
  let total = 0;
  for (let i = 0; i < length; i++) {
    const code = codes[i] as number;
    if (validity === undefined || validity[i] === 1) {
      total += (block.offsets[code + 1] as number) - (block.offsets[code] as number);
    }
    offsets[i + 1] = total;
  }
  const bytes = new Uint8Array(total);
  const source = block.bytes;
  const starts = gatherInt32(block.offsets, codes);
  for (let i = 0; i < length; i++) {
    let to = offsets[i] as number;
    const end = offsets[i + 1] as number;
    for (let from = starts[i] as number; to < end; from++, to++) bytes[to] = source[from] as number;
  }
  return arrow.makeData({
    type: new arrow.Utf8(),
    length,
    ...nullBuffers(vector),
    valueOffsets: offsets,
    data: bytes,
  });
}

interface NullBuffers {
  readonly nullCount: number;
  readonly nullBitmap: Uint8Array | null;
}

function nullBuffers(vector: { readonly length: number; readonly validity: Uint8Array | undefined }): NullBuffers {
  const { validity, length } = vector;
  if (validity === undefined) return { nullCount: 0, nullBitmap: null };
  let present = 0;
  for (let i = 0; i < length; i++) present += validity[i] as number;
  return present === length
    ? { nullCount: 0, nullBitmap: null }
    : { nullCount: length - present, nullBitmap: packBits(validity, length) };
}

/** One bit a byte, least significant first, padded to 8 bytes. */
function packBits(flags: Uint8Array, length: number): Uint8Array {
  const bits = new Uint8Array((((length + 7) >> 3) + 7) & ~7);
  for (let i = 0; i < length; i++) if (flags[i] !== 0) bits[i >> 3] = (bits[i >> 3] as number) | (1 << (i & 7));
  return bits;
}

function flatToArrowData(vector: FlatVector, stored = false): arrow.Data {
  const { type, length } = vector;
  const common = { length, ...nullBuffers(vector) };
  const block = textBlockOf(vector);
  if (block !== undefined) {
    return arrow.makeData({ type: new arrow.Utf8(), ...common, valueOffsets: block.offsets, data: block.bytes });
  }
  const { values } = vector;
  switch (type.kind) {
    case "null":
      return arrow.makeData({ type: new arrow.Null(), length });
    case "boolean":
      return arrow.makeData({ type: new arrow.Bool(), ...common, data: packBits(values as Uint8Array, length) });
    case "int16":
      return arrow.makeData({ type: new arrow.Int16(), ...common, data: Int16Array.from(values as Int32Array) });
    case "int32":
      return arrow.makeData({ type: new arrow.Int32(), ...common, data: values as Int32Array });
    case "date":
      return arrow.makeData({ type: new arrow.DateDay(), ...common, data: values as Int32Array });
    case "int64":
      return stored && type.stored !== undefined
        ? arrow.makeData({
            type: new arrow.TimestampNanosecond(type.stored.utc ? "UTC" : null),
            ...common,
            data: toInt64(values),
          })
        : arrow.makeData({ type: new arrow.Int64(), ...common, data: toInt64(values) });
    case "float32":
      return arrow.makeData({ type: new arrow.Float32(), ...common, data: Float32Array.from(values as Float64Array) });
    case "float64":
      return arrow.makeData({ type: new arrow.Float64(), ...common, data: values as Float64Array });
    case "time":
      return arrow.makeData({ type: new arrow.TimeMicrosecond(), ...common, data: toInt64(values) });
    case "timestamp":
      return arrow.makeData({
        type: new arrow.TimestampMicrosecond(type.utc ? "UTC" : null),
        ...common,
        data: toInt64(values),
      });
    case "decimal":
      if (!hasDecimal128(type)) {
        return textData(vector, common, (values as readonly Decimal[]).map(decimalToString));
      }
      return arrow.makeData({
        type: new arrow.Decimal(type.scale, type.precision, 128),
        ...common,
        data: decimalWords(values as readonly Decimal[], vector.validity, type.precision, type.scale),
      });
    case "string":
    case "json":
      return textData(vector, common, values as readonly string[]);
    case "interval":
      return textData(
        vector,
        common,
        // JSON has no infinity, which an interval's micros may be.
        (values as readonly Interval[]).map((interval) =>
          JSON.stringify(
            Number.isFinite(interval.micros) ? interval : { ...interval, micros: String(interval.micros) },
          ),
        ),
      );
    case "uuid":
      return arrow.makeData({
        type: new arrow.FixedSizeBinary(16),
        ...common,
        data: uuidBytes(values as readonly string[], vector.validity),
      });
    case "binary":
      return stored && type.length !== undefined ? fixedData(vector, common, type.length) : binaryData(vector, common);
    case "list":
    case "struct":
    case "map":
      return nestedData(vector, common, stored);
  }
}

interface CommonProps extends NullBuffers {
  readonly length: number;
}

function textData(vector: FlatVector, common: CommonProps, texts: readonly string[]): arrow.Data {
  const block = encodeUtf8Block(texts, vector.validity);
  return arrow.makeData({ type: new arrow.Utf8(), ...common, valueOffsets: block.offsets, data: block.bytes });
}

function binaryData(vector: FlatVector, common: CommonProps): arrow.Data {
  const values = vector.values as readonly Uint8Array[];
  const offsets = new Int32Array(vector.length + 1);
  let total = 0;
  for (let i = 0; i < vector.length; i++) {
    if (vector.validity?.[i] !== 0) total += (values[i] as Uint8Array).length;
    offsets[i + 1] = total;
  }
  const bytes = new Uint8Array(total);
  for (let i = 0; i < vector.length; i++) {
    if (vector.validity?.[i] !== 0) bytes.set(values[i] as Uint8Array, offsets[i]);
  }
  return arrow.makeData({ type: new arrow.Binary(), ...common, valueOffsets: offsets, data: bytes });
}

function fixedData(vector: FlatVector, common: CommonProps, width: number): arrow.Data {
  const values = vector.values as readonly Uint8Array[];
  const bytes = new Uint8Array(vector.length * width);
  for (let i = 0; i < vector.length; i++) {
    if (vector.validity?.[i] === 0) continue;
    const value = values[i] as Uint8Array;
    if (value.length !== width) {
      throw new LakeError("data_invalid", `A value of ${value.length} bytes does not fit fixed[${width}].`);
    }
    bytes.set(value, i * width);
  }
  return arrow.makeData({ type: new arrow.FixedSizeBinary(width), ...common, data: bytes });
}

function toInt64(values: FlatVector["values"]): BigInt64Array {
  return values instanceof BigInt64Array ? values : doublesToInt64(values as Float64Array);
}

function decimalWords(
  values: readonly Decimal[],
  validity: Uint8Array | undefined,
  precision: number,
  scale: number,
): Uint32Array {
  const words = new BigInt64Array(values.length * 2);
  const limit = 10n ** BigInt(precision);
  for (let i = 0; i < values.length; i++) {
    if (validity?.[i] === 0) continue;
    const unscaled = rescale(values[i] as Decimal, scale);
    if (unscaled === undefined || unscaled >= limit || unscaled <= -limit) {
      throw new LakeError("numeric_out_of_range", `A value does not fit decimal(${precision}, ${scale}).`);
    }
    words[i * 2] = BigInt.asIntN(64, unscaled);
    words[i * 2 + 1] = unscaled >> 64n;
  }
  return new Uint32Array(words.buffer);
}

function rescale(value: Decimal, scale: number): bigint | undefined {
  if (value.scale === scale) return value.unscaled;
  if (value.scale < scale) return value.unscaled * 10n ** BigInt(scale - value.scale);
  const divisor = 10n ** BigInt(value.scale - scale);
  return value.unscaled % divisor === 0n ? value.unscaled / divisor : undefined;
}

const HEX_VALUE = new Uint8Array(128).fill(255);
for (let i = 0; i < 16; i++) {
  HEX_VALUE["0123456789abcdef".charCodeAt(i)] = i;
  HEX_VALUE["0123456789ABCDEF".charCodeAt(i)] = i;
}

function uuidBytes(values: readonly string[], validity: Uint8Array | undefined): Uint8Array {
  const bytes = new Uint8Array(values.length * 16);
  for (let i = 0; i < values.length; i++) {
    if (validity?.[i] === 0) continue;
    const text = values[i] as string;
    let nibbles = 0;
    for (let c = 0; c < text.length; c++) {
      const unit = text.charCodeAt(c);
      if (unit === 45) continue;
      const at = i * 16 + (nibbles >> 1);
      const digit = HEX_VALUE[unit & 127] as number;
      if (digit > 15 || nibbles > 31) throw new InvariantViolation("a uuid is not in canonical form");
      bytes[at] = ((bytes[at] as number) << 4) | digit;
      nibbles += 1;
    }
    if (nibbles !== 32) throw new InvariantViolation("a uuid is not in canonical form");
  }
  return bytes;
}

function nestedData(vector: FlatVector, common: CommonProps, stored: boolean): arrow.Data {
  const { type, length, validity } = vector;
  const childData = (childType: DataType, scalars: readonly Scalar[]): arrow.Data =>
    flatToArrowData(vectorFromScalars(childType, scalars), stored);
  if (type.kind === "struct") {
    const rows = vector.values as readonly { readonly [key: string]: Scalar }[];
    const children = type.fields.map((field) =>
      childData(
        field.type,
        rows.map((row, i) => (validity?.[i] === 0 ? null : (row[field.name] ?? null))),
      ),
    );
    return arrow.makeData({ type: dataTypeToArrow(type, stored) as arrow.Struct, ...common, children });
  }
  const offsets = new Int32Array(length + 1);
  const items: Scalar[] = [];
  const rows = vector.values as readonly (readonly Scalar[])[];
  for (let i = 0; i < length; i++) {
    if (validity?.[i] !== 0) for (const item of rows[i] ?? []) items.push(item);
    offsets[i + 1] = items.length;
  }
  if (type.kind === "list") {
    const child = childData(type.element, items);
    return arrow.makeData({
      type: dataTypeToArrow(type, stored) as arrow.List,
      ...common,
      valueOffsets: offsets,
      child,
    });
  }
  if (type.kind !== "map") throw new InvariantViolation(`${type.kind} is not nested`);
  const entries = items as readonly (readonly Scalar[])[];
  const mapType = dataTypeToArrow(type, stored) as arrow.Map_;
  const child = arrow.makeData({
    type: mapType.childType,
    length: entries.length,
    nullCount: 0,
    children: [
      childData(
        type.key,
        entries.map(([key = null]) => key),
      ),
      childData(
        type.value,
        entries.map(([, value = null]) => value),
      ),
    ],
  });
  return arrow.makeData({ type: mapType, ...common, valueOffsets: offsets, child });
}
