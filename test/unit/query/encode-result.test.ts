import { beforeAll, expect, test } from "vitest";
import { concatBytes, utf8ToString } from "#core";
import { arrowIpcToBatches, rowAt, vectorFromScalars, type Batch, type DataType, type Scalar } from "#columnar";
import { withDuckDb } from "../../support/parquet-files.ts";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";
import { createResultEncoder, type ResultEncoder, type ResultFormat } from "../../../src/query/encode-result.ts";
import { distinctColumns } from "../../../src/query/result-columns.ts";

beforeAll(loadParquetWasm);

interface Column {
  readonly name: string;
  readonly type: DataType;
  readonly values: readonly Scalar[];
}

function start(format: ResultFormat, columns: readonly Column[]): readonly [ResultEncoder, Batch, Uint8Array[]] {
  const schema = columns.map(({ name, type }) => ({ name, type, nullable: true }));
  const rowCount = columns[0]?.values.length ?? 0;
  const batch: Batch = { rowCount, columns: columns.map(({ type, values }) => vectorFromScalars(type, values)) };
  const parts: Uint8Array[] = [];
  return [createResultEncoder(format, schema, (bytes) => parts.push(bytes)), batch, parts];
}

function encode(format: Exclude<ResultFormat, "parquet">, columns: readonly Column[]): Uint8Array {
  const [encoder, batch, parts] = start(format, columns);
  void encoder.add(batch);
  void encoder.finish();
  return concatBytes(parts);
}

async function encodeParquet(columns: readonly Column[]): Promise<Uint8Array> {
  const [encoder, batch, parts] = start("parquet", columns);
  await encoder.add(batch);
  await encoder.finish();
  return concatBytes(parts);
}

function jsonRows(columns: readonly Column[]): unknown[] {
  const body = JSON.parse(`{${utf8ToString(encode("json", columns))}}`) as { rows: unknown[]; row_count: number };
  expect(body.row_count).toBe(body.rows.length);
  return body.rows;
}

const one = (type: DataType, value: Scalar): unknown =>
  (jsonRows([{ name: "v", type, values: [value] }])[0] as { v: unknown }).v;

test("I55 exact numbers beyond 2^53 - 1 are strings, others JSON numbers with all their digits", () => {
  const int64: DataType = { kind: "int64" };
  expect(one(int64, 9_007_199_254_740_991)).toBe(9_007_199_254_740_991);
  expect(one(int64, 9_007_199_254_740_993n)).toBe("9007199254740993");
  expect(one(int64, -9_223_372_036_854_775_808n)).toBe("-9223372036854775808");
  const text = utf8ToString(
    encode("json", [
      {
        name: "d",
        type: { kind: "decimal" },
        values: [
          { unscaled: 1250n, scale: 2 },
          { unscaled: 90_071_992_547_409_930n, scale: 1 },
          { unscaled: 123_456_789_012_345_678n, scale: 12 },
          { unscaled: -5n, scale: 3 },
        ],
      },
    ]),
  );
  expect(text).toContain('"rows":[{"d":12.50},{"d":"9007199254740993.0"},{"d":123456.789012345678},{"d":-0.005}]');
});

test("floats: NaN and infinities are strings, minus zero stays, float32 is shortest", () => {
  const double: DataType = { kind: "float64" };
  expect(one(double, Number.NaN)).toBe("NaN");
  expect(one(double, Number.POSITIVE_INFINITY)).toBe("Infinity");
  expect(one(double, Number.NEGATIVE_INFINITY)).toBe("-Infinity");
  expect(one(double, 1e300)).toBe(1e300);
  expect(Object.is(one(double, -0), -0)).toBe(true);
  expect(one({ kind: "float32" }, 0.1)).toBe(0.1);
  expect(one({ kind: "float32" }, 16_777_216)).toBe(16_777_216);
});

test("times are ISO 8601 in UTC with microseconds", () => {
  const utc: DataType = { kind: "timestamp", utc: true };
  expect(one(utc, Date.UTC(2024, 0, 15, 10) * 1000)).toBe("2024-01-15T10:00:00.000000Z");
  expect(one(utc, -1)).toBe("1969-12-31T23:59:59.999999Z");
  expect(one({ kind: "timestamp", utc: false }, 1_705_312_800_123_456)).toBe("2024-01-15T10:00:00.123456");
  expect(one({ kind: "date" }, 19_737)).toBe("2024-01-15");
  expect(one({ kind: "date" }, -719_529)).toBe("-0001-12-31");
  expect(one({ kind: "time" }, 86_399_000_001)).toBe("23:59:59.000001");
  for (let day = -200_000; day < 200_000; day += 997) {
    const expected = new Date(day * 86_400_000).toISOString().slice(0, 10);
    expect(one({ kind: "date" }, day)).toBe(expected);
  }
});

test("intervals are ISO 8601 durations", () => {
  const interval: DataType = { kind: "interval" };
  expect(one(interval, { months: 14, days: 3, micros: 14_706_500_000 })).toBe("P1Y2M3DT4H5M6.5S");
  expect(one(interval, { months: 0, days: 0, micros: 0 })).toBe("PT0S");
  expect(one(interval, { months: 0, days: -1, micros: -500_000 })).toBe("P-1DT-0.5S");
});

test("nested, json, binary, boolean and null values", () => {
  expect(one({ kind: "json" }, '{"a":[1,2]}')).toEqual({ a: [1, 2] });
  expect(one({ kind: "json" }, "not json")).toBe("not json");
  expect(one({ kind: "binary" }, new Uint8Array([0, 255]))).toBe("\\x00ff");
  expect(one({ kind: "boolean" }, true)).toBe(true);
  expect(one({ kind: "string" }, null)).toBeNull();
  expect(one({ kind: "list", element: { kind: "string" } }, ["a", null])).toEqual(["a", null]);
  const struct: DataType = { kind: "struct", fields: [{ name: "x", type: { kind: "int64" } }] };
  expect(one(struct, { x: 2n ** 60n })).toEqual({ x: (2n ** 60n).toString() });
});

test("I56 columns of one name are told apart and none is lost", () => {
  const int: DataType = { kind: "int32" };
  const names = ["a", "a", "a_1", "a", "b"];
  const renamed = distinctColumns(names.map((name) => ({ name, type: int, nullable: true }))).map(({ name }) => name);
  expect(renamed).toEqual(["a", "a_2", "a_1", "a_3", "b"]);
  const rows = jsonRows(names.map((name, index) => ({ name, type: int, values: [index] })));
  expect(rows[0]).toEqual({ a: 0, a_2: 1, a_1: 2, a_3: 3, b: 4 });
});

test("dictionary and constant vectors encode like flat ones", () => {
  const type: DataType = { kind: "string" };
  const parts: Uint8Array[] = [];
  const encoder = createResultEncoder(
    "json",
    [
      { name: "d", type, nullable: true },
      { name: "c", type, nullable: true },
    ],
    (bytes) => parts.push(bytes),
  );
  void encoder.add({
    rowCount: 3,
    columns: [
      {
        encoding: "dictionary",
        type,
        length: 3,
        codes: Int32Array.of(1, 0, 0),
        dictionary: vectorFromScalars(type, ['q"', "y"]),
        validity: Uint8Array.of(1, 0, 1),
      },
      { encoding: "constant", type, length: 3, value: "k" },
    ],
  });
  void encoder.finish();
  const body = JSON.parse(`{${utf8ToString(concatBytes(parts))}}`) as { rows: unknown };
  expect(body.rows).toEqual([
    { d: "y", c: "k" },
    { d: null, c: "k" },
    { d: 'q"', c: "k" },
  ]);
});

const SAMPLE: Column[] = [
  { name: "id", type: { kind: "int64" }, values: [1, 2 ** 53 + 2, null].map((v) => (v === null ? v : BigInt(v))) },
  { name: "te,xt", type: { kind: "string" }, values: ["", 'a "b"\n', null] },
  { name: "at", type: { kind: "timestamp", utc: true }, values: [0, null, 1_500_000] },
];

test("csv: header, quoting, NULL apart from the empty string", () => {
  expect(utf8ToString(encode("csv", SAMPLE))).toBe(
    'id,"te,xt",at\r\n1,"",1970-01-01T00:00:00.000000Z\r\n9007199254740994,"a ""b""\n",\r\n,,1970-01-01T00:00:01.500000Z\r\n',
  );
});

test("ndjson: one object a line; arrow: the same values", () => {
  const lines = utf8ToString(encode("ndjson", SAMPLE)).trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(jsonRows(SAMPLE));
  const [batch] = arrowIpcToBatches(encode("arrow", SAMPLE));
  expect(rowAt(batch as Batch, 1)).toEqual([9_007_199_254_740_994n, 'a "b"\n', null]);
});

test("parquet: DuckDB reads every type, what Parquet cannot say as text", async () => {
  const list: DataType = { kind: "list", element: { kind: "int64" } };
  const pairs: DataType = { kind: "list", element: { kind: "interval" } };
  const columns: Column[] = [
    ...SAMPLE,
    {
      name: "d",
      type: { kind: "decimal", precision: 12, scale: 2 },
      values: [{ unscaled: 1250n, scale: 2 }, null, null],
    },
    { name: "numeric", type: { kind: "decimal" }, values: [{ unscaled: 10n ** 50n, scale: 1 }, null, null] },
    { name: "gap", type: { kind: "interval" }, values: [{ months: 14, days: 3, micros: 4_500_000 }, null, null] },
    { name: "l", type: list, values: [[1, null, 3], [], null] },
    { name: "gaps", type: pairs, values: [[{ months: 1, days: 0, micros: 0 }, null], null, []] },
    { name: "nothing", type: { kind: "null" }, values: [null, null, null] },
    { name: "j", type: { kind: "json" }, values: ['{"k": 1}', null, null] },
    { name: "u", type: { kind: "uuid" }, values: ["0190a5a0-0000-7000-8000-00000000000a", null, null] },
  ];
  const file = new Uint8Array(await encodeParquet(columns));
  await withDuckDb(async (duckdb) => {
    const names = (await duckdb.query("SELECT column_name FROM (DESCRIBE SELECT * FROM FILE)", file)).flat();
    expect(names).toEqual(columns.map(({ name }) => name));
    const rows = await duckdb.query(
      'SELECT id::VARCHAR, "te,xt", epoch_us("at")::VARCHAR, d::VARCHAR, "numeric", gap, l::VARCHAR, gaps::VARCHAR, nothing, j::VARCHAR, u::VARCHAR FROM FILE',
      file,
    );
    const longNumber = `1${"0".repeat(49)}.0`;
    expect(rows[0]).toEqual([
      "1",
      "",
      "0",
      "12.50",
      longNumber,
      "P1Y2M3DT4.5S",
      "[1, NULL, 3]",
      '["P1M",null]',
      null,
      '{"k": 1}',
      "0190a5a0-0000-7000-8000-00000000000a",
    ]);
    expect(rows[2]?.slice(0, 3)).toEqual([null, null, "1500000"]);
  });
  const empty = new Uint8Array(await encodeParquet(SAMPLE.map((column) => ({ ...column, values: [] }))));
  await withDuckDb(async (duckdb) => {
    expect(await duckdb.query("SELECT count(*)::INTEGER FROM FILE", empty)).toEqual([[0]]);
  });
});

test("an empty result still names its columns", () => {
  const empty = [{ name: "n", type: { kind: "int64" } as DataType, values: [] }];
  expect(utf8ToString(encode("json", empty))).toBe('"columns":[{"name":"n","type":"bigint"}],"rows":[],"row_count":0');
  expect(utf8ToString(encode("csv", empty))).toBe("n\r\n");
  expect(utf8ToString(encode("ndjson", empty))).toBe("");
});
