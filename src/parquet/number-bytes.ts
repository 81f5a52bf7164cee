// Rare number formats inside Parquet: big-endian two's complement and half precision.

/** Two's complement, most significant byte first, any width; no bytes are zero. */
export function bigEndianToBigInt(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n;
  let value = BigInt(((bytes[0] as number) << 24) >> 24);
  let i = 1;
  for (; i + 4 <= bytes.length; i += 4) {
    const word =
      (((bytes[i] as number) << 24) |
        ((bytes[i + 1] as number) << 16) |
        ((bytes[i + 2] as number) << 8) |
        (bytes[i + 3] as number)) >>>
      0;
    value = (value << 32n) | BigInt(word);
  }
  for (; i < bytes.length; i++) value = (value << 8n) | BigInt(bytes[i] as number);
  return value;
}

/** IEEE 754 binary16 bits to a double. */
export function halfToDouble(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** 2^32 */
const WORD = 4_294_967_296;

/**
 * {@link bigEndianToBigInt} for each of `count` values of `width` bytes, as doubles; undefined when one is no safe
 * integer.
 */
export function bigEndianToDoubles(bytes: Uint8Array, width: number, count: number): Float64Array | undefined {
  const out = new Float64Array(count);
  const wordAt = Math.max(0, width - 4);
  for (let i = 0, start = 0; i < count; i++, start += width) {
    let high = ((bytes[start] as number) << 24) >> 31;
    const sign = high;
    let at = start;
    // Bytes above the low 64 bits repeat the sign.
    for (; at < start + width - 8; at++) if ((bytes[at] as number) !== (sign & 0xff)) return undefined;
    for (; at < start + wordAt; at++) high = (high << 8) | (bytes[at] as number);
    let low = sign;
    for (; at < start + width; at++) low = (low << 8) | (bytes[at] as number);
    const value = high * WORD + (low >>> 0);
    if (high >> 31 !== sign || !Number.isSafeInteger(value)) return undefined;
    out[i] = value;
  }
  return out;
}
