// Tables of every type are rewritten in any order of rows and partitions, and every value keeps all its bits.

import { beforeEach, describe, test } from "vitest";
import { required, systemRandom } from "#core";
import { constantVector, scalarAt, vectorFromScalars, type Batch, type Scalar } from "#columnar";
import {
  applyTransform,
  createTableWriter,
  parseTransform,
  schemaToParquetFields,
  singleValueToScalar,
  type DataFile,
  type IcebergField,
} from "#iceberg";
import { jsonToVariant } from "#parquet";
import type { LayoutRequest, SortColumn } from "#maintenance";
import {
  BUCKET,
  createMaintenanceLake,
  runTestJob,
  scanFile,
  type MaintenanceLake,
} from "../../support/maintenance-lake.ts";

const FIELDS: readonly IcebergField[] = [
  { id: 1, name: "id", required: true, type: "long" },
  { id: 2, name: "t", required: false, type: "timestamp_ns" },
  { id: 3, name: "z", required: true, type: "timestamptz_ns" },
  { id: 4, name: "v", required: false, type: "variant" },
  { id: 5, name: "g", required: false, type: "geometry(srid:3857)" },
  { id: 6, name: "w", required: false, type: "geography" },
  { id: 7, name: "u", required: false, type: "unknown" },
  {
    id: 8,
    name: "s",
    required: false,
    type: {
      type: "struct",
      fields: [
        { id: 9, name: "at", required: false, type: "timestamp_ns" },
        { id: 10, name: "none", required: false, type: "unknown" },
        {
          id: 11,
          name: "all",
          required: false,
          type: { type: "list", "element-id": 12, "element-required": false, element: "timestamptz_ns" },
        },
        {
          id: 13,
          name: "m",
          required: false,
          type: { type: "map", "key-id": 14, key: "string", "value-id": 15, "value-required": false, value: "variant" },
        },
      ],
    },
  },
];

const ROWS = 200;
/** 2023-11-14T22:13:20.123456789Z */
const BASE = 1_700_000_000_123_456_789n;
const HOUR = 3_600_000_000_000n;

function nanosOf(row: number): bigint {
  return BASE + BigInt((row * 7919) % ROWS) * (HOUR / 3n) + BigInt(row);
}

/** Bytes that our own encoder would not write so: a number in more bytes than it needs. */
function variantOf(row: number): Scalar {
  if (row % 5 === 0) return { metadata: Uint8Array.of(1, 0, 0), value: Uint8Array.of(0x14, row, 0, 0, 0) };
  const { metadata, value } = jsonToVariant(JSON.stringify({ row, tags: ["a", row / 4] }));
  return { metadata, value };
}

/** A point in Well-Known Binary. */
function pointOf(row: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(21));
  view.setUint8(0, 1);
  view.setUint32(1, 1, true);
  view.setFloat64(5, row, true);
  view.setFloat64(13, -row, true);
  return new Uint8Array(view.buffer);
}

type Row = readonly Scalar[];

function rowAt(row: number): Row {
  const nanos = nanosOf(row);
  return [
    row,
    row % 7 === 0 ? null : -nanos,
    nanos,
    row % 3 === 0 ? null : variantOf(row),
    row % 4 === 0 ? null : pointOf(row),
    pointOf(row + 1),
    null,
    row % 6 === 0
      ? null
      : { at: nanos + 1n, none: null, all: [nanos, null, 5], m: [["k", row % 2 === 0 ? variantOf(row) : null]] },
  ];
}

const EXPECTED = Array.from({ length: ROWS }, (_, row) => rowAt(row));

function batchOf(rows: readonly Row[]): Batch {
  const columns = schemaToParquetFields({ type: "struct", "schema-id": 0, fields: FIELDS }).map(({ type }, index) =>
    type.kind === "null"
      ? constantVector(type, null, rows.length)
      : vectorFromScalars(
          type,
          rows.map((row) => row[index] ?? null),
        ),
  );
  return { rowCount: rows.length, columns };
}

async function createLake(transform?: string): Promise<MaintenanceLake> {
  return createMaintenanceLake({
    identifier: { namespace: ["default"], name: "every" },
    schema: { type: "struct", fields: FIELDS },
    ...(transform === undefined ? {} : { partitionSpec: { fields: [{ "source-id": 3, name: "part", transform }] } }),
    properties: { "format-version": "3" },
  });
}

async function write(lake: MaintenanceLake): Promise<readonly DataFile[]> {
  const table = await lake.loadTable();
  const append = table.newAppend();
  const all: DataFile[] = [];
  for (const [start, end] of [
    [0, 90],
    [90, ROWS],
  ] as const) {
    const writer = createTableWriter({ store: lake.store, bucket: BUCKET, random: systemRandom }, table, {
      openFiles: 64,
    });
    await writer.write(batchOf(EXPECTED.slice(start, end)));
    all.push(...(await writer.close()));
  }
  await append.addFiles(all).commit();
  return all;
}

function shown(rows: readonly Row[]): string[] {
  const show = (value: unknown): unknown => {
    if (typeof value === "bigint") return `${value}`;
    if (value instanceof Uint8Array) return `bytes ${[...value].join(" ")}`;
    if (Array.isArray(value)) return value.map(show);
    return typeof value === "object" && value !== null
      ? Object.fromEntries(Object.entries(value).map(([name, member]) => [name, show(member)]))
      : value;
  };
  return rows.map((row) => JSON.stringify(row.map(show)));
}

const TABLE = { namespace: ["default"], name: "every" };

function ascending(column: string, transform = "identity"): SortColumn {
  return { column, transform, direction: "asc", nullOrder: "nulls-first" };
}

async function storedRows(lake: MaintenanceLake): Promise<readonly Row[]> {
  const found: Row[] = [];
  for (const file of await lake.scanFiles()) {
    for await (const batch of scanFile(lake.store, await lake.loadTable(), file)) {
      for (let row = 0; row < batch.rowCount; row++) found.push(batch.columns.map((column) => scalarAt(column, row)));
    }
  }
  return found;
}

function byId(a: Row, b: Row): number {
  return Number(a[0]) - Number(b[0]);
}

async function stored(lake: MaintenanceLake): Promise<string[]> {
  return shown(await storedRows(lake)).toSorted();
}

describe("every type", () => {
  let before: string[];

  beforeEach(async () => {
    const lake = await createLake();
    await write(lake);
    before = await stored(lake);
  });

  test("I274 is written and read bit by bit", async ({ expect }) => {
    const lake = await createLake();
    const files = await write(lake);
    const found = [...(await storedRows(lake))];
    expect(shown(found.toSorted(byId))).toEqual(shown(EXPECTED));
    // Bounds have every nanosecond; shapes and variants have none.
    const [first] = files;
    const nanos = EXPECTED.slice(0, 90).map(([, , z]) => z as bigint);
    const least = nanos.reduce((a, b) => (b < a ? b : a));
    const bytes = required(required(first, "a file").lowerBounds.get(3), "a bound");
    expect(singleValueToScalar("timestamptz_ns", bytes)).toBe(least);
    expect([4, 5, 6].filter((id) => first?.lowerBounds.has(id))).toEqual([]);
  });

  test.for<readonly [string, LayoutRequest]>([
    ["bin-packing", { kind: "compact", table: TABLE, aggressive: true }],
    ["a sort by nanoseconds", { kind: "rewrite", table: TABLE, sort: [ascending("z"), ascending("t")] }],
    [
      "a sort by a member and an hour",
      { kind: "rewrite", table: TABLE, sort: [ascending("s.at"), ascending("z", "hour")] },
    ],
    ["a Z-order", { kind: "rewrite", table: TABLE, zorder: ["t", "z", "s.at"] }],
  ])("I274 %s keeps every bit", async ([, request], { expect }) => {
    const lake = await createLake();
    await write(lake);
    const { outcome } = await runTestJob(lake, request);
    expect(outcome).toMatchObject({ state: "succeeded", result: { rows: ROWS, files_before: 2, files_after: 1 } });
    expect(await stored(lake)).toEqual(before);
  });

  test("I274 rows are in the order of their nanoseconds", async ({ expect }) => {
    const lake = await createLake();
    await write(lake);
    await runTestJob(lake, { kind: "rewrite", table: TABLE, sort: [ascending("z")] });
    const found = (await storedRows(lake)).map((row) => row[2] as bigint);
    expect(found).toEqual(found.toSorted((a, b) => (a < b ? -1 : Number(a > b))));
  });

  test("I274 days that became nanoseconds are rewritten as such", async ({ expect }) => {
    const lake = await createMaintenanceLake({
      identifier: TABLE,
      schema: { type: "struct", fields: [{ id: 1, name: "d", required: false, type: "date" }] },
      properties: { "format-version": "3" },
    });
    const writeDays = async (values: readonly Scalar[]): Promise<void> => {
      const table = await lake.loadTable();
      const type = required(schemaToParquetFields(table.schema())[0], "a column").type;
      const deps = { store: lake.store, bucket: BUCKET, random: systemRandom };
      const writer = createTableWriter(deps, table);
      await writer.write({ rowCount: values.length, columns: [vectorFromScalars(type, values)] });
      await table
        .newAppend()
        .addFiles(await writer.close())
        .commit();
    };
    await writeDays([19_000, null, -1]);
    await (await lake.loadTable()).updateSchema().updateColumn("d", "timestamp_ns").commit();
    await writeDays([5n]);
    const expected = shown([[1_641_600_000_000_000_000n], [null], [-86_400_000_000_000], [5]]);
    expect(shown(await storedRows(lake)).toSorted()).toEqual(expected.toSorted());
    const { outcome } = await runTestJob(lake, { kind: "compact", table: TABLE, aggressive: true });
    expect(outcome).toMatchObject({ state: "succeeded", result: { files_after: 1 } });
    expect(shown(await storedRows(lake)).toSorted()).toEqual(expected.toSorted());
  });

  test("what has no order is not sorted by", async ({ expect }) => {
    const lake = await createLake();
    await write(lake);
    for (const column of ["v", "g", "w", "u"]) {
      const { outcome } = await runTestJob(lake, { kind: "rewrite", table: TABLE, sort: [ascending(column)] });
      expect(outcome).toMatchObject({ problem: { code: "invalid_option" } });
    }
  });

  test.for(["hour", "day", "month", "year", "bucket[8]", "identity"])(
    "I275 partitions by %s",
    async (transform, { expect }) => {
      const lake = await createLake(transform);
      const files = await write(lake);
      expect(await stored(lake)).toEqual(before);
      const parsed = parseTransform(transform);
      const found = new Set(files.map(({ partition }) => partition[0]));
      const expected = EXPECTED.map(([, , z]) => applyTransform(parsed, "timestamptz_ns", z ?? null));
      expect(found).toEqual(new Set(expected));
      for (const { filePath } of files) expect(filePath).toContain("/part=");
      if (transform === "identity") {
        expect(files.some(({ filePath }) => decodeURIComponent(filePath).includes("T22:13:20.123456789+00:00/"))).toBe(
          true,
        );
      }
    },
  );
});
