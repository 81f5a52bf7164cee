// 64-bit integers between doubles and memory, without a BigInt for each value.

/** 2^32 */
const WORD = 4_294_967_296;

/** Writes integers (doubles within ±(2^53 - 1)) as 64-bit little-endian two's complement. */
export function doublesToInt64(values: Float64Array): BigInt64Array {
  const out = new BigInt64Array(values.length);
  const words = new Int32Array(out.buffer);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    words[i * 2] = value;
    words[i * 2 + 1] = Math.floor(value / WORD);
  }
  return out;
}

/**
 * Reads `count` little-endian 64-bit integers from pairs of words: as doubles when all are within ±(2^53 - 1),
 * else as a BigInt64Array copy. Source: DataType's table in data-type.ts.
 */
export function wordsToInt64(words: Int32Array, count: number): Float64Array | BigInt64Array {
  const out = new Float64Array(count);
  let wide = false;
  for (let i = 0, w = 0; i < count; i++, w += 2) {
    const value = (words[w + 1] as number) * WORD + ((words[w] as number) >>> 0);
    // Rounding beyond 2^53 never brings a value back into the safe range.
    if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) wide = true;
    out[i] = value;
  }
  if (!wide) return out;
  const exact = new BigInt64Array(count);
  new Int32Array(exact.buffer).set(words.subarray(0, count * 2));
  return exact;
}

/**
 * Timestamps out of exact 64-bit integers: as doubles when every one is exact as a double (each whole second for the
 * next eighteen thousand years is), else a BigInt64Array. Ownership: may be the array given.
 */
export function exactTimestamps(values: BigInt64Array): Float64Array | BigInt64Array {
  const doubles = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as bigint;
    const double = Number(value);
    if (!Number.isSafeInteger(double) && BigInt(double) !== value) return values;
    doubles[i] = double;
  }
  return doubles;
}
