// Sorting through runs that are put aside gives what sorting in memory gives: types, directions, budgets, ties.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { ColumnSchema, DataType, Scalar } from "#columnar";
import { createMemoryBudget } from "../../src/sql/execute/index.ts";
import { createSpillSpace, type SpillSpace, type SpillStore } from "../../src/sql/execute/spill/store.ts";
import type { PlanNode } from "../../src/sql/plan.ts";
import { inputOf, runPlan, type Encoding } from "../unit/sql-exec/tables.ts";

const AMPLE_BYTES = 1e9;

/** Values of each type with those that are hard to order among them, and few enough that keys repeat. */
const VALUES: readonly (readonly [DataType, fc.Arbitrary<Scalar>])[] = [
  [{ kind: "boolean" }, fc.boolean()],
  [{ kind: "int32" }, fc.integer({ min: -40, max: 40 })],
  [
    { kind: "int64" },
    fc.oneof(
      fc.integer({ min: -9, max: 9 }),
      fc.constantFrom(9_007_199_254_740_993n, 9_007_199_254_740_995n, -(2n ** 63n)),
    ),
  ],
  [{ kind: "float64" }, fc.oneof(fc.double(), fc.constantFrom(Number.NaN, 0, -0, Infinity, -Infinity, 1.5))],
  [
    { kind: "string" },
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 9 }),
      fc.constantFrom("", "\0", "a\0", "shared-prefix-", "shared-prefix-1", "\ud800", "\uffff", "\u{10000}"),
      fc.integer({ min: 0, max: 99 }).map((n) => `the-name-of-number-${n}`),
    ),
  ],
  [
    { kind: "decimal" },
    fc
      .tuple(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.integer({ min: 0, max: 5 }))
      .map(([unscaled, scale]) => ({ unscaled, scale })),
  ],
  [
    { kind: "decimal" },
    fc
      .tuple(fc.integer({ min: -300, max: 300 }), fc.integer({ min: 0, max: 2 }))
      .map(([unscaled, scale]) => ({ unscaled: BigInt(unscaled), scale })),
  ],
  [{ kind: "binary" }, fc.uint8Array({ maxLength: 3 })],
  [{ kind: "interval" }, fc.record({ months: fc.integer({ min: -2, max: 2 }), days: fc.nat(30), micros: fc.nat(5) })],
  [{ kind: "list", element: { kind: "int32" } }, fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 })],
];

const column = fc.integer({ min: 0, max: VALUES.length - 1 });
const encoding = fc.constantFrom<Encoding>("flat", "dictionary", "mixed", "text block");

const shape = fc.record({
  keys: fc.array(
    fc.record({ type: column, descending: fc.boolean(), nullsFirst: fc.boolean(), isMade: fc.boolean() }),
    { minLength: 1, maxLength: 3 },
  ),
  count: fc.integer({ min: 200, max: 900 }),
  encoding,
  batchRows: fc.integer({ min: 20, max: 200 }),
  budgetBytes: fc.integer({ min: 120_000, max: 400_000 }),
});

const example = shape.chain((of) =>
  fc.record({
    of: fc.constant(of),
    values: fc.tuple(
      ...of.keys.map(({ type }) =>
        fc.array(fc.option((VALUES[type] as (typeof VALUES)[number])[1], { freq: 8 }), {
          minLength: 40,
          maxLength: 60,
        }),
      ),
    ),
  }),
);

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

test("I350 rows come in the order of the sort in memory, equal keys in the order of the input", async () => {
  let puts = 0;
  await fc.assert(
    fc.asyncProperty(example, async ({ of, values }) => {
      const columns: ColumnSchema[] = of.keys.map(({ type }, i) => {
        return { name: `k${i}`, type: (VALUES[type] as (typeof VALUES)[number])[0], nullable: true };
      });
      columns.push({ name: "row", type: { kind: "int32" }, nullable: false });
      // Each key walks through its values at its own pace: equal keys meet from far apart.
      const rows = Array.from({ length: of.count }, (_, row) => [
        ...values.map((list, k) => list[(row * (7 + k * 4)) % list.length] ?? null),
        row,
      ]);
      const input = inputOf(columns, rows, of.encoding, of.batchRows);
      const plan: PlanNode = {
        kind: "sort",
        input: input.node,
        keys: of.keys.map(({ descending, nullsFirst, isMade }, index) => {
          const schema = columns[index] as ColumnSchema;
          const plain = { kind: "column" as const, index, name: schema.name, type: schema.type };
          // A key that is no column of the rows is kept beside them.
          const made = { kind: "coalesce" as const, args: [plain], type: schema.type };
          return { expr: isMade ? made : plain, descending, nullsFirst };
        }),
        topRows: undefined,
        columns,
      };
      const ample = await runPlan(plan, [input], { memory: createMemoryBudget(AMPLE_BYTES) });
      const store = memoryStore();
      const spill = createSpillSpace(store);
      const memory = createMemoryBudget(of.budgetBytes);
      // Puts runs aside sooner than their bytes demand, so that many are merged.
      const hasty = { ...memory, open: hastyAccounts(memory) };
      const spilled = await runPlan(plan, [input], { memory: hasty, spill });
      await spill.close();
      expect(spilled.map((row) => row.at(-1))).toEqual(ample.map((row) => row.at(-1)));
      expect(spilled).toEqual(ample);
      expect([store.pieces.size, memory.usedBytes]).toEqual([0, 0]);
      expect(memory.peakBytes).toBeLessThanOrEqual(of.budgetBytes);
      puts += store.puts;
    }),
    { numRuns: 60 },
  );
  expect(puts).toBeGreaterThan(300);
});

/** Accounts that are crowded by every third batch. */
function hastyAccounts(memory: ReturnType<typeof createMemoryBudget>): typeof memory.open {
  return (operator) => {
    const account = memory.open(operator);
    let asked = 0;
    return { ...account, crowds: (bytes) => account.crowds(bytes) || ++asked % 3 === 0 };
  };
}

test("I351 a store that fails at any moment of a merge ends the query by its error, and nothing stays behind", async () => {
  const columns: readonly ColumnSchema[] = [{ name: "k", type: { kind: "string" }, nullable: true }];
  const rows = Array.from({ length: 6000 }, (_, i) => [`key-${(i * 7919) % 6007}-and-more-to-hold-than-that`]);
  const input = inputOf(columns, rows, "flat", 40);
  const key = { expr: { kind: "column" as const, index: 0, name: "k", type: { kind: "string" as const } } };
  const plan: PlanNode = {
    kind: "sort",
    input: input.node,
    keys: [{ ...key, descending: false, nullsFirst: false }],
    topRows: undefined,
    columns,
  };
  const budgetBytes = 120_000;
  const attempt = async (failAt: number): Promise<{ outcome: unknown; asked: number; left: number; used: number }> => {
    const store = memoryStore();
    let asked = 0;
    const ask = (): void => {
      asked += 1;
      if (asked === failAt) throw new RangeError("the store is away");
    };
    const failing: SpillStore = {
      ...store,
      async put(piece, bytes) {
        // The write takes place although its answer is lost.
        await store.put(piece, bytes);
        ask();
      },
      async get(piece) {
        ask();
        return store.get(piece);
      },
    };
    const spill: SpillSpace = createSpillSpace(failing);
    const memory = createMemoryBudget(budgetBytes);
    const hasty = { ...memory, open: hastyAccounts(memory) };
    const outcome: unknown = await runPlan(plan, [input], { memory: hasty, spill }).catch((error: unknown) => error);
    await spill.close();
    return { outcome, asked, left: store.pieces.size, used: memory.usedBytes };
  };
  const whole = await attempt(0);
  expect(whole.outcome).toHaveLength(rows.length);
  // Runs, merges of some of them, and the last merge all ask the store.
  expect(whole.asked).toBeGreaterThan(400);
  for (let failAt = 1; failAt < whole.asked; failAt += Math.ceil(whole.asked / 25)) {
    const { outcome, left, used } = await attempt(failAt);
    expect(outcome).toMatchObject({ message: "the store is away" });
    expect([left, used]).toEqual([0, 0]);
  }
});
