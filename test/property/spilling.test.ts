// Operators that put rows aside give the answers that they give in memory, and leave nothing behind.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { ColumnSchema, Scalar } from "#columnar";
import { createMemoryBudget } from "../../src/sql/execute/index.ts";
import { createSpillSpace, type SpillSpace, type SpillStore } from "../../src/sql/execute/spill/store.ts";
import type { AggregateCall, Expr, PlanNode, WindowCall } from "../../src/sql/plan.ts";
import { inputOf, runPlan, type Encoding, type Rows } from "../unit/sql-exec/tables.ts";

const COLUMNS: readonly ColumnSchema[] = [
  { name: "k", type: { kind: "string" }, nullable: true },
  { name: "n", type: { kind: "int64" }, nullable: true },
  { name: "f", type: { kind: "float64" }, nullable: true },
  { name: "d", type: { kind: "decimal" }, nullable: true },
  { name: "row", type: { kind: "int32" }, nullable: false },
];
/** A part of what the rows take, and more than the smallest tables. */
const TINY_BYTES = 1_500_000;
const AMPLE_BYTES = 1e9;

const TEXTS: readonly Scalar[] = [null, "", "é", "\ud800", "a text that is longer than twelve bytes"];
const BIGS: readonly Scalar[] = [null, 9_007_199_254_740_993n, -9_223_372_036_854_775_808n];
const FLOATS: readonly Scalar[] = [null, 0, -0, Number.NaN, Number.NEGATIVE_INFINITY];
const DECIMALS: readonly Scalar[] = [null, { unscaled: 10n, scale: 1 }, { unscaled: 100n, scale: 2 }];

/** Rows from a seed: thousands of them are no counterexample to read. */
function makeRows({ seed, count, distinct }: { seed: number; count: number; distinct: number }): Rows {
  let state = seed;
  const next = (limit: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const one = (values: readonly Scalar[], other: () => Scalar): Scalar =>
    next(8) === 0 ? (values[next(values.length)] ?? null) : other();
  return Array.from({ length: count }, (_, row) => [
    one(TEXTS, () => `key-${next(distinct)}`),
    one(BIGS, () => next(distinct)),
    one(FLOATS, () => next(distinct) / 4),
    one(DECIMALS, () => ({ unscaled: BigInt(next(distinct)), scale: 3 })),
    row,
  ]);
}

const rows = fc
  .record({
    seed: fc.nat(),
    count: fc.integer({ min: 6000, max: 14_000 }),
    distinct: fc.constantFrom(40, 2000, 100_000),
  })
  .map((shape) => makeRows(shape));
const encoding = fc.constantFrom<Encoding>("flat", "dictionary", "mixed", "text block");

function column(index: number): Expr {
  const schema = COLUMNS[index];
  if (schema === undefined) throw new RangeError(`no column ${index}`);
  return { kind: "column", index, name: schema.name, type: schema.type };
}

interface CountedStore extends SpillStore {
  readonly pieces: Map<number, Uint8Array>;
  puts: number;
  deletes: number;
}

function memoryStore(failAt = Number.POSITIVE_INFINITY): CountedStore {
  const store: CountedStore = {
    pieces: new Map(),
    puts: 0,
    deletes: 0,
    async put(piece, bytes) {
      await Promise.resolve();
      store.puts += 1;
      store.pieces.set(piece, bytes.slice());
      if (store.puts >= failAt) throw new RangeError("the store is full");
    },
    async get(piece) {
      await Promise.resolve();
      const bytes = store.pieces.get(piece);
      if (bytes === undefined) throw new RangeError(`no piece ${piece}`);
      return bytes;
    },
    async delete(pieces) {
      await Promise.resolve();
      // Every other time the store does not answer.
      store.deletes += 1;
      if (store.deletes % 2 === 1) throw new RangeError("the store is away");
      for (const piece of pieces) store.pieces.delete(piece);
    },
  };
  return store;
}

type Inputs = Parameters<typeof runPlan>[1];

/** The rows in memory and with a tiny budget, and how often something was put aside. */
async function both(
  plan: PlanNode,
  inputs: Inputs,
): Promise<{ readonly ample: Scalar[][]; readonly tiny: Scalar[][]; readonly puts: number }> {
  const ample = await runPlan(plan, inputs, { memory: createMemoryBudget(AMPLE_BYTES) });
  const store = memoryStore();
  const spill = createSpillSpace(store);
  const memory = createMemoryBudget(TINY_BYTES);
  const tiny = await runPlan(plan, inputs, { memory, spill });
  await spill.close();
  expect(store.pieces.size).toBe(0);
  expect(memory.usedBytes).toBe(0);
  return { ample, tiny, puts: store.puts };
}

function asText(row: readonly Scalar[]): string {
  return JSON.stringify(row, (_key, value: unknown) => {
    if (typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value))) return `${String(value)}#`;
    // 1.0 and 1.00 are one value, of which either may come.
    if (typeof value === "object" && value !== null && "unscaled" in value) {
      const { unscaled, scale } = value as { unscaled: bigint; scale: number };
      return Number(unscaled) / 10 ** scale;
    }
    return value;
  });
}

function unordered(found: readonly (readonly Scalar[])[]): string[] {
  return found.map((row) => asText(row)).toSorted();
}

const sortKey = fc.record({
  index: fc.integer({ min: 0, max: 3 }),
  descending: fc.boolean(),
  nullsFirst: fc.boolean(),
});

test("I232 a sort that spills is the sort in memory, row by row", async () => {
  let puts = 0;
  await fc.assert(
    fc.asyncProperty(
      rows,
      encoding,
      fc.integer({ min: 200, max: 2000 }),
      fc.array(sortKey, { minLength: 1, maxLength: 2 }),
      async (data, how, batchRows, keys) => {
        const input = inputOf(COLUMNS, data, how, batchRows);
        const sortKeys = keys.map((key) => ({ ...key, expr: column(key.index) }));
        const plan: PlanNode = {
          kind: "sort",
          input: input.node,
          keys: sortKeys,
          topRows: undefined,
          columns: COLUMNS,
        };
        const answers = await both(plan, [input]);
        expect(answers.tiny.map(asText)).toEqual(answers.ample.map(asText));
        puts += answers.puts;
      },
    ),
    { numRuns: 3, endOnFailure: true },
  );
  expect(puts).toBeGreaterThan(20);
});

function call(name: string, index: number | undefined, type: ColumnSchema["type"]): AggregateCall {
  return {
    function: name,
    args: index === undefined ? [] : [column(index)],
    distinct: false,
    filter: undefined,
    orderBy: [],
    directArgs: [],
    type,
  };
}

test("I232 an aggregate that spills has the same groups, to the last digit", async () => {
  let puts = 0;
  const aggregates = [
    call("count", undefined, { kind: "int64" }),
    call("sum", 2, { kind: "float64" }),
    call("min", 0, { kind: "string" }),
    call("max", 4, { kind: "int32" }),
  ];
  await fc.assert(
    fc.asyncProperty(
      rows,
      encoding,
      fc.integer({ min: 200, max: 2000 }),
      fc.subarray([0, 1, 2, 3], { minLength: 1 }),
      async (data, how, batchRows, keys) => {
        const input = inputOf(COLUMNS, data, how, batchRows);
        const columns = keys.map((key) => COLUMNS[key] as ColumnSchema);
        for (const { function: name, type } of aggregates) columns.push({ name, type, nullable: true });
        const plan: PlanNode = {
          kind: "aggregate",
          input: input.node,
          keys: keys.map((key) => column(key)),
          aggregates,
          columns,
        };
        const answers = await both(plan, [input]);
        expect(unordered(answers.tiny)).toEqual(unordered(answers.ample));
        puts += answers.puts;
      },
    ),
    { numRuns: 3, endOnFailure: true },
  );
  expect(puts).toBeGreaterThan(20);
});

test("I232 a distinct that spills gives each row once", async () => {
  let puts = 0;
  await fc.assert(
    fc.asyncProperty(rows, encoding, fc.integer({ min: 200, max: 2000 }), async (data, how, batchRows) => {
      const schema = COLUMNS.slice(0, 4);
      const input = inputOf(
        schema,
        data.map((row) => row.slice(0, 4)),
        how,
        batchRows,
      );
      const answers = await both({ kind: "distinct", input: input.node, columns: schema }, [input]);
      expect(unordered(answers.tiny)).toEqual(unordered(answers.ample));
      puts += answers.puts;
    }),
    { numRuns: 3, endOnFailure: true },
  );
  expect(puts).toBeGreaterThan(20);
});

test("I232 joins of every kind that spill have the same rows", async () => {
  let puts = 0;
  const joinTypes = ["inner", "left", "right", "full", "semi", "anti"] as const;
  await fc.assert(
    fc.asyncProperty(
      rows,
      rows,
      encoding,
      fc.constantFrom(...joinTypes),
      fc.integer({ min: 0, max: 3 }),
      fc.boolean(),
      async (leftRows, rightRows, how, joinType, key, nullsEqual) => {
        const left = inputOf(COLUMNS, leftRows.slice(0, 1500), how, 700);
        const right = inputOf(COLUMNS, rightRows, how, 700);
        const isExistence = joinType === "semi" || joinType === "anti";
        const other = key === 3 ? 3 : (key + 1) % 3;
        const plan: PlanNode = {
          kind: "join",
          joinType,
          left: left.node,
          right: right.node,
          equalKeys: [
            { left: column(key), right: column(key), nullsEqual },
            ...(other === key ? [] : [{ left: column(other), right: column(other), nullsEqual }]),
          ],
          residual: undefined,
          columns: isExistence ? COLUMNS : [...COLUMNS, ...COLUMNS],
        };
        const answers = await both(plan, [left, right]);
        expect(unordered(answers.tiny)).toEqual(unordered(answers.ample));
        puts += answers.puts;
      },
    ),
    { numRuns: 3, endOnFailure: true },
  );
  expect(puts).toBeGreaterThan(20);
});

test("I335 set operations that spill have the same rows", async () => {
  let puts = 0;
  await fc.assert(
    fc.asyncProperty(
      rows,
      rows,
      encoding,
      fc.constantFrom("union", "intersect", "except"),
      fc.boolean(),
      fc.integer({ min: 1, max: 4 }),
      async (leftRows, rightRows, how, operation, all, width) => {
        const schema = COLUMNS.slice(0, width);
        const cut = (data: Rows): Rows => data.map((row) => row.slice(0, width));
        // Rows of both sides, some of them several times.
        const left = inputOf(schema, cut([...leftRows, ...rightRows.slice(0, 3000)]), how, 700);
        const right = inputOf(schema, cut([...rightRows, ...rightRows.slice(0, 1000)]), how, 900);
        const plan: PlanNode = {
          kind: "set_operation",
          operation,
          all,
          left: left.node,
          right: right.node,
          columns: schema,
        };
        const answers = await both(plan, [left, right]);
        expect(unordered(answers.tiny)).toEqual(unordered(answers.ample));
        puts += answers.puts;
      },
    ),
    { numRuns: 6, endOnFailure: true },
  );
  expect(puts).toBeGreaterThan(20);
});

test("I335 grouping sets that spill have the same groups", async () => {
  let puts = 0;
  const aggregates = [
    call("grouping_set", undefined, { kind: "int32" }),
    call("count", undefined, { kind: "int64" }),
    call("max", 4, { kind: "int32" }),
  ];
  await fc.assert(
    fc.asyncProperty(
      rows,
      encoding,
      fc.integer({ min: 200, max: 2000 }),
      fc.constantFrom([[0, 1], [0], []], [[0, 1, 2], [1, 2], [2], []], [[1], [1], [0]]),
      async (data, how, batchRows, groupingSets) => {
        const input = inputOf(COLUMNS, data, how, batchRows);
        const keys = [0, 1, 2];
        const columns = keys.map((key) => COLUMNS[key] as ColumnSchema);
        for (const { function: name, type } of aggregates) columns.push({ name, type, nullable: true });
        const plan: PlanNode = {
          kind: "aggregate",
          input: input.node,
          keys: keys.map((key) => column(key)),
          groupingSets,
          aggregates,
          columns,
        };
        const answers = await both(plan, [input]);
        expect(unordered(answers.tiny)).toEqual(unordered(answers.ample));
        puts += answers.puts;
      },
    ),
    { numRuns: 4, endOnFailure: true },
  );
  expect(puts).toBeGreaterThan(20);
});

const RUNNING = {
  mode: "range",
  start: { kind: "unbounded" },
  end: { kind: "current_row" },
  rangeKey: undefined,
  exclude: "none",
} as const;

test("I335 windows that spill are the windows in memory, row by row", async () => {
  let puts = 0;
  const calls: readonly WindowCall[] = [
    { call: call("row_number", undefined, { kind: "int64" }), isAggregate: false, frame: RUNNING },
    { call: call("rank", undefined, { kind: "int64" }), isAggregate: false, frame: RUNNING },
    { call: call("count", 1, { kind: "int64" }), isAggregate: true, frame: RUNNING },
    { call: call("lag", 0, { kind: "string" }), isAggregate: false, frame: RUNNING },
  ];
  await fc.assert(
    fc.asyncProperty(
      rows,
      encoding,
      fc.integer({ min: 200, max: 2000 }),
      fc.subarray([0, 1, 2, 3], { minLength: 1, maxLength: 2 }),
      sortKey,
      async (data, how, batchRows, partition, order) => {
        const input = inputOf(COLUMNS, data, how, batchRows);
        const plan: PlanNode = {
          kind: "window",
          input: input.node,
          partitionBy: partition.map((key) => column(key)),
          orderBy: [{ ...order, expr: column(order.index) }],
          calls,
          columns: [...COLUMNS, ...calls.map(({ call: { function: name, type } }) => ({ name, type, nullable: true }))],
        };
        const answers = await both(plan, [input]);
        expect(answers.tiny.map(asText)).toEqual(answers.ample.map(asText));
        puts += answers.puts;
      },
    ),
    { numRuns: 4, endOnFailure: true },
  );
  expect(puts).toBeGreaterThan(20);
});

test("I353 a partition that a call takes all at once and that does not fit says so, and what to do", async () => {
  const input = inputOf(COLUMNS, MANY, "flat", 1000);
  const toTheEnd = { ...RUNNING, start: { kind: "current_row" }, end: { kind: "unbounded" } } as const;
  const plan: PlanNode = {
    kind: "window",
    input: input.node,
    partitionBy: [],
    orderBy: [{ expr: column(0), descending: false, nullsFirst: false }],
    calls: [{ call: call("count", undefined, { kind: "int64" }), isAggregate: true, frame: toTheEnd }],
    columns: [...COLUMNS, { name: "n", type: { kind: "int64" }, nullable: false }],
  };
  const store = memoryStore();
  const spill = createSpillSpace(store);
  const memory = createMemoryBudget(TINY_BYTES);
  const outcome = await closed(spill, runPlan(plan, [input], { memory, spill }));
  expect(outcome).toMatchObject({
    code: "memory_limit_exceeded",
    message: expect.stringMatching(
      /^window .*one partition is larger.* count with this frame .*PARTITION BY/,
    ) as unknown,
  });
  expect([store.pieces.size, memory.usedBytes]).toEqual([0, 0]);
});

const MANY: Rows = Array.from({ length: 20_000 }, (_, i) => [`key-${(i * 7919) % 20_011}`, i, i / 2, null, i]);

function sortPlan(): { readonly plan: PlanNode; readonly inputs: Inputs } {
  const input = inputOf(COLUMNS, MANY, "flat", 1000);
  const key = { expr: column(0), descending: false, nullsFirst: false };
  return {
    plan: { kind: "sort", input: input.node, keys: [key], topRows: undefined, columns: COLUMNS },
    inputs: [input],
  };
}

test("I232 a batch that is too large to be sorted at once is sorted in parts", async () => {
  const input = inputOf(COLUMNS, MANY, "flat", 6000);
  const { plan } = sortPlan();
  const answers = await both({ ...plan, input: input.node } as PlanNode, [input]);
  expect(answers.tiny.map(asText)).toEqual(answers.ample.map(asText));
  expect(answers.puts).toBeGreaterThan(2);
});

async function closed(spill: SpillSpace, run: Promise<unknown>): Promise<unknown> {
  const outcome = await run.catch((error: unknown) => error);
  await spill.close();
  return outcome;
}

test("I233 nothing that was put aside stays: a store that fails, a query that is cancelled", async () => {
  const failing = memoryStore(3);
  const space = createSpillSpace(failing);
  const { plan, inputs } = sortPlan();
  const failed = await closed(space, runPlan(plan, inputs, { memory: createMemoryBudget(TINY_BYTES), spill: space }));
  expect(failed).toBeInstanceOf(RangeError);
  expect(failing.puts).toBeGreaterThanOrEqual(3);
  expect(failing.pieces.size).toBe(0);

  const abort = new AbortController();
  const store = memoryStore();
  const watched: SpillStore = {
    ...store,
    async put(piece, bytes) {
      await store.put(piece, bytes);
      if (store.puts === 2) abort.abort(new RangeError("cancelled"));
    },
  };
  const second = createSpillSpace(watched);
  const again = sortPlan();
  const memory = createMemoryBudget(TINY_BYTES);
  const outcome = await closed(
    second,
    runPlan(again.plan, again.inputs, { memory, spill: second, signal: abort.signal }),
  );
  expect(outcome).toMatchObject({ message: "cancelled" });
  expect(store.pieces.size).toBe(0);
  expect(memory.usedBytes).toBe(0);
});
