// I310: an expression over one dictionary-coded column has, row by row, what it has over the same values one by one, its
// errors included; entries that no row uses have no part in it.

import * as fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { LakeError } from "#core";
import { vectorFromScalars, type Batch, type DataType, type Scalar, type Vector } from "#columnar";
import { initSqlParser } from "#sql";
import { memoryCatalog } from "../../support/memory-table.ts";
import { runSql } from "../../support/sql-run.ts";
import { toTextBlock } from "../../support/text-blocks.ts";
import { batchTable } from "./tables.ts";

interface Case {
  readonly type: DataType;
  readonly sqlType: string;
  readonly values: readonly Scalar[];
  /** Over the column `x`; `y` is an integer column beside it. */
  readonly expressions: readonly string[];
}

const CASES: readonly Case[] = [
  {
    type: { kind: "string" },
    sqlType: "text",
    values: ["", "a", "ab", "é", "7", "42", "x7", "a%", "\u{1f600}"],
    expressions: [
      "CASE WHEN x IN ('a', '7') THEN 'one' WHEN x LIKE '%4%' THEN upper(x) ELSE coalesce(x, 'none') END",
      "x::int",
      "x::int / (x::int - 7)",
      "lower(x) = 'ab' OR x ~ '^x'",
      "NOT (x ILIKE 'A%')",
      "x IS NULL OR length(x) > 1",
      "x || x",
      "CASE WHEN x = '7' THEN 1 / (length(x) - 1) ELSE length(x) END",
      "CASE WHEN y > 2 THEN upper(x) ELSE lower(x) END",
      "nullif(x, 'a')",
      "md5(x)",
      "string_to_array(x, '7')",
    ],
  },
  {
    type: { kind: "int32" },
    sqlType: "int",
    values: [0, 1, -5, 2_147_483_647],
    expressions: [
      "100 / x",
      "x + 1",
      "x::text",
      "x BETWEEN 0 AND 1",
      "CASE WHEN x > 0 THEN 10 / x END",
      "sqrt(x)",
      "x IN (1, NULL)",
      "x + y",
    ],
  },
  {
    type: { kind: "float64" },
    sqlType: "float8",
    values: [0, -0, 1.5, Number.NaN, Number.POSITIVE_INFINITY],
    expressions: ["1 / x", "x::int", "x = 'NaN'", "floor(x)", "x IS DISTINCT FROM 1.5"],
  },
  {
    type: { kind: "decimal", precision: 9, scale: 2 },
    sqlType: "numeric(9,2)",
    values: [
      { unscaled: 0n, scale: 2 },
      { unscaled: 150n, scale: 2 },
      { unscaled: -999_999_999n, scale: 2 },
    ],
    expressions: ["1 / x", "round(x)", "x * 3 > 4", "x::int"],
  },
  {
    type: { kind: "timestamp", utc: true },
    sqlType: "timestamptz",
    values: [0, 86_399_999_999, -1, 1_706_000_000_000_000],
    expressions: [
      "extract(hour FROM x)",
      "date_trunc('month', x)",
      "x::date",
      "to_char(x, 'YYYY-MM')",
      "x > '2000-01-01'",
    ],
  },
  {
    type: { kind: "boolean" },
    sqlType: "bool",
    values: [true, false],
    expressions: ["NOT x", "x OR NULL", "CASE WHEN x THEN 1 ELSE 0 END", "coalesce(x, y > 1)"],
  },
];

/** A dictionary with entries that may be unused or repeated, and batches of codes into it; null is no code. */
function columnOf(
  each: Case,
): fc.Arbitrary<{ entries: readonly Scalar[]; batches: readonly (readonly (number | null)[])[] }> {
  return fc.array(fc.constantFrom(...each.values), { minLength: 1, maxLength: 12 }).chain((entries) =>
    fc.record({
      entries: fc.constant(entries),
      batches: fc.array(fc.array(fc.option(fc.nat(entries.length - 1), { freq: 5 }), { minLength: 1, maxLength: 30 }), {
        minLength: 1,
        maxLength: 4,
      }),
    }),
  );
}

/** A batch of the column and of `y` beside it. */
function withY(x: Vector): Batch {
  const y = Array.from({ length: x.length }, (_, i) => i % 5);
  return { rowCount: x.length, columns: [x, vectorFromScalars({ kind: "int32" }, y)] };
}

/** What a query gives or how it fails. */
async function outcome(batches: readonly Batch[], each: Case, sql: string): Promise<unknown> {
  const columns = [
    { name: "x", type: each.type, nullable: true },
    { name: "y", type: { kind: "int32" } as const, nullable: false },
  ];
  try {
    const { rows } = await runSql(memoryCatalog([batchTable("t", columns, batches)]), sql);
    // Groups have no order.
    return sql.includes("GROUP BY") ? rows.map((row) => JSON.stringify(row)).toSorted() : rows;
  } catch (error) {
    if (error instanceof LakeError) return { code: error.code, message: error.message, details: error.details };
    throw error;
  }
}

beforeAll(async () => {
  await initSqlParser();
});

for (const each of CASES) {
  for (const text of each.expressions) {
    const isCondition =
      / (?:[=>]|IN|LIKE|ILIKE|OR|BETWEEN|~|DISTINCT) |NOT|IS NULL/.test(text) && !text.startsWith("CASE");
    test(`I310 ${text} over ${each.sqlType} by dictionary is what it is by value`, async () => {
      await fc.assert(
        fc.asyncProperty(columnOf(each), async ({ entries, batches }) => {
          const flat = vectorFromScalars(each.type, entries);
          const dictionary = each.type.kind === "string" ? toTextBlock(flat) : flat;
          const coded = batches.map((codes) =>
            withY({
              encoding: "dictionary",
              type: each.type,
              length: codes.length,
              codes: Int32Array.from(codes, (code) => code ?? 0),
              dictionary,
              validity: codes.includes(null) ? Uint8Array.from(codes, (code) => (code === null ? 0 : 1)) : undefined,
            }),
          );
          const plain = batches.map((codes) =>
            withY(
              vectorFromScalars(
                each.type,
                codes.map((code) => (code === null ? null : (entries[code] ?? null))),
              ),
            ),
          );
          const queries = [
            `SELECT ${text} AS r, y FROM t`,
            `SELECT ${text} AS r, count(*), count(*) FILTER (WHERE (${text}) IS NULL) FROM t GROUP BY 1`,
            ...(isCondition ? [`SELECT x, y FROM t WHERE ${text}`] : []),
          ];
          for (const sql of queries) expect(await outcome(coded, each, sql)).toEqual(await outcome(plain, each, sql));
        }),
        { numRuns: 6 },
      );
    });
  }
}
