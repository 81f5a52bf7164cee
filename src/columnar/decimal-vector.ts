// Decimals that stay numbers: vectors whose values share a scale and are safe integers in it, so that reading, moving,
// comparing and adding them makes no object and no bigint for each value.

import type { DataType, Decimal, Scalar } from "./data-type.ts";
import { decodedOf } from "./pending-vector.ts";
import type { FlatVector } from "./vector.ts";

/**
 * The numbers behind decimals: value i is `unscaled[i]` × 10^-`scale`.
 *
 * Units/ranges: integers within ±(2^53 - 1), never -0, at null rows too. Ownership: immutable.
 */
export interface DecimalBlock {
  readonly unscaled: Float64Array;
  readonly scale: number;
}

/** Kept aside: a copy of a vector with other values must not claim the block of the original. */
const blocks = new WeakMap<FlatVector, DecimalBlock>();

/**
 * A flat decimal vector over a block. Its `values` are made when first asked for, all at once. Ownership: keeps the
 * block.
 */
export function decimalVector(type: DataType, block: DecimalBlock, validity: Uint8Array | undefined): FlatVector {
  let decoded: readonly Decimal[] | undefined;
  const vector: FlatVector = {
    encoding: "flat",
    type,
    length: block.unscaled.length,
    get values() {
      decoded ??= decodeBlock(block);
      return decoded;
    },
    validity,
  };
  blocks.set(vector, block);
  return vector;
}

/**
 * The block behind a vector made by {@link decimalVector}, or one that is decoded to such a vector; undefined for any
 * other, copies included.
 */
export function decimalBlockOf(vector: FlatVector): DecimalBlock | undefined {
  if (vector.type.kind !== "decimal") return undefined;
  const known = blocks.get(vector);
  if (known !== undefined) return known;
  const decoded = decodedOf(vector);
  return decoded === undefined ? undefined : blocks.get(decoded);
}

function decodeBlock(block: DecimalBlock): readonly Decimal[] {
  return Array.from(block.unscaled, (value) => ({ unscaled: BigInt(value), scale: block.scale }));
}

/** Value `index` of a block. */
export function decimalOfBlock({ unscaled, scale }: DecimalBlock, index: number): Decimal {
  return { unscaled: BigInt(unscaled[index] as number), scale };
}

/** A block of the values; null becomes 0. Undefined when they differ in scale or one is no safe integer in it. */
export function decimalsToBlock(values: readonly Scalar[]): DecimalBlock | undefined {
  let scale = -1;
  const unscaled = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as Decimal | null;
    if (value === null) continue;
    if (scale < 0) ({ scale } = value);
    const number = Number(value.unscaled);
    if (value.scale !== scale || !Number.isSafeInteger(number)) return undefined;
    unscaled[i] = number;
  }
  return scale < 0 ? undefined : { unscaled, scale };
}
