// Shortened bounds: a prefix is a lower bound; an upper bound is a prefix with its last unit incremented.
// Source: Iceberg table spec, "Column Metrics"; Java UnicodeUtil and BinaryUtil.

const MAX_CODE_POINT = 0x10ffff;
const SURROGATE_START = 0xd800;
const SURROGATE_END = 0xdfff;

/** The first `length` code points of the text. */
export function truncateString(text: string, length: number): string {
  // A code point takes one or two units, so a short enough text needs no walk.
  if (text.length <= length) return text;
  let end = 0;
  for (let count = 0; count < length && end < text.length; count++) {
    end += (text.codePointAt(end) as number) > 0xffff ? 2 : 1;
  }
  return text.slice(0, end);
}

/**
 * A text of at most `length` code points that is not below `text`, in code point order; undefined when there is
 * none, which means there is no upper bound.
 */
export function truncateStringUpward(text: string, length: number): string | undefined {
  const prefix = truncateString(text, length);
  if (prefix.length === text.length) return text;
  const codePoints = Array.from(prefix, (char) => char.codePointAt(0) as number);
  for (let index = codePoints.length - 1; index >= 0; index--) {
    const next = (codePoints[index] as number) + 1;
    if (next > MAX_CODE_POINT) continue;
    const valid = next >= SURROGATE_START && next <= SURROGATE_END ? SURROGATE_END + 1 : next;
    return String.fromCodePoint(...codePoints.slice(0, index), valid);
  }
  return undefined;
}

/** Bytes of at most `length` that are not below `bytes`, or undefined when there are none. */
export function truncateBytesUpward(bytes: Uint8Array, length: number): Uint8Array | undefined {
  if (bytes.length <= length) return bytes;
  for (let index = length - 1; index >= 0; index--) {
    const byte = bytes[index] as number;
    if (byte === 0xff) continue;
    const prefix = bytes.slice(0, index + 1);
    prefix[index] = byte + 1;
    return prefix;
  }
  return undefined;
}
