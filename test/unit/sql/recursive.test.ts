// WITH RECURSIVE ends within its budget, and reads what does not change once.

import { expect, test } from "vitest";
import { initSqlParser, prepareQuery, type TableCatalog } from "#sql";
import { column, memoryTable } from "../../support/memory-table.ts";
import { fixedClock, runSql } from "../../support/sql-run.ts";

await initSqlParser();

function chain(length: number): { readonly catalog: TableCatalog; readonly opened: () => number } {
  let opened = 0;
  const rows = Array.from({ length }, (_, i) => ({ a: i, b: i + 1 }));
  const columns = [column("a", { kind: "int32" }), column("b", { kind: "int32" })];
  const table = memoryTable("edge", columns, rows);
  const counting = {
    ...table,
    async planScan(request: Parameters<typeof table.planScan>[0]) {
      const scan = await table.planScan(request);
      return {
        ...scan,
        open(signal: AbortSignal) {
          opened += 1;
          return scan.open(signal);
        },
      };
    },
  };
  const catalog: TableCatalog = {
    findTable: ([name]) => Promise.resolve(name === "edge" ? counting : undefined),
    tableNames: () => Promise.resolve(["edge"]),
  };
  return { catalog, opened: () => opened };
}

const ENDLESS = "WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x FROM r) SELECT count(*) FROM r";
const DOUBLING =
  "WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x * 2 + d FROM r, (VALUES (1), (2)) v(d)) SELECT * FROM r";

async function run(sql: string, memoryLimitBytes: number, timeLimitMs?: number): Promise<number> {
  const prepared = await prepareQuery(sql, { catalog: chain(0).catalog, params: [], clock: fixedClock });
  let ticks = 0;
  const clock = { nowMs: () => (timeLimitMs === undefined ? 0 : ticks++) };
  let count = 0;
  const options = { signal: new AbortController().signal, memoryLimitBytes, clock };
  for await (const batch of prepared.execute(timeLimitMs === undefined ? options : { ...options, timeLimitMs })) {
    count += batch.rowCount;
  }
  return count;
}

test(
  "I240 a recursion that never ends is ended by its rounds, its time or its memory",
  { timeout: 30_000 },
  async () => {
    await expect(run(ENDLESS, 2 ** 20)).rejects.toMatchObject({
      code: "sql_runtime_error",
      message: expect.stringContaining('"r" did not end within 1000000 rounds') as string,
    });
    await expect(run(ENDLESS, 2 ** 20, 500)).rejects.toMatchObject({ code: "time_limit_exceeded" });
    await expect(run(DOUBLING, 2 ** 20)).rejects.toMatchObject({
      code: "memory_limit_exceeded",
      message: expect.stringMatching(/^WITH RECURSIVE r needs more than .* two rounds are held/) as string,
    });
  },
);

test("I240 a recursion gives its rows round by round, so a LIMIT ends it", async () => {
  expect(await run(`${ENDLESS.replace("count(*)", "x")} LIMIT 20`, 2 ** 20)).toBe(20);
});

test("I241 a table that a recursion joins is read once, not once a round", async () => {
  const { catalog, opened } = chain(50);
  const sql =
    "WITH RECURSIVE r AS (SELECT 0 AS x UNION ALL SELECT edge.b FROM r JOIN edge ON edge.a = r.x) SELECT max(x), count(*) FROM r";
  const { rows } = await runSql(catalog, sql);
  expect(rows).toEqual([["50", "51"]]);
  expect(opened()).toBe(1);
});

const GRAPHS = [
  [
    [1, 2],
    [2, 3],
    [3, 1],
    [1, 4],
  ],
  [[1, 1]],
  [
    [1, 2],
    [1, 3],
    [2, 4],
    [3, 4],
    [4, 5],
  ],
  [
    [1, 2],
    [2, 1],
    [2, 2],
    [2, 3],
    [3, 2],
    [3, 4],
    [4, 1],
  ],
] as const;

/** The walks from each start, by SEARCH and CYCLE or by a path that is kept by hand. */
function walks(edges: readonly (readonly [number, number])[], byHand: boolean): string {
  const graph = `g(f, t) AS (VALUES ${edges.map(([f, t]) => `(${f}, ${t})`).join(", ")})`;
  const walk = byHand
    ? `r(n, p, c) AS (SELECT s.x, ARRAY[s.x], false UNION ALL
        SELECT g.t, r.p || g.t, g.t = ANY (r.p) FROM r JOIN g ON g.f = r.n WHERE NOT r.c)
      SELECT n, c, cardinality(p) AS length, row_number() OVER (ORDER BY p) AS place FROM r`
    : `r(n) AS (SELECT s.x UNION ALL SELECT g.t FROM r JOIN g ON g.f = r.n)
        SEARCH DEPTH FIRST BY n SET o CYCLE n SET c USING p
      SELECT n, c, cardinality(p) AS length, row_number() OVER (ORDER BY o) AS place FROM r`;
  return `SELECT s.x, w.* FROM generate_series(1, 4) s(x), LATERAL (WITH RECURSIVE ${graph}, ${walk}) w ORDER BY 1, 5`;
}

test.each(GRAPHS.map((edges) => ({ edges })))("I381 SEARCH and CYCLE walk $edges as by hand", async ({ edges }) => {
  const { catalog } = chain(0);
  const own = await runSql(catalog, walks(edges, false));
  expect(own.rows.length).toBeGreaterThan(4);
  expect(own.rows).toEqual((await runSql(catalog, walks(edges, true))).rows);
});
