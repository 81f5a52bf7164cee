// Arrays for one pass over a column: what is decoded only to be looked at needs no array of its own. A fresh array for
// each page costs more (zeroing, page faults, collection) than the decoding.

/** Rows of the longest column held; a longer one gets an array of its own. */
const MAX_ROWS = 1 << 16;
/** Columns held at a time: those that one batch's filters look at. */
const SLOTS = 8;

/** Remembers the last columns that were decoded for a pass. */
export interface Scratch<A> {
  /**
   * What `decode` writes for `owner`; from memory when nobody else took its place since. Undefined when it says that it
   * cannot. Ownership: valid until others are decoded: to be read before the caller awaits, and never kept.
   */
  of(owner: object, length: number, decode: (out: A) => boolean): A | undefined;
}

/** Creates the memory for arrays of one kind. Memory: eight arrays of at most 65,536 entries, made when first needed. */
export function createScratch<A extends Int32Array | Float64Array>(create: (length: number) => A): Scratch<A> {
  const slots = Array.from({ length: SLOTS }, () => ({ values: create(0), turn: 0 }));
  const places = new WeakMap<object, { readonly slot: number; readonly turn: number }>();
  let turn = 0;
  return {
    of(owner, length, decode) {
      const place = places.get(owner);
      const known = place === undefined ? undefined : slots[place.slot];
      if (known !== undefined && known.turn === place?.turn) return known.values;
      if (length > MAX_ROWS) {
        const values = create(length);
        return decode(values) ? values : undefined;
      }
      turn += 1;
      const index = turn % SLOTS;
      const slot = slots[index] as (typeof slots)[number];
      if (slot.values.length < length) slot.values = create(length);
      // A decoder that fails leaves a slot that is nobody's.
      slot.turn = 0;
      if (!decode(slot.values)) return undefined;
      slot.turn = turn;
      places.set(owner, { slot: index, turn });
      return slot.values;
    },
  };
}
