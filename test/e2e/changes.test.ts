// Rows changed through the front door of real Workers.

import { afterAll, beforeAll, expect, test } from "vitest";
import { FirnHttpError } from "../../scripts/lib/firn-client.ts";
import { startHarness, type Harness } from "../support/harness.ts";

let firn: Harness;

beforeAll(async () => {
  firn = await startHarness();
});
afterAll(() => firn.close());

function makeEvents(count: number, prefix: string): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, i) => ({
    event_id: `${prefix}-${i}`,
    event_type: "click",
    timestamp: new Date(Date.UTC(2024, 0, 15 + (i % 3), 0, i)).toISOString(),
    user_id: `user-${i % 10}`,
  }));
}

async function count(where: string): Promise<number> {
  const { rows } = await firn.client.query(`SELECT count(*) AS n FROM events WHERE ${where}`);
  return Number(rows[0]?.["n"]);
}

test("I156 C150 one statement erases a user, acknowledged events included; the rest and its deduplication stay", async () => {
  await firn.client.ingest(makeEvents(100, "a"));
  await firn.client.flush();
  await firn.client.ingest(makeEvents(20, "b"));
  expect(await count("user_id = 'user-3'")).toBe(12);
  const sql = "DELETE FROM events WHERE user_id = $1";
  const body = { sql, params: ["user-3"] };
  const refused = await firn.client.request("POST", "/v1/query", "QUERY_TOKEN", body).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(FirnHttpError);
  expect((refused as FirnHttpError).status).toBe(403);
  const reply = await firn.client.request<Record<string, unknown>>("POST", "/v1/query", "WRITE_TOKEN", body);
  expect(reply).toMatchObject({ operation: "delete", table: "default.events", rows_deleted: 12 });
  expect(await count("user_id = 'user-3'")).toBe(0);
  expect(await count("true")).toBe(108);
  expect(await firn.client.ingest(makeEvents(20, "b"))).toMatchObject({ accepted: 0, duplicates: 20 });
  const { rows } = await firn.client.query(
    "SELECT operation, rows_deleted, snapshot_id FROM query_logs WHERE query_id = $1",
    { params: [String(reply["query_id"])], cache: "bypass" },
  );
  expect(rows).toEqual([{ operation: "delete", rows_deleted: 12, snapshot_id: reply["snapshot_id"] }]);
});

test("I157 I158 the past and the metadata are there to be read", async () => {
  const { rows } = await firn.client.query("SELECT snapshot_id FROM events.snapshots ORDER BY committed_at LIMIT 1");
  const first = String(rows[0]?.["snapshot_id"]);
  const past = await firn.client.query(`SELECT count(*) AS n FROM events FOR SYSTEM_VERSION AS OF ${first}`);
  expect(Number(past.rows[0]?.["n"])).toBeGreaterThan(0);
  const files = await firn.client.query("SELECT count(*) AS n FROM events.files");
  expect(Number(files.rows[0]?.["n"])).toBeGreaterThan(0);
});

test("I223 I225 I226 I227 tables and views are made, described, read and dropped in SQL", async () => {
  const run = (sql: string): Promise<Record<string, unknown>> =>
    firn.client.request<Record<string, unknown>>("POST", "/v1/query", "WRITE_TOKEN", { sql });
  const rows = async (sql: string): Promise<readonly unknown[]> => (await firn.client.query(sql)).rows;
  expect(
    await run(
      "CREATE TABLE totals WITH (partitioning = ARRAY['truncate(kind, 3)'], format_version = 3) AS " +
        "SELECT i AS id, 'kind ' || i % 2 AS kind FROM generate_series(1, 10) g(i)",
    ),
  ).toMatchObject({ outcome: "created", table: "default.totals", rows_inserted: 10 });
  await run("CREATE VIEW odd (number) AS SELECT id FROM totals WHERE kind = 'kind 1'");
  expect(await rows("SELECT sum(number) AS s FROM odd")).toEqual([{ s: 25 }]);
  expect(await rows("DESCRIBE odd")).toEqual([{ column_name: "number", data_type: "integer", is_nullable: "YES" }]);
  expect(
    await rows("SELECT table_type FROM information_schema.tables WHERE table_name IN ('odd', 'totals') ORDER BY 1"),
  ).toEqual([{ table_type: "BASE TABLE" }, { table_type: "VIEW" }]);
  await run("ALTER TABLE totals ADD COLUMN note text, ALTER COLUMN id TYPE bigint");
  await run("UPDATE totals t SET note = (SELECT max(o.kind) FROM totals o WHERE o.id < t.id) WHERE id > 8");
  expect(await rows("SELECT id, note FROM totals WHERE id IN (1, 9) ORDER BY id")).toEqual([
    { id: 1, note: null },
    { id: 9, note: "kind 1" },
  ]);
  await run("DROP VIEW odd");
  await run("DROP TABLE totals");
  const gone = await firn.client.query("SELECT * FROM totals").catch((error: unknown) => error);
  expect((gone as FirnHttpError).status).toBe(400);
});
