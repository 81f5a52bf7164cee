// LIKE on bytes against LIKE on strings.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { encodeUtf8Block } from "#columnar";
import { compileLike } from "../../../src/sql/execute/text-like.ts";
import { likeMatcher } from "../../../src/sql/functions/pattern.ts";

const pieces = fc.constantFrom("a", "b", "ab", "aab", "é", "日本", "😀", " ");
const texts = fc.array(
  fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join("")),
  { minLength: 1, maxLength: 12 },
);
const patterns = fc.array(fc.oneof(pieces, fc.constant("%")), { maxLength: 6 }).map((parts) => parts.join(""));

test("I363 a pattern matches the same texts as bytes and as strings", () => {
  let matched = 0;
  fc.assert(
    fc.property(texts, patterns, fc.boolean(), fc.nat(3), (values, pattern, isNegated, gap) => {
      const { bytes, offsets } = encodeUtf8Block(values, undefined);
      const loose = new Uint8Array(bytes.length + gap * values.length);
      const starts = offsets.map((offset, i) => offset + gap * i);
      for (const [i] of values.entries()) loose.set(bytes.subarray(offsets[i], offsets[i + 1]), starts[i]);
      const out = new Uint8Array(values.length);
      const count = compileLike(pattern, isNegated)?.(out, { bytes: loose, starts, gap });
      const matches = likeMatcher(pattern, false);
      const expected = values.map((value) => (matches(value) === isNegated ? 0 : 1));
      expect([...out]).toEqual(expected);
      expect(count).toBe(expected.filter((mark) => mark === 1).length);
      matched += count ?? 0;
    }),
    { numRuns: 3000 },
  );
  expect(matched).toBeGreaterThan(3000);
});

test("I363 single characters and escapes are left to strings", () => {
  expect(compileLike("a_c", false)).toBeUndefined();
  expect(compileLike(String.raw`100\%`, false)).toBeUndefined();
  expect(compileLike("\ud800%", false)).toBeUndefined();
});
