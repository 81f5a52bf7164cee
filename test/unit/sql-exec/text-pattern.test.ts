// Matching that always ends soon and gives the same answer whichever engine runs.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { likeMatcher, postgresPattern } from "../../../src/sql/functions/pattern.ts";
import { regexpSplit } from "../../../src/sql/functions/matching.ts";

/** Far above what a linear match takes, far below what backtracking would. */
const SOON_MS = 3000;

function elapsedMs(run: () => unknown): number {
  const startMs = performance.now();
  run();
  return performance.now() - startMs;
}

test("expressions that would backtrack for ever end soon", () => {
  const text = `${"a".repeat(50_000)}!`;
  for (const pattern of [
    "^(a+)+$",
    "^(a|aa)+$",
    "(a|a)*b",
    "(.*)*(.*)*(.*)*x",
    "a*a*a*a*a*b",
    "(?:x+x+)+y",
    `${"a?".repeat(40)}${"a".repeat(40)}b`,
    "a*b",
    "([a-z]+)*[0-9]$",
  ]) {
    expect([pattern, elapsedMs(() => postgresPattern(pattern, "").test(text)) < SOON_MS]).toEqual([pattern, true]);
  }
});

test("an expression that can only backtrack is refused where it could take too long", () => {
  for (const pattern of [String.raw`(a+)+\1$`, "(?=(a+)+b)", "(a{1,100}){1,100}b"]) {
    expect(() => postgresPattern(pattern, "").test("a".repeat(50))).toThrow("too long on a text of 50 characters");
  }
});

test("both engines find the same matches", () => {
  // A repetition of what varies goes to RE2 on any text, its expansion by hand to the platform's engine.
  const cases = [
    [String.raw`(\w+\.)+com`, String.raw`(?:\w+\.){0,3}(\w+\.)com`],
    ["(?:ab|c)+", "[abc]*(?:ab|c)"],
  ] as const;
  expect(postgresPattern(cases[0][0], "").first("see www.example.com!")).toEqual({
    index: 4,
    groups: ["www.example.com", "example."],
  });
  expect([...postgresPattern(cases[1][0], "i").all("xABcy ab")].map(({ index, groups }) => [index, groups[0]])).toEqual(
    [
      [1, "ABc"],
      [6, "ab"],
    ],
  );
  expect(regexpSplit("a1b22c", "([0-9])+")).toEqual(["a", "b", "c"]);
  expect(regexpSplit("a1b2c", "([0-9])")).toEqual(["a", "b", "c"]);
});

/** LIKE by definition: every way to give "%" a text. */
function naiveLike(pattern: readonly string[], text: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return text.length === 0;
  if (first === "%") return naiveLike(rest, text) || (text.length > 0 && naiveLike(pattern, text.slice(1)));
  return text.length > 0 && (first === "_" || first === text[0]) && naiveLike(rest, text.slice(1));
}

function letters(alphabet: readonly string[]): fc.Arbitrary<string[]> {
  return fc.array(fc.constantFrom(...alphabet), { maxLength: 8 });
}

test("LIKE agrees with its definition", () => {
  fc.assert(
    fc.property(letters(["a", "b", "💩", "%", "_"]), letters(["a", "b", "💩"]), (pattern, text) => {
      expect(likeMatcher(pattern.join(""), false)(text.join(""))).toBe(naiveLike(pattern, text));
      expect(likeMatcher(pattern.join("").toUpperCase(), true)(text.join(""))).toBe(naiveLike(pattern, text));
    }),
    { numRuns: 2000 },
  );
});

test("a LIKE pattern of many wildcards ends soon", () => {
  const text = "a".repeat(20_000);
  for (const pattern of [`${"%a".repeat(1000)}b`, `${"%_a".repeat(500)}b%`, `%${"_".repeat(1000)}b%`]) {
    for (const ignoreCase of [false, true]) {
      expect([pattern.slice(0, 6), elapsedMs(() => likeMatcher(pattern, ignoreCase)(text)) < SOON_MS]).toEqual([
        pattern.slice(0, 6),
        true,
      ]);
    }
  }
});
