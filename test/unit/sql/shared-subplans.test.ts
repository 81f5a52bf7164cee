// What several places of a statement read is made once: WITH items, and parts that are alike after conditions moved.

import { beforeAll, describe, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { memoryCatalog, type MemoryTable } from "../../support/memory-table.ts";
import { runSql, type Answer } from "../../support/sql-run.ts";
import { caseTables } from "../../support/sql-tables.ts";

beforeAll(() => initSqlParser());

interface Run {
  readonly answer: Answer;
  /** How often the scans of table t were planned. */
  readonly scans: number;
  readonly text: string;
}

async function run(sql: string): Promise<Run> {
  const tables = caseTables();
  const answer = await runSql(memoryCatalog(tables), sql);
  const t = tables.find(({ name }) => name === "default.t") as MemoryTable;
  return { answer, scans: t.requests.length, text: answer.prepared.explain().text.join("\n") };
}

const GROUPED = "SELECT grp, count(*) AS c FROM t GROUP BY grp";

describe("I323 read once", () => {
  test.each([
    ["a WITH item", `WITH w AS (${GROUPED}) SELECT * FROM w a JOIN w b ON a.c = b.c`],
    ["derived tables that are alike", `SELECT * FROM (${GROUPED}) a JOIN (${GROUPED}) b ON a.c = b.c`],
    ["a subquery and its query", `WITH w AS (${GROUPED}) SELECT grp FROM w WHERE c = (SELECT max(c) FROM w)`],
    [
      "with the same conditions",
      `WITH w AS (${GROUPED}) SELECT 1 FROM w WHERE grp = 'a' UNION ALL SELECT 2 FROM w WHERE grp = 'a'`,
    ],
    [
      "of which readers want other columns",
      `WITH w AS (${GROUPED}) SELECT c FROM w UNION ALL SELECT length(grp) FROM w`,
    ],
  ])("%s", async (_name, sql) => {
    const { scans, text } = await run(sql);
    expect(scans).toBe(1);
    expect(text).toContain("Shared Scan");
    expect(text).toContain("Made once for 2 readers");
    expect(text).toContain("Rewrite: shared_subplan: 2 readers of parts that are alike => made once");
  });

  test.each([
    [
      "conditions differ: each reader reads only its own",
      `WITH w AS (${GROUPED}) SELECT 1 FROM w WHERE grp = 'a' UNION ALL SELECT 2 FROM w WHERE grp = 'b'`,
    ],
    [
      "plain rows are read again rather than kept",
      "WITH w AS (SELECT * FROM t) SELECT 1 FROM w UNION ALL SELECT 2 FROM w",
    ],
  ])("not when %s", async (_name, sql) => {
    const { scans, text } = await run(sql);
    expect(scans).toBe(2);
    expect(text).not.toContain("Shared Scan");
  });
});

describe("I324 WITH items that give other rows each time are made once", () => {
  test("their rows are the same for all readers", async () => {
    const { answer } = await run(
      "WITH r AS (SELECT id, random() AS x FROM t) SELECT count(*) FROM r a JOIN r b ON a.id = b.id WHERE a.x <> b.x",
    );
    expect(answer.rows).toEqual([["0"]]);
  });

  test("derived tables are not items: each has its own", async () => {
    const { answer } = await run(
      "SELECT count(*) FROM (SELECT id, random() AS x FROM t) a JOIN (SELECT id, random() AS x FROM t) b ON a.id = b.id WHERE a.x = b.x",
    );
    expect(answer.rows).toEqual([["0"]]);
  });

  test("MATERIALIZED keeps conditions above, NOT MATERIALIZED lets them through", async () => {
    const reading = "(SELECT * FROM t) SELECT id FROM w WHERE grp = 'a' UNION ALL SELECT id FROM w WHERE grp = 'b'";
    const fenced = await run(`WITH w AS MATERIALIZED ${reading}`);
    expect(fenced.scans).toBe(1);
    expect(fenced.text).toContain("Shared Scan on w");
    expect(fenced.text).not.toContain("Skip by");
    const open = await run(`WITH w AS NOT MATERIALIZED ${reading}`);
    expect(open.text).toContain("Skip by: grp = 'a'");
    expect(new Set(open.answer.rows.flat())).toEqual(new Set(fenced.answer.rows.flat()));
  });

  test("a recursion without an end gives as many rows as its readers take", async () => {
    const { answer } = await run(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT (SELECT sum(i) FROM (SELECT i FROM n LIMIT 4) a), (SELECT max(i) FROM (SELECT i FROM n LIMIT 9) b)",
    );
    expect(answer.rows).toEqual([["10", "9"]]);
  });
});
