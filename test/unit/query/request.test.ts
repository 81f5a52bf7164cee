import { expect, test } from "vitest";
import { LakeError } from "#core";
import { DEFAULT_LIMITS, validateQueryRequest } from "../../../src/query/request.ts";

test("defaults: current answers, cached, as json, within the default limits", () => {
  expect(validateQueryRequest({ sql: "SELECT 1" })).toEqual({
    sql: "SELECT 1",
    params: [],
    profile: false,
    explainAnalyze: false,
    maxAgeSeconds: 0,
    cache: "use",
    tags: [],
    format: "json",
    limits: DEFAULT_LIMITS,
  });
});

test.each([[["a", "b"]], [[]]])("tags are texts: %j", (tags) => {
  expect(validateQueryRequest({ sql: "SELECT 1", tags }).tags).toEqual(tags);
});

test.each(["reports", [""], [1], ["x".repeat(101)], Array.from({ length: 9 }, () => "x")])(
  "tags that are no short list of short texts are refused: %j",
  (tags) => {
    expect(() => validateQueryRequest({ sql: "SELECT 1", tags })).toThrow(/tags/);
  },
);

test("limits may be narrowed, and raised only to the maximum", () => {
  expect(validateQueryRequest({ sql: "SELECT 1", limits: { rows: 5, timeMs: 60_000 } }).limits).toEqual({
    ...DEFAULT_LIMITS,
    maxRows: 5,
    timeMs: 60_000,
  });
  expect(() => validateQueryRequest({ sql: "SELECT 1", limits: { rows: 1_000_000_001 } })).toThrow(/rows/);
});

test.each([
  [null, ""],
  [[], ""],
  [{}, "/sql"],
  [{ sql: "  " }, "/sql"],
  [{ sql: 5 }, "/sql"],
  [{ sql: "x".repeat(300_000) }, "/sql"],
  [{ sql: "SELECT 1", params: "x" }, "/params"],
  [{ sql: "SELECT 1", params: { day: {} } }, "/params/day"],
  [{ sql: "SELECT 1", params: [[1, []]] }, "/params/0"],
  [{ sql: "SELECT 1", params: [1, { a: 1 }] }, "/params/1"],
  [{ sql: "SELECT 1", profile: "yes" }, "/profile"],
  [{ sql: "SELECT 1", maxAge: -1 }, "/maxAge"],
  [{ sql: "SELECT 1", maxAge: Number.NaN }, "/maxAge"],
  [{ sql: "SELECT 1", cache: "no" }, "/cache"],
  [{ sql: "SELECT 1", format: "xml" }, "/format"],
  [{ sql: "SELECT 1", limits: { rows: 0 } }, "/limits/rows"],
])("%j is refused at %s", (request, pointer) => {
  let error: unknown;
  try {
    validateQueryRequest(request);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(LakeError);
  expect((error as LakeError).status).toBe(400);
  expect((error as LakeError).details["pointer"]).toBe(pointer);
});
