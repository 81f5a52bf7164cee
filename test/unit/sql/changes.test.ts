// Statements that change rows, judged by PostgreSQL: the same counts and the same rows afterwards.

import { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LakeError } from "#core";
import type { ColumnSchema, DataType } from "#columnar";
import { initSqlParser, prepareQuery, scalarToText } from "#sql";
import { changingCatalog, changingTable, runChange, type ChangingTable } from "../../support/changing-table.ts";
import type { MemoryRow } from "../../support/memory-table.ts";
import { RAW_PARSERS, loadOracle } from "../../support/sql-oracle.ts";
import { fixedClock, runSql } from "../../support/sql-run.ts";

const INT: DataType = { kind: "int32" };
const TEXT: DataType = { kind: "string" };
const DAY = 86_400_000;
const column = (name: string, type: DataType, nullable = true): ColumnSchema => ({ name, type, nullable });

const COLUMNS = [
  column("id", INT),
  column("grp", TEXT),
  column("v", { kind: "int64" }),
  column("n", { kind: "decimal", precision: 8, scale: 2 }),
  column("d", { kind: "date" }),
  column("f", { kind: "float64" }),
  column("b", { kind: "boolean" }),
];
const DAYS = Date.UTC(2024, 0, 1) / DAY;
const ROWS: readonly MemoryRow[] = Array.from({ length: 12 }, (_, i) => ({
  id: i,
  grp: i % 5 === 4 ? null : (["a", "b", "c"][i % 3] ?? null),
  v: i === 7 ? null : i * 10,
  n: i === 3 ? null : { unscaled: BigInt(i * 125), scale: 2 },
  d: DAYS + i,
  f: i === 5 ? Number.NaN : i / 4,
  b: i % 4 === 0 ? null : i % 2 === 0,
}));
const SOURCE = [column("id", INT), column("v", { kind: "int64" }), column("op", TEXT)];
const SOURCE_ROWS: readonly MemoryRow[] = [
  { id: 1, v: 100, op: "set" },
  { id: 3, v: null, op: "set" },
  { id: 6, v: 600, op: "drop" },
  { id: 40, v: 400, op: "new" },
  { id: 41, v: 410, op: "skip" },
  { id: null, v: 0, op: "new" },
];

let db: PGlite;

beforeAll(async () => {
  await initSqlParser();
  db = await PGlite.create();
  await db.exec("SET TIME ZONE 'UTC'; SET extra_float_digits = 1;");
}, 60_000);

afterAll(() => db.close());

function tables(): ChangingTable[] {
  return [changingTable("t", COLUMNS, ROWS), changingTable("s", SOURCE, SOURCE_ROWS)];
}

function texts(table: ChangingTable): readonly string[] {
  return table
    .rows()
    .map((row) =>
      JSON.stringify(
        table.columns.map(({ name, type }) => {
          const value = row[name] ?? null;
          return value === null ? null : scalarToText(value, type);
        }),
      ),
    )
    .toSorted();
}

async function oracleRows(): Promise<readonly string[]> {
  const result = await db.query<(string | null)[]>("SELECT * FROM t", [], { rowMode: "array", parsers: RAW_PARSERS });
  return result.rows
    .map((row) => JSON.stringify(row.map((value, i) => (i === 6 && value !== null ? String(value === "t") : value))))
    .toSorted();
}

async function inOracle(run: () => Promise<void>): Promise<void> {
  await db.exec("BEGIN; DROP TABLE IF EXISTS t, s;");
  await loadOracle(db, [
    { name: "t", columns: COLUMNS, rows: ROWS },
    { name: "s", columns: SOURCE, rows: SOURCE_ROWS },
  ]);
  try {
    await run();
  } finally {
    await db.exec("ROLLBACK");
  }
}

const STATEMENTS = [
  "INSERT INTO t VALUES (100, 'x', 5, 1.255, '2024-02-03', 'NaN', true)",
  "INSERT INTO t (id, v) VALUES (100, 1.5), (101, NULL), (102, DEFAULT)",
  "INSERT INTO t (v, id) SELECT v * 2, id FROM s",
  "INSERT INTO t SELECT * FROM t WHERE id < 3",
  "INSERT INTO t (id, grp) SELECT max(id) + 1, 'new' FROM t",
  "INSERT INTO t (id, n) SELECT 7, 3.14159",
  "INSERT INTO t (id, f, d) VALUES ('12', '1.5', DATE '2024-05-05' + 1)",
  "INSERT INTO t (id) VALUES ((SELECT count(*) FROM s))",
  "INSERT INTO t DEFAULT VALUES",
  "INSERT INTO t (id, v) VALUES (1, 2), (3, 4) ORDER BY 1 LIMIT 1",
  "WITH x AS (SELECT 5 AS i) INSERT INTO t (id) SELECT i FROM x",
  "DELETE FROM t",
  "TRUNCATE t",
  "DELETE FROM t WHERE id = 5",
  "DELETE FROM t WHERE id IN (1, 2, 3) OR v > 90",
  "DELETE FROM t WHERE grp = 'a' AND v IS NOT NULL",
  "DELETE FROM t WHERE grp <> 'a'",
  "DELETE FROM t WHERE f > 1",
  "DELETE FROM t WHERE f <= 1",
  "DELETE FROM t WHERE f = 'NaN'",
  "DELETE FROM t WHERE d >= '2024-01-05' AND d < '2024-01-09'",
  "DELETE FROM t WHERE id >= 4 AND id <= 7",
  "DELETE FROM t WHERE NULL",
  "DELETE FROM t WHERE id < 0",
  "DELETE FROM t WHERE b IS NULL",
  "DELETE FROM t WHERE NOT b",
  "DELETE FROM t WHERE id IN (SELECT id FROM s)",
  "DELETE FROM t WHERE id NOT IN (SELECT id FROM s WHERE id IS NOT NULL)",
  "DELETE FROM t WHERE v < (SELECT avg(v) FROM t)",
  "DELETE FROM t USING s WHERE t.id = s.id",
  "DELETE FROM t AS x USING s AS y WHERE x.id = y.id AND y.op = 'drop'",
  "DELETE FROM t USING s WHERE t.id < s.id AND s.op = 'set'",
  "DELETE FROM t USING t AS o WHERE t.id = o.id + 1 AND o.grp = 'a'",
  "WITH gone AS (SELECT id FROM s WHERE op = 'drop') DELETE FROM t WHERE id IN (SELECT id FROM gone)",
  "UPDATE t SET v = 1",
  "UPDATE t SET v = v + 1, grp = upper(grp) WHERE id % 2 = 0",
  "UPDATE t SET v = id, id = v WHERE v < 40",
  "UPDATE t SET n = n * 1.005, f = n, v = f WHERE id < 5 AND n IS NOT NULL",
  "UPDATE t SET grp = DEFAULT, v = NULL WHERE grp = 'b'",
  "UPDATE t SET (v, grp) = (7, 'seven') WHERE id = 7",
  "UPDATE t SET (v, grp) = (SELECT max(v), max(op) FROM s)",
  "UPDATE t SET v = (SELECT max(v) FROM s) WHERE id > 8",
  "UPDATE t SET d = d + 1, b = id > 5",
  "UPDATE t SET grp = '2024-01-01', d = '2023-12-31' WHERE id = 1",
  "UPDATE t SET v = s.v FROM s WHERE t.id = s.id",
  "UPDATE t SET v = t.v + s.v, grp = s.op FROM s WHERE t.id = s.id AND s.v IS NOT NULL",
  "UPDATE t x SET v = a.total FROM (SELECT grp, sum(v) AS total FROM t GROUP BY grp) a WHERE x.grp = a.grp",
  "UPDATE t SET v = 0 FROM s, (SELECT 5 AS k) k WHERE t.id = s.id AND k.k < t.id",
  "UPDATE t SET v = CASE WHEN grp = 'a' THEN 1 ELSE v END",
  "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v)",
  "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED AND s.op = 'drop' THEN DELETE WHEN MATCHED THEN UPDATE SET v = s.v, grp = s.op WHEN NOT MATCHED AND s.op = 'new' THEN INSERT (id, v, grp) VALUES (s.id, s.v, DEFAULT) WHEN NOT MATCHED THEN DO NOTHING",
  "MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)",
  "MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED BY SOURCE THEN DELETE",
  "MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED BY SOURCE AND t.id > 5 THEN UPDATE SET grp = 'old', v = t.v - 1 WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED BY TARGET THEN INSERT VALUES (s.id, s.op, s.v, 1, NULL, 2, true)",
  "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DO NOTHING WHEN NOT MATCHED BY SOURCE THEN DO NOTHING",
  "MERGE INTO t x USING (SELECT id + 1 AS id, count(*) AS c FROM t GROUP BY id) y ON x.id = y.id AND x.id > 6 WHEN MATCHED THEN UPDATE SET v = y.c WHEN NOT MATCHED THEN INSERT (id, v) VALUES (y.id + 1000, y.c)",
  "MERGE INTO t USING (SELECT DISTINCT op FROM s) o ON t.grp = o.op WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT DEFAULT VALUES",
  "MERGE INTO t USING s ON t.id = s.id AND s.op = 'set' WHEN MATCHED AND t.v > 10 THEN DELETE WHEN MATCHED THEN UPDATE SET v = -1",
  "MERGE INTO t USING s ON false WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id) WHEN NOT MATCHED BY SOURCE AND grp = 'a' THEN DELETE",
  "DELETE FROM t WHERE v >= ALL (SELECT v FROM s WHERE id > 1000)",
  "DELETE FROM t WHERE NOT (v = ANY (SELECT v FROM s WHERE id > 1000)) AND v NOT IN (SELECT v FROM s WHERE id > 1000)",
  "UPDATE t SET b = v < ALL (SELECT v FROM s), grp = (v IN (SELECT v FROM s WHERE id > 1000))::text",
  "UPDATE t SET b = v > ANY (ARRAY[]::int8[]), grp = (v <> ALL ('{}'::int8[]))::text",
  "DELETE FROM t WHERE EXISTS (SELECT 1 FROM s WHERE s.id = t.id AND s.op <> 'set')",
  "DELETE FROM t WHERE NOT EXISTS (SELECT 1 FROM s WHERE s.id > t.id AND s.v > t.v)",
  "DELETE FROM t WHERE v > (SELECT avg(o.v) FROM t o WHERE o.grp = t.grp)",
  "DELETE FROM t WHERE t.v IN (SELECT s.v / 10 FROM s WHERE s.id < t.id) OR id = (SELECT max(id) - t.id FROM s)",
  "DELETE FROM t WHERE (SELECT max(x) FROM (VALUES (t.id), (t.v)) y(x)) > 50",
  "DELETE FROM t x USING s WHERE x.id = s.id AND (SELECT count(*) FROM t o WHERE o.grp = x.grp AND o.v < s.v) > 1",
  "UPDATE t SET v = (SELECT max(s.v) FROM s WHERE s.id <= t.id)",
  "UPDATE t SET v = (SELECT s.v FROM s WHERE s.id = t.id), grp = (SELECT op FROM s WHERE s.id = t.id) WHERE id < 9",
  "UPDATE t SET (v, grp) = (SELECT s.v + t.v, op FROM s WHERE s.id = t.id) WHERE id > 0",
  "UPDATE t SET (v, grp) = (SELECT count(*), max(op) FROM s WHERE s.id < t.id), n = n + (SELECT count(*) FROM s WHERE s.id = t.id)",
  "UPDATE t SET v = v + (SELECT count(*) FROM t o WHERE o.v < t.v) WHERE EXISTS (SELECT 1 FROM s WHERE s.id = t.id OR t.id > 8)",
  "UPDATE t x SET v = (SELECT sum(o.v) FROM t o WHERE o.grp = x.grp AND o.id <> s.id) FROM s WHERE x.id = s.id AND s.op = 'set'",
  "UPDATE t SET b = t.id IN (SELECT s.id FROM s WHERE s.v > t.v), f = (SELECT min(y) FROM (VALUES (t.f), (t.v)) z(y))",
  "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED AND (SELECT count(*) FROM t o WHERE o.v < s.v) > 5 THEN UPDATE SET v = (SELECT max(o.v) FROM t o WHERE o.id < s.id) + t.v WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, (SELECT count(*) FROM t o WHERE o.id < s.id))",
  "MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED BY SOURCE AND EXISTS (SELECT 1 FROM t o WHERE o.id = t.id + 1 AND o.grp = t.grp) THEN DELETE WHEN NOT MATCHED BY SOURCE THEN UPDATE SET (v, grp) = (SELECT sum(id), max(op) FROM s WHERE s.id < t.id)",
  "WITH u AS (SELECT id, v FROM s WHERE v > 50) MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN UPDATE SET v = u.v",
];

describe("I151 I221 a statement changes the rows that PostgreSQL changes", () => {
  test.for(STATEMENTS)("%s", async (sql, { expect }) => {
    await inOracle(async () => {
      const expected = await db.query(sql);
      const rows = await oracleRows();
      for (const optimize of [true, false]) {
        const own = tables();
        const [target] = own;
        const counts = await runChange(own, sql, { optimize });
        expect(texts(target as ChangingTable)).toEqual(rows);
        if (!sql.startsWith("TRUNCATE")) {
          expect(counts.inserted + counts.updated + counts.deleted).toBe(expected.affectedRows);
        }
      }
    });
  });
});

const REFUSED: readonly (readonly [sql: string, code: string])[] = [
  ["INSERT INTO t (id) VALUES (1, 2)", "type_mismatch"],
  ["INSERT INTO t (id, v) VALUES (1)", "type_mismatch"],
  ["INSERT INTO t (id, id) VALUES (1, 2)", "ambiguous_column"],
  ["INSERT INTO t (idd) VALUES (1)", "undefined_column"],
  ["INSERT INTO t (id) VALUES ('x')", "invalid_text_representation"],
  ["INSERT INTO t (id) VALUES (true)", "type_mismatch"],
  ["INSERT INTO t (id) VALUES (3000000000)", "numeric_out_of_range"],
  ["INSERT INTO t (n) VALUES (12345678.9)", "numeric_out_of_range"],
  ["INSERT INTO tt (id) VALUES (1)", "undefined_table"],
  ["UPDATE t SET v = 'x'", "invalid_text_representation"],
  ["UPDATE t SET v = d", "type_mismatch"],
  ["UPDATE t SET v = 1, v = 2", "ambiguous_column"],
  ["UPDATE t SET (v, grp) = (1)", "type_mismatch"],
  ["UPDATE t SET v = 1 / 0", "division_by_zero"],
  ["UPDATE t SET v = s.v FROM s WHERE t.nope = 1", "undefined_column"],
  ["UPDATE t SET v = count(*)", "grouping_error"],
  ["DELETE FROM t WHERE id", "type_mismatch"],
  ["DELETE FROM t USING t WHERE true", "ambiguous_column"],
  ["MERGE INTO t USING (SELECT 1 AS id FROM s) x ON t.id = x.id WHEN MATCHED THEN DELETE", "cardinality_violation"],
  ["MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (t.id)", "undefined_table"],
  ["MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED BY SOURCE THEN UPDATE SET v = s.v", "undefined_table"],
  ["MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE WHEN MATCHED THEN DO NOTHING", "sql_syntax_error"],
];

describe("I151 what PostgreSQL refuses is refused, and changes nothing", () => {
  test.for(REFUSED)("%s", async ([sql, code], { expect }) => {
    await inOracle(async () => {
      await expect(db.query(sql)).rejects.toThrow();
    });
    const own = tables();
    const before = texts(own[0] as ChangingTable);
    const error = await runChange(own, sql).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(LakeError);
    expect((error as LakeError).code).toBe(code);
    expect(texts(own[0] as ChangingTable)).toEqual(before);
  });
});

const UNSUPPORTED = [
  "DELETE FROM t WHERE id = 1 RETURNING id",
  "INSERT INTO t (id) VALUES (1) ON CONFLICT DO NOTHING",
  "INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (1)",
  "WITH x AS (DELETE FROM t RETURNING id) SELECT * FROM x",
  "CREATE TABLE x (a int)",
];

test.for(UNSUPPORTED)("I151 %s is refused by name", async (sql, { expect }) => {
  const options = { catalog: changingCatalog(tables()), params: [], clock: fixedClock };
  const { prepareStatement } = await import("#sql");
  await expect(prepareStatement(sql, options)).rejects.toMatchObject({ code: "sql_unsupported" });
});

const strict = (): ChangingTable[] => [
  changingTable("t", [column("id", INT, false), column("k", { kind: "binary", length: 2 })], [{ id: 1, k: null }], {
    defaults: new Map([[0, 9]]),
  }),
];

describe("I151 rows keep the table's rules", () => {
  test.for([
    ["INSERT INTO t VALUES (NULL, NULL)", "not_null_violation"],
    ["UPDATE t SET id = NULL", "not_null_violation"],
    ["UPDATE t SET id = nullif(id, 1)", "not_null_violation"],
    [
      "MERGE INTO t USING (SELECT NULL::int AS i) s ON t.id = s.i WHEN NOT MATCHED THEN INSERT VALUES (s.i)",
      "not_null_violation",
    ],
    ["INSERT INTO t VALUES (1, '\\x010203')", "numeric_out_of_range"],
  ] as const)("%s", async ([sql, code], { expect }) => {
    await expect(runChange(strict(), sql)).rejects.toMatchObject({ code });
  });

  test.for([
    "INSERT INTO w VALUES ('infinity', now())",
    "INSERT INTO w SELECT DATE '2024-01-01', '-infinity'",
    "UPDATE w SET d = d + 1, ts = 'infinity'",
  ])("I394 %s is refused: a lake has no infinite times", async (sql, { expect }) => {
    const columns = [column("d", { kind: "date" }), column("ts", { kind: "timestamp", utc: true })];
    // 2,147,483,647 µs after 1970 is no infinite date.
    const own = [changingTable("w", columns, [{ d: DAYS, ts: 2_147_483_647 }])];
    await expect(runChange(own, sql)).rejects.toMatchObject({ code: "numeric_out_of_range" });
    await runChange(own, "UPDATE w SET d = d + 1");
  });

  test("a column that is left out has its default", async () => {
    const own = strict();
    await runChange(own, "INSERT INTO t (k) VALUES ('\\x0102')");
    await runChange(own, "UPDATE t SET id = DEFAULT WHERE id = 1");
    expect(own[0]?.rows().map(({ id }) => id)).toEqual([9, 9]);
  });
});

describe("I152 only files that may hold matching rows are read, and only files with matches change", () => {
  test("a key of the source narrows the target", async () => {
    const own = tables();
    await runChange(own, "MERGE INTO t USING (SELECT 5 AS id) s ON t.id = s.id WHEN MATCHED THEN DELETE");
    expect(own[0]?.seen).toEqual({ skipped: 2, removed: 0, changed: 1 });
  });

  test("files that match whole are removed without being read", async () => {
    const own = tables();
    const { deleted } = await runChange(own, "DELETE FROM t WHERE id >= 3 AND id <= 9");
    expect(own[0]?.seen).toEqual({ skipped: 0, removed: 1, changed: 2 });
    expect(deleted).toBe(7);
  });

  test("a file without a match stays as it is", async () => {
    const own = tables();
    const before = own[0]?.files ?? [];
    await runChange(own, "UPDATE t SET v = 0 WHERE id + 0 = 5");
    const after = own[0]?.files ?? [];
    expect(after[0]).toBe(before[0]);
    expect(after[2]).toBe(before[2]);
    expect(own[0]?.seen).toEqual({ skipped: 0, removed: 0, changed: 1 });
  });
});

test("I153 EXPLAIN shows the plan of a change and does nothing", async () => {
  const own = tables();
  const before = texts(own[0] as ChangingTable);
  const { rows } = await runSql(changingCatalog(own), "EXPLAIN DELETE FROM t WHERE id = 5");
  expect(rows.map(([line]) => line).join("\n")).toMatch(/^Delete on t[\s\S]*Mode: memory[\s\S]*Skip by: id = 5/);
  expect(texts(own[0] as ChangingTable)).toEqual(before);
  await expect(runSql(changingCatalog(own), "EXPLAIN ANALYZE DELETE FROM t")).rejects.toMatchObject({
    code: "sql_unsupported",
  });
  const options = { catalog: changingCatalog(own), params: [], clock: fixedClock };
  await expect(prepareQuery("DELETE FROM t", options)).rejects.toMatchObject({ code: "sql_unsupported" });
});
