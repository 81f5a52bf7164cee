import * as fc from "fast-check";
import { expect, test } from "vitest";
import { compareCodePoints } from "#core";
import { encodeUtf8Block } from "#columnar";
import { rankTextBlock } from "../../../src/maintenance/text-ranks.ts";

// Few letters and long shared beginnings: equal eight-byte keys, values that end inside a key, zero bytes.
const value = fc
  .tuple(
    fc.constantFrom("", "user-", "user-0000000", "é"),
    fc.oneof(fc.string({ unit: fc.constantFrom("a", "b", "\0"), maxLength: 14 }), fc.string({ unit: "binary" })),
  )
  .map(([prefix, rest]) => prefix + rest);

test("ranks of UTF-8 values are ranks by code point", () => {
  fc.assert(
    fc.property(
      fc.array(fc.option(value), { minLength: 1, maxLength: 60 }),
      fc.constantFrom("", "shared-prefix-"),
      (rows, shared) => {
        const values = rows.map((row) => (row === null ? "" : shared + row));
        const validity = Uint8Array.from(rows, (row) => (row === null ? 0 : 1));
        const present = [...new Set(values.filter((_, i) => validity[i] === 1))].toSorted(compareCodePoints);
        const ranks = rankTextBlock(encodeUtf8Block(values, validity), values.length, validity);
        expect([...ranks]).toEqual(values.map((text, i) => (validity[i] === 0 ? 0 : present.indexOf(text))));
      },
    ),
    { numRuns: 300 },
  );
});
