// Queries whose rows do not fit their memory go through the bucket and leave nothing in it.

import { expect, test } from "vitest";
import { createQueryLake, type QueryLake, type Row } from "../../support/query-lake.ts";

const ROWS: readonly Row[] = Array.from({ length: 40_000 }, (_, i) => ({
  id: i,
  name: `name-${(i * 7919) % 40_009}-and-some-more-text-to-hold`,
}));

async function lakeOfRows(): Promise<QueryLake> {
  const lake = await createQueryLake();
  await lake.createTable("t", [
    ["id", "long"],
    ["name", "string"],
  ]);
  await lake.append("t", ROWS);
  return lake;
}

async function keysOf(lake: QueryLake): Promise<readonly string[]> {
  return (await lake.store.list("spill/")).objects.map(({ key }) => key);
}

function asText(rows: readonly Record<string, unknown>[] | undefined): string[] {
  return (rows ?? []).map((row) => JSON.stringify(row));
}

test.each([
  ["SELECT name, id FROM t ORDER BY name", 40_000],
  ["SELECT name, count(*) AS n FROM t GROUP BY name", 40_000],
  ["SELECT DISTINCT name FROM t", 40_000],
  ["SELECT a.id FROM t AS a JOIN t AS b ON a.name = b.name", 40_000],
  ["SELECT name, row_number() OVER (PARTITION BY id % 1000 ORDER BY name DESC) AS n FROM t", 40_000],
  ["SELECT name, row_number() OVER (ORDER BY name DESC) AS n, ntile(7) OVER (ORDER BY name DESC) FROM t", 40_000],
  ["SELECT id, sum(id) OVER (ORDER BY id % 5000 RANGE BETWEEN 7 PRECEDING AND 3 FOLLOWING) AS n FROM t", 40_000],
  ["SELECT name, sum(id) OVER (ORDER BY id) AS n, count(*) OVER (ORDER BY id % 9), avg(id) OVER () FROM t", 40_000],
  ["SELECT name, id, count(*) AS n FROM t GROUP BY GROUPING SETS ((name), (name, id), ())", 80_001],
  ["SELECT name FROM t WHERE id >= 0 INTERSECT SELECT name FROM t WHERE id % 2 = 0", 20_000],
  ["SELECT name FROM t WHERE id >= 0 EXCEPT ALL SELECT name FROM t WHERE id % 2 = 0", 20_000],
  ["SELECT name FROM t WHERE id % 2 = 0 UNION SELECT name FROM t", 40_000],
])("I232 I335 %s spills and is whole", async (sql, rowCount) => {
  const lake = await lakeOfRows();
  // Each row of grouping sets is several.
  const limits = { memoryBytes: sql.includes("GROUPING SETS") ? 10_000_000 : 6_000_000 };
  const spilled = await lake.query(`EXPLAIN ANALYZE ${sql}`, { limits, cache: "bypass" });
  expect(JSON.stringify(spilled.body?.rows)).toMatch(/Spilled: \d+ bytes/);
  const small = await lake.query(sql, { limits, cache: "bypass" });
  expect(small.problem).toBeUndefined();
  expect(small.body?.row_count).toBe(rowCount);
  const ample = await lake.query(sql, { cache: "bypass" });
  const isSorted = sql.includes("ORDER BY");
  const [left, right] = [asText(small.body?.rows), asText(ample.body?.rows)];
  expect(isSorted ? left : left.toSorted()).toEqual(isSorted ? right : right.toSorted());
  expect(await keysOf(lake)).toEqual([]);
});

test.each([
  [
    "SELECT length(string_agg(name, ',')) FROM t",
    /^aggregate needs .*: string_agg may hold all values of a group; group by more/,
  ],
  ["SELECT id % 2 AS k, array_agg(name) AS names FROM t GROUP BY 1", /^aggregate needs .*array_agg/],
  ["SELECT length(string_agg(DISTINCT name, ',')) FROM t", /^aggregate needs .*string_agg\(DISTINCT …\)/],
  ["SELECT count(*) FROM t AS a JOIN t AS b ON a.name || b.name < 'name'", /^inner join needs .*no equal condition/],
  [
    "WITH RECURSIVE r AS (SELECT name FROM t UNION SELECT name || '.' FROM r WHERE length(name) < 60) SELECT count(*) FROM r",
    /^WITH RECURSIVE r needs .*every row/,
  ],
])("I355 %s needs more than its memory and says what to do", async (sql, message) => {
  const lake = await lakeOfRows();
  const answer = await lake.query(sql, { limits: { memoryBytes: 3_000_000 }, cache: "bypass" });
  expect(answer.problem).toMatchObject({
    code: "memory_limit_exceeded",
    detail: expect.stringMatching(message) as string,
  });
  expect(await keysOf(lake)).toEqual([]);
});

test("I354 one group's percentiles and its distinct values go through the bucket", async () => {
  const lake = await lakeOfRows();
  const sql =
    "SELECT percentile_cont(0.25) WITHIN GROUP (ORDER BY id) AS p, median(id) AS m, count(DISTINCT name) AS n FROM t";
  const limits = { memoryBytes: 9_000_000 };
  const explained = await lake.query(`EXPLAIN ANALYZE ${sql}`, { limits, cache: "bypass" });
  expect(explained.problem).toBeUndefined();
  expect(JSON.stringify(explained.body?.rows)).toMatch(/Spilled: \d+ bytes/);
  const answer = await lake.query(sql, { limits, cache: "bypass" });
  expect(answer.body?.rows).toEqual([{ p: 9999.75, m: 19_999.5, n: 40_000 }]);
  expect(await keysOf(lake)).toEqual([]);
});
