// String order by Unicode code point, which is the order of UTF-8 bytes: what Iceberg bounds, Parquet statistics
// and PostgreSQL's "C" collation use. JavaScript's `<` compares UTF-16 units and differs above U+FFFF.

const SURROGATE_START = 0xd800;
const SURROGATE_END = 0xdfff;

/** Compares by code point: negative, zero or positive. */
export function compareCodePoints(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // A surrogate stands for a code point above U+FFFF, so it sorts after every BMP unit.
    const xIsSurrogate = x >= SURROGATE_START && x <= SURROGATE_END;
    const yIsSurrogate = y >= SURROGATE_START && y <= SURROGATE_END;
    if (xIsSurrogate === yIsSurrogate) return x - y;
    return xIsSurrogate ? 1 : -1;
  }
  return a.length - b.length;
}
