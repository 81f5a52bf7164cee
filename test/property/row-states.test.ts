// Aggregates that keep rows give, when these are put aside, what they give in memory.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { ColumnSchema, DataType, Scalar } from "#columnar";
import { createMemoryBudget } from "../../src/sql/execute/index.ts";
import { createSpillSpace, type SpillStore } from "../../src/sql/execute/spill/store.ts";
import type { AggregateCall, Expr, PlanNode } from "../../src/sql/plan.ts";
import { inputOf, runPlan, type Encoding } from "../unit/sql-exec/tables.ts";

const FLOAT64: DataType = { kind: "float64" };
const COLUMNS: readonly ColumnSchema[] = [
  { name: "group", type: { kind: "int32" }, nullable: true },
  { name: "number", type: FLOAT64, nullable: true },
  { name: "whole", type: { kind: "int32" }, nullable: true },
  { name: "text", type: { kind: "string" }, nullable: true },
];

function column(index: number): Expr {
  const schema = COLUMNS[index];
  if (schema === undefined) throw new RangeError(`no column ${index}`);
  return { kind: "column", index, name: schema.name, type: schema.type };
}

function call(name: string, options: Partial<AggregateCall>): AggregateCall {
  return {
    function: name,
    args: [],
    distinct: false,
    filter: undefined,
    orderBy: [],
    directArgs: [],
    type: FLOAT64,
    ...options,
  };
}

const percentile = fc
  .record({
    name: fc.constantFrom("percentile_cont", "percentile_disc"),
    fraction: fc.constantFrom(0, 0.01, 0.5, 0.731, 1),
    index: fc.constantFrom(1, 2),
    descending: fc.boolean(),
  })
  .map(({ name, fraction, index, descending }) =>
    call(name, {
      directArgs: [{ kind: "literal", value: fraction, type: FLOAT64 }],
      orderBy: [{ expr: column(index), descending, nullsFirst: false }],
    }),
  );
const distinct = fc
  .subarray([1, 2, 3], { minLength: 1, maxLength: 2 })
  .map((args) => call("count", { args: args.map(column), distinct: true, type: { kind: "int64" } }));

const example = fc.record({
  calls: fc.array(fc.oneof(percentile, distinct), { minLength: 1, maxLength: 3 }),
  groups: fc.constantFrom(0, 1, 3, 40),
  values: fc.constantFrom(100, 100_000),
  encoding: fc.constantFrom<Encoding>("flat", "dictionary", "mixed", "text block"),
  batchRows: fc.integer({ min: 300, max: 900 }),
  count: fc.integer({ min: 15_000, max: 25_000 }),
});

function memoryStore(): SpillStore & { readonly pieces: Map<number, Uint8Array>; puts: number } {
  const store = {
    pieces: new Map<number, Uint8Array>(),
    puts: 0,
    async put(piece: number, bytes: Uint8Array) {
      await Promise.resolve();
      store.puts += 1;
      store.pieces.set(piece, bytes.slice());
    },
    async get(piece: number) {
      await Promise.resolve();
      const bytes = store.pieces.get(piece);
      if (bytes === undefined) throw new RangeError(`no piece ${piece}`);
      return bytes;
    },
    async delete(pieces: readonly number[]) {
      await Promise.resolve();
      for (const piece of pieces) store.pieces.delete(piece);
    },
  };
  return store;
}

const SPECIAL: readonly Scalar[] = [null, Number.NaN, 0, -0, Infinity, -Infinity];

function rowsOf(count: number, groups: number, values: number): Scalar[][] {
  return Array.from({ length: count }, (_, row) => {
    const mixed = Math.imul(row + 1, 0x9e37_79b1) >>> 0;
    const value = mixed % values;
    return [
      groups === 0 ? 0 : (mixed >>> 5) % groups,
      mixed % 50 === 0 ? (SPECIAL[(mixed >>> 8) % SPECIAL.length] ?? null) : value / 8,
      mixed % 31 === 0 ? null : value - 50,
      mixed % 29 === 0 ? null : `text-number-${value}-with-more-of-it`,
    ];
  });
}

function byGroup(a: readonly Scalar[], b: readonly Scalar[]): number {
  return Number(a[0]) - Number(b[0]);
}

test("I354 percentiles and counts of distinct values that are put aside are those in memory", async () => {
  let puts = 0;
  await fc.assert(
    fc.asyncProperty(example, async (of) => {
      const input = inputOf(COLUMNS, rowsOf(of.count, of.groups, of.values), of.encoding, of.batchRows);
      const keys = of.groups === 0 ? [] : [column(0)];
      const plan: PlanNode = {
        kind: "aggregate",
        input: input.node,
        keys,
        aggregates: of.calls,
        columns: [
          ...COLUMNS.slice(0, keys.length),
          ...of.calls.map(({ function: name, type }) => ({ name, type, nullable: true })),
        ],
      };
      const ample = await runPlan(plan, [input], { memory: createMemoryBudget(1e9) });
      const store = memoryStore();
      const spill = createSpillSpace(store);
      const memory = createMemoryBudget(2_500_000);
      const tiny = await runPlan(plan, [input], { memory, spill });
      await spill.close();
      expect(keys.length === 0 ? tiny : tiny.toSorted(byGroup)).toEqual(
        keys.length === 0 ? ample : ample.toSorted(byGroup),
      );
      expect([store.pieces.size, memory.usedBytes]).toEqual([0, 0]);
      puts += store.puts;
    }),
    { numRuns: 12 },
  );
  expect(puts).toBeGreaterThan(20);
});
