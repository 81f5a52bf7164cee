// Scans leave out row groups whose bloom filters rule an equality out, and never a row that matches.

import { expect, test } from "vitest";
import { vectorFromScalars, type Scalar } from "#columnar";
import { encodeParquet, readParquetMetadata, type ParquetColumn, type ParquetField } from "#parquet";
import { predicateRuledOut } from "../../../src/query/bloom-pruning.ts";
import type { FieldPredicate } from "../../../src/query/field-predicate.ts";
import { bytesReader } from "../../support/parquet-files.ts";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

loadParquetWasm();

const FIELDS: ParquetField[] = [
  { name: "user", fieldId: 1, type: { kind: "string" }, nullable: true },
  { name: "n", fieldId: 2, type: { kind: "int32" }, nullable: false },
];
const ROWS = Array.from({ length: 300 }, (_, i): Scalar[] => [i % 50 === 0 ? null : `user-${(i * 7919) % 300}`, i]);

async function survivors(
  predicate: Pick<FieldPredicate, "fieldId" | "operator" | "values">,
  savedBytes = 1e6,
): Promise<{ readonly groups: number[]; readonly requests: number }> {
  const columns = FIELDS.map(({ type }, c) =>
    vectorFromScalars(
      type,
      ROWS.map((row) => row[c] ?? null),
    ),
  );
  const bloomFilters = FIELDS.map(({ fieldId }) => ({ fieldId, falsePositiveRate: 0.001, maxBytes: 1 << 20 }));
  const { bytes } = encodeParquet(FIELDS, [{ rowCount: ROWS.length, columns }], { rowGroupRows: 100, bloomFilters });
  const reader = bytesReader(bytes);
  const metadata = await readParquetMetadata(reader);
  const leaves = new Map(metadata.columns.map((column): [number, ParquetColumn] => [column.fieldId ?? -1, column]));
  const type = predicate.fieldId === 2 ? ({ kind: "int64" } as const) : ({ kind: "string" } as const);
  reader.requests.length = 0;
  const groups: number[] = [];
  for (const [index, group] of metadata.rowGroups.entries()) {
    const full = { ...predicate, name: "x", type };
    if ((await predicateRuledOut([full], group, leaves, reader, savedBytes)) === undefined) groups.push(index);
  }
  return { groups, requests: reader.requests.length };
}

test("an equality keeps the row groups that hold the value, at one request each", async () => {
  const held = ROWS.findIndex(([user]) => user === "user-7");
  expect(await survivors({ fieldId: 1, operator: "=", values: ["user-7"] })).toEqual({
    groups: [Math.floor(held / 100)],
    requests: 3,
  });
  expect(await survivors({ fieldId: 2, operator: "in", values: [5, 205, 9_999] })).toMatchObject({ groups: [0, 2] });
  expect(await survivors({ fieldId: 2, operator: "=", values: [5_000_000_000] })).toMatchObject({ groups: [] });
});

test("other comparisons, and filters that cost more than they save, are not asked", async () => {
  const all = { groups: [0, 1, 2], requests: 0 };
  expect(await survivors({ fieldId: 2, operator: "<", values: [5] })).toEqual(all);
  expect(await survivors({ fieldId: 2, operator: "is_null", values: [] })).toEqual(all);
  expect(await survivors({ fieldId: 1, operator: "=", values: ["nobody"] }, 20)).toEqual(all);
});
