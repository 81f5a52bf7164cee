// Text as a scan hands it out: UTF-8 bytes, for tests that run on both forms of a text vector.

import { encodeUtf8Block, looseTextVector, textVector, type FlatVector } from "#columnar";

/**
 * The same rows over a block of bytes that starts amid others, or, where none of an odd number of rows is null, over texts
 * with three bytes between them. The strings must be well-formed.
 */
export function toTextBlock({ type, length, values, validity }: FlatVector): FlatVector {
  if (validity === undefined && length % 2 === 1) return looseText(type, values as readonly string[]);
  const { bytes, offsets } = encodeUtf8Block(
    ["\u20ac", ...(values as readonly string[])],
    validity === undefined ? undefined : Uint8Array.of(1, ...validity),
  );
  return textVector(type, length, { bytes, offsets: offsets.subarray(1) }, validity);
}

const GAP_BYTES = 3;

function looseText(type: FlatVector["type"], values: readonly string[]): FlatVector {
  const parts = values.map((value) => new TextEncoder().encode(value));
  const starts = new Int32Array(values.length + 1);
  starts[0] = GAP_BYTES;
  for (const [i, part] of parts.entries()) starts[i + 1] = (starts[i] as number) + part.length + GAP_BYTES;
  const bytes = new Uint8Array(starts[values.length] as number).fill(0x75);
  for (const [i, part] of parts.entries()) bytes.set(part, starts[i]);
  return looseTextVector(type, values.length, { bytes, starts, gap: GAP_BYTES });
}
