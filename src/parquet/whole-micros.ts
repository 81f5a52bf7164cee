// Nanoseconds as microseconds for readers that must not lose any: exactly, or not at all.

import { LakeError } from "#core";
import { constantVector, exactTimestamps, type DataType, type FlatVector, type Vector } from "#columnar";

const NANOS_PER_MICRO = 1000n;

/** Dictionaries are shared by all batches of a chunk. */
const convertedDictionaries = new WeakMap<FlatVector, FlatVector>();

/**
 * A vector of 64-bit nanoseconds as timestamps of `type`. Errors: `numeric_out_of_range` for a value that is no whole
 * number of microseconds.
 */
export function wholeMicros(vector: Vector, type: DataType, columnName: string): Vector {
  // Only nulls are constant in a file.
  if (vector.encoding === "constant") return constantVector(type, null, vector.length);
  if (vector.encoding === "flat") return flatMicros(vector, type, columnName);
  let dictionary = convertedDictionaries.get(vector.dictionary);
  if (dictionary === undefined) {
    dictionary = flatMicros(vector.dictionary, type, columnName);
    convertedDictionaries.set(vector.dictionary, dictionary);
  }
  return { ...vector, type, dictionary };
}

function flatMicros(vector: FlatVector, type: DataType, columnName: string): FlatVector {
  const { values, validity, length } = vector;
  const micros = BigInt64Array.from({ length }, (_, row) => {
    if (validity?.[row] === 0) return 0n;
    const nanos = BigInt(values[row] as number | bigint);
    if (nanos % NANOS_PER_MICRO === 0n) return nanos / NANOS_PER_MICRO;
    throw new LakeError(
      "numeric_out_of_range",
      `Column "${columnName}" has a time with nanoseconds, which SQL would cut to microseconds; nothing was written.`,
      { details: { column: columnName } },
    );
  });
  return { encoding: "flat", type, length, values: exactTimestamps(micros), validity };
}
