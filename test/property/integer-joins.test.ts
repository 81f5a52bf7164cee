// Joins whose keys are integers, which are places in an array or one number, against nested loops; with the right or the
// left input held, and with columns that nobody reads.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { ColumnSchema, Scalar } from "#columnar";
import type { Expr, PlanNode } from "../../src/sql/plan.ts";
import { inputOf, runPlan, type Encoding, type Rows } from "../unit/sql-exec/tables.ts";

const COLUMNS: readonly ColumnSchema[] = [
  { name: "i", type: { kind: "int32" }, nullable: true },
  { name: "b", type: { kind: "int64" }, nullable: true },
  { name: "d", type: { kind: "date" }, nullable: true },
  { name: "row", type: { kind: "int32" }, nullable: false },
];
type JoinType = Extract<PlanNode, { kind: "join" }>["joinType"];

const small = fc.constantFrom(null, -2, -1, 0, 1, 2, 3);
const int = fc.oneof(small, fc.constantFrom(2_147_483_647, -2_147_483_648, 100_000));
const big = fc.oneof(
  { weight: 6, arbitrary: small },
  { weight: 1, arbitrary: fc.constantFrom<Scalar>(9_007_199_254_740_991, -9_007_199_254_740_991, 1_000_000_007) },
  { weight: 1, arbitrary: fc.constantFrom<Scalar>(9_223_372_036_854_775_807n, 9_007_199_254_740_993n) },
);
const wide = fc.array(fc.tuple(int, big, int), { maxLength: 40 });
const narrow = fc.array(fc.tuple(small, small, small), { maxLength: 40 });
const rows = fc.oneof(wide, narrow).map((list): Rows => list.map((row, n) => [...row, n]));
const encoding = fc.constantFrom<Encoding>("flat", "dictionary", "mixed");

function column(index: number, offset = 0): Expr {
  const schema = COLUMNS[index];
  if (schema === undefined) throw new RangeError(`no column ${index}`);
  return { kind: "column", index: index + offset, name: schema.name, type: schema.type };
}

function textOf(row: readonly (Scalar | undefined)[]): string {
  return row.map((value) => String(value as number | bigint | null)).join("|");
}

function areEqual(a: Scalar, b: Scalar): boolean {
  return a !== null && b !== null && BigInt(a as number | bigint) === BigInt(b as number | bigint);
}

function nestedLoops(
  left: Rows,
  right: Rows,
  type: JoinType,
  matches: (l: readonly Scalar[], r: readonly Scalar[]) => boolean,
): Scalar[][] {
  const out: Scalar[][] = [];
  const met = new Set<readonly Scalar[]>();
  const nulls = COLUMNS.map(() => null);
  for (const l of left) {
    const partners = right.filter((r) => matches(l, r));
    for (const r of partners) met.add(r);
    if (type === "semi" || type === "anti") {
      if (partners.length > 0 === (type === "semi")) out.push([...l]);
    } else {
      for (const r of partners) out.push([...l, ...r]);
      if (partners.length === 0 && (type === "left" || type === "full")) out.push([...l, ...nulls]);
    }
  }
  if (type !== "right" && type !== "full") return out;
  return [...out, ...right.filter((r) => !met.has(r)).map((r) => [...nulls, ...r])];
}

test("I292 joins by integers equal nested loops, whichever input is held and whichever columns are read", async () => {
  await fc.assert(
    fc.asyncProperty(
      rows,
      rows,
      encoding,
      fc.constantFrom<JoinType>("inner", "left", "right", "full", "semi", "anti"),
      fc.uniqueArray(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 3 }),
      fc.record({ residual: fc.boolean(), holdsLeft: fc.boolean(), swaps: fc.boolean() }),
      fc.integer({ min: 1, max: 9 }),
      async (leftRows, rightRows, how, joinType, keys, options, batchRows) => {
        const left = inputOf(COLUMNS, leftRows, how, batchRows);
        const right = inputOf(COLUMNS, rightRows, how, batchRows + 1);
        const isExistence = joinType === "semi" || joinType === "anti";
        // An int32 key also meets an int64 one.
        const otherOf = (key: number): number => (options.swaps && key < 2 ? 1 - key : key);
        const residual: Expr = {
          kind: "call",
          function: "<>",
          args: [column(3), column(3, COLUMNS.length)],
          type: { kind: "boolean" },
        };
        const join: PlanNode = {
          kind: "join",
          joinType,
          left: left.node,
          right: right.node,
          equalKeys: keys.map((key) => ({ left: column(key), right: column(otherOf(key)) })),
          residual: options.residual ? residual : undefined,
          ...(isExistence && options.holdsLeft ? { holdsLeft: true } : {}),
          columns: isExistence ? COLUMNS : [...COLUMNS, ...COLUMNS],
        };
        const matches = (l: readonly Scalar[], r: readonly Scalar[]): boolean =>
          keys.every((key) => areEqual(l[key] ?? null, r[otherOf(key)] ?? null)) &&
          (!options.residual || l[3] !== r[3]);
        const expected = nestedLoops(leftRows, rightRows, joinType, matches).map((row) => textOf(row));
        const got = (await runPlan(join, [left, right])).map((row) => textOf(row));
        expect(got.toSorted()).toEqual(expected.toSorted());
        // Only the rows' numbers are read.
        const last = isExistence ? [column(3)] : [column(3), column(3, COLUMNS.length)];
        const columns = last.map(({ type }, n) => ({ name: `c${n}`, type, nullable: true }));
        const numbers: PlanNode = { kind: "project", input: join, exprs: last, columns };
        const narrowed = (await runPlan(numbers, [left, right])).map((row) => textOf(row));
        const width = COLUMNS.length;
        const shortened = nestedLoops(leftRows, rightRows, joinType, matches).map((row) =>
          textOf(isExistence ? [row[3]] : [row[3], row[3 + width]]),
        );
        expect(narrowed.toSorted()).toEqual(shortened.toSorted());
      },
    ),
    { numRuns: 300 },
  );
});
