// What a hostile client sends, through real Workers: refused with a reason, nothing half done, the isolate alive.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Tokens } from "../../scripts/lib/local-firn.ts";
import { startHarness, type Harness } from "../support/harness.ts";

let firn: Harness;

beforeAll(async () => {
  firn = await startHarness();
});
afterAll(() => firn.close());

const QUERY_LIMIT_MS = 4000;
/** A query over its time limit ends soon after it, with room for a busy machine. */
const END_MS = 12_000;
const T = "(SELECT 'row ' || n AS s FROM generate_series(1, 2000) g(n)) t";

interface Reply {
  readonly status: number;
  readonly code: unknown;
}

async function send(method: string, path: string, scope: keyof Tokens, body?: BodyInit): Promise<Reply> {
  const response = await firn.fetch(path, {
    method,
    headers: { authorization: `Bearer ${firn.tokens[scope]}` },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  const json = (text.startsWith("{") ? JSON.parse(text) : {}) as Record<string, unknown>;
  return {
    status: response.status,
    code: json["code"] ?? (json["error"] as Record<string, unknown> | undefined)?.["type"],
  };
}

function query(sql: string): Promise<Reply> {
  return send("POST", "/v1/query", "QUERY_TOKEN", JSON.stringify({ sql, limits: { timeMs: QUERY_LIMIT_MS } }));
}

function nested(open: string, core: string, close: string, depth: number): string {
  return open.repeat(depth) + core + close.repeat(depth);
}

test.each([
  ["", 400],
  ["SELECT 1; SELECT 2", 400],
  ["SELECT '\0'", 400],
  ["SELECT count(*) FROM generate_series(1, 1000000000000)", 422],
  [`SELECT repeat(s, 1000000) FROM ${T}`, 422],
  [`SELECT max(lpad(s, 8000000)) FROM ${T}`, 422],
  ["SELECT round(1.5, 1000000), trunc(1.5, 2147483647)", 200],
  ["SELECT factorial(5000) ^ 1000", 400],
  ["SELECT format('%2147483647s', 'a')", 422],
  ["SELECT repeat('a', 5000) || '!' ~ '^(a+)+$'", 200],
  ["SELECT repeat('a', 5000) LIKE repeat('%a', 500) || 'b'", 200],
  [`SELECT ${nested("(", "1", ")", 5000)}`, 200],
  [`SELECT 1${" + 1".repeat(50_000)}`, 400],
  [nested("SELECT (", "SELECT 1", ")", 2000), 400],
  [`SELECT 1 IN (${Array.from({ length: 10_000 }, (_, i) => i).join(",")})`, 200],
  [`SELECT ${Array.from({ length: 20_000 }, () => "1").join(",")}`, 400],
  ["SELECT '294277-01-01'::timestamp", 400],
  ['SELECT * FROM "a/b".".."', 400],
])("a query ends with an answer or a reason, in time: %.60s", async (sql, status) => {
  const startMs = performance.now();
  expect(await query(sql)).toMatchObject({ status });
  expect(performance.now() - startMs).toBeLessThan(END_MS);
  expect(await query("SELECT 1")).toMatchObject({ status: 200 });
});

const SCHEMA = { type: "struct", fields: [{ id: 1, name: "event_id", type: "string", required: true }] };

async function createTable(name: string, rest: Record<string, unknown> = {}): Promise<Reply> {
  await send("POST", "/catalog/v1/namespaces", "CATALOG_TOKEN", JSON.stringify({ namespace: ["hostile"] }));
  const body = JSON.stringify({ name, schema: SCHEMA, ...rest });
  return send("POST", "/catalog/v1/namespaces/hostile/tables", "CATALOG_TOKEN", body);
}

async function count(table: string): Promise<unknown> {
  return (await firn.client.query(`SELECT count(*) AS n FROM hostile.${table}`)).rows[0]?.["n"];
}

test("C15 a table made again is empty, accepts what its predecessor knew, and keeps it", async () => {
  const events = [{ event_id: "a" }, { event_id: "b" }];
  await createTable("t");
  await firn.client.ingest(events, { table: "hostile.t" });
  expect(await count("t")).toBe(2);
  expect(await send("DELETE", "/catalog/v1/namespaces/hostile/tables/t", "CATALOG_TOKEN")).toMatchObject({
    status: 204,
  });
  await createTable("t");
  expect(await count("t")).toBe(0);
  expect(await firn.client.ingest(events, { table: "hostile.t" })).toMatchObject({ accepted: 2, duplicates: 0 });
  await firn.client.flush("hostile.t");
  expect(await count("t")).toBe(2);
});

test("rows of partitions with absurd names reach the table", async () => {
  const spec = { fields: [{ "source-id": 1, transform: "identity", name: "../../x" }] };
  expect(await createTable("p", { "partition-spec": spec })).toMatchObject({ status: 200 });
  const ids = ["../../etc", "a/b", "%2F", "\u{1f4a9}".repeat(120), " ", "."];
  await firn.client.ingest(
    ids.map((id) => ({ event_id: id })),
    { table: "hostile.p" },
  );
  expect(await firn.client.flush("hostile.p")).toMatchObject({ rows: ids.length });
  expect(await count("p")).toBe(ids.length);
});

test("catalog clients cannot break what ingest relies on", async () => {
  const watermark = { "firn.ingest.watermark.0": "99" };
  expect(await createTable("w", { properties: watermark })).toMatchObject({ status: 400 });
  expect(await createTable("\ud800")).toMatchObject({ status: 400 });
  expect(await createTable("x".repeat(3000))).toMatchObject({ status: 400 });
  await createTable("r");
  await firn.client.ingest([{ event_id: "a" }], { table: "hostile.r" });
  const namespace = ["hostile"];
  const rename = JSON.stringify({ source: { namespace, name: "r" }, destination: { namespace, name: "s" } });
  expect(await send("POST", "/catalog/v1/tables/rename", "CATALOG_TOKEN", rename)).toMatchObject({ status: 406 });
  expect(await count("r")).toBe(1);
  expect(await send("GET", "/v1/tables", "QUERY_TOKEN")).toMatchObject({ status: 200 });
});

test("a query's count never goes back while events arrive and flush", async () => {
  // The table exists from its first event on: before it a query is refused, which is not what is tested here.
  let acknowledged = (await firn.client.ingest([{ event_type: "mono" }])).accepted;
  const progress = { isDone: false };
  const write = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) {
      acknowledged += (await firn.client.ingest([{ event_type: "mono" }, { event_type: "mono" }])).accepted;
      if (i % 5 === 0) await firn.client.flush();
    }
    progress.isDone = true;
  };
  const read = async (): Promise<void> => {
    let last = 0;
    while (!progress.isDone) {
      const least = Math.max(last, acknowledged);
      const { rows } = await firn.client.query("SELECT count(*) AS n FROM events WHERE event_type = 'mono'");
      last = Number(rows[0]?.["n"]);
      expect(last).toBeGreaterThanOrEqual(least);
    }
  };
  await Promise.all([write(), read(), read()]);
  expect(acknowledged).toBe(41);
});
