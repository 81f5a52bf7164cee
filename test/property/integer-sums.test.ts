// Sums of integers are exact however large they grow, in whatever order they come, and shared by the calls that need them.

import * as fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { decimalVector, flattenVector, scalarAt, type Vector } from "#columnar";
import { initSqlParser } from "#sql";
import { DECIMAL_KERNELS } from "../../src/sql/functions/decimal-kernels.ts";
import { DecimalSumAccumulator } from "../../src/sql/execute/aggregate/decimal-sums.ts";
import { IntegerSums } from "../../src/sql/execute/aggregate/sums.ts";
import { column, memoryCatalog, memoryTable } from "../support/memory-table.ts";
import { runSql } from "../support/sql-run.ts";

beforeAll(() => initSqlParser());

const value = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -1000, max: 1000 }) },
  { weight: 1, arbitrary: fc.maxSafeInteger() },
  {
    weight: 1,
    arbitrary: fc.constantFrom(Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER, 2 ** 52, -(2 ** 52), 2 ** 51),
  },
);
const batch = fc.record({
  rows: fc.array(fc.tuple(fc.nat(5), value, fc.boolean()), { maxLength: 40 }),
  hasNulls: fc.boolean(),
  isOneGroup: fc.boolean(),
});

test("I374 sums of integers by group are those of bigints", () => {
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 12 }), fc.constantFrom(6, 5000), (batches, groupCount) => {
      const sums = new IntegerSums();
      sums.reserve(groupCount);
      const expected = Array.from({ length: 6 }, () => ({ sum: 0n, count: 0 }));
      for (const { rows, hasNulls, isOneGroup } of batches) {
        const groups = isOneGroup ? undefined : Int32Array.from(rows, ([group]) => group);
        const values = Float64Array.from(rows, ([, number]) => number);
        const validity = hasNulls ? Uint8Array.from(rows, ([, , isThere]) => (isThere ? 1 : 0)) : undefined;
        sums.addRows(groups, values, validity, rows.length);
        for (const [i, number] of values.entries()) {
          const of = expected[groups?.[i] ?? 0];
          if (validity?.[i] === 0 || of === undefined) continue;
          of.sum += BigInt(number);
          of.count += 1;
        }
      }
      expect(expected.map((_, group) => BigInt(sums.sumOf(group)))).toEqual(expected.map(({ sum }) => sum));
      expect(expected.map((_, group) => sums.counts[group])).toEqual(expected.map(({ count }) => count));
      const safe = sums.safeSums(6);
      expect([...(safe ?? [])].every((sum) => Number.isSafeInteger(sum))).toBe(true);
    }),
    { numRuns: 400 },
  );
});

test("I374 decimals by dictionary codes are summed and multiplied as they are one by one", () => {
  const numbers = fc.array(fc.integer({ min: -99_999, max: 99_999 }), { minLength: 1, maxLength: 8 });
  const row = fc.record({
    code: fc.nat(7),
    group: fc.nat(3),
    factor: fc.integer({ min: -999, max: 999 }),
    isNull: fc.boolean(),
  });
  const rows = fc.array(row, { minLength: 8, maxLength: 40 });
  const decimal = { kind: "decimal" } as const;
  fc.assert(
    fc.property(fc.array(fc.tuple(numbers, rows, fc.boolean()), { maxLength: 5 }), (batches) => {
      const coded = new DecimalSumAccumulator(decimal, false);
      const plain = new DecimalSumAccumulator(decimal, false);
      for (const [entries, list, hasNulls] of batches) {
        const length = list.length;
        const validity = hasNulls ? Uint8Array.from(list, ({ isNull }) => (isNull ? 0 : 1)) : undefined;
        const dictionary = decimalVector(decimal, { unscaled: Float64Array.from(entries), scale: 2 }, undefined);
        const codes = Int32Array.from(list, ({ code }) => code % entries.length);
        const vector: Vector = { encoding: "dictionary", type: decimal, length, codes, dictionary, validity };
        const groups = Int32Array.from(list, ({ group }) => group);
        for (const [accumulator, argument] of [
          [coded, vector],
          [plain, flattenVector(vector)],
        ] as const) {
          accumulator.reserve(4);
          accumulator.update(groups, [argument], length);
        }
        const factors = { unscaled: Float64Array.from(list, ({ factor }) => factor), scale: 1 };
        const others = decimalVector(decimal, factors, undefined);
        const products = [
          [others, vector],
          [vector, others],
          [others, flattenVector(vector)],
        ].map((args) => DECIMAL_KERNELS["*"]?.(args, length));
        const values = products.map((product) => list.map((_, i) => product && scalarAt(product, i)));
        expect(values[0]).toEqual(values[2]);
        expect(values[1]).toEqual(values[2]);
      }
      coded.reserve(4);
      plain.reserve(4);
      const [a, b] = [coded.finish(4), plain.finish(4)];
      expect([0, 1, 2, 3].map((group) => scalarAt(a, group))).toEqual([0, 1, 2, 3].map((group) => scalarAt(b, group)));
    }),
    { numRuns: 200 },
  );
});

test("I374 calls that share an argument, or a part of one, give what they give alone", async () => {
  const rows = Array.from({ length: 50 }, (_, i) => ({ g: i % 3, n: i % 7 === 0 ? null : i, f: i / 4 }));
  const table = memoryTable(
    "default.t",
    [column("g", { kind: "int32" }), column("n", { kind: "int32" }), column("f", { kind: "float64" })],
    rows,
  );
  const catalog = memoryCatalog([table]);
  const calls = [
    "sum(n)",
    "avg(n)",
    "sum(n::numeric / 2)",
    "avg(n::numeric / 2)",
    "avg(f)",
    "sum(f)",
    "sum(n + 1)",
    "avg((n + 1) * 2)",
    "sum(n) FILTER (WHERE f > 3)",
    "avg(DISTINCT n % 5)",
    "sum(DISTINCT n % 5)",
    "sum(n % 5)",
    "max(n + 1)",
    "sum(f::real)",
    "avg(f::real)",
  ];
  const together = await runSql(catalog, `SELECT g, ${calls.join(", ")} FROM t GROUP BY g ORDER BY g`);
  for (const [i, call] of calls.entries()) {
    const alone = await runSql(catalog, `SELECT g, ${call} FROM t GROUP BY g ORDER BY g`);
    expect(together.rows.map((row) => [row[0], row[i + 1]])).toEqual(alone.rows.map((row) => [...row]));
  }
});

test("I374 what chance decides is not shared", async () => {
  const table = memoryTable("default.t", [column("g", { kind: "int32" })], [{ g: 1 }, { g: 2 }]);
  const { rows } = await runSql(memoryCatalog([table]), "SELECT sum(random()) = 2 * avg(random()) AS same FROM t");
  expect(rows).toEqual([["false"]]);
});
