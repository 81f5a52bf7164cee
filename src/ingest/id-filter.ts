// A Bloom filter over event ids: almost every id is new, and the filter says so without touching the index.

/** Bits spent on an id: with five probes about 1 in 100 new ids is looked up in vain. */
const BITS_PER_ID = 10;
const PROBES = 5;
const MIN_BITS = 2 ** 17;
/** 8 MiB; beyond its capacity the filter answers "perhaps" more often, and stays right. */
const MAX_BITS = 2 ** 26;

/** A set of ids that may claim to hold one it does not, never the reverse. */
export interface IdFilter {
  /** Ids it is sized for. */
  readonly capacity: number;
  add(id: string): void;
  mightHave(id: string): boolean;
}

/** An empty filter for about `expectedIds`. */
export function createIdFilter(expectedIds: number): IdFilter {
  let bits = MIN_BITS;
  while (bits < MAX_BITS && bits < expectedIds * BITS_PER_ID) bits *= 2;
  const words = new Uint32Array(bits / 32);
  const mask = bits - 1;
  return {
    capacity: bits / BITS_PER_ID,
    add(id) {
      const first = hashFrom(id, 0x811c9dc5);
      const step = hashFrom(id, 0x01234567) | 1;
      for (let probe = 0; probe < PROBES; probe++) {
        const bit = (first + Math.imul(probe, step)) & mask;
        words[bit >>> 5] = (words[bit >>> 5] as number) | (1 << (bit & 31));
      }
    },
    mightHave(id) {
      const first = hashFrom(id, 0x811c9dc5);
      const step = hashFrom(id, 0x01234567) | 1;
      for (let probe = 0; probe < PROBES; probe++) {
        const bit = (first + Math.imul(probe, step)) & mask;
        if (((words[bit >>> 5] as number) & (1 << (bit & 31))) === 0) return false;
      }
      return true;
    },
  };
}

/** FNV-1a from a seed, finished as MurmurHash3 finishes. */
function hashFrom(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
