import { expect, test } from "vitest";
import { LakeError } from "#core";
import { parseCompactOptions, parseRewriteOptions } from "../../../src/maintenance/options.ts";
import { resolveRequest } from "../../../src/maintenance/resolve.ts";
import { createTestMetadata } from "./test-metadata.ts";

function failure(run: () => unknown): LakeError {
  try {
    run();
  } catch (error) {
    if (error instanceof LakeError) return error;
    throw error;
  }
  throw new Error("expected a failure");
}

test("the runbook's compaction body parses as printed", () => {
  expect(parseCompactOptions({ aggressive: true, minFileSize: "50MB" })).toEqual({
    kind: "compact",
    table: { namespace: ["default"], name: "events" },
    aggressive: true,
    minFileSizeBytes: 50_000_000,
  });
  expect(parseCompactOptions(undefined)).toMatchObject({ aggressive: false, table: { name: "events" } });
});

test("sort keys are names or objects; null order follows the direction", () => {
  expect(
    parseRewriteOptions({
      table: "system.query_logs",
      sort: ["timestamp", { column: "latency", direction: "desc" }, { column: "tables", nullOrder: "nulls-last" }],
      targetFileSize: "128MiB",
    }),
  ).toEqual({
    kind: "rewrite",
    table: { namespace: ["system"], name: "query_logs" },
    sort: [
      { column: "timestamp", direction: "asc", nullOrder: "nulls-first" },
      { column: "latency", direction: "desc", nullOrder: "nulls-last" },
      { column: "tables", direction: "asc", nullOrder: "nulls-last" },
    ],
    targetFileSizeBytes: 128 * 1024 * 1024,
  });
});

test("every impossible option is invalid_option and names the option", () => {
  const compact: readonly (readonly [unknown, string])[] = [
    [[], "body"],
    ["aggressive", "body"],
    [{ agressive: true }, "agressive"],
    [{ aggressive: "yes" }, "aggressive"],
    [{ aggressive: null, minFileSize: 0 }, "minFileSize"],
    [{ minFileSize: "0MB" }, "minFileSize"],
    [{ minFileSize: -5 }, "minFileSize"],
    [{ minFileSize: "fifty" }, "minFileSize"],
    [{ minFileSize: true }, "minFileSize"],
    [{ minFileSize: "200MB", targetFileSize: "100MB" }, "minFileSize"],
    [{ targetFileSize: 128 }, "targetFileSize"],
    [{ targetFileSize: "1TB" }, "targetFileSize"],
    [{ minInputFiles: 0 }, "minInputFiles"],
    [{ minInputFiles: 2.5 }, "minInputFiles"],
    [{ minInputFiles: "2" }, "minInputFiles"],
    [{ deleteFileThreshold: 0 }, "deleteFileThreshold"],
    [{ deleteRatio: 0 }, "deleteRatio"],
    [{ deleteRatio: 1.5 }, "deleteRatio"],
    [{ table: 7 }, "table"],
    [{ table: "a..b" }, "table"],
  ];
  for (const [body, option] of compact) {
    const error = failure(() => parseCompactOptions(body));
    expect([error.code, error.details["option"], body]).toEqual(["invalid_option", option, body]);
  }
  const rewrite: readonly (readonly [unknown, string])[] = [
    [{ sort: [] }, "sort"],
    [{ sort: "timestamp" }, "sort"],
    [{ sort: [""] }, "sort"],
    [{ sort: [null] }, "sort"],
    [{ sort: ["a", "a"] }, "sort"],
    [{ sort: [{ column: "a", direction: "up" }] }, "sort"],
    [{ sort: [{ column: "a", order: "asc" }] }, "order"],
    [{ sort: [{ direction: "asc" }] }, "sort"],
    [{ sort: [{ column: "a", nullOrder: "first" }] }, "sort"],
    [{ aggressive: true }, "aggressive"],
  ];
  for (const [body, option] of rewrite) {
    const error = failure(() => parseRewriteOptions(body));
    expect([error.code, error.details["option"], body]).toEqual(["invalid_option", option, body]);
  }
});

test("an unknown option comes with the nearest known one", () => {
  expect(failure(() => parseCompactOptions({ agressive: true })).details).toMatchObject({ nearest: "aggressive" });
});

test("Iceberg's defaults apply: 75 % and 180 % of the target, five input files, two when aggressive", () => {
  const metadata = createTestMetadata();
  expect(resolveRequest(parseCompactOptions({}), metadata)).toEqual({
    kind: "compact",
    plan: {
      targetFileSizeBytes: 134_217_728,
      minFileSizeBytes: 100_663_296,
      maxFileSizeBytes: 241_591_910,
      minInputFiles: 5,
      deleteFileThreshold: 5,
      deleteRatio: 0.3,
      outputSpecId: 0,
    },
  });
  expect(resolveRequest(parseCompactOptions({ aggressive: true, minFileSize: "50MB" }), metadata)).toMatchObject({
    plan: { minFileSizeBytes: 50_000_000, minInputFiles: 2 },
  });
});

test("the target defaults to the table's property, and the minimum is checked against it", () => {
  const metadata = createTestMetadata({ properties: { "write.target-file-size-bytes": "1000000" } });
  expect(resolveRequest(parseCompactOptions({}), metadata)).toMatchObject({ plan: { targetFileSizeBytes: 1_000_000 } });
  const error = failure(() => resolveRequest(parseCompactOptions({ minFileSize: "50MB" }), metadata));
  expect([error.code, error.details["option"]]).toEqual(["invalid_option", "minFileSize"]);
});

test("an unknown sort column is refused with the nearest name, an unsortable one by its type", () => {
  const metadata = createTestMetadata();
  const unknown = failure(() => resolveRequest(parseRewriteOptions({ sort: ["timestmp"] }), metadata));
  expect([unknown.code, unknown.details]).toEqual([
    "invalid_option",
    { option: "sort", column: "timestmp", nearest: "timestamp" },
  ]);
  const nested = failure(() => resolveRequest(parseRewriteOptions({ sort: ["tags"] }), metadata));
  expect([nested.code, nested.details["column"]]).toEqual(["invalid_option", "tags"]);
});

test("without sort columns the table's order is used, and an unsorted table is refused", () => {
  const error = failure(() => resolveRequest(parseRewriteOptions({}), createTestMetadata()));
  expect([error.code, error.details["option"]]).toEqual(["invalid_option", "sort"]);
  const sorted = createTestMetadata({ sorted: true });
  expect(resolveRequest(parseRewriteOptions({}), sorted)).toMatchObject({
    sort: { keys: [{ fieldId: 3, direction: "asc", nullOrder: "nulls-first" }], sortOrderId: 1 },
  });
});

test("the sort order id is set when the keys start with the table's order, and only then", () => {
  const metadata = createTestMetadata({ sorted: true });
  const sortOrderOf = (sort: unknown): unknown => {
    const resolved = resolveRequest(parseRewriteOptions({ sort }), metadata);
    return resolved.kind === "rewrite" ? resolved.sort.sortOrderId : "not a rewrite";
  };
  expect(sortOrderOf(["timestamp"])).toBe(1);
  expect(sortOrderOf(["timestamp", "event_type"])).toBe(1);
  expect(sortOrderOf(["event_type", "timestamp"])).toBeUndefined();
  expect(sortOrderOf([{ column: "timestamp", direction: "desc" }])).toBeUndefined();
  expect(sortOrderOf([{ column: "timestamp", nullOrder: "nulls-last" }])).toBeUndefined();
});
