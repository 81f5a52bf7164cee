// Open-addressing tables that give dense ids to doubles and to pairs of ids. Ids count up from 0 in order of first
// appearance, which grouping, DISTINCT and set operations rely on.

const MIN_SLOTS = 1024;
/** Slots are doubled when more than half are taken. */
const MAX_LOAD = 0.5;
/** Places for keys that are integers near each other: this many for any number of keys, 64 KiB, */
const FREE_PLACES = 1 << 14;
/** and for more keys as many bytes as slots take. */
const PLACES_A_KEY = 8;
const MAX_PLACES = 1 << 28;
/** Distances between greater keys might be rounded. */
const MAX_PLACED_KEY = 2 ** 52;
const TWO_POW_MINUS_32 = 2 ** -32;

const doubleBits = new Float64Array(1);
const wordBits = new Int32Array(doubleBits.buffer);

function mix(low: number, high: number): number {
  let h = Math.imul(low, 0x9e37_79b1) ^ Math.imul(high, 0x85eb_ca6b);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b_3c6d);
  return h ^ (h >>> 13);
}

/** Integers hash by arithmetic, which stays in registers; other doubles by their bits. */
function hashDouble(key: number): number {
  const low = key | 0;
  const high = (key * TWO_POW_MINUS_32) | 0;
  if (low + high * 4_294_967_296 === key || (low >>> 0) + high * 4_294_967_296 === key) return mix(low, high);
  doubleBits[0] = key;
  return mix(wordBits[0] as number, wordBits[1] as number);
}

function mayHavePlace(key: number): boolean {
  return Number.isInteger(key) && Math.abs(key) <= MAX_PLACED_KEY;
}

/**
 * Doubles to dense ids. -0 is 0; NaN has one id. A slot is a key and its id + 1 side by side (0 is free), so that a
 * probe touches one cache line.
 */
export class NumberTable {
  /** Key of each id; NaN where the id stands for something that is no number. */
  keys: Float64Array = new Float64Array(MIN_SLOTS >> 1);
  count = 0;
  private slots: Float64Array = new Float64Array(0);
  private nanId = -1;
  /** The least and the greatest key while all are integers and slots are used; then minus infinity and infinity. */
  private least = Number.POSITIVE_INFINITY;
  private greatest = Number.NEGATIVE_INFINITY;
  /** Id + 1 of each key by its distance from `base`, while all keys have a place there; the slots are empty then. */
  private places: Int32Array | undefined = new Int32Array(MIN_SLOTS);
  private base = 0;

  /** Bytes held. */
  get byteSize(): number {
    return this.keys.byteLength + this.slots.byteLength + (this.places?.byteLength ?? 0);
  }

  /** An id for something outside the doubles. */
  addPhantom(): number {
    const id = this.count++;
    if (id >= this.keys.length) this.grow();
    this.keys[id] = Number.NaN;
    return id;
  }

  /** The id of a key, new if needed; -1 for an unknown one when `insert` is false. */
  idOf(key: number, insert: boolean): number {
    const { places } = this;
    if (places !== undefined) {
      const place = (key - this.base) | 0;
      if (place + this.base === key && place >= 0 && place < places.length) {
        const stored = places[place] as number;
        return stored > 0 || !insert ? stored - 1 : this.appendPlace(key, place, places);
      }
      if (key === key) {
        if (!insert) return -1;
        this.makeRoom(key);
        return this.idOf(key, insert);
      }
    }
    const { slots } = this;
    const mask = (slots.length >> 1) - 1;
    if (key !== key) {
      if (this.nanId < 0 && insert) this.nanId = this.addPhantom();
      return this.nanId;
    }
    let slot = (hashDouble(key + 0) & mask) << 1;
    for (;;) {
      const stored = slots[slot + 1] as number;
      if (stored === 0) return insert ? this.append(key + 0, slot) : -1;
      if (slots[slot] === key) return stored - 1;
      slot = (slot + 2) & ((mask << 1) | 1);
    }
  }

  /** {@link idOf} for each of many keys; runs and alternations of few keys skip the probe. */
  encode(values: Float64Array | Int32Array, rowCount: number, insert: boolean, out: Int32Array): void {
    let newer = Number.NaN;
    let newerId = -1;
    let older = Number.NaN;
    let olderId = -1;
    for (let i = 0; i < rowCount; i++) {
      const key = values[i] as number;
      if (key === newer) {
        out[i] = newerId;
      } else if (key === older) {
        out[i] = olderId;
      } else {
        older = newer;
        olderId = newerId;
        newer = key;
        newerId = this.idOf(key, insert);
        out[i] = newerId;
      }
    }
  }

  private appendPlace(key: number, place: number, places: Int32Array): number {
    const id = this.count++;
    if (id >= this.keys.length) this.grow();
    this.keys[id] = key + 0;
    places[place] = id + 1;
    return id;
  }

  /** Makes a place for the key, or goes over to slots when places would be too many. */
  private makeRoom(key: number): void {
    let least = key;
    let greatest = key;
    for (let id = 0; id < this.count; id++) {
      const own = this.keys[id] as number;
      if (own < least) least = own;
      if (own > greatest) greatest = own;
    }
    if (mayHavePlace(key) && greatest - least < this.mostPlaces()) {
      this.givePlaces(least, greatest, key === least && key < greatest);
      return;
    }
    this.places = undefined;
    for (let id = 0; id < this.count; id++) this.bound(this.keys[id] as number);
    let slots = MIN_SLOTS;
    while (this.count + 1 > slots * MAX_LOAD) slots *= 2;
    this.fillSlots(slots);
  }

  private mostPlaces(): number {
    return Math.min(MAX_PLACES, Math.max(FREE_PLACES, (this.count + 1) * PLACES_A_KEY));
  }

  /** Gives all keys, integers from `least` to `greatest`, their places; room for more is below or above them. */
  private givePlaces(least: number, greatest: number, isRoomBelow: boolean): void {
    let length = MIN_SLOTS;
    while (length <= greatest - least) length *= 2;
    const base = isRoomBelow ? greatest - length + 1 : least;
    const places = new Int32Array(length);
    for (let id = 0; id < this.count; id++) {
      const key = this.keys[id] as number;
      if (key === key) places[key - base] = id + 1;
    }
    this.places = places;
    this.base = base;
    this.slots = new Float64Array(0);
  }

  /** Takes a key into the bounds of keys in slots. */
  private bound(key: number): void {
    if (key !== key) return;
    if (!mayHavePlace(key)) {
      this.least = Number.NEGATIVE_INFINITY;
      this.greatest = Number.POSITIVE_INFINITY;
      return;
    }
    if (key < this.least) this.least = key;
    if (key > this.greatest) this.greatest = key;
  }

  private append(key: number, slot: number): number {
    const id = this.count++;
    if (id >= this.keys.length) this.grow();
    this.keys[id] = key;
    this.bound(key);
    if (this.count > (this.slots.length >> 1) * MAX_LOAD) {
      this.rehash();
    } else {
      this.slots[slot] = key;
      this.slots[slot + 1] = id + 1;
    }
    return id;
  }

  private grow(): void {
    const grown = new Float64Array(this.keys.length * 2);
    grown.set(this.keys);
    this.keys = grown;
  }

  private rehash(): void {
    if (this.greatest - this.least < this.mostPlaces()) this.givePlaces(this.least, this.greatest, false);
    else this.fillSlots(this.slots.length);
  }

  /** Puts all keys into so many slots. */
  private fillSlots(count: number): void {
    const slots = new Float64Array(count * 2);
    const mask = (slots.length >> 1) - 1;
    for (let id = 0; id < this.count; id++) {
      const key = this.keys[id] as number;
      if (key !== key) continue;
      let slot = (hashDouble(key) & mask) << 1;
      while (slots[slot + 1] !== 0) slot = (slot + 2) & ((mask << 1) | 1);
      slots[slot] = key;
      slots[slot + 1] = id + 1;
    }
    this.slots = slots;
  }
}

/** Cells of the direct map of a pair table before it becomes a hash table: 8 MiB. */
const MAX_DIRECT_CELLS = 1 << 21;
/** A map up to this size, 256 KiB, may be mostly empty. */
const SMALL_DIRECT_CELLS = 1 << 16;
/** A larger one has at least one pair in so many cells when it grows. */
const CELLS_A_PAIR = 64;
/** Each row to come may bring a pair. */
const CELLS_A_ROW = 16;
const MIN_STRIDE = 8;
/** Ids stay below this, so that a pair packs exactly into a double. */
const PAIR_BASE = 2 ** 26;

/**
 * Pairs of dense ids to dense ids. While one id of a pair decides the other, as a key decides what else is told of it,
 * it is the pair's id and nothing is looked up; then a flat two-dimensional map while the ids are few, else a hash table.
 */
export class PairTable {
  lefts: Int32Array = new Int32Array(MIN_SLOTS);
  rights: Int32Array = new Int32Array(MIN_SLOTS);
  count = 0;
  /** The side whose ids are the pairs'. */
  private deciding: "left" | "right" | undefined = "left";
  private direct: Int32Array | undefined;
  private stride = MIN_STRIDE;
  private leftCapacity = MIN_STRIDE;
  private table: NumberTable | undefined;

  /** Bytes held. */
  get byteSize(): number {
    const own = this.lefts.byteLength + this.rights.byteLength;
    return own + (this.direct?.byteLength ?? 0) + (this.table?.byteSize ?? 0);
  }

  /**
   * Gives each row's pair its id in `out`, which may be one of the inputs. Without `insert`, unknown pairs and rows
   * with a negative id give -1. `leftLimit` and `rightLimit` bound the ids (exclusive).
   */
  encode(
    left: Int32Array,
    right: Int32Array,
    rowCount: number,
    leftLimit: number,
    rightLimit: number,
    insert: boolean,
    out: Int32Array,
  ): void {
    let start = 0;
    while (this.deciding !== undefined) {
      const [key, other] = this.deciding === "left" ? [left, right] : [right, left];
      start = this.encodeDecided(key, other, start, rowCount, insert, out);
      if (start === rowCount) return;
      this.decideAnew(leftLimit, rightLimit, rowCount);
    }
    if (insert) this.reserve(leftLimit, rightLimit, rowCount);
    if (this.direct === undefined) this.encodeHashed(left, right, start, rowCount, insert, out);
    else this.encodeDirect(left, right, start, rowCount, insert, out);
  }

  /** Rows from `start` on whose key is their pair's id; the row whose key has another partner already, or the end. */
  private encodeDecided(
    key: Int32Array,
    other: Int32Array,
    start: number,
    rowCount: number,
    insert: boolean,
    out: Int32Array,
  ): number {
    let others = this.deciding === "left" ? this.rights : this.lefts;
    for (let i = start; i < rowCount; i++) {
      const id = key[i] as number;
      const partner = other[i] as number;
      if (id >= 0 && id < this.count && others[id] === partner) out[i] = id;
      else if (!insert) out[i] = -1;
      else if (id === this.count) {
        out[i] = this.deciding === "left" ? this.append(id, partner) : this.append(partner, id);
        others = this.deciding === "left" ? this.rights : this.lefts;
      } else return i;
    }
    return rowCount;
  }

  /** A key has a second partner: the other side may still decide, else pairs are looked up. */
  private decideAnew(leftLimit: number, rightLimit: number, rowCount: number): void {
    const { count, rights } = this;
    let isRight = this.deciding === "left";
    for (let id = 0; isRight && id < count; id++) isRight = rights[id] === id;
    this.deciding = isRight ? "right" : undefined;
    if (!isRight) this.makeRoom(leftLimit, rightLimit, rowCount);
  }

  private encodeDirect(
    left: Int32Array,
    right: Int32Array,
    start: number,
    rowCount: number,
    insert: boolean,
    out: Int32Array,
  ): void {
    const { stride, leftCapacity } = this;
    const direct = this.direct as Int32Array;
    for (let i = start; i < rowCount; i++) {
      const a = left[i] as number;
      const b = right[i] as number;
      if (!insert && (a < 0 || b < 0 || a >= leftCapacity || b >= stride)) {
        out[i] = -1;
        continue;
      }
      const cell = a * stride + b;
      let id = direct[cell] as number;
      if (id < 0 && insert) {
        id = this.append(a, b);
        direct[cell] = id;
      }
      out[i] = id;
    }
  }

  private encodeHashed(
    left: Int32Array,
    right: Int32Array,
    start: number,
    rowCount: number,
    insert: boolean,
    out: Int32Array,
  ): void {
    const table = this.table as NumberTable;
    for (let i = start; i < rowCount; i++) {
      const a = left[i] as number;
      const b = right[i] as number;
      if (a < 0 || b < 0) {
        out[i] = -1;
        continue;
      }
      const id = table.idOf(a * PAIR_BASE + b, insert);
      if (id === this.count) this.append(a, b);
      out[i] = id;
    }
  }

  private append(left: number, right: number): number {
    const id = this.count++;
    if (id >= this.lefts.length) {
      this.lefts = doubled(this.lefts);
      this.rights = doubled(this.rights);
    }
    this.lefts[id] = left;
    this.rights[id] = right;
    return id;
  }

  private reserve(leftLimit: number, rightLimit: number, rowCount: number): void {
    if (this.direct === undefined || (leftLimit <= this.leftCapacity && rightLimit <= this.stride)) return;
    this.makeRoom(leftLimit, rightLimit, rowCount);
  }

  private makeRoom(leftLimit: number, rightLimit: number, rowCount: number): void {
    let { stride, leftCapacity } = this;
    while (stride < rightLimit) stride *= 2;
    while (leftCapacity < leftLimit) leftCapacity *= 2;
    this.stride = stride;
    this.leftCapacity = leftCapacity;
    const cells = stride * leftCapacity;
    const worthwhile = this.count * CELLS_A_PAIR + rowCount * CELLS_A_ROW;
    if (cells <= MAX_DIRECT_CELLS && cells <= Math.max(SMALL_DIRECT_CELLS, worthwhile)) {
      const direct = new Int32Array(stride * leftCapacity).fill(-1);
      for (let id = 0; id < this.count; id++) {
        direct[(this.lefts[id] as number) * stride + (this.rights[id] as number)] = id;
      }
      this.direct = direct;
      return;
    }
    this.direct = undefined;
    this.table = new NumberTable();
    for (let id = 0; id < this.count; id++) {
      this.table.idOf((this.lefts[id] as number) * PAIR_BASE + (this.rights[id] as number), true);
    }
  }
}

/** A copy with twice the room. */
export function doubled(array: Int32Array): Int32Array {
  const grown = new Int32Array(array.length * 2);
  grown.set(array);
  return grown;
}
