// Sort keys of rows that come from different batches: a number a row that mostly decides, and what decides when two
// numbers are equal. Ranks, which are cheaper to sort by, mean nothing outside the batch they were made for.

import {
  decimalBlockOf,
  decimalToString,
  textBlockOf,
  vectorFromScalars,
  type DataType,
  type Decimal,
  type FlatVector,
  type Utf8Block,
  type Vector,
} from "#columnar";
import { scalarComparator } from "../../values/index.ts";
import { rowReader, type RowReader } from "../build.ts";
import type { KeyColumn } from "../sort-rows.ts";

/** Bytes of a text that a double holds exactly as one number. */
const PREFIX_BYTES = 6;
/** Prefixes end with the first byte of a character beyond the basic plane, whichever it is. */
const LAST_LEAD = 0xf0;
/** Powers of ten that are doubles: a quotient by one of them is rounded once. */
const MAX_EXACT_SCALE = 22;
/** Below this, different decimals are different doubles. */
const MAX_TOLD_APART = 2 ** 50;

/** One key of some rows. */
interface MergeKey {
  /** Rises with the sort's order, not always strictly: a row before another one has no greater number. */
  readonly places: Float64Array;
  /** Whether rows of equal places have equal keys, where that holds for both rows' batches. */
  readonly settles: boolean;
  /** Where the rows' texts lie, if they are well-formed: entry `codes[row]`, or `row`. */
  readonly block: Utf8Block | undefined;
  readonly codes: Int32Array | undefined;
  readonly read: RowReader;
}

/** The keys of a batch's rows, most significant first. */
export interface MergeKeys {
  readonly keys: readonly MergeKey[];
  /** Bytes made for comparing. */
  readonly byteSize: number;
}

/** Compares row `i` of one batch with row `j` of another: negative when it comes first, zero for equal keys. */
export type MergeComparator = (a: MergeKeys, i: number, b: MergeKeys, j: number) => number;

/** How a key is ordered, whatever its values. */
export interface KeyOrder {
  readonly type: DataType;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** Compares rows by keys of the given orders. */
export function createMergeComparator(orders: readonly KeyOrder[]): MergeComparator {
  const ties = orders.map(tieBreaker);
  return (a, i, b, j) => {
    for (let k = 0; k < ties.length; k++) {
      const left = a.keys[k] as MergeKey;
      const right = b.keys[k] as MergeKey;
      const x = left.places[i] as number;
      const y = right.places[j] as number;
      if (x < y) return -1;
      if (x > y) return 1;
      if (left.settles && right.settles) continue;
      const order = (ties[k] as TieBreaker)(left, i, right, j);
      if (order !== 0) return order;
    }
    return 0;
  };
}

type TieBreaker = (a: MergeKey, i: number, b: MergeKey, j: number) => number;

function tieBreaker({ type, descending, nullsFirst }: KeyOrder): TieBreaker {
  const compare = scalarComparator(type);
  const sign = descending ? -1 : 1;
  const nullSign = nullsFirst ? -1 : 1;
  return (a, i, b, j) => {
    // A finite place is no null's.
    if (a.block !== undefined && b.block !== undefined && Number.isFinite(a.places[i])) {
      return sign * compareTexts(a.block, entryOf(a, i), b.block, entryOf(b, j));
    }
    const left = a.read(i);
    const right = b.read(j);
    if (left === null || right === null) return left === right ? 0 : left === null ? nullSign : -nullSign;
    return sign * compare(left, right);
  };
}

function entryOf({ codes }: MergeKey, row: number): number {
  return codes === undefined ? row : (codes[row] as number);
}

function compareTexts(a: Utf8Block, i: number, b: Utf8Block, j: number): number {
  const startA = a.offsets[i] as number;
  const startB = b.offsets[j] as number;
  const lengthA = (a.offsets[i + 1] as number) - startA;
  const lengthB = (b.offsets[j + 1] as number) - startB;
  const shared = lengthA < lengthB ? lengthA : lengthB;
  const [left, right] = [a.bytes, b.bytes];
  // Rows of equal places share the bytes that their places are made of.
  for (let at = 0; at < shared; at++) {
    const difference = (left[startA + at] as number) - (right[startB + at] as number);
    if (difference !== 0) return difference;
  }
  return lengthA - lengthB;
}

/** The keys of a batch of `rowCount` rows. Cost: a double a row and key. */
export function mergeKeysOf(columns: readonly KeyColumn[], rowCount: number): MergeKeys {
  const keys = columns.map((column) => mergeKeyOf(column, rowCount));
  return { keys, byteSize: keys.reduce((sum, { places }) => sum + places.byteLength, 0) };
}

function mergeKeyOf({ vector, descending, nullsFirst }: KeyColumn, rowCount: number): MergeKey {
  const sign = descending ? -1 : 1;
  const nullPlace = nullsFirst ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const { values, codes, validity } = valuesOf(vector, rowCount);
  const entries = entryPlaces(values, sign, nullPlace);
  let { settles } = entries;
  let { places } = entries;
  if (codes !== undefined) {
    places = new Float64Array(rowCount);
    for (let row = 0; row < rowCount; row++) places[row] = entries.places[codes[row] as number] as number;
  }
  if (validity !== undefined) {
    for (let row = 0; row < rowCount; row++) {
      if (validity[row] !== 0) continue;
      places[row] = nullPlace;
      settles = false;
    }
  }
  const block = vector.type.kind === "string" ? textBlockOf(values) : undefined;
  return { places, settles, block, codes, read: rowReader(vector) };
}

/** A vector as values, and which of them the rows have where they are fewer; nulls of rows beside those of values. */
function valuesOf(
  vector: Vector,
  rowCount: number,
): { readonly values: FlatVector; readonly codes: Int32Array | undefined; readonly validity: Uint8Array | undefined } {
  switch (vector.encoding) {
    case "flat":
      return { values: vector, codes: undefined, validity: vector.validity };
    case "dictionary":
      return { values: vector.dictionary, codes: vector.codes, validity: vector.validity };
    case "constant":
      return {
        values: vectorFromScalars(vector.type, [vector.value]),
        codes: new Int32Array(rowCount),
        validity: vector.value === null ? new Uint8Array(rowCount) : undefined,
      };
  }
}

interface Places {
  readonly places: Float64Array;
  readonly settles: boolean;
}

function entryPlaces(vector: FlatVector, sign: number, nullPlace: number): Places {
  const { length, validity } = vector;
  const places = new Float64Array(length);
  const settles = vector.type.kind === "null" ? false : fillPlaces(vector, places);
  let isFinite = true;
  for (let i = 0; i < length; i++) {
    const place = places[i] as number;
    if (validity?.[i] === 0) places[i] = nullPlace;
    // NaN is the greatest number.
    else places[i] = sign * (place === place ? place : Number.POSITIVE_INFINITY);
    // Infinity may be a number, a NaN or a null.
    if (!Number.isFinite(places[i])) isFinite = false;
  }
  return { places, settles: settles && isFinite };
}

/** Numbers that rise with the values; returns whether different values have different numbers. */
function fillPlaces(vector: FlatVector, places: Float64Array): boolean {
  const { type, length, validity } = vector;
  if (type.kind === "string") {
    fillPrefixes(vector, places);
    return false;
  }
  const decimals = decimalBlockOf(vector);
  if (decimals !== undefined && decimals.scale <= MAX_EXACT_SCALE) {
    const { unscaled, scale } = decimals;
    const unit = 10 ** scale;
    let most = 0;
    for (let i = 0; i < length; i++) {
      const value = unscaled[i] as number;
      places[i] = value / unit;
      most = Math.max(most, Math.abs(value));
    }
    return most < MAX_TOLD_APART;
  }
  const { values } = vector;
  if (values instanceof BigInt64Array) {
    for (let i = 0; i < length; i++) places[i] = Number(values[i]);
    return false;
  }
  if (values instanceof Float64Array || values instanceof Int32Array || values instanceof Uint8Array) {
    places.set(values);
    return true;
  }
  if (type.kind !== "decimal") return false;
  for (let i = 0; i < length; i++) {
    if (validity?.[i] !== 0) places[i] = Number(decimalToString(values[i] as Decimal));
  }
  return false;
}

/** The first bytes of each text as a number. */
function fillPrefixes(vector: FlatVector, places: Float64Array): void {
  const block = textBlockOf(vector);
  if (block === undefined) {
    const texts = vector.values as readonly string[];
    for (let i = 0; i < vector.length; i++) places[i] = prefixOf(texts[i] ?? "");
    return;
  }
  const { bytes, offsets } = block;
  for (let i = 0; i < vector.length; i++) {
    const start = offsets[i] as number;
    const end = Math.min(start + PREFIX_BYTES, offsets[i + 1] as number);
    let prefix = 0;
    let left = PREFIX_BYTES;
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number;
      left--;
      if (byte < LAST_LEAD) prefix = prefix * 256 + byte;
      else {
        prefix = prefix * 256 + LAST_LEAD;
        break;
      }
    }
    places[i] = prefix * 256 ** left;
  }
}

/** As the prefix of the text's UTF-8; an unpaired surrogate comes after all of the basic plane. */
function prefixOf(text: string): number {
  let prefix = 0;
  let left = PREFIX_BYTES;
  const add = (byte: number): void => {
    if (left === 0) return;
    prefix = prefix * 256 + byte;
    left--;
  };
  for (const character of text) {
    const point = character.codePointAt(0) as number;
    if (left === 0) break;
    if (point > 0xffff || (point >= 0xd800 && point < 0xe000)) {
      add(LAST_LEAD);
      break;
    }
    if (point < 0x80) add(point);
    else if (point < 0x800) add(0xc0 | (point >> 6));
    else {
      add(0xe0 | (point >> 12));
      add(0x80 | ((point >> 6) & 0x3f));
    }
    if (point >= 0x80) add(0x80 | (point & 0x3f));
  }
  return prefix * 256 ** left;
}
