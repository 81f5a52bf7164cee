// Runbooks and alert codes name each other, and every runbook has the sections people look for.

import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { ALERT_CODES } from "#telemetry";

const DIRECTORY = resolve(import.meta.dirname, "../../runbooks");
const SECTIONS = [
  "Meaning",
  "Impact",
  "Diagnosis",
  "Mitigation",
  "Root-cause follow-up",
  "Automated response",
  "Last exercised",
];

const files = readdirSync(DIRECTORY).filter((name) => name.endsWith(".md") && name !== "README.md");

test("every alert code has a runbook and every runbook an alert code", () => {
  expect(files.map((name) => name.replace(/\.md$/, "")).toSorted()).toEqual(Object.keys(ALERT_CODES).toSorted());
});

test.each(files)("%s has every section in order, in at most 80 lines", (name) => {
  const text = readFileSync(join(DIRECTORY, name), "utf8");
  expect([...text.matchAll(/^## (.+)$/gm)].map((match) => match[1])).toEqual(SECTIONS);
  expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(80);
});

test("the index links every runbook", () => {
  const index = readFileSync(join(DIRECTORY, "README.md"), "utf8");
  expect(files.filter((name) => !index.includes(`(${name})`))).toEqual([]);
});
