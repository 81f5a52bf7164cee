// Budgets and early ends: memory, time, cancellation, LIMIT; and what must not be evaluated.

import { expect, test } from "vitest";
import type { Batch, ColumnSchema, Scalar } from "#columnar";
import {
  createMemoryBudget,
  createProfileSink,
  evaluateConstant,
  executePlan,
} from "../../../src/sql/execute/index.ts";
import type { Expr, PlanNode } from "../../../src/sql/plan.ts";
import { inputOf, runPlan, testContext, type TestInput } from "./tables.ts";

const COLUMNS: readonly ColumnSchema[] = [
  { name: "n", type: { kind: "int32" }, nullable: true },
  { name: "s", type: { kind: "string" }, nullable: true },
];
const ROWS: Scalar[][] = Array.from({ length: 2000 }, (_, i) => [i, `text number ${i}`]);

function column(index: number): Expr {
  const schema = COLUMNS[index];
  if (schema === undefined) throw new RangeError("no such column");
  return { kind: "column", index, name: schema.name, type: schema.type };
}

const key = { expr: column(1), descending: false, nullsFirst: false };

function plans(input: TestInput): Record<string, PlanNode> {
  const { node } = input;
  return {
    aggregate: { kind: "aggregate", input: node, keys: [column(1)], aggregates: [], columns: COLUMNS.slice(1) },
    sort: { kind: "sort", input: node, keys: [key], topRows: undefined, columns: COLUMNS },
    distinct: { kind: "distinct", input: node, columns: COLUMNS },
    "inner join": {
      kind: "join",
      joinType: "inner",
      left: node,
      right: node,
      equalKeys: [{ left: column(1), right: column(1) }],
      residual: undefined,
      columns: [...COLUMNS, ...COLUMNS],
    },
  };
}

test.each(["aggregate", "sort", "distinct", "inner join"])(
  "C43 %s over its memory budget ends with memory_limit_exceeded and its name",
  async (operator) => {
    const input = inputOf(COLUMNS, ROWS, "flat", 500);
    const plan = plans(input)[operator] as PlanNode;
    const memory = createMemoryBudget(20_000);
    await expect(runPlan(plan, [input], { memory })).rejects.toMatchObject({
      code: "memory_limit_exceeded",
      details: { operator },
    });
    expect(memory.usedBytes).toBe(0);
  },
);

test("a top-N needs memory for its rows, not for its input", async () => {
  const input = inputOf(COLUMNS, ROWS, "flat", 100);
  const plan: PlanNode = { kind: "sort", input: input.node, keys: [key], topRows: 3, columns: COLUMNS };
  const memory = createMemoryBudget(60_000);
  const rows = await runPlan(plan, [input], { memory });
  expect(rows.map((row) => row[1])).toEqual(["text number 0", "text number 1", "text number 10"]);
});

test("a query past its deadline ends with time_limit_exceeded", async () => {
  const input = inputOf(COLUMNS, ROWS, "flat", 10);
  let now = 0;
  const clock = { nowMs: () => now++ };
  const plan = plans(input)["aggregate"] as PlanNode;
  const run = runPlan(plan, [input], { deadline: { clock, atMs: 50, limitMs: 50 } });
  await expect(run).rejects.toMatchObject({ code: "time_limit_exceeded" });
});

test("an aborted query stops between batches with the signal's reason", async () => {
  const input = inputOf(COLUMNS, ROWS, "flat", 10);
  const abort = new AbortController();
  const context = { ...testContext(new Map([[input.node, input.batches]])), signal: abort.signal };
  let batches = 0;
  const run = async (): Promise<void> => {
    for await (const batch of executePlan(input.node, context)) {
      batches += batch.rowCount > 0 ? 1 : 0;
      if (batches === 3) abort.abort(new Error("client left"));
    }
  };
  await expect(run()).rejects.toThrow("client left");
  expect(batches).toBe(3);
});

test("C42 LIMIT stops the scan after the batch that fills it", async () => {
  const input = inputOf(COLUMNS, ROWS, "flat", 10);
  let opened = 0;
  let closed = false;
  const base = testContext(new Map([[input.node, input.batches]]));
  const context = {
    ...base,
    planScan: (node: Parameters<typeof base.planScan>[0]) => ({
      ...base.planScan(node),
      async *open(): AsyncGenerator<Batch> {
        try {
          for (const batch of input.batches) {
            opened++;
            yield await Promise.resolve(batch);
          }
        } finally {
          closed = true;
        }
      },
    }),
  };
  const plan: PlanNode = { kind: "limit", input: input.node, limit: 15, offset: 10, columns: COLUMNS };
  const numbers: unknown[] = [];
  for await (const batch of executePlan(plan, context)) {
    for (const value of batch.columns[0]?.encoding === "flat" ? (batch.columns[0].values as Int32Array) : []) {
      numbers.push(value);
    }
  }
  expect(numbers).toEqual(Array.from({ length: 15 }, (_, i) => i + 10));
  expect(opened).toBe(3);
  expect(closed).toBe(true);
});

const INT: ColumnSchema["type"] = { kind: "int32" };
const BOOLEAN: ColumnSchema["type"] = { kind: "boolean" };
const ten: Expr = { kind: "literal", value: 10, type: INT };
const zero: Expr = { kind: "literal", value: 0, type: INT };
const quotient: Expr = { kind: "call", function: "/", args: [ten, column(0)], type: INT };
const isNonZero: Expr = { kind: "call", function: "<>", args: [column(0), zero], type: BOOLEAN };
const isLarge: Expr = { kind: "call", function: ">", args: [quotient, zero], type: BOOLEAN };

function caseWhen(when: Expr, result: Expr, otherwise: Expr): Expr {
  // oxlint-disable-next-line unicorn/no-thenable -- SQL's CASE has a THEN; nothing awaits an expression.
  return { kind: "case", branches: [{ when, then: result }], otherwise, type: INT };
}

test.each(["flat", "dictionary"] as const)("C41 a guarded division never sees the zero (%s)", async (encoding) => {
  const input = inputOf(
    COLUMNS,
    [
      [0, "a"],
      [5, "b"],
      [null, "c"],
      [20, "d"],
      [0, "e"],
    ],
    encoding,
    5,
  );
  const guarded: Expr = { kind: "and", args: [isNonZero, isLarge], type: BOOLEAN };
  const filtered: PlanNode = { kind: "filter", input: input.node, condition: guarded, columns: COLUMNS };
  expect(await runPlan(filtered, [input])).toEqual([[5, "b"]]);
  const choice = caseWhen(isNonZero, quotient, zero);
  const out = [{ name: "c", type: INT, nullable: true }];
  const project: PlanNode = { kind: "project", input: input.node, exprs: [choice, guarded], columns: [...out, ...out] };
  expect((await runPlan(project, [input])).map((row) => row[0])).toEqual([0, 2, 0, 0, 0]);
  const either: Expr = {
    kind: "or",
    args: [{ kind: "not", arg: isNonZero, type: BOOLEAN }, isLarge],
    type: BOOLEAN,
  };
  const kept: PlanNode = { kind: "filter", input: input.node, condition: either, columns: COLUMNS };
  expect((await runPlan(kept, [input])).map((row) => row[1])).toEqual(["a", "b", "e"]);
  const bare: PlanNode = { kind: "filter", input: input.node, condition: isLarge, columns: COLUMNS };
  await expect(runPlan(bare, [input])).rejects.toMatchObject({ code: "division_by_zero" });
});

test("an error carries the position of the expression that raised it", () => {
  const call: Expr = { kind: "call", function: "/", args: [ten, zero], type: INT, span: { start: 7, end: 11 } };
  expect(() => evaluateConstant(call, { statementTimeMicros: 0 })).toThrow(
    expect.objectContaining({ code: "division_by_zero", details: { start: 7, end: 11 } }),
  );
});

test("coalesce evaluates later arguments only where earlier ones are null", async () => {
  const input = inputOf(
    COLUMNS,
    [
      [null, null],
      [4, "x"],
      [0, "y"],
    ],
    "flat",
    3,
  );
  const isNull: Expr = { kind: "is_null", arg: column(0), negated: false, type: BOOLEAN };
  const safe = caseWhen(isNull, ten, { kind: "literal", value: null, type: INT });
  const expr: Expr = { kind: "coalesce", args: [safe, column(0), quotient], type: INT };
  const plan: PlanNode = {
    kind: "project",
    input: input.node,
    exprs: [expr],
    columns: [{ name: "c", type: INT, nullable: true }],
  };
  expect(await runPlan(plan, [input])).toEqual([[10], [4], [0]]);
});

test("a profile counts rows and batches of each operator", async () => {
  const input = inputOf(COLUMNS, ROWS, "flat", 100);
  const profile = createProfileSink({ nowMs: () => 0 });
  const plan: PlanNode = { kind: "limit", input: input.node, limit: 250, offset: 0, columns: COLUMNS };
  await runPlan(plan, [input], { profile });
  expect(profile.operator(plan)).toMatchObject({ rows: 250, batches: 3 });
  expect(profile.operator(input.node)).toMatchObject({ rows: 300, batches: 3 });
});

test("integer sums are exact past 2^53 and overflow bigint with an error", async () => {
  const big: ColumnSchema[] = [{ name: "b", type: { kind: "int64" }, nullable: true }];
  const values: Scalar[][] = [
    [9_007_199_254_740_991],
    [9_007_199_254_740_991],
    [1],
    [9_223_372_036_854_775_807n],
    [-3],
  ];
  const input = inputOf(big, values, "flat", 2);
  const arg: Expr = { kind: "column", index: 0, name: "b", type: { kind: "int64" } };
  const sum = {
    function: "sum",
    args: [arg],
    distinct: false,
    filter: undefined,
    orderBy: [],
    directArgs: [],
    type: { kind: "decimal" },
  } as const;
  const plan: PlanNode = {
    kind: "aggregate",
    input: input.node,
    keys: [],
    aggregates: [sum],
    columns: [{ name: "s", type: { kind: "decimal" }, nullable: true }],
  };
  expect(await runPlan(plan, [input])).toEqual([[{ unscaled: 9_241_386_435_364_257_787n, scale: 0 }]]);
});

const series = (type: ColumnSchema["type"], ...args: Expr[]): PlanNode => ({
  kind: "function_scan",
  function: "generate_series",
  args,
  columns: [{ name: "generate_series", type, nullable: false }],
});

test("generate_series counts up, down, by months and refuses a zero step", async () => {
  const int = (value: number): Expr => ({ kind: "literal", value, type: INT });
  expect(await runPlan(series(INT, int(1), int(3)), [])).toEqual([[1], [2], [3]]);
  expect(await runPlan(series(INT, int(5), int(1), int(-2)), [])).toEqual([[5], [3], [1]]);
  expect(await runPlan(series(INT, int(5), int(1)), [])).toEqual([]);
  await expect(runPlan(series(INT, int(1), int(3), int(0)), [])).rejects.toThrow("step size cannot equal zero");
  const time: ColumnSchema["type"] = { kind: "timestamp", utc: false };
  const at = (text: string): Expr => ({ kind: "literal", value: Date.parse(text) * 1000, type: time });
  const month: Expr = { kind: "literal", value: { months: 1, days: 0, micros: 0 }, type: { kind: "interval" } };
  const rows = await runPlan(series(time, at("2024-01-31T00:00:00Z"), at("2024-04-01T00:00:00Z"), month), []);
  expect(rows.map(([value]) => new Date((value as number) / 1000).toISOString().slice(0, 10))).toEqual([
    "2024-01-31",
    "2024-02-29",
    "2024-03-29",
  ]);
});
