// Statements that write tables of every type: what SQL gives is stored exactly, and what it does not touch keeps its bits.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, test, type ExpectStatic } from "vitest";
import { bytesToHex, required } from "#core";
import { constantVector, scalarAt, vectorFromScalars, type Scalar } from "#columnar";
import { dataFileFromParquet, newDataFileLocation, schemaToParquetFields, type IcebergField } from "#iceberg";
import { jsonToVariant, readParquetMetadata } from "#parquet";
import { locationToKey } from "#storage";
import { runTestJob, scanFile, type MaintenanceLake } from "../../support/maintenance-lake.ts";
import { bytesReader } from "../../support/parquet-files.ts";
import { createQueryLake, type QueryLake } from "../../support/query-lake.ts";

const FIELDS: readonly IcebergField[] = [
  { id: 1, name: "id", required: true, type: "long" },
  { id: 2, name: "t", required: false, type: "timestamp_ns" },
  { id: 3, name: "v", required: false, type: "variant" },
  { id: 4, name: "g", required: false, type: "geometry" },
  { id: 5, name: "u", required: false, type: "unknown" },
  {
    id: 6,
    name: "s",
    required: false,
    type: { type: "struct", fields: [{ id: 7, name: "at", required: false, type: "timestamptz_ns" }] },
  },
  { id: 8, name: "copy", required: false, type: "timestamp" },
];

const NANOS = 1_700_000_000_123_456_789n;
/** A number in more bytes than it needs, as our own encoder does not write it. */
const WIDE_ONE: Scalar = { metadata: Uint8Array.of(1, 0, 0), value: Uint8Array.of(0x14, 1, 0, 0, 0) };

const GOLDEN = join(import.meta.dirname, "../../golden/parquet-variant/shredded");

let lake: QueryLake;

async function createLake(properties: Readonly<Record<string, string>> = {}): Promise<void> {
  lake = await createQueryLake();
  const table = await lake.catalog.createTable({
    identifier: { namespace: ["default"], name: "t" },
    schema: { type: "struct", fields: FIELDS },
    properties: { "format-version": "3", ...properties },
  });
  const columns = schemaToParquetFields(table.schema());
  const rows: readonly (readonly Scalar[])[] = [
    [1, NANOS, WIDE_ONE, Uint8Array.of(1, 2), null, { at: NANOS + 1n }, null],
    [2, NANOS + 1n, WIDE_ONE, null, null, null, null],
  ];
  const vectors = columns.map(({ type }, index) =>
    type.kind === "null"
      ? constantVector(type, null, rows.length)
      : vectorFromScalars(
          type,
          rows.map((row) => row[index] ?? null),
        ),
  );
  await lake.appendBatches("t", [{ rowCount: rows.length, columns: vectors }]);
}

beforeEach(() => createLake());

/** The rows as files hold them, by id. */
async function stored(): Promise<readonly (readonly unknown[])[]> {
  const table = await lake.catalog.loadTable("default.t");
  const found: unknown[][] = [];
  for (const file of (await table.planScan()).files) {
    for await (const batch of scanFile(lake.store, table, file)) {
      for (let row = 0; row < batch.rowCount; row++)
        found.push(batch.columns.map((column) => show(scalarAt(column, row))));
    }
  }
  return found.toSorted((a, b) => Number(a[0]) - Number(b[0]));
}

function show(value: unknown): unknown {
  if (value instanceof Uint8Array) return bytesToHex(value);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, show(member)]));
}

async function change(expect: ExpectStatic, sql: string): Promise<void> {
  expect((await lake.change(sql)).problem).toBeUndefined();
}

async function rows(expect: ExpectStatic, sql: string): Promise<readonly Record<string, unknown>[]> {
  const answer = await lake.query(sql);
  expect(answer.problem).toBeUndefined();
  return required(answer.body, "a body").rows;
}

const FIRST = [1, NANOS, show(WIDE_ONE), "0102", null, { at: NANOS + 1n }, null];
const SECOND = [2, NANOS + 1n, show(WIDE_ONE), null, null, null, null];

describe("statements that write", () => {
  test("I276 INSERT stores whole microseconds, JSON as variants and bytes as shapes", async ({ expect }) => {
    await change(
      expect,
      `INSERT INTO t (id, t, v, g) VALUES
        (3, '2024-01-15 10:00:00.123456', '{"b": [1.50, null], "a": "x"}', '\\x0aff'),
        (4, '1969-12-31 23:59:59.999999', 'null', NULL)`,
    );
    const variant = jsonToVariant('{"a": "x", "b": [1.50, null]}');
    expect((await stored()).slice(2)).toEqual([
      [
        3,
        1_705_312_800_123_456_000n,
        { metadata: bytesToHex(variant.metadata), value: bytesToHex(variant.value) },
        "0aff",
        null,
        null,
        null,
      ],
      [4, -1000, { metadata: "010000", value: "00" }, null, null, null, null],
    ]);
    expect(await rows(expect, "SELECT v, v -> 'b' ->> 0 AS b, t, g FROM t WHERE id >= 3 ORDER BY id")).toEqual([
      { v: { a: "x", b: [1.5, null] }, b: "1.50", t: "2024-01-15T10:00:00.123456", g: "\\x0aff" },
      { v: null, b: null, t: "1969-12-31T23:59:59.999999", g: null },
    ]);
    expect((await lake.change("INSERT INTO t (id, t) VALUES (5, '2300-01-01')")).problem).toMatchObject({
      code: "numeric_out_of_range",
    });
  });

  test.for(["copy-on-write", "merge-on-read"])(
    "I276 UPDATE keeps what it does not assign (%s)",
    async (mode, { expect }) => {
      await createLake({ "write.update.mode": mode });
      await change(expect, "UPDATE t SET id = 7 WHERE id = 1");
      expect(await stored()).toEqual([SECOND, [7, ...FIRST.slice(1)]]);
      await change(expect, "UPDATE t SET v = '[2]', t = t WHERE id = 2");
      const changed = jsonToVariant("[2]");
      expect((await stored())[0]).toEqual([
        2,
        NANOS + 1n,
        { metadata: bytesToHex(changed.metadata), value: bytesToHex(changed.value) },
        null,
        null,
        null,
        null,
      ]);
    },
  );

  test("I276 DELETE and MERGE copy rows bit by bit", async ({ expect }) => {
    await change(expect, "DELETE FROM t WHERE id = 2");
    expect(await stored()).toEqual([FIRST]);
    await change(
      expect,
      `MERGE INTO t USING (VALUES (1::bigint), (9::bigint)) AS n (id) ON t.id = n.id
       WHEN MATCHED THEN UPDATE SET g = '\\x03' WHEN NOT MATCHED THEN INSERT (id) VALUES (n.id)`,
    );
    expect(await stored()).toEqual([
      [1, NANOS, show(WIDE_ONE), "03", null, { at: NANOS + 1n }, null],
      [9, null, null, null, null, null, null],
    ]);
  });

  test.for([
    "UPDATE t SET t = t + interval '1 second' WHERE id = 1",
    "UPDATE t SET t = (s).at WHERE id = 1",
    "INSERT INTO t (id, copy) SELECT id + 10, t FROM t",
    "INSERT INTO t (id, s) SELECT id + 10, s FROM t",
  ])("I277 %s is refused: SQL would cut nanoseconds", async (sql, { expect }) => {
    expect((await lake.change(sql)).problem).toMatchObject({ code: "numeric_out_of_range" });
    expect(await stored()).toEqual([FIRST, SECOND]);
  });

  test("I277 columns of microseconds take what SQL sees", async ({ expect }) => {
    await lake.catalog.createTable({
      identifier: { namespace: ["default"], name: "hours" },
      schema: { type: "struct", fields: [{ id: 1, name: "hour", required: false, type: "timestamp" }] },
    });
    await change(expect, "INSERT INTO hours SELECT date_trunc('hour', t) FROM t GROUP BY 1");
    expect(await rows(expect, "SELECT hour FROM hours")).toEqual([{ hour: "2023-11-14T22:00:00.000000" }]);
    await change(expect, "UPDATE t SET copy = t WHERE id = 1");
    expect(await stored()).toEqual([[...FIRST.slice(0, -1), Number(NANOS / 1000n)], SECOND]);
    await change(expect, "UPDATE t SET t = '2024-01-01', copy = t WHERE id = 1");
    expect((await stored())[0]?.slice(1, 2)).toEqual([1_704_067_200_000_000_000n]);
  });

  test("I276 rows are found by what SQL sees of their nanoseconds", async ({ expect }) => {
    expect((await lake.change("DELETE FROM t WHERE t < '2023-11-14 22:13:20.123456'")).body).toMatchObject({
      rows_deleted: 0,
    });
    await change(expect, "UPDATE t SET g = '\\x05' WHERE t = '2023-11-14 22:13:20.123456' AND s IS NOT NULL");
    expect(await stored()).toEqual([[1, NANOS, show(WIDE_ONE), "05", null, { at: NANOS + 1n }, null], SECOND]);
    await change(expect, "DELETE FROM t WHERE t >= '2023-11-14 22:13:20.123456' AND id = 1");
    expect(await stored()).toEqual([SECOND]);
    await change(expect, "DELETE FROM t WHERE t <= '2023-11-14 22:13:20.123456'");
    expect(await stored()).toEqual([]);
  });
});

/** case-137 of apache/parquet-testing: the part is fixed_len_byte_array(4). */
async function createOddTable(expect: ExpectStatic): Promise<void> {
  lake = await createQueryLake();
  const table = await lake.catalog.createTable({
    identifier: { namespace: ["default"], name: "odd" },
    schema: {
      type: "struct",
      fields: [
        { id: 1, name: "id", required: true, type: "int" },
        { id: 2, name: "var", required: false, type: "variant" },
      ],
    },
    properties: { "format-version": "3", "write.delete.mode": "merge-on-read" },
  });
  const bytes = new Uint8Array(readFileSync(join(GOLDEN, "case-137.parquet")));
  const location = newDataFileLocation(table.metadata, "odd.parquet", "");
  await lake.store.put(locationToKey(location, "lake"), bytes);
  const file = dataFileFromParquet({
    metadata: await readParquetMetadata(bytesReader(bytes)),
    location,
    fileSizeBytes: bytes.length,
    schema: table.schema(),
    spec: table.spec(),
    partition: [],
  });
  await table.newAppend().addFiles([file]).commit();
  await change(expect, "INSERT INTO odd (id, var) VALUES (100, '1')");
}

describe("a variant with a part in a type that no variant has", () => {
  const refusal = { code: "unsupported_column_type", column: "var.typed_value" };

  test("I270 is refused by name where it is read or copied, and nowhere else", async ({ expect }) => {
    await createOddTable(expect);
    expect(await rows(expect, "SELECT id FROM odd ORDER BY id")).toEqual([{ id: 1 }, { id: 100 }]);
    expect(await rows(expect, "SELECT var FROM odd WHERE id = 100")).toEqual([{ var: 1 }]);
    expect((await lake.query("SELECT var FROM odd")).problem).toMatchObject(refusal);
    expect((await lake.change("UPDATE odd SET id = 2 WHERE id = 1")).problem).toMatchObject(refusal);
    const reads = lake.dataReads.length;
    const { outcome } = await runTestJob({ store: lake.store, catalog: lake.catalog } as MaintenanceLake, {
      kind: "compact",
      table: { namespace: ["default"], name: "odd" },
      aggressive: true,
    });
    expect(outcome).toMatchObject({ state: "failed", problem: refusal });
    expect(lake.dataReads.length).toBeGreaterThan(reads);
    expect(await rows(expect, "SELECT count(*) AS n FROM odd")).toEqual([{ n: 2 }]);
  });

  test("I270 its rows are deleted by vectors", async ({ expect }) => {
    await createOddTable(expect);
    expect((await lake.change("DELETE FROM odd WHERE id + 0 = 1")).body).toMatchObject({ rows_deleted: 1 });
    expect(await rows(expect, "SELECT id, var FROM odd")).toEqual([{ id: 100, var: 1 }]);
  });
});
