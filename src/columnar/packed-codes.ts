// Dictionary codes that stay packed until somebody reads them: counting, testing or picking them needs no array of all.

import type { DataType } from "./data-type.ts";
import { createScratch } from "./scratch.ts";
import type { DictionaryVector, FlatVector } from "./vector.ts";

/** Codes as a file has them. */
export interface PackedCodes {
  /** Writes all rows' codes to the start of `out`; 0 at null rows. Errors: `data_invalid`. */
  decode(out: Int32Array): void;
  /** Adds how often each code occurs in rows that are not null. Errors: `data_invalid`. */
  count(counts: Int32Array): void;
  /** The codes of some rows, ascending; undefined where decoding all is no slower. Errors: `data_invalid`. */
  pick(rows: Int32Array): Int32Array | undefined;
}

/** Kept aside: a copy of a vector with other codes must not claim those of the original. */
const packedCodes = new WeakMap<DictionaryVector, PackedCodes>();

const scratch = createScratch((length) => new Int32Array(length));

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
  let stored: PackedCodes | undefined = packed;
  const vector: DictionaryVector = {
    encoding: "dictionary",
    type,
    length,
    get codes() {
      if (codes === undefined) {
        codes = new Int32Array(length);
        stored?.decode(codes);
        stored = undefined;
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
  return packedVector(type, vector.length, packed, dictionary, vector.validity);
}

/**
 * The codes of all rows for one pass over them; 0 at null rows. Shapes: at least as long as the vector. Ownership: as of
 * {@link createScratch}. Errors: `data_invalid`.
 */
export function passCodes(vector: DictionaryVector): Int32Array {
  const packed = packedCodes.get(vector);
  if (packed === undefined) return vector.codes;
  const decoded = scratch.of(vector, vector.length, (out) => {
    packed.decode(out);
    return true;
  });
  return decoded ?? vector.codes;
}

/** The codes of some rows, ascending, in an array of their own. Errors: `data_invalid`. */
export function pickCodes(vector: DictionaryVector, rows: Int32Array): Int32Array {
  const picked = packedCodes.get(vector)?.pick(rows);
  if (picked !== undefined) return picked;
  const codes = passCodes(vector);
  const out = new Int32Array(rows.length);
  for (let i = 0; i < out.length; i++) out[i] = codes[rows[i] as number] as number;
  return out;
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
