// QUALIFY gives the rows of the same query with a subquery around it, and errors point at the text as it was written.

import { expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { parseStatement } from "../../../src/sql/parser/parse.ts";
import { runSql } from "../../support/sql-run.ts";
import { caseCatalog } from "../../support/sql-tables.ts";

await initSqlParser();

const RANKED = "row_number() OVER (PARTITION BY grp ORDER BY id)";

test.each([
  [
    `SELECT id FROM t QUALIFY ${RANKED} = 1 ORDER BY id`,
    `SELECT id FROM (SELECT id, ${RANKED} AS r FROM t) q WHERE r = 1 ORDER BY id`,
  ],
  [
    `SELECT id, ${RANKED} AS r FROM t WHERE id > 1 QUALIFY r <= 2 AND id < 9 ORDER BY id`,
    `SELECT * FROM (SELECT id, ${RANKED} AS r FROM t WHERE id > 1) q WHERE r <= 2 AND id < 9 ORDER BY id`,
  ],
  [
    "SELECT grp, count(*) AS c FROM t GROUP BY grp HAVING count(*) > 1 OR grp = 'c' QUALIFY rank() OVER (ORDER BY count(*) DESC) = 1 ORDER BY grp",
    "SELECT grp, c FROM (SELECT grp, count(*) AS c, rank() OVER (ORDER BY count(*) DESC) AS r FROM t GROUP BY grp HAVING count(*) > 1 OR grp = 'c') q WHERE r = 1 ORDER BY grp",
  ],
  [
    "SELECT id FROM t WINDOW w AS (PARTITION BY grp ORDER BY id DESC) QUALIFY row_number() OVER w = 1 ORDER BY id",
    "SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY grp ORDER BY id DESC) AS r FROM t) q WHERE r = 1 ORDER BY id",
  ],
  [
    "SELECT id FROM t QUALIFY row_number() OVER w = 1 WINDOW w AS (PARTITION BY grp ORDER BY id DESC) ORDER BY id",
    "SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY grp ORDER BY id DESC) AS r FROM t) q WHERE r = 1 ORDER BY id",
  ],
  [
    `SELECT DISTINCT grp FROM t QUALIFY count(*) OVER (PARTITION BY grp) > 2 -- the condition\n ORDER BY grp`,
    "SELECT grp FROM t GROUP BY grp HAVING count(*) > 2 ORDER BY grp",
  ],
  [
    `SELECT count(*) FROM (SELECT id FROM t QUALIFY ${RANKED} = 1) a, (SELECT id FROM t QUALIFY ${RANKED} = 2) b`,
    `SELECT count(*) FROM (SELECT id FROM (SELECT id, ${RANKED} AS r FROM t) q WHERE r = 1) a, (SELECT id FROM (SELECT id, ${RANKED} AS r FROM t) q WHERE r = 2) b`,
  ],
  [
    `SELECT id FROM t QUALIFY ${RANKED} = (SELECT min(x) FROM (SELECT id AS x FROM t QUALIFY ${RANKED} = 2) y) - 1 ORDER BY id`,
    `SELECT id FROM (SELECT id, ${RANKED} AS r FROM t) q WHERE r = (SELECT min(x) FROM (SELECT id AS x FROM (SELECT id, ${RANKED} AS r FROM t) z WHERE r = 2) y) - 1 ORDER BY id`,
  ],
  [
    `SELECT id FROM t QUALIFY ${RANKED} = 1 UNION ALL SELECT id FROM t QUALIFY ${RANKED} = 2 ORDER BY 1 LIMIT 4`,
    `SELECT id FROM (SELECT id, ${RANKED} AS r FROM t) q WHERE r IN (1, 2) ORDER BY 1 LIMIT 4`,
  ],
  ["SELECT qualify.id AS qualify FROM t qualify ORDER BY qualify", "SELECT id AS qualify FROM t ORDER BY id"],
  [
    "SELECT id qualify FROM t AS qualify WHERE qualify.id > 2 ORDER BY 1",
    "SELECT id AS qualify FROM t WHERE id > 2 ORDER BY 1",
  ],
  [
    "SELECT 'qualify x' AS x FROM t qualify JOIN u ON u.id = qualify.id",
    "SELECT 'qualify x' AS x FROM t JOIN u ON u.id = t.id",
  ],
])("I242 %s", async (sql, same) => {
  const expected = await runSql(caseCatalog(), same);
  for (const optimize of [true, false]) {
    const answer = await runSql(caseCatalog(), sql, { optimize });
    expect(answer.rows).toEqual(expected.rows);
    expect(answer.columns).toEqual(expected.columns);
  }
});

test.each([
  ["SELECT id FROM t QUALIFY nope() OVER () = 1", "windowing_error", "nope"],
  ["SELECT id FROM t GROUP BY id HAVING count(*) > 0 QUALIFY nope = 1", "undefined_column", "nope"],
  ["SELECT id FROM t WINDOW w AS (ORDER BY missing) QUALIFY row_number() OVER w = 1", "undefined_column", "missing"],
  ["SELECT id FROM t QUALIFY sum(id) OVER () > 1 ORDER BY later", "undefined_column", "later"],
  ["SELECT id FROM t QUALIFY id > 1", "windowing_error", "id"],
  ["SELECT id FROM t QUALIFY row_number() OVER ()", "type_mismatch", "row_number"],
  ["SELECT id FROM t WHERE id = 1 QUALIFY rank() OVER (ORDER BY id) = = 1", "sql_syntax_error", "="],
])("I242 the error of %s is at its place", async (sql, code, at) => {
  const error: unknown = await runSql(caseCatalog(), sql).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code });
  const { details } = error as { details: { start: number; end: number } };
  expect(sql.slice(details.start, details.end)).toBe(at);
});

test("I242 a pattern shows QUALIFY as it was written", () => {
  expect(parseStatement("SELECT a FROM t QUALIFY sum(b) OVER () > 5 ORDER BY a").pattern).toBe(
    "SELECT a FROM t QUALIFY sum(b) OVER () > $1 ORDER BY a",
  );
  expect(parseStatement("SELECT a FROM t GROUP BY a HAVING max(b) > 1 QUALIFY (rank() OVER ()) = 1").pattern).toBe(
    "SELECT a FROM t GROUP BY a HAVING ( max(b) > $1) QUALIFY (rank() OVER ()) = $2",
  );
});
