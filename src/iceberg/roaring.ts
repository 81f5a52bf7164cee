// Sets of row positions, and their bytes: Roaring's portable format with its extension to 64 bits.
// Source: https://github.com/RoaringBitmap/RoaringFormatSpec, "General layout" and "Extension for 64-bit implementations".
//
// | part of the 64-bit form | bytes |
// |---|---|
// | number of 32-bit bitmaps | 8, little-endian |
// | for each, keys ascending: high 32 bits | 4, little-endian |
// | the 32-bit bitmap | as below |
//
// | part of a 32-bit bitmap | bytes |
// |---|---|
// | cookie 12346, then the number of containers; or 12347 with the number less one in its upper half | 8 or 4 |
// | with 12347: one bit a container, 1 for runs | ⌈containers / 8⌉ |
// | for each container: high 16 bits, cardinality less one | 4 |
// | with 12346, or from four containers on: each container's offset in the bitmap | 4 each |
// | containers: sorted uint16 values up to 4,096, else 8,192 bytes of bits, or a uint16 count of (start, length - 1) | |

import { concatBytes } from "#core";
import { ByteCursor, corruptData } from "#codec";
import {
  CONTAINER_SPAN,
  MAX_LIST_VALUES,
  addRangeToContainer,
  addToContainer,
  containerHas,
  emptyContainer,
  forEachInContainer,
  readContainer,
  storedForm,
  writeContainer,
  type RoaringContainer,
} from "./roaring-container.ts";

const COOKIE_PLAIN = 12_346;
const COOKIE_RUNS = 12_347;
/** With runs, fewer containers than this have no offsets. */
const OFFSETS_FROM = 4;
const WORD = 4_294_967_296;
/** Containers in one 32-bit bitmap. */
const CONTAINERS_A_BITMAP = 65_536;
/** Key beyond which positions leave the safe integers; no file has so many rows. */
const MAX_KEY = 2 ** 21 - 1;

/** A set of positions from 0 to 2^53 - 1. Cost: at most 2 bytes a position and 8 KiB for 65,536 neighbouring ones. */
export interface PositionBitmap {
  /** Positions in the set. */
  readonly cardinality: number;
  add(position: number): void;
  /** Adds [start, end). */
  addRange(start: number, end: number): void;
  addAll(other: PositionBitmap): void;
  has(position: number): boolean;
  /** Calls back with the positions of [start, end) in ascending order. */
  forEachIn(start: number, end: number, visit: (position: number) => void): void;
  /** All positions in ascending order. */
  positions(): Generator<number, void, undefined>;
  /** Containers by position / 65,536, ascending. */
  containers(): readonly (readonly [key: number, container: RoaringContainer])[];
}

/** A bitmap with the positions given. */
export function createPositionBitmap(positions: Iterable<number> = []): PositionBitmap {
  const bitmap = bitmapOf(new Map());
  for (const position of positions) bitmap.add(position);
  return bitmap;
}

function bitmapOf(byKey: Map<number, RoaringContainer>): PositionBitmap {
  let sorted: [number, RoaringContainer][] | undefined;

  function put(key: number, before: RoaringContainer | undefined, after: RoaringContainer): void {
    if (before === after) return;
    byKey.set(key, after);
    sorted = undefined;
  }

  const bitmap: PositionBitmap = {
    get cardinality() {
      let count = 0;
      for (const container of byKey.values()) count += container.count;
      return count;
    },
    add(position) {
      const key = Math.floor(position / CONTAINER_SPAN);
      const known = byKey.get(key);
      put(key, known, addToContainer(known ?? emptyContainer(), position % CONTAINER_SPAN));
    },
    addRange(start, end) {
      for (let key = Math.floor(start / CONTAINER_SPAN); key * CONTAINER_SPAN < end; key++) {
        const base = key * CONTAINER_SPAN;
        const from = Math.max(0, start - base);
        const to = Math.min(CONTAINER_SPAN, end - base);
        const known = byKey.get(key);
        if (from < to) put(key, known, addRangeToContainer(known ?? emptyContainer(), from, to));
      }
    },
    addAll(other) {
      for (const position of other.positions()) bitmap.add(position);
    },
    has(position) {
      const container = byKey.get(Math.floor(position / CONTAINER_SPAN));
      return container !== undefined && containerHas(container, position % CONTAINER_SPAN);
    },
    forEachIn(start, end, visit) {
      const firstKey = Math.floor(start / CONTAINER_SPAN);
      const visitIn = (key: number, container: RoaringContainer): void => {
        const base = key * CONTAINER_SPAN;
        const from = Math.max(0, start - base);
        const to = Math.min(CONTAINER_SPAN, end - base);
        if (from < to) forEachInContainer(container, from, to, (value) => visit(base + value));
      };
      if ((end - start) / CONTAINER_SPAN > byKey.size) {
        for (const [key, container] of bitmap.containers()) visitIn(key, container);
        return;
      }
      for (let key = firstKey; key * CONTAINER_SPAN < end; key++) {
        const container = byKey.get(key);
        if (container !== undefined) visitIn(key, container);
      }
    },
    *positions() {
      for (const [key, container] of bitmap.containers()) {
        const values: number[] = [];
        forEachInContainer(container, 0, CONTAINER_SPAN, (value) => void values.push(value));
        for (const value of values) yield key * CONTAINER_SPAN + value;
      }
    },
    containers() {
      sorted ??= [...byKey].toSorted(([a], [b]) => a - b);
      return sorted;
    },
  };
  return bitmap;
}

/** The bitmap in the portable 64-bit format; inverse of {@link bytesToPositionBitmap}. */
export function positionBitmapToBytes(bitmap: PositionBitmap): Uint8Array<ArrayBuffer> {
  const byHighWord = new Map<number, (readonly [number, RoaringContainer])[]>();
  for (const [key, container] of bitmap.containers()) {
    if (container.count === 0) continue;
    const high = Math.floor(key / CONTAINERS_A_BITMAP);
    const entry = [key % CONTAINERS_A_BITMAP, container] as const;
    const known = byHighWord.get(high);
    if (known === undefined) byHighWord.set(high, [entry]);
    else known.push(entry);
  }
  const count = new Uint8Array(8);
  new DataView(count.buffer).setUint32(0, byHighWord.size, true);
  const parts: Uint8Array[] = [count];
  for (const [high, containers] of byHighWord) {
    const key = new Uint8Array(4);
    new DataView(key.buffer).setUint32(0, high, true);
    parts.push(key, bitmap32ToBytes(containers));
  }
  return concatBytes(parts);
}

function bitmap32ToBytes(containers: readonly (readonly [number, RoaringContainer])[]): Uint8Array {
  const stored = containers.map(([, container]) => storedForm(container));
  const hasRuns = stored.some(({ form }) => form === "runs");
  const hasOffsets = !hasRuns || containers.length >= OFFSETS_FROM;
  const flagBytes = Math.ceil(containers.length / 8);
  const headBytes = (hasRuns ? 4 + flagBytes : 8) + containers.length * (hasOffsets ? 8 : 4);
  const bytes = new Uint8Array(stored.reduce((sum, { sizeBytes }) => sum + sizeBytes, headBytes));
  const view = new DataView(bytes.buffer);
  let at = 0;
  if (hasRuns) {
    view.setUint32(0, COOKIE_RUNS | ((containers.length - 1) << 16), true);
    stored.forEach(({ form }, index) => {
      if (form === "runs") bytes[4 + (index >> 3)] = (bytes[4 + (index >> 3)] as number) | (1 << (index & 7));
    });
    at = 4 + flagBytes;
  } else {
    view.setUint32(0, COOKIE_PLAIN, true);
    view.setUint32(4, containers.length, true);
    at = 8;
  }
  for (const [key, { count }] of containers) {
    view.setUint16(at, key, true);
    view.setUint16(at + 2, count - 1, true);
    at += 4;
  }
  let contentAt = headBytes;
  for (const [index, [, container]] of containers.entries()) {
    const form = stored[index];
    if (form === undefined) continue;
    if (hasOffsets) view.setUint32(at + index * 4, contentAt, true);
    writeContainer(container, form, view, contentAt);
    contentAt += form.sizeBytes;
  }
  return bytes;
}

/**
 * The bitmap of its bytes; all of them must be used up. Ownership: nothing of the bytes is kept.
 * Errors: `data_invalid` when they do not follow the format or hold positions beyond 2^53.
 */
export function bytesToPositionBitmap(bytes: Uint8Array): PositionBitmap {
  const cursor = new ByteCursor(bytes);
  const count = readUint32(cursor);
  if (readUint32(cursor) !== 0) throw corruptData("a bitmap has too many parts");
  const byKey = new Map<number, RoaringContainer>();
  let last = -1;
  for (let index = 0; index < count; index++) {
    const high = readUint32(cursor);
    if (high <= last) throw corruptData("a bitmap's parts are out of order");
    if (high > MAX_KEY) throw corruptData("a bitmap holds positions beyond 2^53");
    last = high;
    readBitmap32(cursor, high * CONTAINERS_A_BITMAP, byKey);
  }
  if (cursor.remaining > 0) throw corruptData("bytes follow a bitmap");
  return bitmapOf(byKey);
}

function readBitmap32(cursor: ByteCursor, firstKey: number, byKey: Map<number, RoaringContainer>): void {
  const cookie = readUint32(cursor);
  const hasRuns = cookie % CONTAINERS_A_BITMAP === COOKIE_RUNS;
  if (!hasRuns && cookie !== COOKIE_PLAIN) throw corruptData("a bitmap has an unknown cookie");
  const count = hasRuns ? (cookie >>> 16) + 1 : readUint32(cursor);
  if (count > CONTAINERS_A_BITMAP) throw corruptData("a bitmap has too many containers");
  const flags = hasRuns ? cursor.readBytes(Math.ceil(count / 8)) : undefined;
  const head = cursor.readBytes(count * 4);
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  // Containers follow each other in order, so their offsets say nothing new.
  if (!hasRuns || count >= OFFSETS_FROM) cursor.readBytes(count * 4);
  let last = -1;
  for (let index = 0; index < count; index++) {
    const key = view.getUint16(index * 4, true);
    const cardinality = view.getUint16(index * 4 + 2, true) + 1;
    if (key <= last) throw corruptData("a bitmap's containers are out of order");
    last = key;
    const isRuns = ((flags?.[index >> 3] ?? 0) >> (index & 7)) % 2 === 1;
    const plain = cardinality > MAX_LIST_VALUES ? "field" : "list";
    byKey.set(firstKey + key, readContainer(cursor, isRuns ? "runs" : plain, cardinality));
  }
}

function readUint32(cursor: ByteCursor): number {
  const [a = 0, b = 0, c = 0, d = 0] = cursor.readBytes(4);
  return (a + b * 256 + c * 65_536 + d * 16_777_216) % WORD;
}
