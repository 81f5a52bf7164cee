// Files as other engines see them: schema, field ids, logical types, statistics, merged footers.

import { beforeAll, expect, test } from "vitest";
import { concatBytes } from "#core";
import {
  constantVector,
  vectorFromScalars,
  type Batch,
  type DataType,
  type DictionaryVector,
  type Scalar,
} from "#columnar";
import { columnStatistics, createParquetWriter, encodeParquet, readParquetMetadata, type ParquetField } from "#parquet";
import { bytesReader, scanBatches, scanRows, withDuckDb } from "../../support/parquet-files.ts";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

beforeAll(loadParquetWasm);

function field(name: string, fieldId: number, type: DataType, nullable = true): ParquetField {
  return { name, fieldId, type, nullable };
}

function batchOf(fields: readonly ParquetField[], rows: readonly (readonly Scalar[])[]): Batch {
  const columns = fields.map((column, index) =>
    vectorFromScalars(
      column.type,
      rows.map((row) => row[index] ?? null),
    ),
  );
  return { rowCount: rows.length, columns };
}

const ALL_TYPES: readonly ParquetField[] = [
  field("i", 11, { kind: "int32" }, false),
  field("l", 12, { kind: "int64" }),
  field("f", 13, { kind: "float32" }),
  field("d", 14, { kind: "float64" }),
  field("dec9", 15, { kind: "decimal", precision: 9, scale: 2 }),
  field("dec18", 16, { kind: "decimal", precision: 18, scale: 2 }),
  field("dec38", 17, { kind: "decimal", precision: 38, scale: 2 }),
  field("s", 18, { kind: "string" }, false),
  field("u", 19, { kind: "uuid" }),
  field("b", 20, { kind: "binary" }),
  field("dt", 21, { kind: "date" }),
  field("tm", 22, { kind: "time" }),
  field("ts", 23, { kind: "timestamp", utc: false }),
  field("tz", 24, { kind: "timestamp", utc: true }),
  field("flag", 25, { kind: "boolean" }),
];

const ALL_TYPES_ROW: readonly Scalar[] = [
  1,
  2 ** 40,
  1.5,
  2.25,
  { unscaled: 12345n, scale: 2 },
  { unscaled: -12345n, scale: 2 },
  { unscaled: 10n ** 30n, scale: 2 },
  "höhe",
  "f79c3e09-677c-4bbd-a479-3f349cb785e7",
  new Uint8Array([0, 255]),
  19_000,
  3_723_000_001,
  1_700_000_000_000_001,
  1_700_000_000_000_001,
  true,
];

test("the footer carries field ids, logical types and optionality as Iceberg wants them", async () => {
  const { bytes } = encodeParquet(ALL_TYPES, [batchOf(ALL_TYPES, [ALL_TYPES_ROW])]);
  const { columns } = await readParquetMetadata(bytesReader(bytes));
  expect(columns.map((column) => [column.path, column.fieldId, column.type, column.maxDefinitionLevel])).toEqual(
    ALL_TYPES.map((column) => [[column.name], column.fieldId, column.type, column.nullable ? 1 : 0]),
  );
  const physical = Object.fromEntries(columns.map((column) => [column.path[0], column.physicalType]));
  expect(physical).toMatchObject({ dec9: "int32", dec18: "int64", dec38: "fixed_len_byte_array", tz: "int64" });
  expect(columns.find((column) => column.path[0] === "u")?.typeLength).toBe(16);
  await withDuckDb(async (duckdb) => {
    const schema = await duckdb.query("SELECT name, field_id, logical_type FROM parquet_schema(FILE)", bytes);
    const logical = Object.fromEntries(schema.map(([name, id, type]) => [name as string, [id, type]]));
    expect(logical["u"]).toEqual(["19", "UUIDType()"]);
    expect(logical["s"]).toEqual(["18", "StringType()"]);
    expect(String(logical["ts"]?.[1])).toMatch(/isAdjustedToUTC=0.*MICROS=MicroSeconds/);
    expect(String(logical["tz"]?.[1])).toMatch(/isAdjustedToUTC=1.*MICROS=MicroSeconds/);
    expect(await duckdb.query("SELECT i, l, f, d, dec9, dec18, dec38, s, u, dt, flag FROM FILE", bytes)).toEqual([
      [
        1,
        "1099511627776",
        1.5,
        2.25,
        "123.45",
        "-123.45",
        "10000000000000000000000000000.00",
        "höhe",
        "f79c3e09-677c-4bbd-a479-3f349cb785e7",
        "2022-01-08",
        true,
      ],
    ]);
  });
});

test("I100 DuckDB reads a file merged from many row groups, statistics and all", async () => {
  const fields = [
    field("id", 1, { kind: "int64" }, false),
    field("kind", 2, { kind: "string" }),
    field("price", 3, { kind: "float64" }),
  ];
  const kinds = ["view", "click", null];
  const parts: Uint8Array[] = [];
  const writer = createParquetWriter(
    fields,
    (bytes) => {
      parts.push(bytes);
      return Promise.resolve();
    },
    { rowGroupRows: 1000, keyValueMetadata: { "iceberg.schema": '{"type":"struct"}' } },
  );
  for (let start = 0; start < 4500; start += 700) {
    const rows = Array.from({ length: Math.min(700, 4500 - start) }, (_, i): Scalar[] => [
      start + i,
      kinds[(start + i) % 3] ?? null,
      (start + i) / 3,
    ]);
    await writer.write(batchOf(fields, rows));
    expect(writer.bufferedBytes).toBeLessThan(1000 * 64);
  }
  const metadata = await writer.close();
  const file = concatBytes(parts);
  expect(metadata.rowGroups.map((group) => group.numRows)).toEqual([1000, 1000, 1000, 1000, 500]);
  expect(metadata.splitOffsets[0]).toBe(4);
  expect(metadata.rowGroups.map((group) => group.columns[0]?.min)).toEqual([0, 1000, 2000, 3000, 4000]);
  // Read back, the footer says what the writer said, but for the NaN counts that Parquet has no field for.
  const reread = await readParquetMetadata(bytesReader(file));
  expect(reread.rowGroups[0]).toEqual({
    ...metadata.rowGroups[0],
    columns: metadata.rowGroups[0]?.columns.map(({ nanCount: _nanCount, ...chunk }) => chunk),
  });
  expect(reread.keyValueMetadata).toEqual({ "iceberg.schema": '{"type":"struct"}' });
  await withDuckDb(async (duckdb) => {
    expect(
      await duckdb.query("SELECT count(*), sum(id), count(kind), min(kind), count(DISTINCT price) FROM FILE", file),
    ).toEqual([["4500", "10122750", "3000", "click", "4500"]]);
    expect(await duckdb.query("SELECT kind, price FROM FILE WHERE id = 3001", file)).toEqual([["click", 3001 / 3]]);
    expect(
      await duckdb.query(
        `SELECT row_group_id, stats_min_value, stats_max_value, stats_null_count FROM parquet_metadata(FILE)
         WHERE path_in_schema = 'id' ORDER BY 1`,
        file,
      ),
    ).toEqual([0, 1, 2, 3, 4].map((i) => [String(i), `${i * 1000}`, `${Math.min(4499, i * 1000 + 999)}`, "0"]));
  });
});

test("parquet-wasm reads a merged file", async () => {
  const { readParquet } = await import("parquet-wasm/esm/parquet_wasm.js");
  const { readArrowIpc } = await import("#columnar");
  const fields = [field("x", 1, { kind: "int64" }), field("s", 2, { kind: "string" })];
  const rows = Array.from({ length: 250 }, (_, i): Scalar[] => [i, `s${i % 4}`]);
  const { bytes } = encodeParquet(fields, [batchOf(fields, rows)], { rowGroupRows: 100 });
  const { batches } = readArrowIpc(readParquet(bytes).intoIPCStream());
  const { rowAt } = await import("#columnar");
  const read = batches.flatMap((batch) => Array.from({ length: batch.rowCount }, (_, i) => rowAt(batch, i)));
  expect(read).toEqual(rows);
});

test("totals over row groups: sizes, counts, NaNs and bounds in UTF-8 order", () => {
  const fields = [field("s", 1, { kind: "string" }), field("d", 2, { kind: "float64" })];
  const rows: Scalar[][] = [
    ["\uffee", 1],
    ["a", Number.NaN],
    ["😀", -5],
    [null, null],
    ["b", 0],
    [null, Number.NaN],
  ];
  const { metadata } = encodeParquet(fields, [batchOf(fields, rows)], { rowGroupRows: 2 });
  const totals = columnStatistics(metadata);
  // In UTF-16 order U+1F600 would sort before U+FFEE.
  expect(totals.get(1)).toMatchObject({ valueCount: 6, nullCount: 2, nanCount: undefined, min: "a", max: "😀" });
  expect(totals.get(2)).toMatchObject({ valueCount: 6, nullCount: 1, nanCount: 2, min: -5, max: 1 });
  expect(totals.get(1)?.sizeBytes).toBe(
    metadata.rowGroups.reduce((sum, group) => sum + (group.columns[0]?.compressedBytes ?? 0), 0),
  );
});

test("an empty file has a schema and no row groups", async () => {
  const { bytes, metadata } = encodeParquet(ALL_TYPES, []);
  expect(metadata).toMatchObject({ numRows: 0, rowGroups: [] });
  expect(metadata.columns.map((column) => column.fieldId)).toEqual(ALL_TYPES.map((column) => column.fieldId));
  expect(await scanRows(bytes)).toEqual([]);
  await withDuckDb(async (duckdb) => {
    expect(await duckdb.query("SELECT count(*) FROM FILE", bytes)).toEqual([["0"]]);
  });
});

test("dictionary and constant vectors are written as their values and come back as dictionaries", async () => {
  const fields = [
    field("k", 1, { kind: "string" }),
    field("c", 2, { kind: "string" }),
    field("n", 3, { kind: "date" }),
  ];
  const dictionary = vectorFromScalars({ kind: "string" }, ["x", "unused", "y"]);
  const codes = Int32Array.from({ length: 90 }, (_, i) => (i % 2) * 2);
  const column: DictionaryVector = {
    encoding: "dictionary",
    type: { kind: "string" },
    length: 90,
    codes,
    dictionary,
    validity: undefined,
  };
  const columns = [column, constantVector({ kind: "string" }, "same", 90), constantVector({ kind: "date" }, null, 90)];
  const { bytes, metadata } = encodeParquet(fields, [{ rowCount: 90, columns }]);
  expect(metadata.rowGroups[0]?.columns[2]).toMatchObject({ nullCount: 90, min: undefined });
  const [batch] = await scanBatches(bytes, { fieldIds: [1, 2, 3] });
  expect(batch?.columns.map((vector) => vector.encoding)).toEqual(["dictionary", "dictionary", "constant"]);
  expect(await scanRows(bytes)).toEqual(Array.from({ length: 90 }, (_, i) => [i % 2 === 0 ? "x" : "y", "same", null]));
});

test("files carry no Arrow schema: readers see plain columns, not our dictionaries", () => {
  const fields = [field("x", 1, { kind: "string" })];
  expect(encodeParquet(fields, [batchOf(fields, [["a"]])]).metadata.keyValueMetadata).toEqual({});
});

test("a row group ends at its byte budget", () => {
  const fields = [field("s", 1, { kind: "string" })];
  const batches = Array.from({ length: 10 }, () =>
    batchOf(
      fields,
      Array.from({ length: 10 }, (_, i) => [`${i}`.repeat(1000)]),
    ),
  );
  const { metadata } = encodeParquet(fields, batches, { rowGroupBytes: 25_000 });
  expect(metadata.rowGroups.map((group) => group.numRows)).toEqual([30, 30, 30, 10]);
});

function refuse(type: DataType, value: Scalar, nullable = true): unknown {
  try {
    const fields = [field("bad", 1, type, nullable)];
    encodeParquet(fields, [batchOf(fields, [[value]])]);
    return "written";
  } catch (error) {
    return error;
  }
}

test("what cannot be written is refused with its column's name", () => {
  expect(refuse({ kind: "int32" }, null, false)).toMatchObject({
    code: "data_invalid",
    message: expect.stringContaining('"bad"'),
  });
  expect(refuse({ kind: "list", element: { kind: "interval" } }, [])).toMatchObject({
    code: "unsupported_operation",
    message: expect.stringContaining('"bad.element"'),
  });
  expect(refuse({ kind: "struct", fields: [] }, {})).toMatchObject({ code: "unsupported_operation" });
  expect(refuse({ kind: "binary", length: 3 }, new Uint8Array(2))).toMatchObject({ code: "data_invalid" });
  expect(refuse({ kind: "interval" }, { months: 1, days: 0, micros: 0 })).toMatchObject({
    code: "unsupported_operation",
  });
  expect(refuse({ kind: "decimal", precision: 3, scale: 1 }, { unscaled: 1000n, scale: 1 })).toMatchObject({
    code: "numeric_out_of_range",
  });
});

test("narrower vectors are widened to the field's type", async () => {
  const fields = [field("l", 1, { kind: "int64" }), field("d", 2, { kind: "float64" })];
  const columns = [
    vectorFromScalars({ kind: "int32" }, [1, null, -7]),
    vectorFromScalars({ kind: "float32" }, [1.5, 2, null]),
  ];
  const { bytes } = encodeParquet(fields, [{ rowCount: 3, columns }]);
  expect(await scanRows(bytes)).toEqual([
    [1, 1.5],
    [null, 2],
    [-7, null],
  ]);
});
