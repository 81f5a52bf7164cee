// Text that stays UTF-8: vectors that are read, moved and written without a JavaScript string for each value.

import { concatBytes } from "#core";
import type { DataType } from "./data-type.ts";
import { decodedOf } from "./pending-vector.ts";
import { decodeUtf8Block, type Utf8Block } from "./utf8-block.ts";
import type { FlatVector } from "./vector.ts";

/** Kept aside: a copy of a vector with other values must not claim the block of the original. */
const blocks = new WeakMap<FlatVector, Utf8Block>();

/**
 * A flat text vector over a block of well-formed UTF-8 in which every value is whole characters. Its `values` are
 * decoded when first asked for, all at once.
 *
 * Shapes: `block.offsets` has `length` + 1 entries and may start above 0. Ownership: keeps the block.
 */
export function textVector(
  type: DataType,
  length: number,
  block: Utf8Block,
  validity: Uint8Array | undefined,
): FlatVector {
  let decoded: readonly string[] | undefined;
  const vector: FlatVector = {
    encoding: "flat",
    type,
    length,
    get values() {
      decoded ??= decodeUtf8Block(block.bytes, block.offsets, length);
      return decoded;
    },
    validity,
  };
  blocks.set(vector, block);
  return vector;
}

/**
 * The block behind a vector made by {@link textVector} or {@link looseTextVector}; undefined for any other, copies of one
 * included. Cost: a copy of loose text, once.
 */
export function textBlockOf(vector: FlatVector): Utf8Block | undefined {
  const known = blocks.get(vector);
  if (known !== undefined) return known;
  const loose = looseTexts.get(vector);
  if (loose === undefined) {
    const decoded = decodedText(vector);
    return decoded === undefined ? undefined : textBlockOf(decoded);
  }
  const block = closeGaps(loose, vector.length);
  blocks.set(vector, block);
  looseTexts.delete(vector);
  return block;
}

/**
 * Texts with something between them, such as their lengths: text i is bytes [starts[i], starts[i + 1] - gap).
 *
 * Shapes: `starts` has one entry more than there are texts. Ownership: views.
 */
export interface LooseText {
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly gap: number;
}

const looseTexts = new WeakMap<FlatVector, LooseText>();

/** As {@link textVector}, without nulls, of texts that stay where they are until somebody wants a block of them. */
export function looseTextVector(type: DataType, length: number, text: LooseText): FlatVector {
  let decoded: readonly string[] | undefined;
  const vector: FlatVector = {
    encoding: "flat",
    type,
    length,
    get values() {
      if (decoded === undefined) {
        const { bytes, offsets } = textBlockOf(vector) as Utf8Block;
        decoded = decodeUtf8Block(bytes, offsets, length);
      }
      return decoded;
    },
    validity: undefined,
  };
  looseTexts.set(vector, text);
  return vector;
}

/** The text behind a vector, wherever it lies: for readers that mind the gap. Undefined as for {@link textBlockOf}. */
export function looseTextOf(vector: FlatVector): LooseText | undefined {
  const loose = looseTexts.get(vector);
  if (loose !== undefined) return loose;
  const block = blocks.get(vector);
  if (block !== undefined) return { bytes: block.bytes, starts: block.offsets, gap: 0 };
  const decoded = decodedText(vector);
  return decoded === undefined ? undefined : looseTextOf(decoded);
}

function decodedText(vector: FlatVector): FlatVector | undefined {
  const { kind } = vector.type;
  return kind === "string" || kind === "json" ? decodedOf(vector) : undefined;
}

function closeGaps({ bytes, starts, gap }: LooseText, count: number): Utf8Block {
  const first = starts[0] as number;
  const out = new Uint8Array((starts[count] as number) - first - gap * count);
  const offsets = new Int32Array(count + 1);
  const source = viewOf(bytes);
  const target = viewOf(out);
  for (let i = 0, to = 0; i < count; i++) {
    const from = starts[i] as number;
    const length = (starts[i + 1] as number) - gap - from;
    if (length > LONG_BYTES) out.set(bytes.subarray(from, from + length), to);
    else copyShort(source, from, target, to, length);
    to += length;
    offsets[i + 1] = to;
  }
  return { bytes: out, offsets };
}

/** Values longer than this are copied by one call. */
export const LONG_BYTES = 256;

/** The bytes for {@link copyShort}. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * Copies `length` bytes between two buffers. For values of some tens of bytes words in a loop take a third of the time
 * of `set`, whose call costs more than the bytes, and half of a loop over bytes.
 */
export function copyShort(source: DataView, from: number, target: DataView, to: number, length: number): void {
  if (length < 4) {
    for (let i = 0; i < length; i++) target.setUint8(to + i, source.getUint8(from + i));
    return;
  }
  const last = length - 4;
  for (let i = 0; i < last; i += 4) target.setInt32(to + i, source.getInt32(from + i, true), true);
  target.setInt32(to + last, source.getInt32(from + last, true), true);
}

/** Values `indices` of a block, back to back. Indices must be within range. */
export function gatherBlock({ bytes, offsets }: Utf8Block, indices: Int32Array): Utf8Block {
  return gatherText({ bytes, starts: offsets, gap: 0 }, indices);
}

/** As {@link gatherBlock}, of loose text. */
export function gatherText({ bytes: source, starts: from, gap }: LooseText, indices: Int32Array): Utf8Block {
  const count = indices.length;
  const offsets = new Int32Array(count + 1);
  let total = 0;
  for (let i = 0; i < count; i++) {
    const index = indices[i] as number;
    total += (from[index + 1] as number) - (from[index] as number) - gap;
    offsets[i + 1] = total;
  }
  const bytes = new Uint8Array(total);
  const sourceView = viewOf(source);
  const targetView = viewOf(bytes);
  for (let i = 0; i < count; i++) {
    const to = offsets[i] as number;
    const at = from[indices[i] as number] as number;
    const size = (offsets[i + 1] as number) - to;
    if (size > LONG_BYTES) bytes.set(source.subarray(at, at + size), to);
    else copyShort(sourceView, at, targetView, to, size);
  }
  return { offsets, bytes };
}

/** Blocks end to end; `counts` has the number of values of each. */
export function concatBlocks(parts: readonly Utf8Block[], counts: readonly number[]): Utf8Block {
  const length = counts.reduce((sum, count) => sum + count, 0);
  const offsets = new Int32Array(length + 1);
  const pieces: Uint8Array[] = [];
  let row = 0;
  let position = 0;
  for (const [index, part] of parts.entries()) {
    const count = counts[index] as number;
    const base = part.offsets[0] as number;
    for (let i = 1; i <= count; i++) offsets[row + i] = (part.offsets[i] as number) - base + position;
    const piece = part.bytes.subarray(base, part.offsets[count]);
    pieces.push(piece);
    row += count;
    position += piece.length;
  }
  return { offsets, bytes: concatBytes(pieces) };
}

/** Equal values of a block under one number. */
export interface InternedBlock {
  /** The number of each value: its position among the distinct ones. */
  readonly codes: Int32Array;
  /** Index of the first value of each number. */
  readonly firsts: Int32Array;
}

/**
 * Numbers the distinct values of a block in order of appearance; null rows get 0. Cost: one hash and about one
 * comparison a value.
 */
export function internBlock(block: Utf8Block, length: number, validity: Uint8Array | undefined): InternedBlock {
  const { offsets, bytes } = block;
  const codes = new Int32Array(length);
  const firsts = new Int32Array(length);
  let slots = 1024;
  while (slots < length * 2) slots *= 2;
  const mask = slots - 1;
  // Code + 1 of the value in a slot, 0 for an empty one.
  const table = new Int32Array(slots);
  const hashes = new Int32Array(length);
  let distinct = 0;
  for (let i = 0; i < length; i++) {
    if (validity?.[i] === 0) continue;
    const start = offsets[i] as number;
    const end = offsets[i + 1] as number;
    const hash = hashRange(bytes, start, end);
    let slot = hash & mask;
    let code = -1;
    for (let entry = table[slot] as number; entry !== 0; entry = table[slot] as number) {
      if (hashes[entry - 1] === hash && isSameValue(block, firsts[entry - 1] as number, start, end)) {
        code = entry - 1;
        break;
      }
      slot = (slot + 1) & mask;
    }
    if (code < 0) {
      code = distinct++;
      firsts[code] = i;
      hashes[code] = hash;
      table[slot] = code + 1;
    }
    codes[i] = code;
  }
  return { codes, firsts: firsts.slice(0, distinct) };
}

/** A 32-bit hash of bytes [start, end): FNV-1a, finished as MurmurHash3 finishes. */
export function hashRange(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function isSameValue({ offsets, bytes }: Utf8Block, index: number, start: number, end: number): boolean {
  let at = offsets[index] as number;
  if ((offsets[index + 1] as number) - at !== end - start) return false;
  for (let other = start; other < end; other++, at++) if (bytes[at] !== bytes[other]) return false;
  return true;
}
