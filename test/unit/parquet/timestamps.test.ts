// Timestamps of every unit and age are read and copied exactly, or refused.

import * as fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { vectorFromScalars, type DataType, type Scalar } from "#columnar";
import { encodeParquet, type ParquetField } from "#parquet";
import { scanBatches, scanRows, withDuckDb } from "../../support/parquet-files.ts";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

beforeAll(loadParquetWasm);

const TIMESTAMP: DataType = { kind: "timestamp", utc: true };
const FIELDS: ParquetField[] = [{ name: "t", fieldId: 1, type: TIMESTAMP, nullable: true }];

/** 9999-12-31T23:59:59.999999Z, which people write for "never". */
const END_OF_TIME = 253_402_300_799_999_999n;
const END_OF_TIME_SECOND = 253_402_300_799_000_000;

/** DuckDB's `infinity`; its negation is `-infinity`, and every other number is a finite timestamp. */
const INFINITE = 2n ** 63n - 1n;

function encode(values: readonly Scalar[]): Uint8Array {
  return encodeParquet(FIELDS, [{ rowCount: values.length, columns: [vectorFromScalars(TIMESTAMP, values)] }]).bytes;
}

test("I143 timestamps of the whole 64-bit range are copied from file to file unchanged", async () => {
  const instants = fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.constantFrom(END_OF_TIME, BigInt(END_OF_TIME_SECOND), 0n, -1n),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(instants), { minLength: 1, maxLength: 30 }), async (values) => {
      const bytes = encode(values);
      const batches = await scanBatches(bytes, { fieldIds: [1], wideTimestamps: true, keepText: true });
      const copy = encodeParquet(FIELDS, batches).bytes;
      const rows = await scanRows(copy, { wideTimestamps: true });
      expect(rows.map(([value]) => (value === null ? null : BigInt(value as number)))).toEqual(values);
      await withDuckDb(async (duckdb) => {
        const read = await duckdb.query("SELECT epoch_us(t) FROM FILE WHERE isfinite(t)", copy);
        const finite = values.filter((value) => value !== null && value !== INFINITE && value !== -INFINITE);
        expect(read.map(([value]) => value)).toEqual(finite.map(String));
      });
    }),
    { numRuns: 12, examples: [[[-(2n ** 63n), -INFINITE, -INFINITE + 1n, INFINITE - 1n, INFINITE, null]]] },
  );
});

test("I143 far timestamps come as numbers where that is exact, and are refused where it is not", async () => {
  expect(await scanRows(encode([END_OF_TIME_SECOND, null]))).toEqual([[END_OF_TIME_SECOND], [null]]);
  await expect(scanRows(encode([1, END_OF_TIME]))).rejects.toMatchObject({
    code: "numeric_out_of_range",
    message: expect.stringContaining('"t"'),
  });
});

test("nanoseconds near the end of their range keep every microsecond", async () => {
  const rows = await withDuckDb(async (duckdb) => {
    const stamps = ["1677-09-21 00:12:43.145226", "2262-04-11 23:47:16.854775", "2262-04-11 23:47:16.854774"];
    const query = `SELECT unnest([${stamps.map((stamp) => `TIMESTAMP_NS '${stamp}'`).join(", ")}]) AS t`;
    return scanRows(await duckdb.copy(query), { wideTimestamps: true });
  });
  expect(rows.flat().map(String)).toEqual(["-9223372036854774", "9223372036854775", "9223372036854774"]);
});

test("nanosecond timestamps can be had as the integers they are", async () => {
  const bytes = await withDuckDb((duckdb) =>
    duckdb.copy(
      "SELECT TIMESTAMP_NS '2024-02-03 04:05:06.123456789' AS t, [TIMESTAMP_NS '1969-12-31 23:59:59.999999999'] AS l",
    ),
  );
  const [batch] = await scanBatches(bytes, {
    columns: [
      { leafIndex: 0, type: { kind: "int64" } },
      { leafIndex: 1, type: { kind: "list", element: { kind: "int64" } } },
    ],
  });
  expect(batch?.columns[0]).toMatchObject({ values: BigInt64Array.of(1_706_933_106_123_456_789n) });
  expect(batch?.columns[1]).toMatchObject({ values: [[-1]] });
});

test("dates are read as timestamps without time zone", async () => {
  const bytes = await withDuckDb((duckdb) => duckdb.copy("SELECT DATE '1969-12-31' AS d"));
  const read = (utc: boolean): Promise<unknown> =>
    scanRows(bytes, { columns: [{ leafIndex: 0, type: { kind: "timestamp", utc } }] });
  expect(await read(false)).toEqual([[-86_400_000_000]]);
  await expect(read(true)).rejects.toMatchObject({ code: "data_invalid" });
});
