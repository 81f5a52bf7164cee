import { expect, test } from "vitest";
import { rowAt } from "#columnar";
import type { IcebergSchema } from "#iceberg";
import { decodeRows, dropRows, encodeRows, MAX_CHUNK_BYTES, rowsToBatch } from "../../../src/ingest/row-chunk.ts";

function schemaOf(fields: readonly (readonly [id: number, name: string, type: string])[]): IcebergSchema {
  return {
    type: "struct",
    "schema-id": 0,
    fields: fields.map(([id, name, type]) => ({ id, name, type, required: false })),
  };
}

const rowsOf = (batch: ReturnType<typeof rowsToBatch>): unknown[] =>
  Array.from({ length: batch.rowCount }, (_, row) => rowAt(batch, row));

test("every type comes back as its physical value", () => {
  const schema = schemaOf([
    [1, "b", "boolean"],
    [2, "i", "int"],
    [3, "l", "long"],
    [4, "big", "long"],
    [5, "d", "double"],
    [6, "dec", "decimal(9,2)"],
    [7, "day", "date"],
    [8, "ts", "timestamptz"],
    [9, "s", "string"],
    [10, "bin", "binary"],
  ]);
  const columns = [
    [true, null],
    [1, null],
    [2 ** 40, null],
    ["9223372036854775807", null],
    [1.5, null],
    ["-1420", null],
    [19782, null],
    [1705314600123456, null],
    ["ü\u0000", null],
    ["AAEC", null],
  ];
  const [chunk] = encodeRows({ fieldIds: schema.fields.map((field) => field.id), columns, rowCount: 2 });
  if (chunk === undefined) throw new Error("no chunk");
  const rows = rowsOf(rowsToBatch([decodeRows(chunk)], schema));
  expect(rows[0]).toEqual([
    true,
    1,
    2 ** 40,
    9223372036854775807n,
    1.5,
    { unscaled: -1420n, scale: 2 },
    19782,
    1705314600123456,
    "ü\u0000",
    new Uint8Array([0, 1, 2]),
  ]);
  expect(rows[1]).toEqual(columns.map(() => null));
});

test("rows follow their columns by field id through added, dropped, renamed and widened columns", () => {
  const old = { fieldIds: [1, 2, 3], columns: [["a"], [7], ["gone"]], rowCount: 1 };
  const young = { fieldIds: [2, 1, 4], columns: [["9007199254740993"], ["b"], [1.5]], rowCount: 1 };
  const schema = schemaOf([
    [1, "renamed", "string"],
    [4, "added", "double"],
    [2, "widened", "long"],
  ]);
  expect(rowsOf(rowsToBatch([old, young], schema))).toEqual([
    ["a", null, 7],
    ["b", 1.5, 9007199254740993n],
  ]);
});

test("chunks stay below their limit and keep order", () => {
  const values = Array.from({ length: 5000 }, (_, i) => `${i}-${"x".repeat(i % 7 === 0 ? 5000 : 10)}`);
  const chunks = encodeRows({ fieldIds: [1], columns: [values], rowCount: values.length });
  expect(chunks.length).toBeGreaterThan(3);
  expect(Math.max(...chunks.map((chunk) => chunk.body.length))).toBeLessThanOrEqual(MAX_CHUNK_BYTES);
  expect(chunks.flatMap((chunk) => decodeRows(chunk).columns[0])).toEqual(values);
});

test("a chunk that does not match its row count is refused", () => {
  const body = new TextEncoder().encode('{"f":[1],"c":[[1,2]]}');
  expect(() => decodeRows({ rowCount: 3, body })).toThrow(/inconsistent/);
});

test("dropping rows keeps the others in order", () => {
  const rows = { fieldIds: [1], columns: [[0, 1, 2, 3]], rowCount: 4 };
  expect(dropRows(rows, new Set([0, 2]))).toEqual({ fieldIds: [1], columns: [[1, 3]], rowCount: 2 });
});
