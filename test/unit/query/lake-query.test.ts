// Whole queries over real Parquet files, manifests, a catalog server and an ingest log in one process.

import { beforeEach, expect, test } from "vitest";
import { utf8ToString } from "#core";
import { createQueryLake, type QueryLake, type Row } from "../../support/query-lake.ts";

const DAY_MICROS = 86_400_000_000;
const DAY_0 = Date.UTC(2024, 0, 1) * 1000;

/** Rows of one day: every hour one, kinds a, b, c in turn, some users null. */
function day(number: number, count = 24): Row[] {
  return Array.from({ length: count }, (_, i) => ({
    id: number * 1000 + i,
    at: DAY_0 + number * DAY_MICROS + i * 3_600_000_000,
    kind: "abc"[i % 3] as string,
    user: i % 5 === 0 ? null : `u${i % 4}`,
    amount: i / 4,
  }));
}

const COLUMNS = [
  ["id", "long", "required"],
  ["at", "timestamptz", "required"],
  ["kind", "string"],
  ["user", "string"],
  ["amount", "double"],
] as const;

const BY_DAY = { fields: [{ "source-id": 2, transform: "day", name: "at_day" }] };

let lake: QueryLake;

beforeEach(async () => {
  lake = await createQueryLake();
  await lake.createTable("events", COLUMNS, BY_DAY);
});

async function fill(): Promise<void> {
  for (const number of [0, 1, 2]) await lake.append("events", day(number), { rowGroupRows: 8 });
  lake.ingest("events", day(3, 10));
  lake.ingest("events", day(4, 5), 1);
}

const byKind = (rows: readonly Row[]): unknown[] =>
  ["a", "b", "c"].map((kind) => {
    const of = rows.filter((row) => row["kind"] === kind);
    return { kind, n: of.length, total: of.reduce((sum, row) => sum + (row["amount"] as number), 0) };
  });

const BY_KIND = `SELECT kind, count(*) AS n, sum(amount) AS total FROM events GROUP BY kind ORDER BY kind`;

test("files and acknowledged rows together give the naive answer", async () => {
  await fill();
  const { body, stats } = await lake.query(BY_KIND);
  expect(body?.rows).toEqual(byKind(lake.rows("events")));
  expect(stats).toMatchObject({
    success: true,
    error_code: null,
    tables: ["default.events"],
    files_total: 3,
    files_scanned: 3,
    row_groups_total: 9,
    row_groups_scanned: 9,
    rows_scanned: 87,
    rows_returned: 3,
    cache: "miss",
    engine: "firn",
  });
  expect(stats.bytes_scanned).toBeGreaterThan(0);
  expect(stats.storage_reads).toBeGreaterThan(3);
  expect(stats.cost_usd).toBeGreaterThan(0);
});

test("a time range reads only its partition's file, and of it only the row groups that may match", async () => {
  await fill();
  const { body, stats } = await lake.query(
    `SELECT id FROM events WHERE at >= '2024-01-02 20:00:00+00' AND at < '2024-01-02 23:00:00+00' ORDER BY id`,
  );
  expect(body?.rows).toEqual([{ id: 1020 }, { id: 1021 }, { id: 1022 }]);
  expect(stats).toMatchObject({ files_total: 3, files_scanned: 1, row_groups_total: 3, row_groups_scanned: 1 });
  expect(new Set(lake.dataReads.map((key) => key.split("/").at(-2)))).toEqual(new Set(["at_day=2024-01-02"]));
});

test("a warm point query makes at most three storage reads, a cold one six", async () => {
  await fill();
  const cold = await lake.query(`SELECT kind FROM events WHERE id = 1003 AND at >= '2024-01-02' AND at < '2024-01-03'`);
  expect(cold.body?.rows).toEqual([{ kind: "a" }]);
  expect(cold.stats.storage_reads).toBeLessThanOrEqual(6);
  const warm = await lake.query(`SELECT kind FROM events WHERE id = 1004 AND at >= '2024-01-02' AND at < '2024-01-03'`);
  expect(warm.body?.rows).toEqual([{ kind: "b" }]);
  expect(warm.stats.storage_reads).toBeLessThanOrEqual(3);
  const rewritten = await lake.query("SELECT kind FROM events WHERE id = 1005 AND at::date = '2024-01-02'");
  expect(rewritten.body?.rows).toEqual([{ kind: "c" }]);
  expect(rewritten.stats.storage_reads).toBeLessThanOrEqual(3);
});

test("count(*) over whole files reads no data file", async () => {
  await fill();
  const { body, stats } = await lake.query("SELECT count(*) AS n FROM events");
  expect(body?.rows).toEqual([{ n: 87 }]);
  expect(stats).toMatchObject({ files_scanned: 0, bytes_scanned: 0 });
  expect(lake.dataReads).toEqual([]);
});

test("I59 rows that are flushed between the table's load and the log's read are seen once", async () => {
  await fill();
  let flushed = 0;
  lake.beforeFreshRead = async () => {
    if (flushed === 0) {
      flushed += 1;
      await lake.flush("events", 0);
    }
  };
  const { body } = await lake.query("SELECT count(*) AS n, count(DISTINCT id) AS ids FROM events");
  expect(flushed).toBe(1);
  expect(body?.rows).toEqual([{ n: 87, ids: 87 }]);
  // A page of each shard behind the flush, then both pages of one and the empty page of the other.
  expect(lake.calls.fresh).toBe(4);
});

test("both sides of a self-join see one view, with one catalog call and one read of the log", async () => {
  await fill();
  lake.calls.catalog = 0;
  const { body } = await lake.query(
    "SELECT count(*) AS n FROM events a JOIN events b ON a.id = b.id WHERE a.kind = 'a'",
  );
  expect(body?.rows).toEqual([{ n: lake.rows("events").filter((row) => row["kind"] === "a").length }]);
  expect(lake.calls).toMatchObject({ catalog: 1, fresh: 3 });
});

test("text columns without a value, or with very short ones, are read at any place in a file", async () => {
  await lake.createTable("sparse", COLUMNS);
  for (const kind of [null, "", "x", "é"]) {
    await lake.append("sparse", [
      { id: 1, at: DAY_0, kind },
      { id: 2, at: DAY_0, kind: null },
    ]);
  }
  const { body } = await lake.query("SELECT kind, count(*) AS n FROM sparse GROUP BY kind ORDER BY kind");
  expect(body?.rows).toEqual([
    { kind: "", n: 1 },
    { kind: "x", n: 1 },
    { kind: "é", n: 1 },
    { kind: null, n: 5 },
  ]);
});

test("columns added later are null in older files, renamed ones keep their data, promoted ones their values", async () => {
  await lake.createTable("evolving", [
    ["n", "int"],
    ["name", "string"],
  ]);
  await lake.append("evolving", [{ n: 1, name: "old" }]);
  await lake.update("evolving", [
    {
      action: "add-schema",
      schema: {
        type: "struct",
        "schema-id": 1,
        fields: [
          { id: 3, name: "name", required: false, type: "string" },
          { id: 1, name: "n", required: false, type: "long" },
          { id: 2, name: "title", required: false, type: "string" },
        ],
      },
      "last-column-id": 3,
    },
    { action: "set-current-schema", "schema-id": 1 },
  ]);
  await lake.append("evolving", [{ n: 2n ** 40n, name: "new", title: "t" }]);
  const { body } = await lake.query("SELECT n, name, title FROM evolving ORDER BY n");
  expect(body?.rows).toEqual([
    { n: 1, name: null, title: "old" },
    { n: 2 ** 40, name: "new", title: "t" },
  ]);
  const filtered = await lake.query("SELECT n FROM evolving WHERE name IS NULL");
  expect(filtered.body?.rows).toEqual([{ n: 1 }]);
});

test.each([
  ["SELECT * FROM nowhere", "undefined_table", 400],
  ["SELECT nope FROM events", "undefined_column", 400],
  ["SELEC 1", "sql_syntax_error", 400],
  ["SELECT 1/0", "division_by_zero", 400],
])("%s fails as %s and is accounted", async (sql, code, status) => {
  const { ok, problem, stats } = await lake.query(sql);
  expect(ok).toBe(false);
  expect(problem).toMatchObject({ code, status });
  expect(stats).toMatchObject({ success: false, error_code: code, query_text: sql, rows_returned: 0 });
});

test("limits on rows and on bytes end the query with their code and nothing returned", async () => {
  await fill();
  const rows = await lake.query("SELECT id FROM events", { limits: { rows: 10 } });
  expect(rows.problem).toMatchObject({ code: "rows_limit_exceeded", max_rows: 10 });
  const bytes = await lake.query("SELECT id FROM events", { limits: { scannedBytes: 100 } });
  expect(bytes.problem).toMatchObject({ code: "bytes_limit_exceeded" });
  const enough = await lake.query("SELECT id FROM events", { limits: { rows: 87 } });
  expect(enough.ok).toBe(true);
  const cached = await lake.query("SELECT id FROM events", { limits: { rows: 10 } });
  expect(cached.problem).toMatchObject({ code: "rows_limit_exceeded" });
});

test("L56 a query too big for its share of the memory is run once more, alone, and remembered", async () => {
  await fill();
  const sql = 'SELECT id, "user", kind, amount FROM events ORDER BY amount, id';
  const roomy = await lake.query(sql);
  expect(roomy.body?.row_count).toBe(87);
  const small = lake.newIsolate(2000);
  lake.calls.fresh = 0;
  const { body, stats } = await lake.query(sql, { cache: "bypass" }, small);
  expect(body?.rows).toEqual(roomy.body?.rows);
  expect([stats.success, stats.rows_returned, lake.calls.fresh]).toEqual([true, 87, 6]);
  expect(small.heavy.get(sql)).toBe(true);
  const again = await lake.query(sql, { cache: "bypass" }, small);
  expect(again.body?.rows).toEqual(roomy.body?.rows);
  expect(lake.calls.fresh).toBe(9);
  const limited = await lake.query(sql, { cache: "bypass", limits: { memoryBytes: 2000 } }, small);
  expect(limited.problem).toMatchObject({ code: "memory_limit_exceeded" });
});

test("a time limit ends the query", async () => {
  await fill();
  lake.beforeFreshRead = () => new Promise((resolve) => setTimeout(resolve, 30));
  const { problem, stats } = await lake.query(BY_KIND, { limits: { timeMs: 5 } });
  expect(problem).toMatchObject({ code: "time_limit_exceeded" });
  expect(stats.success).toBe(false);
});

test("a missing data file is data_invalid, not an empty answer", async () => {
  await fill();
  const { objects } = await lake.store.list("default/events/data/at_day=2024-01-02/");
  await lake.store.delete(objects.map(({ key }) => key));
  expect((await lake.query(BY_KIND)).problem).toMatchObject({ code: "data_invalid" });
});

test("profile and explainAnalyze tell plan, timings, scans and pruning", async () => {
  await fill();
  const sql = "SELECT kind, count(*) AS n FROM events WHERE at < '2024-01-02' GROUP BY kind ORDER BY 1";
  const { body, stats } = await lake.query(sql, { explainAnalyze: true });
  expect(stats.cache).toBe("bypass");
  expect(body).toMatchObject({
    cache: "bypass",
    row_count: 3,
    profile: { scans: [{ table: "default.events", files_total: 3, files_scanned: 1, fresh_rows: 0 }] },
  });
  expect(Object.keys(body?.["timings"] as object)).toEqual(
    expect.arrayContaining(["queue_ms", "plan_ms", "scan_planning_ms", "execute_ms", "encode_ms", "total_ms"]),
  );
  expect(JSON.stringify(body?.["plan"])).toMatch(/events/);
  const profile = body?.["profile"] as { scans: { pruning: { files: number }[] }[] } | undefined;
  expect(profile?.scans[0]?.pruning.reduce((sum, { files }) => sum + files, 0)).toBe(2);
  const plain = await lake.query(sql);
  expect(plain.body).not.toHaveProperty("profile");
});

test("every format carries the same rows", async () => {
  await fill();
  const sql = "SELECT id, kind FROM events WHERE id < 3 ORDER BY id";
  const ndjson = await lake.query(sql, { format: "ndjson" });
  expect(utf8ToString(ndjson.bytes)).toBe('{"id":0,"kind":"a"}\n{"id":1,"kind":"b"}\n{"id":2,"kind":"c"}\n');
  const csv = await lake.query(sql, { format: "csv" });
  expect(utf8ToString(csv.bytes)).toBe("id,kind\r\n0,a\r\n1,b\r\n2,c\r\n");
  const arrow = await lake.query(sql, { format: "arrow" });
  expect(arrow.bytes.length).toBeGreaterThan(100);
});

test("parameters are bound and prune", async () => {
  await fill();
  const { body, stats } = await lake.query("SELECT count(id) AS n FROM events WHERE at >= $1 AND kind = $2", {
    params: ["2024-01-03T00:00:00Z", "b"],
  });
  const expected = lake
    .rows("events")
    .filter((row) => (row["at"] as number) >= DAY_0 + 2 * DAY_MICROS && row["kind"] === "b");
  expect(body?.rows).toEqual([{ n: expected.length }]);
  expect(stats.files_scanned).toBe(1);
});

test("unqualified names are found in default, then in system; SHOW TABLES lists both", async () => {
  await lake.catalog.createTable({
    identifier: { namespace: ["system"], name: "query_logs" },
    schema: { type: "struct", fields: [{ id: 1, name: "query_id", type: "string", required: false }] },
  });
  expect((await lake.query("SELECT count(*) AS n FROM query_logs")).body?.rows).toEqual([{ n: 0 }]);
  expect((await lake.query("SELECT count(*) AS n FROM system.query_logs")).body?.rows).toEqual([{ n: 0 }]);
});
