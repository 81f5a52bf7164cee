// Text as a scan hands it out: UTF-8 bytes, for tests that run on both forms of a text vector.

import { encodeUtf8Block, textVector, type FlatVector } from "#columnar";

/** The same rows over a block of bytes that starts amid others. The strings must be well-formed. */
export function toTextBlock({ type, length, values, validity }: FlatVector): FlatVector {
  const { bytes, offsets } = encodeUtf8Block(
    ["\u20ac", ...(values as readonly string[])],
    validity === undefined ? undefined : Uint8Array.of(1, ...validity),
  );
  return textVector(type, length, { bytes, offsets: offsets.subarray(1) }, validity);
}
