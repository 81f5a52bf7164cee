// docs/invariants.md and the tests name the same ids: no invariant without a test, no citation without a text.

import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
const ID = /\b[ICL]\d{2,3}\b/g;

function documentedIds(): Set<string> {
  const text = readFileSync(join(ROOT, "docs/invariants.md"), "utf8");
  return new Set([...text.matchAll(/^[-*|]\s*\**([ICL]\d{2,3})\b/gm)].map((match) => match[1] ?? ""));
}

function citedIds(): Set<string> {
  const cited = new Set<string>();
  for (const name of readdirSync(join(ROOT, "test"), { recursive: true, encoding: "utf8" })) {
    if (!/\.(test|e2e)\.ts$/.test(name) || name.endsWith("invariants.test.ts")) continue;
    for (const match of readFileSync(join(ROOT, "test", name), "utf8").matchAll(ID)) cited.add(match[0]);
  }
  return cited;
}

test("every documented invariant is cited by a test, and every cited one is documented", () => {
  const documented = documentedIds();
  const cited = citedIds();
  expect(documented.size).toBeGreaterThan(10);
  expect([...documented].filter((id) => !cited.has(id))).toEqual([]);
  expect([...cited].filter((id) => !documented.has(id))).toEqual([]);
});
