// Columns of the types of format version 3 in files of DuckDB, whose nanoseconds are stored as such.

import { beforeAll, describe, test, type ExpectStatic } from "vitest";
import { bytesToHex, required } from "#core";
import { dataFileFromParquet, newDataFileLocation, type IcebergField, type Table } from "#iceberg";
import { jsonToVariant, readParquetMetadata } from "#parquet";
import { locationToKey } from "#storage";
import { bytesReader, withDuckDb } from "../../support/parquet-files.ts";
import { createQueryLake, type QueryLake } from "../../support/query-lake.ts";

const FIELDS: readonly IcebergField[] = [
  { id: 1, name: "id", required: true, type: "long" },
  { id: 2, name: "moment", required: false, type: "timestamp_ns" },
  { id: 3, name: "fine", required: false, type: "timestamptz_ns" },
  { id: 4, name: "nothing", required: false, type: "unknown" },
  { id: 5, name: "place", required: false, type: "geometry" },
  { id: 6, name: "region", required: false, type: "geography(EPSG:4326, spherical)" },
  {
    id: 7,
    name: "payload",
    required: false,
    type: { type: "struct", fields: [{ id: 10, name: "body", required: false, type: "variant" }] },
  },
  { id: 8, name: "raw", required: false, type: "variant" },
  { id: 9, name: "kind", required: false, type: "string" },
];

const FILES = [
  "SELECT 1::BIGINT AS id, TIMESTAMP_NS '2024-01-15 10:00:00.123456' AS moment, TIMESTAMP_NS '2024-01-15 10:00:00.123456789' AS fine, 'a' AS kind",
  "SELECT 2::BIGINT AS id, TIMESTAMP_NS '1969-12-31 23:59:59.999999' AS moment, NULL::TIMESTAMP_NS AS fine, 'b' AS kind UNION ALL SELECT 3, NULL, NULL, 'c'",
];

let lake: QueryLake;

async function addFile(table: Table, index: number, sql: string): Promise<void> {
  const { metadata, value } = jsonToVariant('{"a": [1, "x"]}');
  const variant = `{'metadata': unhex('${bytesToHex(metadata)}'), 'value': unhex('${bytesToHex(value)}')}`;
  const columns = `*, 'x'::BLOB AS place, 'x'::BLOB AS region, {'body': ${variant}} AS payload, ${variant} AS raw`;
  const ids =
    "{id: 1, moment: 2, fine: 3, place: 5, region: 6, payload: {__duckdb_field_id: 7, body: {__duckdb_field_id: 10, metadata: 22, value: 23}}, raw: {__duckdb_field_id: 8, metadata: 20, value: 21}, kind: 9}";
  const bytes = await withDuckDb((duckdb) =>
    duckdb.copy(`SELECT ${columns} FROM (${sql}) ORDER BY id`, `FIELD_IDS ${ids}`),
  );
  const location = newDataFileLocation(table.metadata, `${index}.parquet`, "");
  await lake.store.put(locationToKey(location, "lake"), bytes);
  const file = dataFileFromParquet({
    metadata: await readParquetMetadata(bytesReader(bytes)),
    location,
    fileSizeBytes: bytes.length,
    schema: table.schema(),
    spec: table.spec(),
    partition: [],
  });
  const now = await lake.catalog.loadTable("default.t");
  await now.newAppend().addFiles([file]).commit();
}

beforeAll(async () => {
  lake = await createQueryLake();
  const table = await lake.catalog.createTable({
    identifier: { namespace: ["default"], name: "t" },
    schema: { type: "struct", fields: FIELDS },
    properties: { "format-version": "3" },
  });
  for (const [index, sql] of FILES.entries()) await addFile(table, index, sql);
});

async function rows(expect: ExpectStatic, sql: string): Promise<readonly Record<string, unknown>[]> {
  const answer = await lake.query(sql);
  expect(answer.problem).toBeUndefined();
  return required(answer.body, "a body").rows;
}

describe("types of format version 3", () => {
  test("I270 every column is read, and those left out are not looked at", async ({ expect }) => {
    const place = "\\x78";
    expect(await rows(expect, "SELECT id, kind, place, region, nothing FROM t ORDER BY id")).toEqual([
      { id: 1, kind: "a", place, region: place, nothing: null },
      { id: 2, kind: "b", place, region: place, nothing: null },
      { id: 3, kind: "c", place, region: place, nothing: null },
    ]);
    expect(await rows(expect, "SELECT raw FROM t WHERE id = 1")).toEqual([{ raw: { a: [1, "x"] } }]);
    expect(await rows(expect, "SELECT raw -> 'a' ->> 1 AS x, payload FROM t WHERE id = 1")).toEqual([
      { x: "x", payload: { body: { a: [1, "x"] } } },
    ]);
    expect(await rows(expect, "SELECT count(*) AS n FROM (SELECT * FROM t) AS s")).toEqual([{ n: 3 }]);
  });

  test("I270 metadata tables and EXPLAIN work", async ({ expect }) => {
    for (const name of ["files", "entries", "manifests", "partitions", "snapshots", "history", "refs"]) {
      expect((await rows(expect, `SELECT * FROM t.${name}`)).length).toBeGreaterThan(0);
    }
    expect((await lake.query("EXPLAIN SELECT id FROM t WHERE moment > '2000-01-01'")).problem).toBeUndefined();
    const [file] = await rows(expect, "SELECT readable_metrics FROM t.files WHERE record_count = 1");
    expect(JSON.stringify(file)).not.toContain("raw");
    const columns = await rows(
      expect,
      "SELECT column_name AS c, data_type AS t FROM information_schema.columns WHERE table_name = 't' ORDER BY 1",
    );
    expect(columns.filter(({ c }) => ["raw", "place", "fine"].includes(String(c)))).toEqual([
      { c: "fine", t: "timestamp with time zone" },
      { c: "place", t: "bytea" },
      { c: "raw", t: "json" },
    ]);
  });

  test("unknown columns are null", async ({ expect }) => {
    expect(await rows(expect, "SELECT nothing, count(nothing) OVER () AS n FROM t WHERE id = 1")).toEqual([
      { nothing: null, n: 0 },
    ]);
    expect(await rows(expect, "SELECT id FROM t WHERE nothing IS NULL ORDER BY id LIMIT 1")).toEqual([{ id: 1 }]);
  });
});

describe("nanosecond timestamps", () => {
  test("I181 whole microseconds are read exactly", async ({ expect }) => {
    expect(await rows(expect, "SELECT id, moment::text AS moment FROM t ORDER BY id")).toEqual([
      { id: 1, moment: "2024-01-15 10:00:00.123456" },
      { id: 2, moment: "1969-12-31 23:59:59.999999" },
      { id: 3, moment: null },
    ]);
  });

  test.for([
    ["moment = '2024-01-15 10:00:00.123456'", [1]],
    ["moment > '2024-01-15 10:00:00.123455'", [1]],
    ["moment > '2024-01-15 10:00:00.123456'", []],
    ["moment <= '1969-12-31 23:59:59.999999'", [2]],
    ["moment < '1969-12-31 23:59:59.999999'", []],
    ["moment BETWEEN '1969-12-31' AND '2024-12-31'", [1, 2]],
    ["moment IS NULL", [3]],
  ] as const)("I181 %s", async ([condition, ids], { expect }) => {
    const found = await rows(expect, `SELECT id FROM t WHERE ${condition} ORDER BY id`);
    expect(found.map(({ id }) => id)).toEqual(ids);
  });

  test("I181 bounds in nanoseconds rule files out", async ({ expect }) => {
    const plan = await rows(expect, "EXPLAIN ANALYZE SELECT count(*) FROM t WHERE moment >= '2024-01-01'");
    expect(JSON.stringify(plan)).toContain("1 files, 0 row groups (bounds moment)");
  });

  test("I181 a value with nanoseconds is rounded down for queries", async ({ expect }) => {
    expect(await rows(expect, "SELECT fine::text AS fine FROM t ORDER BY id")).toEqual([
      { fine: "2024-01-15 10:00:00.123456+00" },
      { fine: null },
      { fine: null },
    ]);
    const metrics = JSON.stringify(await rows(expect, "SELECT readable_metrics FROM t.files"));
    expect(metrics).toContain("2024-01-15T10:00:00.123456789");
  });

  test.for([
    ["fine = '2024-01-15 10:00:00.123456+00'", [1]],
    ["fine IN ('2024-01-15 10:00:00.123456+00', '2030-01-01')", [1]],
    ["fine <= '2024-01-15 10:00:00.123456+00'", [1]],
    ["fine >= '2024-01-15 10:00:00.123456+00'", [1]],
    ["fine > '2024-01-15 10:00:00.123456+00'", []],
    ["fine < '2024-01-15 10:00:00.123456+00'", []],
    ["fine <> '2024-01-15 10:00:00.123456+00'", []],
    ["fine = '2024-01-15 10:00:00.123457+00'", []],
  ] as const)("I181 %s finds what SQL sees", async ([condition, ids], { expect }) => {
    const found = await rows(expect, `SELECT id FROM t WHERE ${condition} ORDER BY id`);
    expect(found.map(({ id }) => id)).toEqual(ids);
  });
});
