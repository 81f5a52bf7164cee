// Arrow IPC to batches: fresh rows from the ingest log, and what the fallback Parquet reader returns.

import * as arrow from "apache-arrow";
import { InvariantViolation, LakeError } from "#core";
import { arrowFieldToDataType } from "./arrow-type.ts";
import type { DataType, Decimal, Interval, Scalar } from "./data-type.ts";
import { scalarAt } from "./access.ts";
import { exactTimestamps, wordsToInt64 } from "./int64.ts";
import { stringToDecimal } from "./decimal.ts";
import { textVector } from "./text-vector.ts";
import { decodeUtf8Block } from "./utf8-block.ts";
import type { Batch, ColumnSchema, FlatVector, Vector, VectorValues } from "./vector.ts";

/** How an Arrow stream is read. */
export interface ArrowReadOptions {
  /** Leaves text as the UTF-8 it is; see textVector. The stream must be well-formed, as our own are. */
  readonly keepText?: boolean;
}

/** A decoded Arrow stream: its schema and its batches. */
export interface ArrowContents {
  readonly columns: readonly ColumnSchema[];
  readonly batches: readonly Batch[];
}

/**
 * Reads an Arrow IPC stream or file. Dictionaries stay dictionary vectors; batches without rows are left out.
 *
 * Ownership: vectors may be views of `bytes`. Errors: `data_invalid` for bytes that are not Arrow and for types
 * without a counterpart (unions, durations, intervals, views).
 */
export function readArrowIpc(bytes: Uint8Array, options: ArrowReadOptions = {}): ArrowContents {
  try {
    const table = arrow.tableFromIPC(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
    const columns = table.schema.fields.map((field) => ({
      name: field.name,
      type: arrowFieldToDataType(field),
      nullable: field.nullable,
    }));
    // For a stream without batches the library makes up one without children.
    const present = table.batches.filter((batch) => batch.numRows > 0);
    const batches = present.map((batch) => ({
      rowCount: batch.numRows,
      columns: columns.map((column, index) => dataToVector(childOf(batch.data, index), column.type, options)),
    }));
    return { columns, batches };
  } catch (cause) {
    if (cause instanceof LakeError) throw cause;
    throw new LakeError("data_invalid", "The Arrow stream is not readable.", { cause });
  }
}

/** The batches of an Arrow IPC stream; see {@link readArrowIpc}. */
export function arrowIpcToBatches(bytes: Uint8Array, options: ArrowReadOptions = {}): readonly Batch[] {
  return readArrowIpc(bytes, options).batches;
}

function childOf(data: arrow.Data, index: number): arrow.Data {
  const child = data.children[index];
  if (child === undefined) throw new InvariantViolation("a record batch lacks a column");
  return child;
}

function unpackValidity(data: arrow.Data): Uint8Array | undefined {
  const bits = data.nullBitmap as Uint8Array | undefined;
  if (bits === undefined || bits.length === 0 || data.nullCount === 0) return undefined;
  const validity = new Uint8Array(data.length);
  for (let i = 0, at = data.offset; i < data.length; i++, at++) {
    validity[i] = ((bits[at >> 3] as number) >> (at & 7)) & 1;
  }
  return validity;
}

function dataToVector(data: arrow.Data, type: DataType, options: ArrowReadOptions = {}): Vector {
  const validity = unpackValidity(data);
  const { length } = data;
  if (arrow.DataType.isDictionary(data.type)) {
    const codes = codesOf(data, validity);
    const chunks = (data.dictionary?.data ?? []).map((chunk) => dataToFlat(chunk, type, options));
    const dictionary = joinChunks(type, chunks);
    if (dictionary.length === 0) return { encoding: "constant", type, length, value: null };
    for (const code of codes) {
      if (code < 0 || code >= dictionary.length) throw new LakeError("data_invalid", "A dictionary code is invalid.");
    }
    return { encoding: "dictionary", type, length, codes, dictionary, validity };
  }
  return dataToFlat(data, type, options);
}

function codesOf(data: arrow.Data, validity: Uint8Array | undefined): Int32Array {
  const values = data.values as ArrayLike<number | bigint>;
  if (values instanceof Int32Array && validity === undefined) return values.subarray(0, data.length);
  return Int32Array.from({ length: data.length }, (_, i) => (validity?.[i] === 0 ? 0 : Number(values[i])));
}

function joinChunks(type: DataType, chunks: readonly FlatVector[]): FlatVector {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return only;
  const values = chunks.flatMap((chunk) => Array.from({ length: chunk.length }, (_, i) => chunk.values[i] as string));
  return { encoding: "flat", type, length: values.length, values, validity: undefined };
}

function dataToFlat(data: arrow.Data, type: DataType, options: ArrowReadOptions): FlatVector {
  const validity = type.kind === "null" ? new Uint8Array(data.length) : unpackValidity(data);
  if (options.keepText === true && (type.kind === "string" || type.kind === "json")) {
    return textVector(type, data.length, { offsets: offsetsOf(data), bytes: data.values as Uint8Array }, validity);
  }
  return { encoding: "flat", type, length: data.length, values: dataToValues(data, type, validity), validity };
}

function dataToValues(data: arrow.Data, type: DataType, validity: Uint8Array | undefined): VectorValues {
  const { length } = data;
  const arrowType: arrow.DataType = data.type;
  switch (type.kind) {
    case "null":
      return new Uint8Array(length);
    case "boolean": {
      const flags = new Uint8Array(length);
      const bits = data.values as Uint8Array;
      for (let i = 0, at = data.offset; i < length; i++, at++) flags[i] = ((bits[at >> 3] as number) >> (at & 7)) & 1;
      return flags;
    }
    case "int16":
    case "int32":
      return data.values instanceof Int32Array
        ? data.values.subarray(0, length)
        : Int32Array.from((data.values as Int16Array).subarray(0, length));
    case "date":
      return (data.values as Int32Array).subarray(0, length);
    case "int64":
      return integersOf(data);
    case "float32":
    case "float64":
      return floatsOf(data, arrowType);
    case "time":
    case "timestamp":
      return microsOf(data, arrowType);
    case "string":
    case "json":
      return textsOf(data);
    case "interval":
      return textsOf(data).map((text, i) => {
        if (validity?.[i] === 0) return { months: 0, days: 0, micros: 0 };
        const interval = JSON.parse(text) as Omit<Interval, "micros"> & { readonly micros: number | string };
        return { ...interval, micros: Number(interval.micros) };
      });
    case "decimal":
      return decimalsOf(data, arrowType, validity);
    case "uuid":
      return Array.from({ length }, (_, i) => uuidText((data.values as Uint8Array).subarray(i * 16, i * 16 + 16)));
    case "binary":
      return binariesOf(data, arrowType);
    case "list":
    case "struct":
    case "map":
      return nestedOf(data, type);
  }
}

function wordsOf(data: arrow.Data): Int32Array {
  const values = data.values as BigInt64Array | Int32Array;
  return new Int32Array(values.buffer, values.byteOffset, data.length * 2);
}

function integersOf(data: arrow.Data): Float64Array | BigInt64Array {
  const values = data.values as BigInt64Array | BigUint64Array | Uint32Array | Int32Array;
  if (values instanceof BigUint64Array) {
    for (let i = 0; i < data.length; i++) {
      if ((values[i] as bigint) > 0x7fff_ffff_ffff_ffffn) {
        throw new LakeError("data_invalid", "An unsigned 64-bit value exceeds the range of bigint.");
      }
    }
    return wordsToInt64(wordsOf(data), data.length);
  }
  if (values instanceof BigInt64Array) return wordsToInt64(wordsOf(data), data.length);
  return Float64Array.from({ length: data.length }, (_, i) => values[i] as number);
}

function floatsOf(data: arrow.Data, type: arrow.DataType): Float64Array {
  if (arrow.DataType.isFloat(type) && type.precision === arrow.Precision.HALF) {
    const vector = new arrow.Vector([data]);
    return Float64Array.from({ length: data.length }, (_, i) => Number(vector.get(i) ?? 0));
  }
  const values = data.values as Float32Array | Float64Array;
  return values instanceof Float64Array
    ? values.subarray(0, data.length)
    : Float64Array.from(values.subarray(0, data.length));
}

/** Microseconds for each unit of Arrow's TimeUnit: seconds, milliseconds, microseconds, nanoseconds. */
const UNIT_MICROS = [1_000_000, 1000, 1, 0.001] as const;

function microsOf(data: arrow.Data, type: arrow.DataType): Float64Array | BigInt64Array {
  let unit: number = arrow.TimeUnit.MICROSECOND;
  if (arrow.DataType.isTime(type) || arrow.DataType.isTimestamp(type)) ({ unit } = type);
  else if (arrow.DataType.isDate(type)) unit = arrow.TimeUnit.MILLISECOND;
  const raw = data.values as BigInt64Array | Int32Array;
  const narrow = raw instanceof BigInt64Array ? wordsToInt64(wordsOf(data), data.length) : Float64Array.from(raw);
  const perUnit = UNIT_MICROS[unit] ?? 1;
  if (narrow instanceof Float64Array && perUnit <= 1) {
    return perUnit === 1 ? narrow : narrow.map((value) => Math.floor(value / 1000));
  }
  const isExact = narrow instanceof Float64Array && narrow.every((value) => Number.isSafeInteger(value * perUnit));
  if (isExact) return narrow.map((value) => value * perUnit);
  // Nanoseconds pass 2^53 in April 1970: divide as integers, rounding down.
  const exact = BigInt64Array.from({ length: narrow.length }, (_, i) => bigMicros(BigInt(narrow[i] ?? 0), perUnit));
  return exactTimestamps(exact);
}

function bigMicros(value: bigint, perUnit: number): bigint {
  if (perUnit >= 1) return value * BigInt(perUnit);
  const floored = value / 1000n;
  return value % 1000n < 0n ? floored - 1n : floored;
}

function offsetsOf(data: arrow.Data): Int32Array {
  const offsets = data.valueOffsets as Int32Array | BigInt64Array;
  return offsets instanceof Int32Array ? offsets : Int32Array.from(offsets, Number);
}

function textsOf(data: arrow.Data): string[] {
  return decodeUtf8Block(data.values as Uint8Array, offsetsOf(data), data.length);
}

function binariesOf(data: arrow.Data, type: arrow.DataType): Uint8Array[] {
  const bytes = data.values as Uint8Array;
  if (arrow.DataType.isFixedSizeBinary(type)) {
    const width = type.byteWidth;
    return Array.from({ length: data.length }, (_, i) => bytes.subarray(i * width, (i + 1) * width));
  }
  const offsets = offsetsOf(data);
  return Array.from({ length: data.length }, (_, i) => bytes.subarray(offsets[i] as number, offsets[i + 1] as number));
}

function decimalsOf(data: arrow.Data, type: arrow.DataType, validity: Uint8Array | undefined): Decimal[] {
  if (!arrow.DataType.isDecimal(type)) {
    return textsOf(data).map((text, i) => {
      const parsed = validity?.[i] === 0 ? { unscaled: 0n, scale: 0 } : stringToDecimal(text);
      if (parsed === undefined) throw new LakeError("data_invalid", "A decimal's text is malformed.");
      return parsed;
    });
  }
  const { scale } = type;
  const words = data.values as Uint32Array;
  const width = type.bitWidth / 32;
  return Array.from({ length: data.length }, (_, i) => {
    let unscaled = BigInt((words[i * width + width - 1] as number) | 0);
    for (let w = width - 2; w >= 0; w--) unscaled = (unscaled << 32n) | BigInt(words[i * width + w] as number);
    return { unscaled, scale };
  });
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Lower-case canonical text of 16 big-endian bytes. */
export function uuidText(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += "-";
    text += HEX[bytes[i] as number] as string;
  }
  return text;
}

function nestedOf(data: arrow.Data, type: DataType & { kind: "list" | "struct" | "map" }): VectorValues {
  const { length } = data;
  if (type.kind === "struct") {
    const children = type.fields.map((field, index) => dataToVector(childOf(data, index), field.type));
    return Array.from({ length }, (_, i) =>
      Object.fromEntries(
        type.fields.map((field, index) => [field.name, scalarAt(children[index] as Vector, i + data.offset)]),
      ),
    );
  }
  const offsets = offsetsOf(data);
  const child = childOf(data, 0);
  if (type.kind === "list") {
    const elements = dataToVector(child, type.element);
    return Array.from({ length }, (_, i) => {
      const items: Scalar[] = [];
      for (let at = offsets[i] as number; at < (offsets[i + 1] as number); at++) items.push(scalarAt(elements, at));
      return items;
    });
  }
  const keys = dataToVector(childOf(child, 0), type.key);
  const items = dataToVector(childOf(child, 1), type.value);
  return Array.from({ length }, (_, i) => {
    const entries: Scalar[] = [];
    for (let at = offsets[i] as number; at < (offsets[i + 1] as number); at++) {
      entries.push([scalarAt(keys, at), scalarAt(items, at)]);
    }
    return entries;
  });
}
