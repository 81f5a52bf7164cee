// SQL over decimals that are kept as numbers, against the same SQL over decimals that are objects.

import * as fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { systemClock } from "#core";
import {
  rowAt,
  vectorFromScalars,
  type Batch,
  type ColumnSchema,
  type DataType,
  type Decimal,
  type Scalar,
  type Vector,
} from "#columnar";
import { initSqlParser, prepareQuery } from "#sql";
import { batchTable } from "../unit/sql-exec/tables.ts";

const COLUMNS: readonly ColumnSchema[] = [
  { name: "a", type: { kind: "decimal", precision: 15, scale: 2 }, nullable: true },
  { name: "b", type: { kind: "decimal", precision: 38, scale: 2 }, nullable: true },
  { name: "c", type: { kind: "decimal" }, nullable: true },
  { name: "k", type: { kind: "int32" }, nullable: true },
  { name: "n", type: { kind: "int64" }, nullable: true },
];

const QUERIES = [
  "SELECT a + b, a - b, a * b, -a, a + c, c - a, a * c, 1 - a, a * (1 - b), a * (1 - b) * (1 + a), a + n, n * b FROM d",
  "SELECT a::float8, c::float8, a::int, a::numeric(20, 1), a::text, abs(a), round(a, 1) FROM d WHERE a > -1000000",
  "SELECT a < b, a = c, c >= a, a <> b, b <= 0.125, a > -3, a = 1.00, 1.5 > a, c < 2.125, a IS DISTINCT FROM c FROM d",
  ...[
    "a < 1.005",
    "a <= 1.005",
    "a > -2.125",
    "a >= -2.125",
    "a = 0.5",
    "a = 0.505",
    "a <> 0.505",
    "a <> 1",
    "1.0 < a",
  ].map((condition) => `SELECT a, k FROM d WHERE ${condition}`),
  "SELECT a, b, c FROM d WHERE b BETWEEN -1.5 AND 90071992547409.92 AND c IN (0.5, 1, 2.00)",
  "SELECT k, sum(a), avg(a), min(b), max(b), sum(b), sum(c), avg(c), min(c), max(c), sum(a * (1 - b)), count(a) FROM d GROUP BY k",
  "SELECT sum(a), avg(b), min(a), max(c), sum(CASE WHEN k = 1 THEN a ELSE 0 END) FROM d",
  "SELECT a, c, count(*) FROM d GROUP BY a, c",
  "SELECT DISTINCT c FROM d",
  "SELECT x.a, y.c, x.n FROM d AS x JOIN d AS y ON x.a = y.c AND x.k = y.k",
  "SELECT a, b, c FROM d ORDER BY a DESC, c, b, n",
  "SELECT a / 4, a % 3 FROM d WHERE b IS NOT NULL",
];

function decimal(scales: readonly number[]): fc.Arbitrary<Decimal | null> {
  const limit = 9_007_199_254_740_991n;
  const unscaled = fc.oneof(
    { weight: 4, arbitrary: fc.bigInt({ min: -300n, max: 300n }) },
    { weight: 1, arbitrary: fc.constantFrom(limit, -limit, limit - 1n, limit / 100n) },
    { weight: 1, arbitrary: fc.bigInt({ min: -limit, max: limit }) },
  );
  const value = fc.record({ unscaled, scale: fc.constantFrom(...scales) });
  return fc.option(value, { nil: null });
}

const row = fc.tuple(
  decimal([2]),
  fc.oneof(
    { weight: 6, arbitrary: decimal([2]) },
    { weight: 1, arbitrary: fc.constant({ unscaled: 10n ** 30n + 1n, scale: 2 }) },
  ),
  decimal([0, 1, 2, 3]),
  fc.constantFrom(null, 1, 2),
  fc.constantFrom<Scalar>(null, 0, 3, -7, 9_007_199_254_740_993n),
);
const tables = fc.array(fc.array(row, { minLength: 1, maxLength: 12 }), { maxLength: 4 });

/** Objects only: nothing tells that they are compact. */
function plain(type: DataType, values: readonly Scalar[]): Vector {
  const held = values.map((value) => value ?? { unscaled: 0n, scale: 0 }) as Decimal[];
  const validity = values.includes(null) ? Uint8Array.from(values, (value) => (value === null ? 0 : 1)) : undefined;
  return { encoding: "flat", type, length: values.length, values: held, validity };
}

/** Codes into the distinct values, with an entry that no row uses. */
function coded(type: DataType, values: readonly Scalar[]): Vector {
  return {
    encoding: "dictionary",
    type,
    length: values.length,
    codes: Int32Array.from(values, (value, i) => (value === null ? 0 : i + 1)),
    dictionary: vectorFromScalars(type, [
      { unscaled: 0n, scale: 2 },
      ...values.map((value) => value ?? { unscaled: 1n, scale: 2 }),
    ]),
    validity: values.includes(null) ? Uint8Array.from(values, (value) => (value === null ? 0 : 1)) : undefined,
  };
}

type Make = (type: DataType, values: readonly Scalar[]) => Vector;

function batchesOf(parts: readonly (readonly (readonly Scalar[])[])[], makes: readonly Make[]): Batch[] {
  return parts.map((rows, part) => ({
    rowCount: rows.length,
    columns: COLUMNS.map(({ type }, c) => {
      const make = type.kind === "decimal" ? makes[part % makes.length] : undefined;
      return (make ?? vectorFromScalars)(
        type,
        rows.map((values) => values[c] ?? null),
      );
    }),
  }));
}

async function answer(sql: string, batches: readonly Batch[]): Promise<readonly string[]> {
  const source = batchTable("default.d", COLUMNS, batches);
  const query = await prepareQuery(sql, {
    catalog: { findTable: () => Promise.resolve(source), tableNames: () => Promise.resolve(["d"]) },
    params: [],
    clock: systemClock,
  });
  const rows: string[] = [];
  try {
    for await (const batch of query.execute({
      signal: new AbortController().signal,
      memoryLimitBytes: 1 << 26,
      clock: systemClock,
    })) {
      for (let i = 0; i < batch.rowCount; i++) {
        rows.push(
          JSON.stringify(rowAt(batch, i), (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value)),
        );
      }
    }
  } catch (error) {
    return [String(error)];
  }
  return rows;
}

beforeAll(() => initSqlParser());

test.each(QUERIES)("I291 compact decimals answer as plain ones: %s", async (sql) => {
  await fc.assert(
    fc.asyncProperty(tables, async (parts) => {
      const expected = await answer(sql, batchesOf(parts, [plain]));
      expect(await answer(sql, batchesOf(parts, [vectorFromScalars]))).toEqual(expected);
      expect(await answer(sql, batchesOf(parts, [vectorFromScalars, coded, plain]))).toEqual(expected);
    }),
    { numRuns: 25 },
  );
});
