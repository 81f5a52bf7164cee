import { beforeAll, expect, test } from "vitest";
import { initSqlParser, prepareQuery, type TableCatalog } from "#sql";
import type { DataType } from "#columnar";
import { column, memoryCatalog, memoryTable } from "../../support/memory-table.ts";
import { fixedClock, runSql, STATEMENT_TIME_MS } from "../../support/sql-run.ts";
import { caseCatalog } from "../../support/sql-tables.ts";

beforeAll(() => initSqlParser());

const TEXT: DataType = { kind: "string" };
const NUMBER: DataType = { kind: "float64" };

function minutesAgo(minutes: number): number {
  return (STATEMENT_TIME_MS - minutes * 60_000) * 1000;
}

function queryLogs(): TableCatalog {
  const columns = [
    column("query_pattern", TEXT),
    column("latency", NUMBER),
    column("bytes_scanned", { kind: "int64" }),
    column("timestamp", { kind: "timestamp", utc: true }),
  ];
  const rows = [
    { query_pattern: "a", latency: 10, bytes_scanned: 100, timestamp: minutesAgo(5) },
    { query_pattern: "b", latency: 500, bytes_scanned: 7, timestamp: minutesAgo(59) },
    { query_pattern: "a", latency: 30, bytes_scanned: 200, timestamp: minutesAgo(10) },
    { query_pattern: "c", latency: 9999, bytes_scanned: 1, timestamp: minutesAgo(61) },
  ];
  return memoryCatalog([memoryTable("default.query_logs", columns, rows)]);
}

async function drain(batches: AsyncIterable<unknown>): Promise<void> {
  const iterator = batches[Symbol.asyncIterator]();
  while ((await iterator.next()).done !== true);
}

test("the runbook's expensive query patterns run as printed", async () => {
  const sql = `   -- Identify expensive query patterns
   SELECT 
     query_pattern,
     avg(latency) as avg_latency,
     count(*) as frequency,
     sum(bytes_scanned) as total_bytes
   FROM query_logs
   WHERE timestamp > now() - interval '1 hour'
   GROUP BY query_pattern
   ORDER BY avg_latency DESC
   LIMIT 10;
`;
  const answer = await runSql(queryLogs(), sql);
  expect(answer.columns).toEqual(["query_pattern", "avg_latency", "frequency", "total_bytes"]);
  expect(answer.rows).toEqual([
    ["b", "500", "1", "7"],
    ["a", "20", "2", "300"],
  ]);
});

test("EXPLAIN gives the plan without running it", async () => {
  const { columns, rows } = await runSql(
    caseCatalog(),
    "EXPLAIN SELECT grp, count(*) FROM t WHERE tz::date = '2024-01-15' GROUP BY grp",
  );
  expect(columns).toEqual(["QUERY PLAN"]);
  const text = rows.map(([line]) => line).join("\n");
  expect(text).toMatch(/^Hash Aggregate .*\n {2}Group Key: grp\n {2}Aggregates: count\(\*\)/);
  expect(text).toMatch(
    /Scan on default\.t[\s\S]*Columns: grp, tz[\s\S]*Skip by: tz >= '2024-01-15[\s\S]*Files: 1 of 1/,
  );
  expect(text).toMatch(/Rewrite: cast_to_date_to_range: \(CAST\(tz AS date\) = /);
  expect(text).not.toMatch(/actual/);
});

test("EXPLAIN ANALYZE adds rows; FORMAT JSON gives the tree", async () => {
  const { rows } = await runSql(caseCatalog(), "EXPLAIN ANALYZE SELECT id FROM t WHERE id > 4");
  const text = rows.map(([line]) => line).join("\n");
  expect(text).toMatch(/Filter .*actual rows=6 /);
  expect(text).toMatch(/Rows: 6\nExecution Time: /);
  const json = await runSql(caseCatalog(), "EXPLAIN (ANALYZE, FORMAT JSON) SELECT id FROM t WHERE id > (SELECT 4)");
  const [[plan] = []] = json.rows;
  const [tree] = JSON.parse(plan ?? "[]") as { plan: { actual_rows: number }; subqueries: unknown[] }[];
  expect(tree?.plan.actual_rows).toBe(6);
  expect(tree?.subqueries).toHaveLength(1);
});

test.each(["EXPLAIN (FORMAT XML) SELECT 1", "EXPLAIN (NONSENSE) SELECT 1", "SHOW search_path"])(
  "%s is refused",
  async (sql) => {
    await expect(runSql(caseCatalog(), sql)).rejects.toMatchObject({ code: "sql_unsupported" });
  },
);

test("SHOW TABLES lists tables", async () => {
  expect((await runSql(caseCatalog(), "SHOW TABLES")).rows).toEqual([["default.empty"], ["default.t"], ["default.u"]]);
});

test("a profile counts rows of every operator, subqueries included", async () => {
  const { prepared } = await runSql(
    caseCatalog(),
    "SELECT grp, count(*) FROM t WHERE id > (SELECT min(id) FROM u) GROUP BY grp",
    {
      profile: true,
    },
  );
  const rowsOf = Object.fromEntries(prepared.profile().map(({ operator, rows }) => [operator, rows]));
  expect(rowsOf).toMatchObject({ "Hash Aggregate": 4, Filter: 9, "Scan on default.u": 6 });
  expect(prepared.memoryPeakBytes()).toBeGreaterThan(0);
});

test("no profile without asking", async () => {
  expect((await runSql(caseCatalog(), "SELECT 1")).prepared.profile()).toEqual([]);
});

test("scans are planned once and their identity names what they read", async () => {
  const table = memoryTable("default.x", [column("id", { kind: "int32" })], [{ id: 1 }]);
  const prepared = await prepareQuery("SELECT id FROM x WHERE id = (SELECT max(id) FROM x)", {
    catalog: memoryCatalog([table]),
    params: [],
    clock: fixedClock,
  });
  const first = await prepared.planScans();
  expect(await prepared.planScans()).toEqual(first);
  expect(table.requests).toHaveLength(2);
  expect(first.identity).toBe("default.x=1\ndefault.x=1");
  expect(first.statistics).toHaveLength(2);
});

test("an aborted query stops with the signal's reason", async () => {
  const prepared = await prepareQuery("SELECT id FROM t", { catalog: caseCatalog(), params: [], clock: fixedClock });
  const reason = new Error("gone");
  const options = { signal: AbortSignal.abort(reason), memoryLimitBytes: 1e6, clock: fixedClock };
  await expect(drain(prepared.execute(options))).rejects.toBe(reason);
});

test("a query over its memory budget names the operator", async () => {
  const prepared = await prepareQuery("SELECT count(*) FROM generate_series(1, 100000) g GROUP BY g", {
    catalog: caseCatalog(),
    params: [],
    clock: fixedClock,
  });
  const options = { signal: new AbortController().signal, memoryLimitBytes: 100_000, clock: fixedClock };
  await expect(drain(prepared.execute(options))).rejects.toMatchObject({ code: "memory_limit_exceeded" });
});
