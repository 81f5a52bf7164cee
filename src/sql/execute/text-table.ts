// Dense ids for texts, hashed and compared as UTF-8 bytes. The texts lie end to end in one array, so that a hundred
// thousand of them are a few typed arrays and no strings.

import { gatherBlock, textVector, viewOf, type DataType, type FlatVector, type LooseText } from "#columnar";

const MIN_IDS = 512;
const MIN_ARENA_BYTES = 8192;
/** Slots are doubled when more than half are taken. */
const MAX_LOAD = 0.5;
const SLOT_INTS = 4;
/** UTF-8 bytes of one UTF-16 unit at most. */
const MAX_UNIT_BYTES = 3;
/** Texts hashed at a time before they are looked up: what a run needs stays in the first cache. */
const RUN_TEXTS = 1024;
/** A slot tells texts up to this length apart by itself. */
const INLINE_BYTES = 12;
/** Where a slot keeps the length, or that it is longer than the inline ones, above the id. */
const LENGTH_SHIFT = 27;
const ID_MASK = (1 << LENGTH_SHIFT) - 1;
const LONGER = INLINE_BYTES + 1;
/** Bytes of a word that belong to a text of which so many are left. */
const WORD_MASKS = Int32Array.of(0, 0xff, 0xffff, 0xff_ffff, -1);

/** Ids count up from 0 in order of first appearance. Not well-formed strings have ids of their own. */
export class TextTable {
  count = 0;
  private arena: Uint8Array = new Uint8Array(MIN_ARENA_BYTES);
  /** Text of id i is arena bytes [offsets[i], offsets[i + 1]). */
  private offsets: Int32Array = new Int32Array(MIN_IDS + 1);
  /**
   * A slot is a hash, its id + 1 (0 is free) with the text's length above, and the text's first two words. For texts of
   * up to twelve bytes these are exact: the hash turns the third word around, given the others, so none is lost.
   */
  private slots: Int32Array = new Int32Array(MIN_IDS * 2 * SLOT_INTS);
  private scratch: Uint8Array = new Uint8Array(256);
  private scratchView: DataView = viewOf(this.scratch);
  private readonly hashes = new Int32Array(RUN_TEXTS);
  private readonly firstWords = new Int32Array(RUN_TEXTS);
  private readonly secondWords = new Int32Array(RUN_TEXTS);
  /** Length of each text of a run as a slot keeps it; -1 where the slot alone does not tell texts apart. */
  private readonly kept = new Int32Array(RUN_TEXTS);
  private readonly found = new Int32Array(RUN_TEXTS);
  private readonly scratchOffsets = new Int32Array(2);
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

  /**
   * Writes to `out` the ids of some texts, of all first `count` ones without `indices`: new ones if needed, -1 for
   * unknown ones when `insert` is false. `out` may be `indices`.
   */
  encodeTexts(
    { bytes, starts, gap }: LooseText,
    indices: Int32Array | undefined,
    count: number,
    insert: boolean,
    out: Int32Array,
  ): void {
    const view = viewOf(bytes);
    for (let first = 0; first < count; first += RUN_TEXTS) {
      const end = Math.min(count, first + RUN_TEXTS);
      this.hashRun(view, starts, gap, indices, first, end);
      this.probeRun(end - first);
      const { found } = this;
      for (let i = first, k = 0; i < end; i++, k++) {
        let id = found[k] as number;
        if (id < 0) {
          const index = indices === undefined ? i : (indices[i] as number);
          id = this.lookUp(bytes, starts[index] as number, (starts[index + 1] as number) - gap, k, insert);
        }
        out[i] = id;
      }
    }
  }

  /**
   * Sets the ids of a run's texts aside that stand in the first slot of their hash, and -1 for the others. No branch
   * depends on what a slot holds, so that the processor waits for many slots at once.
   */
  private probeRun(count: number): void {
    const { hashes, firstWords, secondWords, kept, slots, found } = this;
    const mask = slots.length - 1;
    for (let k = 0; k < count; k++) {
      const hash = hashes[k] as number;
      const slot = (hash << 2) & mask;
      const stored = slots[slot + 1] as number;
      const difference =
        ((slots[slot] as number) ^ hash) |
        ((slots[slot + 2] as number) ^ (firstWords[k] as number)) |
        ((slots[slot + 3] as number) ^ (secondWords[k] as number)) |
        ((stored >>> LENGTH_SHIFT) ^ (kept[k] as number));
      // All ones where there is a difference; texts that are told apart by their bytes always have one.
      found[k] = ((stored & ID_MASK) - 1) | ((difference | -difference) >> 31);
    }
  }

  /** Hashes a run and sets its first words aside, so that looking up waits for nothing but the slots. */
  private hashRun(
    view: DataView,
    starts: Int32Array,
    gap: number,
    indices: Int32Array | undefined,
    first: number,
    end: number,
  ): void {
    const { hashes, firstWords, secondWords, kept } = this;
    const safe = view.byteLength - INLINE_BYTES;
    for (let i = first, k = 0; i < end; i++, k++) {
      const index = indices === undefined ? i : (indices[i] as number);
      const start = starts[index] as number;
      const length = (starts[index + 1] as number) - start - gap;
      let a: number;
      let b: number;
      let c: number;
      if (start <= safe) {
        // Read beyond the text and cut off what belongs to others.
        a = view.getInt32(start, true);
        b = view.getInt32(start + 4, true);
        c = view.getInt32(start + 8, true);
        if (length < INLINE_BYTES) {
          if (length >= 8) c &= WORD_MASKS[length - 8] as number;
          else {
            c = 0;
            if (length >= 4) b &= WORD_MASKS[length - 4] as number;
            else {
              b = 0;
              a &= WORD_MASKS[length] as number;
            }
          }
        }
      } else {
        a = wordAt(view, start, length);
        b = wordAt(view, start + 4, length - 4);
        c = wordAt(view, start + 8, length - 8);
      }
      let h = Math.imul(length ^ a, 0x9e37_79b1);
      h = Math.imul(h ^ (h >>> 15) ^ b, 0x9e37_79b1);
      if (length > INLINE_BYTES) h = hashRest(view, start + INLINE_BYTES, start + length, h);
      // From here on every step can be turned back, which the third word relies on.
      h = Math.imul(h ^ (h >>> 15) ^ c, 0x9e37_79b1);
      h = Math.imul(h ^ (h >>> 13), 0x2c1b_3c6d);
      hashes[k] = h ^ (h >>> 16);
      kept[k] = length > INLINE_BYTES ? -1 : length;
      firstWords[k] = a;
      secondWords[k] = b;
    }
  }

  private lookUp(bytes: Uint8Array, start: number, end: number, k: number, insert: boolean): number {
    const { slots } = this;
    const mask = slots.length - 1;
    const hash = this.hashes[k] as number;
    const a = this.firstWords[k] as number;
    const b = this.secondWords[k] as number;
    const length = end - start;
    const kept = length > INLINE_BYTES ? LONGER : length;
    let slot = (hash << 2) & mask;
    for (;;) {
      const stored = slots[slot + 1] as number;
      if (stored === 0) return insert ? this.append(bytes, start, end, k, slot) : -1;
      if (
        slots[slot] === hash &&
        slots[slot + 2] === a &&
        slots[slot + 3] === b &&
        stored >>> LENGTH_SHIFT === kept &&
        (kept !== LONGER || this.isText((stored & ID_MASK) - 1, bytes, start, length))
      ) {
        return (stored & ID_MASK) - 1;
      }
      slot = (slot + SLOT_INTS) & mask;
    }
  }

  private isText(id: number, bytes: Uint8Array, start: number, length: number): boolean {
    const { arena } = this;
    const from = this.offsets[id] as number;
    if ((this.offsets[id + 1] as number) - from !== length) return false;
    let i = 8;
    while (i < length && arena[from + i] === bytes[start + i]) i++;
    return i >= length;
  }

  /** The id of a string, as {@link TextTable.encodeBlock}. */
  idOfString(text: string, insert: boolean): number {
    if (this.scratch.length < text.length * MAX_UNIT_BYTES) {
      this.scratch = new Uint8Array(text.length * MAX_UNIT_BYTES * 2);
      this.scratchView = viewOf(this.scratch);
    }
    const { scratch } = this;
    let i = 0;
    for (; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) break;
      scratch[i] = unit;
    }
    if (i === text.length) return this.idOfScratch(i, insert);
    const before = this.count;
    const id = this.idOfScratch(encodeGeneralized(text, scratch), insert);
    if (this.count > before && !text.isWellFormed()) this.unpaired.set(id, text);
    return id;
  }

  private idOfScratch(length: number, insert: boolean): number {
    this.scratchOffsets[1] = length;
    this.hashRun(this.scratchView, this.scratchOffsets, 0, undefined, 0, 1);
    return this.lookUp(this.scratch, 0, length, 0, insert);
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

  private append(bytes: Uint8Array, start: number, end: number, k: number, slot: number): number {
    const id = this.count++;
    if (this.count >= this.offsets.length) this.growOffsets();
    const from = this.offsets[id] as number;
    const length = end - start;
    const to = from + length;
    if (to > this.arena.length) this.growArena(to);
    const { arena, slots } = this;
    for (let i = start, at = from; i < end; i++, at++) arena[at] = bytes[i] as number;
    this.offsets[id + 1] = to;
    slots[slot] = this.hashes[k] as number;
    slots[slot + 1] = (id + 1) | (Math.min(length, LONGER) << LENGTH_SHIFT);
    slots[slot + 2] = this.firstWords[k] as number;
    slots[slot + 3] = this.secondWords[k] as number;
    if (this.count > (slots.length / SLOT_INTS) * MAX_LOAD) this.rehash();
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

/** The next word of a text of which `left` bytes are left, byte by byte. */
function wordAt(view: DataView, start: number, left: number): number {
  let word = 0;
  for (let i = 0; i < left && i < 4; i++) word |= view.getUint8(start + i) << (i * 8);
  return word;
}

function hashRest(view: DataView, start: number, end: number, hash: number): number {
  let h = hash;
  let i = start;
  for (const last = end - 4; i <= last; i += 4) {
    h = Math.imul(h ^ (h >>> 15) ^ view.getInt32(i, true), 0x9e37_79b1);
  }
  return i < end ? Math.imul(h ^ (h >>> 15) ^ wordAt(view, i, end - i), 0x85eb_ca6b) : h;
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
