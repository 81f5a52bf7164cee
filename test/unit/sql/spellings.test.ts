// Every character that a letter may be written as, by asking for all that there are.

import { expect, test } from "vitest";
import { implementFunction } from "../../../src/sql/functions/index.ts";
import { charactersOf } from "../../../src/sql/optimize/spellings.ts";

const TEXT = { kind: "string" } as const;
const LAST_CODE_POINT = 0x10_ff_ff;
const SURROGATES = { from: 0xd8_00, to: 0xdf_ff };

test.each(["lower", "upper"] as const)("I326 no character has another one as its %s case than is looked for", (to) => {
  const implementation = implementFunction(to, [TEXT], TEXT, { statementTimeMicros: 0 });
  const convert = implementation.evaluate as (text: string) => string;
  const missed: string[] = [];
  for (let point = 0; point <= LAST_CODE_POINT; point++) {
    if (point >= SURROGATES.from && point <= SURROGATES.to) continue;
    const character = String.fromCodePoint(point);
    const converted = convert(character);
    const isAscii = Array.from(converted).every((letter) => (letter.codePointAt(0) ?? 0) < 0x80);
    // What becomes several ASCII letters would make a text longer than its spellings.
    if (isAscii && !charactersOf(converted, to).includes(character)) missed.push(character);
  }
  expect(missed).toEqual([]);
});

test("I326 spellings are in the order of code points", () => {
  for (let point = 0; point < 0x80; point++) {
    for (const to of ["lower", "upper"] as const) {
      const points = charactersOf(String.fromCodePoint(point), to).map((character) => character.codePointAt(0) ?? 0);
      expect(points).toEqual(points.toSorted((a, b) => a - b));
    }
  }
});
