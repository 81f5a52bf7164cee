// Counts, least and greatest values come from manifests and footers; only files that a condition cuts are read.

import { beforeEach, expect, test } from "vitest";
import { vectorFromScalars } from "#columnar";
import { dataFileFromParquet, scalarToSingleValue, schemaToParquetFields } from "#iceberg";
import { encodeParquet } from "#parquet";
import { answerOf, type PlanAnswer } from "../../support/plan-answer.ts";
import { createQueryLake, type QueryLake, type Row } from "../../support/query-lake.ts";

const DAY_MICROS = 86_400_000_000;
const DAY_0 = Date.UTC(2024, 0, 1) * 1000;

const rowsOf = (day: number): Row[] =>
  Array.from({ length: 20 }, (_, i) => ({
    at: DAY_0 + day * DAY_MICROS + i * 1e6 + 7,
    n: i === 3 ? null : day * 20 + i,
  }));

let lake: QueryLake;

beforeEach(async () => {
  lake = await createQueryLake();
  await lake.createTable("events", [
    ["at", "timestamptz"],
    ["n", "long"],
  ]);
  for (let day = 0; day < 4; day++) await lake.append("events", rowsOf(day));
});

const answeredFiles = ({ scans: [scan] }: PlanAnswer): number =>
  scan?.pruning.find(({ reason }) => reason === "answered from metadata")?.files ?? 0;

test("I322 counts read nothing, and a bound its file's footer once", async () => {
  const isolate = lake.newIsolate();
  lake.dataReads.length = 0;
  const counts = await lake.query("SELECT count(*) AS c, count(n) AS n FROM events", { cache: "bypass" }, isolate);
  expect([counts.body?.rows, lake.dataReads.length]).toEqual([[{ c: 80, n: 76 }], 0]);
  const ends = "SELECT min(n) AS first, max(n) AS last, count(*) AS c FROM events";
  expect((await lake.query(ends, { cache: "bypass" }, isolate)).body?.rows).toEqual([{ first: 0, last: 79, c: 80 }]);
  expect(lake.dataReads).toHaveLength(2);
  await lake.query(ends, { cache: "bypass" }, isolate);
  expect(lake.dataReads).toHaveLength(2);
});

test("I322 of a range of time only the files at its edges are read; EXPLAIN says so", async () => {
  const sql = "SELECT count(*), max(n) FROM events WHERE at >= '2024-01-01 00:00:10' AND at < '2024-01-03 00:00:05'";
  const answer = await answerOf(lake, sql);
  expect(answer.rows).toEqual([["35", "44"]]);
  expect(answeredFiles(answer)).toBe(1);
  expect(answer.scans[0]?.filesScanned).toBe(2);
  const text = answer.explain.join("\n");
  expect(text).toContain("From metadata: files all of whose rows count; others are read");
  expect(text).toContain("Skipped: 1 files, 0 row groups (answered from metadata)");
});

test("I322 deleted and fresh rows are told apart from those that metadata counts", async () => {
  await lake.change("ALTER TABLE events SET (\"write.delete.mode\" = 'copy-on-write')");
  await lake.change("DELETE FROM events WHERE n = 79");
  lake.ingest("events", [{ at: DAY_0 - 1, n: null }]);
  const { rows } = await answerOf(lake, "SELECT count(*), max(n), min(at) FROM events");
  expect(rows).toEqual([["80", "78", "2023-12-31 23:59:59.999999+00"]]);
});

test("I322 bounds that a writer widened or cut are not taken for values", async () => {
  const table = await lake.catalog.loadTable("default.events");
  const schema = table.schema();
  const time = { kind: "timestamp", utc: true } as const;
  const at = [DAY_0 + 9 * DAY_MICROS + 123_456, DAY_0 + 9 * DAY_MICROS + 999_999];
  const columns = [vectorFromScalars(time, at), vectorFromScalars({ kind: "int64" }, [-5, 500])];
  const { bytes, metadata } = encodeParquet(schemaToParquetFields(schema), [{ rowCount: 2, columns }]);
  await lake.store.put("foreign/1.parquet", bytes);
  const file = dataFileFromParquet({
    metadata,
    location: "s3://lake/foreign/1.parquet",
    fileSizeBytes: bytes.length,
    schema,
    spec: table.spec(),
    partition: [],
  });
  const wide = new Map(file.upperBounds);
  // Milliseconds rounded up, and a least value that no row has.
  wide.set(1, scalarToSingleValue("timestamptz", DAY_0 + 9 * DAY_MICROS + 1_000_000));
  const low = new Map(file.lowerBounds);
  low.set(2, scalarToSingleValue("long", -1000));
  await table
    .newAppend()
    .addFiles([{ ...file, upperBounds: wide, lowerBounds: low }])
    .commit();
  const answer = await answerOf(lake, "SELECT max(at), min(n), max(n), count(*) FROM events");
  expect(answer.rows).toEqual([["2024-01-10 00:00:00.999999+00", "-5", "500", "82"]]);
  expect(answeredFiles(answer)).toBe(5);
});

const day = (number: number): number => (Date.UTC(2024, 0, number) + 3_600_000) * 1000;

test("I406 counts by day and by an identity column read no file that lies whole in one group", async () => {
  const lake = await createQueryLake();
  await lake.createTable(
    "t",
    [
      ["kind", "string"],
      ["at", "timestamptz"],
    ],
    { fields: [{ "source-id": 1, transform: "identity", name: "kind" }] },
  );
  for (const number of [1, 2, 3]) {
    await lake.append("t", [
      { kind: "a", at: day(number) },
      { kind: "b", at: day(number) + 5 },
      { kind: "b", at: day(number) + 6 },
    ]);
  }
  lake.dataReads.length = 0;
  const byDay = await lake.query(
    "SELECT date_trunc('day', at) AS d, kind, count(*) AS n FROM t WHERE at >= '2024-01-02' GROUP BY 1, 2 ORDER BY 1, 2",
    { cache: "bypass" },
  );
  expect(byDay.body?.rows).toEqual([
    { d: "2024-01-02T00:00:00.000000Z", kind: "a", n: 1 },
    { d: "2024-01-02T00:00:00.000000Z", kind: "b", n: 2 },
    { d: "2024-01-03T00:00:00.000000Z", kind: "a", n: 1 },
    { d: "2024-01-03T00:00:00.000000Z", kind: "b", n: 2 },
  ]);
  expect(lake.dataReads).toEqual([]);
});
