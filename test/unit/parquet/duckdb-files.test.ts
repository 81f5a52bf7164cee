// Files that DuckDB writes, read by our decoder and by DuckDB itself: equal values.

import { beforeAll, describe, expect, test } from "vitest";
import { decimalToString, type Scalar } from "#columnar";
import { readParquetMetadata, scanParquet } from "#parquet";
import { bytesReader, scanBatches, scanRows, withDuckDb } from "../../support/parquet-files.ts";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

beforeAll(loadParquetWasm);

const QUERY = `
  SELECT i::BIGINT AS i64, (i % 1000)::INTEGER AS i32, (i % 100)::SMALLINT AS i16,
    CASE WHEN i % 7 = 0 THEN NULL ELSE 'user-' || (i * 7919 % 500) END AS s,
    'é' || md5(i::VARCHAR) AS distinct_text, i / 7 AS d, (i / 4)::FLOAT AS f,
    CASE WHEN i % 5 = 0 THEN NULL ELSE i % 3 = 0 END AS b,
    DATE '2024-01-01' + (i % 400)::INTEGER AS dt,
    (i % 99999 - 50000)::DECIMAL(9, 3) AS dec9, (i % 999 - 500)::DECIMAL(38, 3) AS dec38,
    CASE WHEN i % 2 = 0 THEN NULL ELSE (i % 200)::UTINYINT END AS u8, (4000000000 + i)::UINTEGER AS u32,
    (18446744073709500000 + i)::UBIGINT AS u64, NULL::VARCHAR AS nothing, 9007199254740990 + i AS wide
  FROM range(5000) r(i)`;

/** Our scalars as the strings and numbers that DuckDB's JSON has. */
function comparable(value: Scalar): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "object" && value !== null && "unscaled" in value) return decimalToString(value as never);
  return value;
}

const BIG_COLUMNS = new Set([0, 15]);
const MS_PER_DAY = 86_400_000;

function normalize(row: readonly Scalar[]): unknown[] {
  return row.map((value, index) => {
    if (index === 8 && typeof value === "number") return new Date(value * MS_PER_DAY).toISOString().slice(0, 10);
    if (index === 13) return comparable(value);
    return BIG_COLUMNS.has(index) ? `${value as number | bigint}` : comparable(value);
  });
}

describe("equal values in every codec, page version and row group size", () => {
  test.each([
    ["CODEC zstd"],
    ["CODEC snappy, ROW_GROUP_SIZE 2048"],
    ["CODEC gzip"],
    ["CODEC uncompressed"],
    ["CODEC lz4_raw"],
    ["CODEC brotli"],
    ["CODEC zstd, PARQUET_VERSION v2"],
    ["CODEC snappy, PARQUET_VERSION v2, DICTIONARY_SIZE_LIMIT 1"],
    ["CODEC uncompressed, DICTIONARY_SIZE_LIMIT 1, ROW_GROUP_SIZE 2048"],
  ])("I100 %s", async (options) => {
    await withDuckDb(async (duckdb) => {
      const file = await duckdb.copy(QUERY, options);
      const expected = await duckdb.query("SELECT * FROM FILE", file);
      const rows = await scanRows(file, { batchRows: 777 });
      expect(rows).toHaveLength(5000);
      expect(rows.map(normalize)).toEqual(
        expected.map((row) => row.map((value, i) => (i === 13 ? String(value) : value))),
      );
    });
  });
});

test("timestamps of every unit become microseconds, rounded down", async () => {
  await withDuckDb(async (duckdb) => {
    const file = await duckdb.copy(
      `SELECT TIMESTAMP_NS '1969-12-31 23:59:59.999999999' AS ns, TIMESTAMP_MS '2024-02-03 04:05:06.789' AS ms,
         TIMESTAMP '2024-02-03 04:05:06.789012' AS us, TIMESTAMPTZ '2024-02-03 04:05:06.789012+02' AS tz,
         TIMESTAMP_NS '2200-01-01 00:00:00.000001999' AS late, TIME '01:02:03.000004' AS t`,
    );
    expect(await scanRows(file)).toEqual([
      [
        -1,
        Date.UTC(2024, 1, 3, 4, 5, 6, 789) * 1000,
        Date.UTC(2024, 1, 3, 4, 5, 6, 789) * 1000 + 12,
        Date.UTC(2024, 1, 3, 2, 5, 6, 789) * 1000 + 12,
        Date.UTC(2200, 0, 1) * 1000 + 1,
        3_723_000_004,
      ],
    ]);
  });
});

test("lists, structs and maps come through parquet-wasm, beside flat columns", async () => {
  await withDuckDb(async (duckdb) => {
    const file = await duckdb.copy(
      `SELECT i AS id, [i, NULL, i + 1] AS l, {'a': i, 'b': 'x' || i} AS st, MAP {'k': i} AS m,
         CASE WHEN i = 1 THEN NULL ELSE ['t'] END AS maybe FROM range(3) r(i)`,
    );
    expect(await scanRows(file, { batchRows: 2 })).toEqual(
      [0, 1, 2].map((i) => [i, [i, null, i + 1], { a: i, b: `x${i}` }, [["k", i]], i === 1 ? null : ["t"]]),
    );
  });
});

test("I101 nested columns cost no more requests than flat ones", async () => {
  await withDuckDb(async (duckdb) => {
    const file = await duckdb.copy(
      "SELECT i AS id, [i] AS l, {'a': i} AS st FROM range(5000) r(i)",
      "ROW_GROUP_SIZE 2048",
    );
    const reader = bytesReader(file);
    const metadata = await readParquetMetadata(reader);
    reader.requests.length = 0;
    const columns = [0, 1, 2].map((leafIndex) => ({ leafIndex }));
    let rows = 0;
    for await (const batch of scanParquet(reader, metadata, { columns })) rows += batch.rowCount;
    expect(rows).toBe(5000);
    expect(reader.requests).toHaveLength(metadata.rowGroups.length);
  });
});

test("a chunk that leaves its dictionary halfway gives codes, then values, all right", async () => {
  await withDuckDb(async (duckdb) => {
    // pyarrow and parquet-mr fall back when the dictionary outgrows its page; parquet-wasm does the same.
    const { WriterPropertiesBuilder, Table, writeParquet } = await import("parquet-wasm/esm/parquet_wasm.js");
    const { batchToArrowIpc, vectorFromScalars } = await import("#columnar");
    const values = Array.from({ length: 60_000 }, (_, i) => `value number ${i < 20_000 ? i % 100 : i}`);
    const ipc = batchToArrowIpc(
      [{ name: "s", type: { kind: "string" }, nullable: false }],
      [{ rowCount: values.length, columns: [vectorFromScalars({ kind: "string" }, values)] }],
    );
    const properties = new WriterPropertiesBuilder().setDictionaryPageSizeLimit(20_000).setDataPageSizeLimit(8192);
    const file = writeParquet(Table.fromIPCStream(ipc), properties.build());
    const metadata = await readParquetMetadata(bytesReader(file));
    expect(metadata.rowGroups[0]?.columns[0]?.encodings).toEqual(expect.arrayContaining([0, 8]));
    const batches = await scanBatches(file, { columns: [{ leafIndex: 0 }], batchRows: 4096 });
    const encodings = batches.map((batch) => batch.columns[0]?.encoding);
    expect(encodings[0]).toBe("dictionary");
    expect(encodings.at(-1)).toBe("flat");
    expect((await scanRows(file)).map(([value]) => value)).toEqual(values);
    expect(await duckdb.query("SELECT count(DISTINCT s) FROM FILE", file)).toEqual([["40100"]]);
  });
});
