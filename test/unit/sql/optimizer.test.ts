// What the optimizer does, seen from outside: what scans are asked for and what EXPLAIN says.

import { beforeAll, describe, expect, test } from "vitest";
import type { ScanPredicate } from "#sql";
import { initSqlParser } from "#sql";
import { memoryCatalog, type MemoryTable } from "../../support/memory-table.ts";
import { runSql } from "../../support/sql-run.ts";
import { caseTables } from "../../support/sql-tables.ts";

beforeAll(() => initSqlParser());

const day = (text: string): number => Date.parse(`${text}T00:00:00Z`) * 1000;

interface Scans {
  /** Column names and predicates by table, in the order planned. */
  readonly scans: {
    readonly table: string;
    readonly columns: readonly string[];
    readonly predicates: readonly string[];
    readonly limit?: number;
  }[];
  readonly rows: readonly (readonly (string | null)[])[];
  readonly rewrites: readonly string[];
}

function predicateText(table: MemoryTable, { column, operator, values }: ScanPredicate): string {
  return `${table.columns[column]?.name ?? "?"} ${operator} ${values.map(String).join(",")}`.trim();
}

async function scansOf(sql: string, params: readonly unknown[] = []): Promise<Scans> {
  const tables = caseTables();
  const answer = await runSql(memoryCatalog(tables), sql, { params });
  const scans = tables.flatMap((table) =>
    table.requests.map((request) => ({
      table: table.name,
      columns: request.columns.map((index) => table.columns[index]?.name ?? "?"),
      predicates: request.predicates.map((predicate) => predicateText(table, predicate)),
      ...(request.limit === undefined ? {} : { limit: request.limit }),
    })),
  );
  return { scans, rows: answer.rows, rewrites: answer.prepared.explain().rewrites.map((rewrite) => rewrite.rule) };
}

async function onlyScan(sql: string, params?: readonly unknown[]): Promise<Scans["scans"][number]> {
  const { scans } = await scansOf(sql, params);
  expect(scans).toHaveLength(1);
  return scans[0] ?? { table: "", columns: [], predicates: [] };
}

describe("I44 scans read only the columns the query needs", () => {
  test.each([
    ["SELECT count(*) FROM t", []],
    ["SELECT id FROM t", ["id"]],
    ["SELECT id FROM t WHERE grp = 'a'", ["id", "grp"]],
    ["SELECT x FROM (SELECT id AS x, i2 * 2 AS y, txt FROM t) s", ["id"]],
    ["SELECT x FROM (SELECT id AS x, i2 AS y FROM t) s WHERE y > 1", ["id", "i2"]],
    ["WITH a AS (SELECT * FROM t) SELECT max(n) FROM a WHERE b", ["n", "b"]],
    ["SELECT grp, c FROM (SELECT grp, count(*) AS c, sum(i8) AS s FROM t GROUP BY grp) q", ["grp"]],
    ["SELECT id FROM t ORDER BY n", ["id", "n"]],
    ["SELECT DISTINCT grp FROM t", ["grp"]],
    ["SELECT count(*) FROM (SELECT id, txt FROM t UNION ALL SELECT id, txt FROM t WHERE false) s", []],
    ["SELECT EXISTS (SELECT * FROM t)", []],
  ])("%s", async (sql, columns) => {
    expect((await onlyScan(sql)).columns).toEqual(columns);
  });

  test("joins read keys and outputs of each side", async () => {
    const { scans } = await scansOf("SELECT u.amount FROM t JOIN u ON u.t_id = t.id WHERE t.grp = 'a'");
    expect(scans).toEqual([
      { table: "default.t", columns: ["id", "grp"], predicates: ["grp = a"] },
      { table: "default.u", columns: ["t_id", "amount"], predicates: [] },
    ]);
  });
});

describe("I45 conditions reach the scan as predicates", () => {
  test.each([
    ["SELECT id FROM t WHERE id > 3 AND grp = 'a'", ["id > 3", "grp = a"]],
    ["SELECT id FROM t WHERE 3 < id", ["id > 3"]],
    ["SELECT id FROM t WHERE id IN (1, 2, NULL)", ["id in 1,2"]],
    ["SELECT id FROM t WHERE id = 1 OR id = 2 OR id IN (3)", ["id in 1,2,3"]],
    ["SELECT id FROM t WHERE id = 1 OR grp = 'a'", []],
    ["SELECT id FROM t WHERE id BETWEEN 2 AND 4", ["id >= 2", "id <= 4"]],
    ["SELECT id FROM t WHERE txt LIKE 'ab\\_c%d'", ["txt starts_with ab_c"]],
    ["SELECT id FROM t WHERE txt LIKE 'abc'", ["txt = abc"]],
    ["SELECT id FROM t WHERE txt LIKE '%abc'", []],
    ["SELECT id FROM t WHERE starts_with(txt, 'ab')", ["txt starts_with ab"]],
    ["SELECT id FROM t WHERE grp IS NULL", ["grp is_null"]],
    ["SELECT id FROM t WHERE grp IS NOT NULL AND grp <> 'b'", ["grp is_not_null", "grp <> b"]],
    ["SELECT id FROM t WHERE b AND NOT b", ["b = true", "b = false"]],
    ["SELECT id FROM t WHERE i2 = 5::bigint", ["i2 = 5"]],
    ["SELECT id FROM t WHERE f8 < 5", ["f8 < 5"]],
    ["SELECT id FROM t WHERE f8 > 5", []],
    ["SELECT id FROM t WHERE f8 <> 5 OR f8 = 'NaN'", []],
    ["SELECT id FROM t WHERE tz >= '2024-01-15'", [`tz >= ${day("2024-01-15")}`]],
    ["SELECT id FROM t WHERE tz > now() - interval '1 day'", [`tz > ${Date.UTC(2024, 0, 15, 12, 34, 56, 789) * 1000}`]],
    ["SELECT id FROM t WHERE d = '2024-01-15'", [`d = ${day("2024-01-15") / 86_400_000_000}`]],
    ["SELECT x FROM (SELECT id + 0 AS x, grp AS g FROM t) s WHERE g = 'a'", ["grp = a"]],
    ["WITH a AS (SELECT id, grp FROM t) SELECT * FROM a WHERE grp = 'a'", ["grp = a"]],
    ["SELECT * FROM (SELECT grp, count(*) c FROM t GROUP BY grp) s WHERE grp = 'a' AND c > 0", ["grp = a"]],
    ["SELECT * FROM (SELECT DISTINCT grp FROM t ORDER BY 1) s WHERE grp = 'a'", ["grp = a"]],
    ["SELECT * FROM (SELECT id, grp FROM t ORDER BY id LIMIT 5) s WHERE grp = 'a'", []],
    ["SELECT id FROM t WHERE i2 > 1 + 1", ["i2 > 2"]],
    ["SELECT id FROM t WHERE (grp = 'a') IS TRUE", ["grp = a"]],
    ["SELECT id FROM t WHERE random() < 2", []],
  ])("%s", async (sql, predicates) => {
    expect((await onlyScan(sql)).predicates).toEqual(predicates);
  });

  test("an outer join keeps the conditions of its optional side above it", async () => {
    const kept = await scansOf("SELECT t.id FROM t LEFT JOIN u ON u.t_id = t.id WHERE t.id > 1 AND u.id IS NULL");
    expect(kept.scans.map((scan) => scan.predicates)).toEqual([["id > 1"], ["t_id > 1"]]);
    const strengthened = await scansOf("SELECT t.id FROM t LEFT JOIN u ON u.t_id = t.id WHERE u.id > 2");
    expect(strengthened.scans.map((scan) => scan.predicates)).toEqual([[], ["id > 2"]]);
    const on = await scansOf("SELECT t.id FROM t LEFT JOIN u ON u.t_id = t.id AND u.id > 2 AND t.id > 3");
    expect(on.scans.map((scan) => scan.predicates)).toEqual([[], ["id > 2"]]);
  });

  test("a condition that is never true reads nothing", async () => {
    for (const condition of ["false", "NULL", "1 = 2", "id = NULL", "date_trunc('day', tz) = '2024-01-15 01:00'"]) {
      expect((await scansOf(`SELECT id FROM t WHERE ${condition}`)).scans).toEqual([]);
    }
  });

  test("set operations filter both sides", async () => {
    const { scans } = await scansOf("SELECT * FROM (SELECT id FROM t UNION SELECT id FROM u) s WHERE id < 3");
    expect(scans.map((scan) => scan.predicates)).toEqual([["id < 3"], ["id < 3"]]);
  });
});

describe("functions of a timestamp become ranges", () => {
  const between = (from: string, to: string): string[] => [`tz >= ${day(from)}`, `tz < ${day(to)}`];
  test.each([
    ["date_trunc('day', tz) = '2024-01-15'", between("2024-01-15", "2024-01-16"), "date_trunc_to_range"],
    ["date_trunc('month', tz) = '2024-02-01'", between("2024-02-01", "2024-03-01"), "date_trunc_to_range"],
    ["date_trunc('year', tz) >= '2024-01-02'", [`tz >= ${day("2025-01-01")}`], "date_trunc_to_range"],
    ["date_trunc('week', tz) < '2024-01-15'", [`tz < ${day("2024-01-15")}`], "date_trunc_to_range"],
    ["'2024-01-15' = tz::date", between("2024-01-15", "2024-01-16"), "cast_to_date_to_range"],
    ["tz::date <= '2024-01-15'", [`tz < ${day("2024-01-16")}`], "cast_to_date_to_range"],
    ["date_format(tz, 'yyyy-MM-dd') = '2024-01-15'", between("2024-01-15", "2024-01-16"), "date_format_to_range"],
    ["to_char(tz, 'YYYY-MM') = '2024-02'", between("2024-02-01", "2024-03-01"), "to_char_to_range"],
    ["extract(year from tz) = 2024", between("2024-01-01", "2025-01-01"), "extract_year_to_range"],
    ["extract(year from tz) > 2023", [`tz >= ${day("2024-01-01")}`], "extract_year_to_range"],
    [
      "to_char(tz, 'YYYY-MM-DD HH24') = '2024-01-15 00'",
      [`tz >= ${day("2024-01-15")}`, `tz < ${day("2024-01-15") + 3.6e9}`],
      "to_char_to_range",
    ],
    [
      "tz::date IN ('2024-01-15', '2024-02-01')",
      [`tz >= ${day("2024-01-15")}`, `tz <= ${day("2024-02-02")}`],
      "cast_to_date_to_range",
    ],
    ["date_trunc('day', tz) IN ('2024-01-15', NULL)", between("2024-01-15", "2024-01-16"), "date_trunc_to_range"],
    ["tz + interval '1 day' >= '2024-01-16'", [`tz >= ${day("2024-01-15")}`], "interval_to_bound"],
    ["tz - interval '36 hours' < '2024-01-15'", [`tz < ${day("2024-01-16") + 4.32e10}`], "interval_to_bound"],
    ["'2024-01-17'::timestamptz - tz < interval '2 days'", [`tz > ${day("2024-01-15")}`], "interval_to_bound"],
    ["lower(txt) = 'ab'", ["txt in AB,Ab,aB,ab"], "case_to_spellings"],
    ["'K-1' = upper(txt)", ["txt in K-1,k-1"], "case_to_spellings"],
    ["lower(txt) = 'abcdefgh'", ["txt >= ABCDEFGH", "txt <= abcdefgh"], "case_to_spellings"],
  ])("I46 %s", async (condition, predicates, rule) => {
    const sql = `SELECT id FROM t WHERE ${condition} ORDER BY id`;
    const { scans, rewrites } = await scansOf(sql);
    expect(scans[0]?.predicates).toEqual(predicates);
    expect(rewrites).toEqual([rule]);
  });

  test("through a derived table", async () => {
    const sql = "SELECT * FROM (SELECT date_trunc('day', tz) AS day, id FROM t) s WHERE day = '2024-01-15'";
    expect((await onlyScan(sql)).predicates).toEqual(between("2024-01-15", "2024-01-16"));
  });
});

describe("limits", () => {
  test.each([
    ["SELECT id FROM t LIMIT 3", 3],
    ["SELECT id * 2 FROM t LIMIT 3 OFFSET 2", 5],
    ["SELECT id FROM t WHERE id > 2 LIMIT 3", undefined],
    ["SELECT id FROM t ORDER BY id LIMIT 3", undefined],
    ["SELECT count(*) FROM t LIMIT 3", undefined],
    ["SELECT count(*) FROM (SELECT id FROM t LIMIT 4) s", 4],
  ])("I47 %s", async (sql, limit) => {
    expect((await onlyScan(sql)).limit).toBe(limit);
  });

  test("sorting under a limit keeps only the top rows", async () => {
    const answer = await runSql(memoryCatalog(caseTables()), "SELECT id + 1 AS x FROM t ORDER BY n LIMIT 2 OFFSET 1");
    expect(answer.prepared.explain().text.join("\n")).toMatch(/Top-N Sort[\s\S]*Rows Kept: 3/);
  });
});

test("an untyped query plan still runs: predicates, tables and determinism are reported", async () => {
  const { prepared } = await runSql(
    memoryCatalog(caseTables()),
    "SELECT t.id FROM t JOIN u USING (id) WHERE t.grp = 'a'",
  );
  expect(prepared.tables.toSorted()).toEqual(["default.t", "default.u"]);
  expect(prepared.predicates).toEqual([{ table: "default.t", column: "grp", operator: "=" }]);
  expect(prepared.isDeterministic).toBe(true);
});

async function textOf(sql: string, params: readonly unknown[] = []): Promise<string> {
  return (await runSql(memoryCatalog(caseTables()), sql, { params })).prepared.cacheText;
}

describe("cache texts", () => {
  test("I48 equal plans have equal texts, whatever the names and spelling", async () => {
    const a = await textOf("SELECT id FROM t WHERE grp = 'a' AND id > 1 + 1");
    expect(await textOf("select x.id AS other from default.t x where x.grp='a' and x.id>2")).toBe(a);
    expect(await textOf("WITH q AS (SELECT * FROM t) SELECT id FROM q WHERE grp = $1 AND id > $2", ["a", 2])).toBe(a);
  });

  test("I48 different constants, types, orders and tables have different texts", async () => {
    const queries = [
      "SELECT id FROM t WHERE grp = 'a'",
      "SELECT id FROM t WHERE grp = 'b'",
      "SELECT id FROM u WHERE grp = 'a'",
      "SELECT id FROM t WHERE grp = 'a' ORDER BY id",
      "SELECT id FROM t WHERE grp = 'a' ORDER BY id DESC",
      "SELECT id FROM t WHERE grp = 'a' LIMIT 1",
      "SELECT 1 FROM t WHERE grp = 'a'",
      "SELECT '1' FROM t WHERE grp = 'a'",
      "SELECT 1.0 FROM t WHERE grp = 'a'",
      "SELECT DISTINCT id FROM t WHERE grp = 'a'",
      "SELECT sum(id) FROM t",
      "SELECT sum(DISTINCT id) FROM t",
      "SELECT sum(id) FILTER (WHERE b) FROM t",
      "SELECT id FROM t WHERE id IN (SELECT t_id FROM u WHERE id > 1)",
      "SELECT id FROM t WHERE id IN (SELECT t_id FROM u WHERE id > 2)",
      "SELECT id FROM t WHERE id = (SELECT max(t_id) FROM u)",
      "SELECT id FROM t WHERE id = (SELECT min(t_id) FROM u)",
      "SELECT i2 IN (SELECT id FROM u), id FROM t",
      "SELECT id FROM t WHERE d = '2024-01-15'",
      "SELECT id FROM t WHERE ts = '2024-01-15'",
      "SELECT id FROM t WHERE tz = '2024-01-15'",
    ];
    const texts = await Promise.all(queries.map((sql) => textOf(sql)));
    expect(new Set(texts).size).toBe(queries.length);
  });

  test("now() stays now() and makes the answer time-dependent", async () => {
    const { prepared } = await runSql(
      memoryCatalog(caseTables()),
      "SELECT id FROM t WHERE tz > now() - interval '1 hour'",
    );
    expect(prepared.cacheText).toContain("now()");
    expect(prepared.cacheText).not.toMatch(/2024/);
    expect(prepared).toMatchObject({ isTimeDependent: true, isDeterministic: false });
    const random = await runSql(memoryCatalog(caseTables()), "SELECT random()");
    expect(random.prepared).toMatchObject({ isTimeDependent: false, isDeterministic: false });
  });
});
