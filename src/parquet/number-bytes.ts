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
