// Windows whose partitions do not fit the memory give the rows that they give in memory.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { ColumnSchema, DataType, Scalar } from "#columnar";
import { createMemoryBudget } from "../../src/sql/execute/index.ts";
import { createSpillSpace, type SpillStore } from "../../src/sql/execute/spill/store.ts";
import type { Expr, FrameBound, PlanNode, WindowCall, WindowFrame } from "../../src/sql/plan.ts";
import { inputOf, runPlan, type Encoding } from "../unit/sql-exec/tables.ts";

const COLUMNS: readonly ColumnSchema[] = [
  { name: "part", type: { kind: "int32" }, nullable: true },
  { name: "rank", type: { kind: "int32" }, nullable: true },
  { name: "value", type: { kind: "int64" }, nullable: true },
  { name: "text", type: { kind: "string" }, nullable: true },
  { name: "row", type: { kind: "int32" }, nullable: false },
];
const INT64: DataType = { kind: "int64" };
const FLOAT64: DataType = { kind: "float64" };
const TEXT: DataType = { kind: "string" };

function column(index: number): Expr {
  const schema = COLUMNS[index];
  if (schema === undefined) throw new RangeError(`no column ${index}`);
  return { kind: "column", index, name: schema.name, type: schema.type };
}

function constant(value: number): Expr {
  return { kind: "literal", value, type: INT64 };
}

function frame(mode: WindowFrame["mode"], start: FrameBound, end: FrameBound): WindowFrame {
  return { mode, start, end, rangeKey: undefined, exclude: "none" };
}

const UNBOUNDED: FrameBound = { kind: "unbounded" };
const CURRENT: FrameBound = { kind: "current_row" };
const DEFAULT = frame("range", UNBOUNDED, CURRENT);

function call(
  name: string,
  args: readonly Expr[],
  type: DataType,
  isAggregate: boolean,
  over: WindowFrame,
  filter?: Expr,
): WindowCall {
  return {
    call: { function: name, args, distinct: false, filter, orderBy: [], directArgs: [], type },
    isAggregate,
    frame: over,
  };
}

const bound = fc.record({
  kind: fc.constant("offset" as const),
  direction: fc.constantFrom("preceding" as const, "following" as const),
  offset: fc.integer({ min: 0, max: 40 }).map(constant),
});
const around = fc.record({
  mode: fc.constantFrom("rows" as const, "groups" as const),
  start: fc.oneof(bound, fc.constant(CURRENT)),
  end: fc.oneof(bound, fc.constant(CURRENT)),
  rangeKey: fc.constant(undefined),
  exclude: fc.constantFrom("none" as const, "current_row" as const, "group" as const, "ties" as const),
});
const growing = fc
  .tuple(fc.constantFrom("rows" as const, "range" as const, "groups" as const), fc.constantFrom(CURRENT, UNBOUNDED))
  .map(([mode, end]) => frame(mode, UNBOUNDED, end));
const anyFrame = fc.oneof(around, growing);
const shift = fc.integer({ min: -70, max: 70 }).map(constant);
const evenRows: Expr = { kind: "is_null", arg: column(3), negated: true, type: { kind: "boolean" } };

const windowCall = fc.oneof(
  fc.constantFrom("row_number", "rank", "dense_rank").map((name) => call(name, [], INT64, false, DEFAULT)),
  fc.constantFrom("percent_rank", "cume_dist").map((name) => call(name, [], FLOAT64, false, DEFAULT)),
  fc.integer({ min: 1, max: 900 }).map((n) => call("ntile", [constant(n)], { kind: "int32" }, false, DEFAULT)),
  fc
    .tuple(fc.constantFrom("lag", "lead"), shift, fc.boolean())
    .map(([name, by, hasDefault]) =>
      call(name, hasDefault ? [column(3), by, column(3)] : [column(3), by], TEXT, false, DEFAULT),
    ),
  fc
    .tuple(fc.constantFrom("first_value", "last_value"), anyFrame)
    .map(([name, over]) => call(name, [column(3)], TEXT, false, over)),
  around.map((over) => call("nth_value", [column(3), constant(3)], TEXT, false, over)),
  fc
    .tuple(fc.constantFrom("count", "max"), anyFrame, fc.option(fc.constant(evenRows), { nil: undefined }))
    .map(([name, over, filter]) => call(name, [column(2)], INT64, true, over, filter)),
  anyFrame.map((over) => call("min", [column(3)], TEXT, true, over)),
  fc
    .tuple(anyFrame, fc.option(fc.constant(evenRows), { nil: undefined }))
    .map(([over, filter]) => call("sum", [column(2)], { kind: "decimal" }, true, over, filter)),
  growing.map((over) => call("count", [], INT64, true, over)),
);

const example = fc.record({
  calls: fc.array(windowCall, { minLength: 1, maxLength: 4 }),
  partitions: fc.constantFrom(1, 1, 2, 30),
  peers: fc.constantFrom(1, 3, 500, 100_000),
  isOrdered: fc.boolean(),
  descending: fc.boolean(),
  encoding: fc.constantFrom<Encoding>("flat", "dictionary", "mixed", "text block"),
  batchRows: fc.integer({ min: 30, max: 300 }),
  count: fc.integer({ min: 1500, max: 4000 }),
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

function rowsOf(count: number, partitions: number, peers: number): Scalar[][] {
  return Array.from({ length: count }, (_, row) => {
    const mixed = Math.imul(row + 1, 0x9e37_79b1) >>> 0;
    const rank = peers > count ? mixed % 1_000_003 : Math.floor((mixed % count) / peers);
    return [
      (mixed >>> 3) % partitions,
      mixed % 97 === 0 ? null : rank,
      // Now and then a sum of these is more than a double holds exactly.
      mixed % 11 === 0 ? null : mixed % 1009 === 7 ? 9_007_199_254_740_000 : mixed % 1000,
      mixed % 13 === 0 ? null : `text-${mixed % 5000}-and-more-of-it`,
      row,
    ];
  });
}

test("I352 a window over partitions that do not fit is the window in memory, row by row", async () => {
  let puts = 0;
  await fc.assert(
    fc.asyncProperty(example, async (of) => {
      const input = inputOf(COLUMNS, rowsOf(of.count, of.partitions, of.peers), of.encoding, of.batchRows);
      const order = { expr: column(1), descending: of.descending, nullsFirst: of.descending };
      // Frames of peer groups hold these, which must fit.
      const arePeersFew = of.isOrdered && of.peers <= 3;
      const calls = of.calls.map((made) => {
        const { mode, start } = made.frame;
        const isHeld = mode === "groups" && start.kind !== "unbounded" && !arePeersFew;
        return isHeld ? { ...made, frame: { ...made.frame, mode: "rows" as const } } : made;
      });
      const plan: PlanNode = {
        kind: "window",
        input: input.node,
        partitionBy: of.partitions > 1 ? [column(0)] : [],
        orderBy: of.isOrdered ? [order] : [],
        calls,
        columns: [...COLUMNS, ...calls.map(({ call: { function: name, type } }) => ({ name, type, nullable: true }))],
      };
      const ample = await runPlan(plan, [input], { memory: createMemoryBudget(1e9) });
      const store = memoryStore();
      const spill = createSpillSpace(store);
      const memory = createMemoryBudget(220_000);
      const tiny = await runPlan(plan, [input], { memory, spill });
      await spill.close();
      expect(tiny).toEqual(ample);
      expect([store.pieces.size, memory.usedBytes]).toEqual([0, 0]);
      puts += store.puts;
    }),
    { numRuns: 40 },
  );
  expect(puts).toBeGreaterThan(400);
});
