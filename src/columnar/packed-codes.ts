// Dictionary codes that stay packed until somebody reads them: counting them needs no codes.

import type { DataType } from "./data-type.ts";
import type { DictionaryVector, FlatVector } from "./vector.ts";

/** Codes as a file has them, of the rows that are not null. */
export interface PackedCodes {
  /** All rows' codes; 0 at null rows. Errors: `data_invalid`. */
  decode(): Int32Array;
  /** Adds how often each code occurs. Errors: `data_invalid`. */
  count(counts: Int32Array): void;
}

/** Kept aside: a copy of a vector with other codes must not claim those of the original. */
const packedCodes = new WeakMap<DictionaryVector, PackedCodes>();

/**
 * A dictionary vector whose `codes` are decoded when first asked for, all at once. Ownership: keeps `packed` while
 * nobody asked.
 */
export function packedVector(
  type: DataType,
  length: number,
  packed: PackedCodes,
  dictionary: FlatVector,
  validity: Uint8Array | undefined,
): DictionaryVector {
  let codes: Int32Array | undefined;
  const vector: DictionaryVector = {
    encoding: "dictionary",
    type,
    length,
    get codes() {
      if (codes === undefined) {
        codes = packed.decode();
        packedCodes.delete(vector);
      }
      return codes;
    },
    dictionary,
    validity,
  };
  packedCodes.set(vector, packed);
  return vector;
}

/** The same codes into another dictionary, packed if they still are. */
export function withDictionary(vector: DictionaryVector, type: DataType, dictionary: FlatVector): DictionaryVector {
  const packed = packedCodes.get(vector);
  if (packed === undefined) return { ...vector, type, dictionary };
  // Whoever reads codes first makes them for both.
  const shared = { decode: () => vector.codes, count: (counts: Int32Array) => packed.count(counts) };
  return packedVector(type, vector.length, shared, dictionary, vector.validity);
}

/** How many rows have each entry of the dictionary; rows that are null have none. Errors: `data_invalid`. */
export function countCodes(vector: DictionaryVector): Int32Array {
  const { dictionary, validity, length } = vector;
  const counts = new Int32Array(dictionary.length);
  const packed = packedCodes.get(vector);
  if (packed !== undefined) packed.count(counts);
  else {
    const { codes } = vector;
    for (let i = 0; i < length; i++) {
      if (validity !== undefined && validity[i] === 0) continue;
      const code = codes[i] as number;
      counts[code] = (counts[code] as number) + 1;
    }
  }
  return counts;
}
