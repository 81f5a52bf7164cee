// Files of other writers, every codec, encoding and spelling of lists that parquet-testing has: the rows that pyarrow reads.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { rowAt, type Scalar } from "#columnar";
import { readParquetMetadata, type ParquetNode, type ScanOptions } from "#parquet";
import { bytesReader, scanBatches, withDuckDb } from "../../support/parquet-files.ts";
import { plainValue } from "../../support/plain-value.ts";

const FOLDER = fileURLToPath(import.meta.resolve("../../golden/parquet/"));

function bytesOf(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(FOLDER, name)));
}

function firstLeaf(node: ParquetNode): number {
  return node.column?.leafIndex ?? firstLeaf(node.children[0] as ParquetNode);
}

/** All rows in the form of the expected files. */
async function plainRows(bytes: Uint8Array, options: ScanOptions = {}): Promise<unknown[][]> {
  const { fields } = await readParquetMetadata(bytesReader(bytes));
  const columns = fields.map((field) => ({ leafIndex: firstLeaf(field) }));
  const rows: unknown[][] = [];
  for (const batch of await scanBatches(bytes, { columns, ...options })) {
    for (let i = 0; i < batch.rowCount; i++) {
      const row: readonly Scalar[] = rowAt(batch, i);
      rows.push(row.map((value, c) => plainValue(value, batch.columns[c]?.type ?? { kind: "null" })));
    }
  }
  return rows;
}

const NAMES = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".json"))
  .map((name) => name.replace(".json", ""));

test("there are golden files", () => {
  expect(NAMES.length).toBeGreaterThan(40);
});

test.each(NAMES)("I144 %s has the rows that its own tools read", async (name) => {
  const expected: unknown = JSON.parse(readFileSync(join(FOLDER, `${name}.json`), "utf8"));
  const bytes = bytesOf(`${name}.parquet`);
  const rows = await plainRows(bytes);
  expect(rows).toEqual(expected);
  expect(await plainRows(bytes, { batchRows: 7, keepText: true })).toEqual(rows);
});

describe("C140 files that contradict themselves are data_invalid", () => {
  test.each(readdirSync(join(FOLDER, "corrupt")))("%s", async (name) => {
    await expect(plainRows(bytesOf(`corrupt/${name}`))).rejects.toMatchObject({ code: "data_invalid" });
  });
});

test("a map without values has null ones", async () => {
  const [first] = await plainRows(bytesOf("map_no_value.parquet"));
  const keys = [1, 2, 3];
  expect(first).toEqual([keys.map((key) => [key, null]), keys.map((key) => [key, null]), keys]);
});

test("map keys that may be null by the schema are read as DuckDB reads them", async () => {
  const bytes = bytesOf("incorrect_map_schema.parquet");
  const expected = await withDuckDb((duckdb) => duckdb.query("SELECT map_entries(my_map) FROM FILE", bytes));
  const rows = await plainRows(bytes);
  expect(rows).toEqual(
    expected.map(([entries]) => [(entries as { key: string; value: string }[]).map(({ key, value }) => [key, value])]),
  );
});
