// Dense ids for texts, hashed and compared as UTF-8 bytes. The texts lie end to end in one array, so that a hundred
// thousand of them are a few typed arrays and no strings.

import { gatherBlock, textVector, type DataType, type FlatVector } from "#columnar";

const MIN_IDS = 512;
const MIN_ARENA_BYTES = 8192;
/** Slots are doubled when more than half are taken. */
const MAX_LOAD = 0.5;
const SLOT_INTS = 4;
/** UTF-8 bytes of one UTF-16 unit at most. */
const MAX_UNIT_BYTES = 3;

/** Ids count up from 0 in order of first appearance. Not well-formed strings have ids of their own. */
export class TextTable {
  count = 0;
  private arena: Uint8Array = new Uint8Array(MIN_ARENA_BYTES);
  /** Text of id i is arena bytes [offsets[i], offsets[i + 1]). */
  private offsets: Int32Array = new Int32Array(MIN_IDS + 1);
  /** A slot is a hash, its id + 1 (0 is free), where its text starts and how long it is: a probe is one cache line. */
  private slots: Int32Array = new Int32Array(MIN_IDS * 2 * SLOT_INTS);
  private scratch: Uint8Array = new Uint8Array(256);
  /** Strings with unpaired surrogates, which UTF-8 cannot hold; the arena has them as if it could. */
  private readonly unpaired = new Map<number, string>();

  /** Bytes held. */
  get byteSize(): number {
    return this.arena.byteLength + this.offsets.byteLength + this.slots.byteLength;
  }

  /** An id for something that is no text. */
  addPhantom(): number {
    const id = this.count++;
    if (this.count >= this.offsets.length) this.growOffsets();
    this.offsets[id + 1] = this.offsets[id] as number;
    return id;
  }

  /** The id of bytes [start, end), new if needed; -1 for unknown ones when `insert` is false. */
  idOfBytes(bytes: Uint8Array, start: number, end: number, insert: boolean): number {
    const { slots, arena } = this;
    const mask = slots.length - 1;
    const hash = hashBytes(bytes, start, end);
    const length = end - start;
    let slot = (hash << 2) & mask;
    for (;;) {
      const stored = slots[slot + 1] as number;
      if (stored === 0) return insert ? this.append(bytes, start, end, hash, slot) : -1;
      if (slots[slot] === hash && slots[slot + 3] === length) {
        const from = slots[slot + 2] as number;
        let i = 0;
        while (i < length && arena[from + i] === bytes[start + i]) i++;
        if (i === length) return stored - 1;
      }
      slot = (slot + SLOT_INTS) & mask;
    }
  }

  /** {@link TextTable.idOfBytes} for a string. */
  idOfString(text: string, insert: boolean): number {
    if (this.scratch.length < text.length * MAX_UNIT_BYTES) {
      this.scratch = new Uint8Array(text.length * MAX_UNIT_BYTES * 2);
    }
    const { scratch } = this;
    let i = 0;
    for (; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) break;
      scratch[i] = unit;
    }
    if (i === text.length) return this.idOfBytes(scratch, 0, i, insert);
    const before = this.count;
    const id = this.idOfBytes(scratch, 0, encodeGeneralized(text, scratch), insert);
    if (this.count > before && !text.isWellFormed()) this.unpaired.set(id, text);
    return id;
  }

  /** The texts of the given ids as a vector; `nullId` gives null. */
  decode(type: DataType, ids: Int32Array, nullId: number): FlatVector {
    const { unpaired } = this;
    const { length } = ids;
    let validity: Uint8Array | undefined;
    let isInOrder = true;
    for (let i = 0; i < length; i++) {
      const id = ids[i] as number;
      if (id !== i) isInOrder = false;
      if (id !== nullId) continue;
      validity ??= new Uint8Array(length).fill(1);
      validity[i] = 0;
    }
    const all = { bytes: this.arena, offsets: this.offsets };
    const block = isInOrder ? { bytes: this.arena, offsets: this.offsets.slice(0, length + 1) } : gatherBlock(all, ids);
    const vector = textVector(type, length, block, validity);
    if (unpaired.size === 0) return vector;
    const values = (vector.values as readonly string[]).map((text, i) => unpaired.get(ids[i] as number) ?? text);
    return { encoding: "flat", type, length, values, validity };
  }

  private append(bytes: Uint8Array, start: number, end: number, hash: number, slot: number): number {
    const id = this.count++;
    if (this.count >= this.offsets.length) this.growOffsets();
    const from = this.offsets[id] as number;
    const to = from + end - start;
    if (to > this.arena.length) this.growArena(to);
    const { arena } = this;
    for (let i = start, at = from; i < end; i++, at++) arena[at] = bytes[i] as number;
    this.offsets[id + 1] = to;
    this.slots[slot] = hash;
    this.slots[slot + 1] = id + 1;
    this.slots[slot + 2] = from;
    this.slots[slot + 3] = end - start;
    if (this.count > (this.slots.length / SLOT_INTS) * MAX_LOAD) this.rehash();
    return id;
  }

  private growOffsets(): void {
    const grown = new Int32Array(this.offsets.length * 2);
    grown.set(this.offsets);
    this.offsets = grown;
  }

  /** Vectors made before keep the array they have. */
  private growArena(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, this.arena.length * 2));
    grown.set(this.arena);
    this.arena = grown;
  }

  private rehash(): void {
    const old = this.slots;
    const slots = new Int32Array(old.length * 2);
    const mask = slots.length - 1;
    for (let from = 0; from < old.length; from += SLOT_INTS) {
      if (old[from + 1] === 0) continue;
      let slot = ((old[from] as number) << 2) & mask;
      while (slots[slot + 1] !== 0) slot = (slot + SLOT_INTS) & mask;
      for (let i = 0; i < SLOT_INTS; i++) slots[slot + i] = old[from + i] as number;
    }
    this.slots = slots;
  }
}

function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let h = end - start;
  let i = start;
  for (const last = end - 4; i <= last; i += 4) {
    const word =
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    h = Math.imul(h ^ word, 0x9e37_79b1);
    h ^= h >>> 15;
  }
  for (; i < end; i++) h = Math.imul(h ^ (bytes[i] as number), 0x85eb_ca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0x2c1b_3c6d);
  return h ^ (h >>> 16);
}

/** UTF-8 that also takes unpaired surrogates, as three bytes that no well-formed text has; returns the length. */
function encodeGeneralized(text: string, out: Uint8Array): number {
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i) as number;
    if (point < 0x80) {
      out[at++] = point;
    } else if (point < 0x800) {
      out[at++] = 0xc0 | (point >> 6);
      out[at++] = 0x80 | (point & 0x3f);
    } else if (point < 0x1_0000) {
      out[at++] = 0xe0 | (point >> 12);
      out[at++] = 0x80 | ((point >> 6) & 0x3f);
      out[at++] = 0x80 | (point & 0x3f);
    } else {
      out[at++] = 0xf0 | (point >> 18);
      out[at++] = 0x80 | ((point >> 12) & 0x3f);
      out[at++] = 0x80 | ((point >> 6) & 0x3f);
      out[at++] = 0x80 | (point & 0x3f);
      i += 1;
    }
  }
  return at;
}
