// A table that gives dense ids to doubles. Ids count up from 0 in order of first appearance, which grouping, DISTINCT and
// set operations rely on.

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

/** A copy with twice the room. */
export function doubled(array: Int32Array): Int32Array {
  const grown = new Int32Array(array.length * 2);
  grown.set(array);
  return grown;
}
