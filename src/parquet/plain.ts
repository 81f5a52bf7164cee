// PLAIN values and stored integers to our physical arrays.

import { corruptData, unpackBits } from "#codec";
import { exactTimestamps, uuidText, wordsToInt64, type Decimal, type VectorValues } from "#columnar";
import { decodePlainBinaries, decodePlainStrings } from "./byte-arrays.ts";
import type { ParquetColumn } from "./metadata.ts";
import { bigEndianToBigInt, bigEndianToDoubles, halfToDouble } from "./number-bytes.ts";

/** 2^32 */
const WORD = 4_294_967_296;
const MICROS_A_DAY = 86_400_000_000;
/** Julian day number of 1970-01-01. */
const JULIAN_EPOCH = 2_440_588;

/**
 * Decodes `count` PLAIN values into the column type's physical array; decimals come unscaled in a Float64Array where all
 * are safe integers. Ownership: may be a view of `bytes`.
 * Errors: `data_invalid` when there are fewer bytes than values.
 */
export function decodePlain(bytes: Uint8Array, column: ParquetColumn, count: number): VectorValues {
  switch (column.physicalType) {
    case "boolean": {
      need(bytes, Math.ceil(count / 8));
      const flags = new Int32Array(count);
      unpackBits(bytes, 0, bytes.length, 1, flags, 0, count);
      return Uint8Array.from(flags);
    }
    case "int32":
      return convertInt32(int32View(bytes, count), column);
    case "int64":
      need(bytes, count * 8);
      return convertInt64Words(int32View(bytes, count * 2), count, column);
    case "int96":
      return int96ToMicros(int32View(bytes, count * 3), count);
    case "float": {
      need(bytes, count * 4);
      const aligned = alignTo(bytes, 4, count * 4);
      return Float64Array.from(new Float32Array(aligned.buffer, aligned.byteOffset, count));
    }
    case "double": {
      need(bytes, count * 8);
      const aligned = alignTo(bytes, 8, count * 8);
      return new Float64Array(aligned.buffer, aligned.byteOffset, count);
    }
    case "byte_array":
      if (column.type?.kind === "string" || column.type?.kind === "json") return decodePlainStrings(bytes, count);
      return convertBinaries(decodePlainBinaries(bytes, count), column);
    case "fixed_len_byte_array":
      return decodeFixed(bytes, column, count);
  }
}

function need(bytes: Uint8Array, length: number): void {
  if (bytes.length < length) throw corruptData("a page has fewer values than it says");
}

/** The first `length` bytes at an aligned address; a view when they are already. */
function alignTo(bytes: Uint8Array, width: number, length: number): Uint8Array {
  return bytes.byteOffset % width === 0 ? bytes.subarray(0, length) : bytes.slice(0, length);
}

function int32View(bytes: Uint8Array, count: number): Int32Array {
  need(bytes, count * 4);
  const aligned = alignTo(bytes, 4, count * 4);
  return new Int32Array(aligned.buffer, aligned.byteOffset, count);
}

/** Stored 32-bit integers as the column's type, decimals unscaled. Ownership: may be the array given. */
export function convertInt32(values: Int32Array, column: ParquetColumn): VectorValues {
  const { type, conversion } = column;
  if (type?.kind === "decimal") return Float64Array.from(values);
  if (type?.kind === "time") return Float64Array.from(values, (value) => value * 1000);
  if (type?.kind === "int64") {
    return conversion === "unsigned" ? Float64Array.from(values, (value) => value >>> 0) : Float64Array.from(values);
  }
  return values;
}

function convertInt64Words(words: Int32Array, count: number, column: ParquetColumn): VectorValues {
  if (column.conversion === "nanos") return nanosToMicros(words, count);
  return convertInt64(wordsToInt64(words, count), column);
}

/** Stored 64-bit integers as the column's type, decimals unscaled where doubles hold them all. Ownership: may be the array given. */
export function convertInt64(values: Float64Array | BigInt64Array, column: ParquetColumn): VectorValues {
  const { type, conversion } = column;
  if (type?.kind === "decimal") {
    const scale = type.scale ?? 0;
    const unsigned = conversion === "unsigned";
    if (values instanceof Float64Array && (!unsigned || values.every((value) => value >= 0))) return values;
    return Array.from(values as ArrayLike<number | bigint>, (value): Decimal => {
      const wide = BigInt(value);
      return { unscaled: unsigned ? BigInt.asUintN(64, wide) : wide, scale };
    });
  }
  if (type?.kind === "timestamp" || type?.kind === "time") {
    if (conversion === "nanos") {
      const exact = BigInt64Array.from(values as Iterable<number | bigint> as Iterable<bigint>, BigInt);
      return nanosToMicros(new Int32Array(exact.buffer), values.length);
    }
    return toMicros(values, conversion === "millis" ? 1000 : 1);
  }
  if (values instanceof Float64Array) return values;
  // The exact decoder was needed for a step between values; the values themselves may be narrow.
  return wordsToInt64(new Int32Array(values.buffer, values.byteOffset, values.length * 2), values.length);
}

/** Stored times as microseconds, exactly. Ownership: may be the array given, changed. */
function toMicros(values: Float64Array | BigInt64Array, micros: 1 | 1000): Float64Array | BigInt64Array {
  if (values instanceof Float64Array) {
    if (micros === 1) return values;
    if (values.every((value) => Number.isSafeInteger(value * micros))) {
      for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) * micros;
      return values;
    }
  }
  const factor = BigInt(micros);
  const exact = Array.from(values as ArrayLike<number | bigint>, (value) => BigInt(value) * factor);
  if (exact.some((value) => BigInt.asIntN(64, value) !== value)) throw corruptData("a timestamp is out of range");
  return exactTimestamps(BigInt64Array.from(exact));
}

/** Floors 64-bit nanoseconds to microseconds exactly: the high word's quotient and remainder by 1000 are exact. */
function nanosToMicros(words: Int32Array, count: number): Float64Array | BigInt64Array {
  const micros = new Float64Array(count);
  for (let i = 0, w = 0; i < count; i++, w += 2) {
    const high = words[w + 1] as number;
    const quotient = Math.floor(high / 1000);
    const rest = (high - quotient * 1000) * WORD + ((words[w] as number) >>> 0);
    micros[i] = quotient * WORD + Math.floor(rest / 1000);
  }
  if (areSafe(micros)) return micros;
  return exactTimestamps(
    BigInt64Array.from({ length: count }, (_, i) => {
      const nanos = (BigInt(words[i * 2 + 1] as number) << 32n) | BigInt((words[i * 2] as number) >>> 0);
      return (nanos - (((nanos % 1000n) + 1000n) % 1000n)) / 1000n;
    }),
  );
}

/** INT96: 64-bit nanoseconds of the day, then the 32-bit Julian day. */
function int96ToMicros(words: Int32Array, count: number): Float64Array | BigInt64Array {
  const micros = new Float64Array(count);
  for (let i = 0, w = 0; i < count; i++, w += 3) {
    const nanos = (words[w + 1] as number) * WORD + ((words[w] as number) >>> 0);
    micros[i] = ((words[w + 2] as number) - JULIAN_EPOCH) * MICROS_A_DAY + Math.floor(nanos / 1000);
  }
  if (areSafe(micros)) return micros;
  return exactTimestamps(
    BigInt64Array.from({ length: count }, (_, i) => {
      const nanos = (words[i * 3 + 1] as number) * WORD + ((words[i * 3] as number) >>> 0);
      const day = BigInt((words[i * 3 + 2] as number) - JULIAN_EPOCH) * BigInt(MICROS_A_DAY);
      // Spark overflows when it writes years near 300,000, and relies on overflowing back when it reads.
      return BigInt.asIntN(64, day + BigInt(Math.floor(nanos / 1000)));
    }),
  );
}

function areSafe(values: Float64Array): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isSafeInteger(values[i])) return false;
  return true;
}

function decodeFixed(bytes: Uint8Array, column: ParquetColumn, count: number): VectorValues {
  const width = column.typeLength;
  if (width === 0) throw corruptData("a fixed-width column has no width");
  need(bytes, count * width);
  if (column.type?.kind === "uuid") {
    const texts: string[] = [];
    for (let i = 0; i < count; i++) texts.push(uuidText(bytes.subarray(i * width, (i + 1) * width)));
    return texts;
  }
  if (column.conversion === "float16") {
    return Float64Array.from({ length: count }, (_, i) =>
      halfToDouble((bytes[i * 2] as number) | ((bytes[i * 2 + 1] as number) << 8)),
    );
  }
  if (column.type?.kind === "decimal") {
    const narrow = bigEndianToDoubles(bytes, width, count);
    if (narrow !== undefined) return narrow;
  }
  // A copy: slices of the page would keep all of it alive with any one value.
  const copy = bytes.slice(0, count * width);
  return convertBinaries(
    Array.from({ length: count }, (_, i) => copy.subarray(i * width, (i + 1) * width)),
    column,
  );
}

/** Byte strings as the column's type: binary, or decimals in big-endian two's complement. */
export function convertBinaries(values: readonly Uint8Array[], column: ParquetColumn): VectorValues {
  const { type } = column;
  if (type?.kind !== "decimal") return values;
  const scale = type.scale ?? 0;
  return values.map((bytes): Decimal => ({ unscaled: bigEndianToBigInt(bytes), scale }));
}
