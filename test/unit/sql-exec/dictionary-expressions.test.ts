// Expressions over text say the same of strings, of bytes and of dictionaries.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { ColumnSchema, DataType, Scalar } from "#columnar";
import { caseBranch } from "../../../src/sql/expressions.ts";
import type { Expr, PlanNode } from "../../../src/sql/plan.ts";
import { inputOf, runPlan, type Encoding } from "./tables.ts";

const TEXT: DataType = { kind: "string" };
const BOOLEAN: DataType = { kind: "boolean" };
const COLUMNS: readonly ColumnSchema[] = [{ name: "s", type: TEXT, nullable: true }];
const COLUMN: Expr = { kind: "column", index: 0, name: "s", type: TEXT };

function text(value: string | null): Expr {
  return { kind: "literal", value, type: TEXT };
}

function like(pattern: string): Expr {
  return { kind: "call", function: "~~", args: [COLUMN, text(pattern)], type: BOOLEAN };
}

const value = fc.constantFrom<Scalar>(null, "", "a", "ab", "abc", "a%", "é", "éa", "user-42", "user-421", "\u{1f600}x");
const values = fc.array(value, { minLength: 1, maxLength: 60 });
const encoding = fc.constantFrom<Encoding>("flat", "dictionary", "mixed", "text block");

test("LIKE with a prefix keeps the texts that start with it", async () => {
  await fc.assert(
    fc.asyncProperty(
      values,
      encoding,
      fc.constantFrom("", "a", "ab", "é", "user-42", "\u{1f600}", "z"),
      async (list, how, prefix) => {
        const input = inputOf(
          COLUMNS,
          list.map((each) => [each]),
          how,
          9,
        );
        const plan: PlanNode = { kind: "filter", input: input.node, condition: like(`${prefix}%`), columns: COLUMNS };
        const expected = list.filter((each) => typeof each === "string" && each.startsWith(prefix));
        expect(await runPlan(plan, [input])).toEqual(expected.map((each) => [each]));
      },
    ),
    { numRuns: 150 },
  );
});

test("CASE over a dictionary has for each row what it has for its text, NULL included", async () => {
  const isNull: Expr = { kind: "is_null", arg: COLUMN, negated: false, type: BOOLEAN };
  const branches = [
    caseBranch(like("a%"), text("starts with a")),
    caseBranch(isNull, text("none")),
    caseBranch(like("%42_"), text(null)),
  ];
  const expr: Expr = { kind: "case", branches, otherwise: COLUMN, type: TEXT };
  await fc.assert(
    fc.asyncProperty(values, encoding, async (list, how) => {
      const input = inputOf(
        COLUMNS,
        list.map((each) => [each]),
        how,
        20,
      );
      const plan: PlanNode = { kind: "project", input: input.node, exprs: [expr], columns: COLUMNS };
      const expected = list.map((each) => {
        if (each === null) return "none";
        if ((each as string).startsWith("a")) return "starts with a";
        return each === "user-421" ? null : each;
      });
      expect(await runPlan(plan, [input])).toEqual(expected.map((each) => [each]));
    }),
    { numRuns: 150 },
  );
});
