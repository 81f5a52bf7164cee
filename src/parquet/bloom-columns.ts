// The bloom filters of a row group that is being written, out of the columns' values.

import { xxHash64 } from "#codec";
import { stringToUtf8 } from "#core";
import { textBlockOf, viewOf, type FlatVector, type Scalar, type Vector } from "#columnar";
import { bloomFilterBytes, bloomFilterToBytes, createBloomFilter } from "./bloom-filter.ts";
import type { ParquetColumn } from "./metadata.ts";
import { plainBytes } from "./plain-bytes.ts";

/** A column to write bloom filters for. */
export interface BloomFilterColumn {
  /** Of a leaf. */
  readonly fieldId: number;
  /** Share of absent values that a filter fails to rule out, between 0 and 1. */
  readonly falsePositiveRate: number;
  /** A filter's size at most; a smaller one than the rate asks for rules out less. */
  readonly maxBytes: number;
}

/** A leaf's filter as the file will have it. */
export interface EncodedBloomFilter {
  readonly leafIndex: number;
  readonly bytes: Uint8Array;
}

/**
 * Makes the filters asked for. A column without values gets one that rules out everything; booleans get none. `roots`
 * has the top-level column of each leaf.
 */
export function encodeBloomFilters(
  wanted: readonly BloomFilterColumn[],
  leaves: readonly ParquetColumn[],
  roots: readonly Vector[],
): EncodedBloomFilter[] {
  const filters: EncodedBloomFilter[] = [];
  for (const { fieldId, falsePositiveRate, maxBytes } of wanted) {
    const leaf = leaves.find((column) => column.fieldId === fieldId);
    const root = leaf === undefined ? undefined : roots[leaf.leafIndex];
    if (leaf === undefined || root === undefined || leaf.physicalType === "boolean") continue;
    const hashes = leaf.path.length === 1 ? hashColumn(root, leaf) : hashNested(root, leaf);
    const distinct = keepDistinct(hashes);
    const bytes = bloomFilterBytes(distinct.count, falsePositiveRate, maxBytes);
    const filter = createBloomFilter(distinct.pairs, distinct.count, bytes);
    filters.push({ leafIndex: leaf.leafIndex, bytes: bloomFilterToBytes(filter) });
  }
  return filters;
}

/** Hashes as pairs, low half first; the first `count` of them. */
interface Hashes {
  readonly pairs: Uint32Array;
  readonly count: number;
}

function hashColumn(vector: Vector, leaf: ParquetColumn): Hashes {
  if (vector.encoding === "dictionary") return hashFlat(vector.dictionary, leaf);
  if (vector.encoding === "flat") return hashFlat(vector, leaf);
  return hashScalars(vector.length === 0 ? [] : [vector.value], leaf);
}

function hashFlat(vector: FlatVector, leaf: ParquetColumn): Hashes {
  const { length, validity } = vector;
  const block = textBlockOf(vector);
  if (block !== undefined) return hashRanges(block.bytes, block.offsets, length, validity);
  const { values } = vector;
  const { physicalType, conversion } = leaf;
  const isPlain = conversion === "none" && leaf.type?.kind !== "decimal";
  if (isPlain && physicalType === "int32" && values instanceof Int32Array) return hashFixed(values, 4, validity);
  if (isPlain && physicalType === "int64" && ArrayBuffer.isView(values)) {
    return hashFixed(
      BigInt64Array.from(values as Iterable<number | bigint> as Iterable<bigint>, toBigInt),
      8,
      validity,
    );
  }
  if (physicalType === "double" && values instanceof Float64Array) return hashFixed(values, 8, validity);
  if (physicalType === "float" && values instanceof Float64Array)
    return hashFixed(Float32Array.from(values), 4, validity);
  if (physicalType === "byte_array" && (leaf.type?.kind === "string" || leaf.type?.kind === "json")) {
    return hashTexts(values as readonly string[], validity);
  }
  return hashScalars(
    (values as readonly Scalar[]).filter((_, i) => validity?.[i] !== 0),
    leaf,
  );
}

/** Entries at null rows may be anything, NaN included. */
function toBigInt(value: number | bigint): bigint {
  return typeof value === "bigint" ? value : Number.isInteger(value) ? BigInt(value) : 0n;
}

function hashRanges(bytes: Uint8Array, offsets: Int32Array, length: number, validity: Uint8Array | undefined): Hashes {
  const pairs = new Uint32Array(length * 2);
  const view = viewOf(bytes);
  let count = 0;
  for (let i = 0; i < length; i++) {
    if (validity?.[i] === 0) continue;
    xxHash64(view, offsets[i] as number, offsets[i + 1] as number, pairs, count * 2);
    count += 1;
  }
  return { pairs, count };
}

function hashFixed(
  values: ArrayBufferView & { readonly length: number },
  width: 4 | 8,
  validity: Uint8Array | undefined,
): Hashes {
  const pairs = new Uint32Array(values.length * 2);
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    if (validity?.[i] === 0) continue;
    xxHash64(view, i * width, (i + 1) * width, pairs, count * 2);
    count += 1;
  }
  return { pairs, count };
}

function hashTexts(texts: readonly string[], validity: Uint8Array | undefined): Hashes {
  const pairs = new Uint32Array(texts.length * 2);
  let count = 0;
  for (const [i, text] of texts.entries()) {
    if (validity?.[i] === 0) continue;
    const bytes = stringToUtf8(text);
    xxHash64(viewOf(bytes), 0, bytes.length, pairs, count * 2);
    count += 1;
  }
  return { pairs, count };
}

function hashScalars(values: readonly Scalar[], leaf: ParquetColumn): Hashes {
  const pairs = new Uint32Array(values.length * 2);
  let count = 0;
  for (const value of values) {
    if (value === null) continue;
    for (const bytes of storedForms(value, leaf)) {
      xxHash64(viewOf(bytes), 0, bytes.length, pairs, count * 2);
      count += 1;
    }
  }
  return { pairs, count };
}

function storedForms(value: Exclude<Scalar, null>, leaf: ParquetColumn): Uint8Array[] {
  // Exactly as stored: other readers may ask for a zero of either sign, or for NaN.
  if (typeof value === "number" && leaf.physicalType === "double") return [bytesOf(Float64Array.of(value))];
  if (typeof value === "number" && leaf.physicalType === "float") return [bytesOf(Float32Array.of(value))];
  const bytes = plainBytes(value, leaf);
  return typeof bytes === "string" ? [] : [bytes];
}

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** The values of one leaf below a nested column. */
function hashNested(root: Vector, leaf: ParquetColumn): Hashes {
  const found: Scalar[] = [];
  const rows = root.encoding === "constant" ? [root.value] : nestedRows(root);
  for (const row of rows) collect(row, root.type, leaf.path, 1, found);
  return hashScalars(found, leaf);
}

function nestedRows(root: Vector & { readonly encoding: "flat" | "dictionary" }): Scalar[] {
  const source = root.encoding === "flat" ? root : root.dictionary;
  return (source.values as readonly Scalar[]).filter((_, i) => source.validity?.[i] !== 0);
}

/** `path[depth]` is the name below a value of the type; lists and maps take two names a level. */
function collect(value: Scalar, type: Vector["type"], path: readonly string[], depth: number, found: Scalar[]): void {
  if (value === null) return;
  if (type.kind === "list") {
    for (const item of value as readonly Scalar[]) collect(item, type.element, path, depth + 2, found);
  } else if (type.kind === "map") {
    const isKey = path[depth + 1] === "key";
    for (const [key = null, item = null] of value as readonly (readonly Scalar[])[]) {
      collect(isKey ? key : item, isKey ? type.key : type.value, path, depth + 2, found);
    }
  } else if (type.kind === "struct") {
    const field = type.fields.find(({ name }) => name === path[depth]);
    if (field === undefined) return;
    const record = value as { readonly [key: string]: Scalar };
    collect(record[field.name] ?? null, field.type, path, depth + 1, found);
  } else found.push(value);
}

/** The distinct hashes, in place. */
function keepDistinct({ pairs, count }: Hashes): Hashes {
  let slots = 64;
  while (slots < count * 2) slots *= 2;
  const mask = slots - 1;
  // Index + 1 of the pair in a slot, 0 for an empty one.
  const table = new Int32Array(slots);
  let kept = 0;
  for (let i = 0; i < count; i++) {
    const low = pairs[i * 2] as number;
    const high = pairs[i * 2 + 1] as number;
    let slot = low & mask;
    let isKnown = false;
    for (let entry = table[slot] as number; entry !== 0; entry = table[slot] as number) {
      if (pairs[(entry - 1) * 2] === low && pairs[(entry - 1) * 2 + 1] === high) {
        isKnown = true;
        break;
      }
      slot = (slot + 1) & mask;
    }
    if (isKnown) continue;
    pairs[kept * 2] = low;
    pairs[kept * 2 + 1] = high;
    kept += 1;
    table[slot] = kept;
  }
  return { pairs, count: kept };
}
