// Operators against naive references over random rows, NULL-heavy, in every encoding and at odd batch sizes.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { ColumnSchema, Scalar } from "#columnar";
import type { AggregateCall, Expr, PlanNode, SortKey } from "../../src/sql/plan.ts";
import { inputOf, runPlan, type Encoding, type Rows, type TestInput } from "../unit/sql-exec/tables.ts";

const COLUMNS: readonly ColumnSchema[] = [
  { name: "k", type: { kind: "string" }, nullable: true },
  { name: "i", type: { kind: "int32" }, nullable: true },
  { name: "f", type: { kind: "float64" }, nullable: true },
  { name: "b", type: { kind: "int64" }, nullable: true },
  { name: "row", type: { kind: "int32" }, nullable: false },
];

const text = fc.constantFrom(null, "", "a", "b", "é", "\u{1f600}", "\uffff", "aa");
const int = fc.constantFrom(null, 0, 1, 2, -1, 2_147_483_647);
const float = fc.constantFrom(null, 0, -0, 1.5, -2.5, Number.NaN, Number.POSITIVE_INFINITY);
const big = fc.constantFrom<Scalar>(null, 0, 5, -5, 9_223_372_036_854_775_807n, 9_007_199_254_740_993n);
const rows = fc
  .array(fc.tuple(text, int, float, big), { maxLength: 60, size: "max" })
  .map((list): Rows => list.map((row, n) => [...row, n]));
const encoding = fc.constantFrom<Encoding>("flat", "dictionary", "mixed", "text block");
const batchRows = fc.integer({ min: 1, max: 9 });
const shape = fc.record({ encoding, batchRows });

function input(data: Rows, { encoding, batchRows }: { encoding: Encoding; batchRows: number }): TestInput {
  return inputOf(COLUMNS, data, encoding, batchRows);
}

function column(index: number, columns = COLUMNS): Expr {
  const schema = columns[index];
  if (schema === undefined) throw new RangeError(`no column ${index}`);
  return { kind: "column", index, name: schema.name, type: schema.type };
}

function codePoints(value: string): number[] {
  return Array.from(value, (c) => c.codePointAt(0) ?? 0);
}

/** Order of non-null values, written independently of the engine. */
function naiveCompare(a: Scalar, b: Scalar): number {
  if (typeof a === "string" && typeof b === "string") {
    const x = codePoints(a);
    const y = codePoints(b);
    for (let i = 0; i < Math.min(x.length, y.length); i++) {
      if (x[i] !== y[i]) return (x[i] ?? 0) - (y[i] ?? 0);
    }
    return x.length - y.length;
  }
  if (typeof a === "bigint" || typeof b === "bigint") {
    const x = BigInt(a as number | bigint);
    const y = BigInt(b as number | bigint);
    return x < y ? -1 : x > y ? 1 : 0;
  }
  const x = a as number;
  const y = b as number;
  if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
  return x < y ? -1 : x > y ? 1 : 0;
}

function naiveSort(data: Rows, keys: readonly (SortKey & { readonly index: number })[]): Rows {
  return data.toSorted((left, right) => {
    for (const { index, descending, nullsFirst } of keys) {
      const a = left[index] ?? null;
      const b = right[index] ?? null;
      if (a === null || b === null) {
        if (a === b) continue;
        return (a === null) === nullsFirst ? -1 : 1;
      }
      const order = naiveCompare(a, b);
      if (order !== 0) return descending ? -order : order;
    }
    return 0;
  });
}

/** A text that equals for values SQL groups together. */
function groupKey(values: readonly Scalar[]): string {
  return values
    .map((value) => {
      if (value === null) return "null";
      if (typeof value === "number") return Object.is(value, -0) ? "0" : `${value}`;
      return typeof value === "string" ? JSON.stringify(value) : `${value as bigint}`;
    })
    .join("|");
}

const sortKey = fc.record({
  index: fc.integer({ min: 0, max: 3 }),
  descending: fc.boolean(),
  nullsFirst: fc.boolean(),
});

test("I50 sorting is stable and equals a naive sort, and a top-N is its beginning", async () => {
  await fc.assert(
    fc.asyncProperty(
      rows,
      shape,
      fc.array(sortKey, { minLength: 1, maxLength: 2 }),
      fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined }),
      async (data, how, keys, topRows) => {
        const from = input(data, how);
        const sortKeys = keys.map((key) => ({ ...key, expr: column(key.index) }));
        const plan: PlanNode = { kind: "sort", input: from.node, keys: sortKeys, topRows, columns: COLUMNS };
        const expected = naiveSort(data, sortKeys).slice(0, topRows);
        expect((await runPlan(plan, [from])).map((row) => row[4])).toEqual(expected.map((row) => row[4]));
      },
    ),
    { numRuns: 200 },
  );
});

function best(values: readonly Scalar[], sign: number): Scalar {
  return values.reduce((found, value) => {
    if (value === null) return found;
    return found === null || naiveCompare(value, found) * sign > 0 ? value : found;
  }, null);
}

function aggregateCall(
  name: string,
  index: number | undefined,
  type: ColumnSchema["type"],
  distinct = false,
): AggregateCall {
  return {
    function: name,
    args: index === undefined ? [] : [column(index)],
    distinct,
    filter: undefined,
    orderBy: [],
    directArgs: [],
    type,
  };
}

test("I51 grouping equals a naive reference for every key combination", async () => {
  await fc.assert(
    fc.asyncProperty(
      rows,
      shape,
      fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { maxLength: 4 }),
      async (data, how, keys) => {
        const from = input(data, how);
        const aggregates = [
          aggregateCall("count", undefined, { kind: "int64" }),
          aggregateCall("count", 1, { kind: "int64" }),
          aggregateCall("sum", 1, { kind: "int64" }),
          aggregateCall("count", 0, { kind: "int64" }, true),
          aggregateCall("max", 3, { kind: "int64" }),
          aggregateCall("min", 2, { kind: "float64" }),
        ];
        const exprs = keys.map((index) => column(index));
        const plan: PlanNode = {
          kind: "aggregate",
          input: from.node,
          keys: exprs,
          aggregates,
          columns: [...exprs, ...aggregates].map((item, n) => ({ name: `c${n}`, type: item.type, nullable: true })),
        };
        const groups = new Map<string, Scalar[][]>();
        if (keys.length === 0) groups.set("", []);
        for (const row of data) {
          const key = groupKey(keys.map((index) => row[index] ?? null));
          const group = groups.get(key);
          if (group === undefined) groups.set(key, [[...row]]);
          else group.push([...row]);
        }
        const expected = [...groups.entries()].map(([key, members]) => [
          key,
          members.length,
          members.filter((row) => row[1] !== null).length,
          members.some((row) => row[1] !== null) ? members.reduce((sum, row) => sum + Number(row[1] ?? 0), 0) : null,
          new Set(members.map((row) => row[0]).filter((value) => value !== null)).size,
          best(
            members.map((row) => row[3] ?? null),
            1,
          ),
          best(
            members.map((row) => row[2] ?? null),
            -1,
          ),
        ]);
        const got = (await runPlan(plan, [from])).map((row) => [
          groupKey(row.slice(0, keys.length)),
          ...row.slice(keys.length),
        ]);
        // Groups come in order of first appearance, as the reference's Map has them.
        expect(got.map((row) => row.map((v) => (Object.is(v, -0) ? 0 : v)))).toEqual(
          expected.map((row) => row.map((v) => (Object.is(v, -0) ? 0 : v))),
        );
      },
    ),
    { numRuns: 200 },
  );
});

type JoinType = Extract<PlanNode, { kind: "join" }>["joinType"];

function naiveJoin(
  left: Rows,
  right: Rows,
  type: JoinType,
  matches: (l: readonly Scalar[], r: readonly Scalar[]) => boolean,
): Scalar[][] {
  const out: Scalar[][] = [];
  const nulls = COLUMNS.map(() => null);
  const rightMatched = new Set<number>();
  for (const l of left) {
    let matched = false;
    for (const [n, r] of right.entries()) {
      if (!matches(l, r)) continue;
      matched = true;
      rightMatched.add(n);
      if (type !== "semi" && type !== "anti") out.push([...l, ...r]);
    }
    if ((type === "semi" && matched) || (type === "anti" && !matched)) out.push([...l]);
    if ((type === "left" || type === "full") && !matched) out.push([...l, ...nulls]);
  }
  if (type === "right" || type === "full") {
    for (const [n, r] of right.entries()) if (!rightMatched.has(n)) out.push([...nulls, ...r]);
  }
  return out;
}

function rowText(row: readonly Scalar[]): string {
  return groupKey(row);
}

test("I52 joins equal nested loops: every type, with and without keys and residual", async () => {
  const both = [...COLUMNS, ...COLUMNS];
  await fc.assert(
    fc.asyncProperty(
      rows,
      rows,
      shape,
      fc.constantFrom<JoinType>("inner", "left", "right", "full", "semi", "anti"),
      fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }),
      fc.boolean(),
      async (leftRows, rightRows, how, joinType, keys, withResidual) => {
        const left = input(leftRows, how);
        const right = input(rightRows, { ...how, batchRows: how.batchRows + 1 });
        const residual: Expr | undefined = withResidual
          ? {
              kind: "call",
              function: "<",
              args: [column(1), { ...column(1), index: 6 } as Expr],
              type: { kind: "boolean" },
            }
          : undefined;
        const existence = joinType === "semi" || joinType === "anti";
        const plan: PlanNode = {
          kind: "join",
          joinType,
          left: left.node,
          right: right.node,
          equalKeys: keys.map((index) => ({ left: column(index), right: column(index) })),
          residual,
          columns: existence ? COLUMNS : both,
        };
        const matches = (l: readonly Scalar[], r: readonly Scalar[]): boolean => {
          for (const index of keys) {
            const a = l[index] ?? null;
            const b = r[index] ?? null;
            if (a === null || b === null || naiveCompare(a, b) !== 0) return false;
          }
          if (!withResidual) return true;
          const a = l[1] ?? null;
          const b = r[1] ?? null;
          return a !== null && b !== null && naiveCompare(a, b) < 0;
        };
        const expected = naiveJoin(leftRows, rightRows, joinType, matches).map((row) => rowText(row));
        const got = (await runPlan(plan, [left, right])).map((row) => rowText(row));
        expect(got.toSorted()).toEqual(expected.toSorted());
      },
    ),
    { numRuns: 300 },
  );
});

test("I53 set operations and DISTINCT count rows as SQL does", async () => {
  await fc.assert(
    fc.asyncProperty(
      rows,
      rows,
      shape,
      fc.constantFrom<"union" | "intersect" | "except">("union", "intersect", "except"),
      fc.boolean(),
      fc.integer({ min: 1, max: 3 }),
      async (leftRows, rightRows, { encoding, batchRows }, operation, all, width) => {
        const narrow = COLUMNS.slice(0, width);
        const cut = (data: Rows): Rows => data.map((row) => row.slice(0, width));
        const left = inputOf(narrow, cut(leftRows), encoding, batchRows);
        const right = inputOf(narrow, cut(rightRows), encoding, batchRows + 2);
        const plan: PlanNode = {
          kind: "set_operation",
          operation,
          all,
          left: left.node,
          right: right.node,
          columns: narrow,
        };
        const count = (data: Rows): Map<string, number> => {
          const counts = new Map<string, number>();
          for (const row of cut(data)) counts.set(rowText(row), (counts.get(rowText(row)) ?? 0) + 1);
          return counts;
        };
        const l = count(leftRows);
        const r = count(rightRows);
        const expected: string[] = [];
        for (const key of new Set([...l.keys(), ...r.keys()])) {
          const x = l.get(key) ?? 0;
          const y = r.get(key) ?? 0;
          let times = operation === "union" ? x + y : operation === "intersect" ? Math.min(x, y) : Math.max(x - y, 0);
          if (!all) times = operation === "except" ? Number(x > 0 && y === 0) : Math.min(times, 1);
          for (let n = 0; n < times; n++) expected.push(key);
        }
        const got = (await runPlan(plan, [left, right])).map((row) => rowText(row));
        expect(got.toSorted()).toEqual(expected.toSorted());
        const distinct: PlanNode = { kind: "distinct", input: left.node, columns: narrow };
        expect((await runPlan(distinct, [left])).map((row) => rowText(row))).toEqual([...l.keys()]);
      },
    ),
    { numRuns: 200 },
  );
});

/** Random conditions over the columns, and what they mean for one row: true, false or null. */
const comparison = fc.record({
  operator: fc.constantFrom("=", "<>", "<", "<=", ">", ">="),
  index: fc.integer({ min: 0, max: 3 }),
  other: fc.integer({ min: 0, max: 3 }),
  constant: fc.boolean(),
  pick: fc.integer({ min: 0, max: 100 }),
  flipped: fc.boolean(),
});

interface Condition {
  readonly expr: Expr;
  readonly meaning: (row: readonly Scalar[]) => boolean | null;
}

const BOOLEAN = { kind: "boolean" } as const;
const SAMPLES: readonly (readonly Scalar[])[] = [
  ["", "a", "é", "\u{1f600}"],
  [0, 1, 2, -1],
  [0, 1.5, Number.NaN, Number.POSITIVE_INFINITY],
  [0, 5, 9_007_199_254_740_993n, -5],
];

const leaf: fc.Arbitrary<Condition> = comparison.map(({ operator, index, constant, pick, flipped }) => {
  const samples = SAMPLES[index] ?? [];
  const value = constant ? (samples[pick % samples.length] ?? null) : undefined;
  const schema = COLUMNS[index] as ColumnSchema;
  const other: Expr = value === undefined ? column(index) : { kind: "literal", value, type: schema.type };
  const args = flipped ? [other, column(index)] : [column(index), other];
  return {
    expr: { kind: "call", function: operator, args, type: BOOLEAN },
    meaning: (row) => {
      const own = row[index] ?? null;
      const against = value === undefined ? own : value;
      if (own === null || against === null) return null;
      const order = flipped ? naiveCompare(against, own) : naiveCompare(own, against);
      return (
        { "=": order === 0, "<>": order !== 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0 }[
          operator
        ] ?? null
      );
    },
  };
});

const condition: fc.Arbitrary<Condition> = fc.letrec<{ any: Condition }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    fc.tuple(leaf, leaf).map(([a, b]): Condition => ({
      expr: { kind: "and", args: [a.expr, b.expr], type: BOOLEAN },
      meaning: (row) => {
        const states = [a.meaning(row), b.meaning(row)];
        if (states.includes(false)) return false;
        return states.includes(null) ? null : true;
      },
    })),
    fc
      .tuple(fc.constantFrom("and" as const, "or" as const), fc.array(tie("any"), { minLength: 2, maxLength: 3 }))
      .map(([kind, parts]): Condition => ({
        expr: { kind, args: parts.map((part) => part.expr), type: BOOLEAN },
        meaning: (row) => {
          const states = parts.map((part) => part.meaning(row));
          const decided = kind === "or";
          if (states.includes(decided)) return decided;
          return states.includes(null) ? null : !decided;
        },
      })),
    tie("any").map((part): Condition => ({
      expr: { kind: "not", arg: part.expr, type: BOOLEAN },
      meaning: (row) => {
        const state = part.meaning(row);
        return state === null ? null : !state;
      },
    })),
  ),
})).any;

test("I54 a filter keeps exactly the rows where its condition is true", async () => {
  await fc.assert(
    fc.asyncProperty(rows, shape, condition, async (data, how, { expr, meaning }) => {
      const from = input(data, how);
      const plan: PlanNode = { kind: "filter", input: from.node, condition: expr, columns: COLUMNS };
      const expected = data.filter((row) => meaning(row) === true).map((row) => row[4]);
      expect((await runPlan(plan, [from])).map((row) => row[4])).toEqual(expected);
      const shown: PlanNode = {
        kind: "project",
        input: from.node,
        exprs: [expr],
        columns: [{ name: "c", type: BOOLEAN, nullable: true }],
      };
      expect((await runPlan(shown, [from])).map((row) => row[0])).toEqual(data.map((row) => meaning(row)));
    }),
    { numRuns: 1500 },
  );
});
