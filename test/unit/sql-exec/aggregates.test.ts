// Aggregates against PostgreSQL: the same rows and query in both, over columns in every encoding.

import type { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Scalar } from "#columnar";
import { initSqlParser, type TableCatalog } from "#sql";
import { castScalar } from "../../../src/sql/values/index.ts";
import { typeOf } from "../../../src/sql/functions/definition.ts";
import { runSql } from "../../support/sql-run.ts";
import { startPostgres } from "./postgres-oracle.ts";
import { batchTable, copyToPostgres, toBatches, type Encoding } from "./tables.ts";

const COLUMNS = [
  ["id", "int4"],
  ["k", "text"],
  ["i", "int4"],
  ["b", "int8"],
  ["f", "float8"],
  ["n", "numeric"],
  ["ts", "timestamp"],
  ["iv", "interval"],
  ["ok", "bool"],
  ["d", "date"],
].map(([name = "", sqlType = ""]) => ({ name, sqlType, type: typeOf(sqlType), nullable: true }));

let seed = 7;
function pick<T>(items: readonly T[]): T {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return items[seed % items.length] as T;
}

const ROWS: Scalar[][] = Array.from({ length: 61 }, (_, id) => {
  const texts = [
    String(id),
    pick(["a", "b", "c", "é", null]),
    pick(["1", "2", "3", "-7", "2147483647", null]),
    pick(["5", "9223372036854775807", "-9007199254740993", "0", null]),
    pick(["1.5", "2.25", "-3", "1e10", "0.1", null]),
    pick(["1.50", "2", "-0.001", "1000000000000.5", null]),
    pick(["2024-01-15 10:00:00", "2024-01-15 10:30:00.5", "2023-12-31 23:59:59", null]),
    pick(["1 day", "02:30:00", "1 mon -3 days", null]),
    pick(["t", "f", null]),
    pick(["2024-01-15", "2020-02-29", null]),
  ];
  return texts.map((text, c) =>
    text === null ? null : castScalar(text, { kind: "string" }, COLUMNS[c]?.type ?? { kind: "string" }),
  );
});

let postgres: PGlite;

beforeAll(async () => {
  await initSqlParser();
  postgres = await startPostgres();
  await copyToPostgres(postgres, "t", COLUMNS, ROWS);
}, 60_000);

afterAll(async () => {
  await postgres.close();
});

const AGGREGATES = [
  "count(*)",
  "count(i)",
  "count(DISTINCT k)",
  "count(DISTINCT b)",
  "count(DISTINCT n)",
  "count(DISTINCT iv)",
  ...["i", "b", "f", "n", "iv"].map((c) => `sum(${c})`),
  ...["i", "b", "f", "n"].map((c) => `avg(${c})`),
  "sum(DISTINCT i)",
  "avg(DISTINCT n)",
  ...["k", "i", "b", "f", "n", "ts", "iv", "d"].flatMap((c) => [`min(${c})`, `max(${c})`]),
  "bool_and(ok)",
  "bool_or(ok)",
  "every(ok)",
  "bit_and(i)",
  "bit_or(b)",
  ...["i", "b", "n"].flatMap((c) => ["stddev", "stddev_pop", "variance", "var_pop"].map((a) => `${a}(${c})`)),
  "stddev(f)::numeric(20,5)",
  "var_pop(f)::numeric(30,3)",
  "corr(f, i)::numeric(20,8)",
  "covar_pop(f, i)::numeric(30,4)",
  "regr_slope(f, i)::numeric(20,8)",
  "regr_count(f, i)",
  "count(*) FILTER (WHERE i > 1)",
  "sum(i) FILTER (WHERE ok)",
  "count(DISTINCT k) FILTER (WHERE i > 0)",
  "string_agg(k, ',' ORDER BY id)",
  "string_agg(k, '-' ORDER BY k DESC, id)",
  "string_agg(DISTINCT k, ',' ORDER BY k)",
  "string_agg(k, '|' ORDER BY id) FILTER (WHERE i = 1)",
  "array_agg(i ORDER BY id)",
  "array_agg(DISTINCT i)",
  "array_agg(k ORDER BY i NULLS FIRST, id DESC)",
  "json_agg(i ORDER BY id)",
  "percentile_cont(0.5) WITHIN GROUP (ORDER BY f)",
  "percentile_cont(0.95) WITHIN GROUP (ORDER BY f)",
  "percentile_cont(0.25) WITHIN GROUP (ORDER BY f DESC)",
  "percentile_cont(0.9) WITHIN GROUP (ORDER BY i)",
  "percentile_cont(0.5) WITHIN GROUP (ORDER BY iv)",
  "percentile_cont(ARRAY[0.1, 0.5, 1]) WITHIN GROUP (ORDER BY f)",
  "percentile_disc(0.5) WITHIN GROUP (ORDER BY k)",
  "percentile_disc(0.75) WITHIN GROUP (ORDER BY ts)",
  "percentile_disc(0.3) WITHIN GROUP (ORDER BY b DESC)",
  "percentile_disc(0) WITHIN GROUP (ORDER BY i)",
  "percentile_disc(ARRAY[0, 0.5, 1]) WITHIN GROUP (ORDER BY d)",
  "mode() WITHIN GROUP (ORDER BY k)",
  "mode() WITHIN GROUP (ORDER BY i DESC)",
];

const SHAPES: readonly ((aggregate: string) => string)[] = [
  (a) => `SELECT ${a} FROM t`,
  (a) => `SELECT k, ${a} FROM t GROUP BY k ORDER BY k`,
  (a) => `SELECT k, ok, ${a} FROM t GROUP BY k, ok ORDER BY k, ok`,
  (a) => `SELECT ${a} FROM t WHERE i > 100000000000`,
  (a) => `SELECT i % 2, ${a} FROM t GROUP BY 1 ORDER BY 1`,
];

async function askPostgres(sql: string): Promise<(string | null)[][]> {
  const { rows } = await postgres.query<Record<string, unknown>>(`SELECT q::text AS whole FROM (${sql}) q`);
  return rows.map((row) => [String(row["whole"])]);
}

/** PostgreSQL's text of a row: the columns in parentheses. */
function rowToText(row: readonly (string | null)[], types: readonly string[]): string {
  const fields = row.map((text, i) => {
    if (text === null) return "";
    if (types[i] === "boolean") return text === "true" ? "t" : "f";
    return /[\s"\\(),]|^$/.test(text) ? `"${text.replace(/["\\]/g, "$&$&")}"` : text;
  });
  return `(${fields.join(",")})`;
}

test.each(AGGREGATES)("%s agrees with PostgreSQL", async (aggregate) => {
  for (const encoding of ["flat", "mixed", "text block"] satisfies Encoding[]) {
    const table = batchTable("t", COLUMNS, toBatches(COLUMNS, ROWS, encoding, 7));
    const catalog: TableCatalog = {
      findTable: () => Promise.resolve(table),
      tableNames: () => Promise.resolve(["t"]),
    };
    for (const shape of SHAPES) {
      const sql = shape(aggregate);
      const answer = await runSql(catalog, sql);
      const ours = answer.rows.map((row) => [rowToText(row, answer.types)]);
      expect(ours, `${encoding}: ${sql}`).toEqual(await askPostgres(sql));
    }
  }
});
