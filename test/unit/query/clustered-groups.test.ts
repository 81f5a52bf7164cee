// Groups of a key that files are parted by leave file by file, and are those of the whole table.

import { expect, test } from "vitest";
import { createQueryLake, type QueryLake, type Row } from "../../support/query-lake.ts";

/** Keys of a range, each twice, shuffled. */
function rowsOf(start: number, end: number): readonly Row[] {
  const keys = Array.from({ length: (end - start) * 2 }, (_, i) => start + ((i * 7919) % (end - start)));
  return keys.map((k, i) => ({ k, v: i }));
}

async function lakeOf(files: readonly (readonly Row[])[]): Promise<QueryLake> {
  const lake = await createQueryLake();
  await lake.createTable("t", [
    ["k", "long"],
    ["v", "int"],
  ]);
  for (const rows of files) await lake.append("t", rows);
  return lake;
}

async function groupsOf(lake: QueryLake, sql: string): Promise<readonly string[]> {
  const { ok, body, problem } = await lake.query(sql, { cache: "bypass" });
  if (!ok || body === undefined) throw new Error(JSON.stringify(problem));
  return body.rows.map((row) => Object.values(row).join());
}

function expected(rows: readonly Row[]): readonly string[] {
  const groups = new Map<unknown, { count: number; sum: number }>();
  for (const { k, v } of rows) {
    const group = groups.get(k) ?? { count: 0, sum: 0 };
    groups.set(k, { count: group.count + 1, sum: group.sum + Number(v) });
  }
  return [...groups].map(([k, { count, sum }]) => [k, count, sum].join()).toSorted();
}

const SQL = "SELECT k, count(*) AS n, sum(v) AS s FROM default.t GROUP BY k";

test("I371 files that touch, overlap and lie apart give each group once", async () => {
  const files = [rowsOf(10_000, 15_001), rowsOf(15_000, 19_990), rowsOf(0, 5001), rowsOf(5000, 10_020)];
  const lake = await lakeOf(files);
  const groups = await groupsOf(lake, SQL);
  expect(groups.toSorted()).toEqual(expected(files.flat()));
  // The lowest file's groups are there before any other: they left when it was read.
  expect(groups.slice(0, 5000).every((group) => Number(group.split(",")[0]) < 5000)).toBe(true);
  const large = await groupsOf(lake, `SELECT k FROM (${SQL}) g WHERE n > 2 AND s > 100`);
  expect(large.length).toBeGreaterThan(0);
});

test("I371 a key that may be NULL, or rows in no file, part nothing", async () => {
  const files = [
    [...rowsOf(0, 5000), { k: null, v: 1 }],
    [...rowsOf(5000, 10_000), { k: null, v: 2 }],
  ];
  const lake = await lakeOf(files);
  expect((await groupsOf(lake, SQL)).toSorted()).toEqual(expected(files.flat()));
});
