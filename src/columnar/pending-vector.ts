// Numbers and texts that stay as a file stores them until somebody reads them: rows that a filter drops are never decoded,
// or only passed over.

import type { DataType } from "./data-type.ts";
import { createScratch } from "./scratch.ts";
import type { FlatVector } from "./vector.ts";

/** Values as a file has them, none of them null. */
export interface PendingValues {
  /** All values. Errors: `data_invalid`, and those of reading them as the type. */
  decode(): FlatVector;
  /** Writes the numbers behind all values (a decimal's unscaled ones); false where doubles do not hold them. */
  readonly decodeNumbers?: ((out: Float64Array) => boolean) | undefined;
  /** The same of some rows, ascending, where others need not be decoded for them. */
  readonly pickNumbers?: ((rows: Int32Array) => Float64Array | undefined) | undefined;
}

/** Either as stored or decoded: what is stored goes when it is decoded. */
interface Pending {
  stored: PendingValues | undefined;
  decoded: FlatVector | undefined;
}

/** Kept aside: a copy of a vector with other values must not claim those of the original. */
const pendings = new WeakMap<FlatVector, Pending>();

const scratch = createScratch((length) => new Float64Array(length));

/** A flat vector whose values are decoded when first asked for, all at once. Ownership: keeps `values` until then. */
export function pendingVector(type: DataType, length: number, values: PendingValues): FlatVector {
  const pending: Pending = { stored: values, decoded: undefined };
  const vector: FlatVector = {
    encoding: "flat",
    type,
    length,
    get values() {
      return decode(pending)?.values ?? [];
    },
    validity: undefined,
  };
  pendings.set(vector, pending);
  return vector;
}

function decode(pending: Pending): FlatVector | undefined {
  if (pending.stored !== undefined) {
    pending.decoded = pending.stored.decode();
    pending.stored = undefined;
  }
  return pending.decoded;
}

/** What a vector made by {@link pendingVector} stands for, decoded now; undefined for any other, copies included. */
export function decodedOf(vector: FlatVector): FlatVector | undefined {
  const pending = pendings.get(vector);
  return pending === undefined ? undefined : decode(pending);
}

/**
 * The numbers behind a vector whose values nobody has asked for yet, for one pass over them; undefined for any other.
 * Shapes: at least as long as the vector. Ownership: as of {@link createScratch}. Errors: `data_invalid`.
 */
export function passPending(vector: FlatVector): Float64Array | undefined {
  const decodeNumbers = pendings.get(vector)?.stored?.decodeNumbers;
  return decodeNumbers === undefined ? undefined : scratch.of(vector, vector.length, decodeNumbers);
}

/**
 * The numbers of some rows, ascending, of a vector whose values nobody has asked for yet; undefined for any other.
 * Errors: `data_invalid`.
 */
export function pickPending(vector: FlatVector, rows: Int32Array): Float64Array | undefined {
  const picked = pendings.get(vector)?.stored?.pickNumbers?.(rows);
  if (picked !== undefined) return picked;
  const numbers = passPending(vector);
  if (numbers === undefined) return undefined;
  const out = new Float64Array(rows.length);
  for (let i = 0; i < out.length; i++) out[i] = numbers[rows[i] as number] as number;
  return out;
}
