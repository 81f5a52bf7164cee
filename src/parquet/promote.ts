// Iceberg's type promotions on vectors: a file keeps the type it was written with.

import { LakeError } from "#core";
import {
  constantVector,
  decimalBlockOf,
  decimalVector,
  looseTextOf,
  looseTextVector,
  textVector,
  withDictionary,
  type DataType,
  type Decimal,
  type DecimalBlock,
  type FlatVector,
  type TypeKind,
  type Vector,
} from "#columnar";

const MICROS_A_DAY = 86_400_000_000;
const NANOS_A_DAY = 86_400_000_000_000n;
const NANOS_A_MICRO = 1000n;

const PROMOTIONS: { readonly [from in TypeKind]?: readonly TypeKind[] } = {
  int16: ["int32", "int64"],
  int32: ["int64"],
  float32: ["float64"],
  string: ["json"],
  json: ["string"],
  date: ["timestamp"],
};

/** Dictionaries are shared by all batches of a chunk, and so are their promoted forms. */
const promotedDictionaries = new WeakMap<FlatVector, FlatVector>();

/**
 * The vector as `type`: unchanged when it already has it, else int → long, float → double,
 * text → json, date → timestamp without time zone, decimals of greater precision, and timestamps and dates →
 * nanoseconds. Errors: `data_invalid` for any other difference, `numeric_out_of_range` for times before 1677 or after
 * 2262 as nanoseconds.
 */
export function promoteVector(vector: Vector, type: DataType, columnName: string): Vector {
  const from = vector.type;
  if (vector.type === type) return vector;
  if (from.kind === "null") return constantVector(type, null, vector.length);
  if (!isPromotion(from, type)) {
    throw new LakeError(
      "data_invalid",
      `Column "${columnName}" is stored as ${from.kind}, which cannot be read as ${type.kind}.`,
    );
  }
  if (vector.encoding === "dictionary") {
    let dictionary = promotedDictionaries.get(vector.dictionary);
    if (dictionary === undefined || dictionary.type !== type) {
      dictionary = promoteFlat(vector.dictionary, type, columnName);
      promotedDictionaries.set(vector.dictionary, dictionary);
    }
    return withDictionary(vector, type, dictionary);
  }
  if (vector.encoding === "flat") return promoteFlat(vector, type, columnName);
  const { value } = vector;
  if (type.kind === "decimal" && value !== null) {
    return { ...vector, type, value: rescale(value as Decimal, type.scale) };
  }
  if (type.kind === "int64" && (typeof value === "number" || typeof value === "bigint")) {
    return { ...vector, type, value: nanosOf(value, nanosPerUnit(from), columnName) };
  }
  const isDate = from.kind === "date" && type.kind === "timestamp" && typeof value === "number";
  return { ...vector, type, value: isDate ? value * MICROS_A_DAY : value };
}

/** Whether stored values of `from` can be read as `to` without loss. */
export function isPromotion(from: DataType, to: DataType): boolean {
  if (from.kind === "timestamp" && to.kind === "timestamp") return from.utc === to.utc;
  if (from.kind === to.kind) return true;
  if (to.kind === "int64" && to.stored !== undefined) {
    if (from.kind === "timestamp") return from.utc === to.stored.utc;
    if (from.kind === "date") return !to.stored.utc;
  }
  if (from.kind === "date" && to.kind === "timestamp") return !to.utc;
  return PROMOTIONS[from.kind]?.includes(to.kind) ?? false;
}

function promoteFlat(vector: FlatVector, type: DataType, columnName: string): FlatVector {
  const text = looseTextOf(vector);
  if (text !== undefined) {
    if (text.gap > 0) return looseTextVector(type, vector.length, text);
    return textVector(type, vector.length, { bytes: text.bytes, offsets: text.starts }, vector.validity);
  }
  const decimals = decimalBlockOf(vector);
  if (decimals !== undefined && type.kind === "decimal") {
    const wider = rescaleBlock(decimals, type.scale);
    if (wider !== undefined) return decimalVector(type, wider, vector.validity);
  }
  const { values } = vector;
  const perUnit = type.kind === "int64" ? nanosPerUnit(vector.type) : 1n;
  if (perUnit !== 1n) {
    const { validity } = vector;
    const nanos = BigInt64Array.from({ length: vector.length }, (_, i) =>
      validity?.[i] === 0 ? 0n : nanosOf(values[i] as number | bigint, perUnit, columnName),
    );
    return { ...vector, type, values: nanos };
  }
  if (type.kind === "int64" && values instanceof Int32Array) {
    return { ...vector, type, values: Float64Array.from(values) };
  }
  if (type.kind === "timestamp" && values instanceof Int32Array) {
    return { ...vector, type, values: Float64Array.from(values, (days) => days * MICROS_A_DAY) };
  }
  if (type.kind === "decimal" && vector.type.kind === "decimal" && vector.type.scale !== type.scale) {
    return { ...vector, type, values: (values as readonly Decimal[]).map((value) => rescale(value, type.scale)) };
  }
  return { ...vector, type };
}

/** The block at a greater scale; undefined when a value is no safe integer there. */
function rescaleBlock(block: DecimalBlock, scale: number | undefined): DecimalBlock | undefined {
  if (scale === undefined || scale <= block.scale) return block;
  const factor = 10 ** (scale - block.scale);
  const unscaled = block.unscaled.map((value) => value * factor);
  return unscaled.every((value) => Number.isSafeInteger(value)) ? { unscaled, scale } : undefined;
}

/** What values are multiplied by to be nanoseconds. */
function nanosPerUnit({ kind }: DataType): bigint {
  if (kind === "date") return NANOS_A_DAY;
  return kind === "timestamp" ? NANOS_A_MICRO : 1n;
}

function nanosOf(value: number | bigint, perUnit: bigint, columnName: string): bigint {
  const nanos = BigInt(value) * perUnit;
  if (BigInt.asIntN(64, nanos) === nanos) return nanos;
  throw new LakeError(
    "numeric_out_of_range",
    `Column "${columnName}" has a time too far from now to be counted in nanoseconds.`,
  );
}

function rescale(value: Decimal, scale: number | undefined): Decimal {
  if (scale === undefined || scale <= value.scale) return value;
  return { unscaled: value.unscaled * 10n ** BigInt(scale - value.scale), scale };
}
