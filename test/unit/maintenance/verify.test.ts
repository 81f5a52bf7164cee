import { expect, test } from "vitest";
import { LakeError } from "#core";
import { vectorFromScalars, type Scalar } from "#columnar";
import type { IcebergColumn } from "#iceberg";
import { encodeParquet, type ParquetColumnChunk, type ParquetMetadata } from "#parquet";
import { createContentTally, requireSameContent } from "../../../src/maintenance/verify.ts";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

const COLUMNS: readonly IcebergColumn[] = [
  { name: "id", fieldId: 1, type: { kind: "int64" }, nullable: false },
  { name: "kind", fieldId: 2, type: { kind: "string" }, nullable: true },
];

function footer(ids: readonly number[], kinds: readonly (string | null)[]): ParquetMetadata {
  loadParquetWasm();
  const columns = [vectorFromScalars({ kind: "int64" }, ids), vectorFromScalars({ kind: "string" }, kinds)];
  return encodeParquet(COLUMNS, [{ rowCount: ids.length, columns }]).metadata;
}

function check(before: readonly ParquetMetadata[], after: readonly ParquetMetadata[]): string {
  const inputs = createContentTally(COLUMNS);
  const outputs = createContentTally(COLUMNS);
  for (const metadata of before) inputs.add(metadata);
  for (const metadata of after) outputs.add(metadata);
  try {
    requireSameContent(inputs, outputs, COLUMNS);
    return "same";
  } catch (error) {
    return error instanceof LakeError ? `${error.code}: ${error.message}` : String(error);
  }
}

/** The footer with one column's chunks changed, as other writers may leave them. */
function withChunks(
  metadata: ParquetMetadata,
  leafIndex: number,
  change: (chunk: ParquetColumnChunk) => Partial<ParquetColumnChunk>,
): ParquetMetadata {
  return {
    ...metadata,
    rowGroups: metadata.rowGroups.map((group) => ({
      ...group,
      columns: group.columns.map((chunk, index) => (index === leafIndex ? { ...chunk, ...change(chunk) } : chunk)),
    })),
  };
}

test("C75 rows that are regrouped are the same, rows that are lost, changed or nulled are not", () => {
  const parts = [footer([1, 5], ["a", null]), footer([3], ["z"])];
  expect(check(parts, [footer([5, 3, 1], [null, "z", "a"])])).toBe("same");
  expect(check(parts, [footer([1, 5], ["a", "z"])])).toContain("2 rows where the inputs hold 3");
  expect(check(parts, [footer([5, 3, 1], ["z", "z", "a"])])).toContain('0 nulls in "kind" where the inputs hold 1');
  expect(check(parts, [footer([5, 3, 2], [null, "z", "a"])])).toContain('another minimum of "id"');
  expect(check(parts, [footer([5, 3, 1], [null, "zz", "a"])])).toContain('another maximum of "kind"');
  expect(check(parts, [footer([5, 3, 1], [null, "z", "a"]), footer([], [])])).toBe("same");
});

function truncated(min: Scalar, max: Scalar): Partial<ParquetColumnChunk> {
  return { min, max, isMinExact: false, isMaxExact: false };
}

test("bounds that other writers truncated or left out are not held against the outputs", () => {
  const exact = footer([1, 2], ["mango", "zebra"]);
  expect(check([withChunks(exact, 1, () => truncated("man", "zf"))], [exact])).toBe("same");
  expect(check([withChunks(exact, 1, () => ({ min: undefined, max: undefined }))], [exact])).toBe("same");
  expect(check([withChunks(exact, 1, () => ({ nullCount: undefined }))], [exact])).toBe("same");
  // An exact output below a truncated input's lower bound is impossible all the same.
  expect(check([withChunks(exact, 1, () => truncated("n", "zf"))], [exact])).toContain('another minimum of "kind"');
});

test("a column that an older file lacks counts as null there", () => {
  const older = { ...footer([1], ["x"]), columns: footer([1], ["x"]).columns.slice(0, 1) };
  expect(check([older, footer([2], ["y"])], [footer([1, 2], [null, "y"])])).toBe("same");
});
