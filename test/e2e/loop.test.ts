// The whole loop through the front door of real Workers: events in, Iceberg out, queried, cached, compacted,
// watched and repaired.

import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FirnHttpError } from "../../scripts/lib/firn-client.ts";
import { startHarness, type Harness } from "../support/harness.ts";

let firn: Harness;

beforeAll(async () => {
  firn = await startHarness();
});
afterAll(() => firn.close());

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2024, 0, 15);

function makeEvents(count: number, prefix: string, dayCount = 3): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, i) => ({
    event_id: `${prefix}-${i}`,
    event_type: ["page_view", "click", "purchase"][i % 3],
    timestamp: new Date(START_MS + (i % dayCount) * DAY_MS + i * 1000).toISOString(),
    user_id: `user-${i % 50}`,
    properties: { i },
  }));
}

async function problemOf(run: Promise<unknown>): Promise<Record<string, unknown>> {
  try {
    await run;
  } catch (error) {
    if (error instanceof FirnHttpError) return { ...error.problem, status: error.status };
    throw error;
  }
  throw new Error("expected a problem");
}

async function countEvents(where = "true"): Promise<number> {
  const { rows } = await firn.client.query(`SELECT count(*) AS n FROM events WHERE ${where}`);
  return Number(rows[0]?.["n"]);
}

test("on an empty lake a cron run finds nothing and fails at nothing", async () => {
  const report = await firn.client.request("POST", "/admin/optimizer/run", "ADMIN_TOKEN");
  expect(report).toMatchObject({ failed_steps: [], patterns_evaluated: 0, alerts_active: 0, actions_started: 0 });
});

describe("ingest", () => {
  test("an acknowledged event is visible to the next query, once, before and after its flush", async () => {
    expect(await firn.client.ingest(makeEvents(300, "a"))).toMatchObject({ accepted: 300, rejected: 0, duplicates: 0 });
    expect(await countEvents("event_id LIKE 'a-%'")).toBe(300);
    await firn.client.flush();
    expect(await countEvents("event_id LIKE 'a-%'")).toBe(300);
    await firn.client.ingest(makeEvents(10, "b"));
    expect(await countEvents("event_id LIKE 'a-%' OR event_id LIKE 'b-%'")).toBe(310);
  });

  test("an event sent again is a duplicate, also after its flush", async () => {
    expect(await firn.client.ingest(makeEvents(10, "a"))).toMatchObject({ accepted: 0, duplicates: 10 });
    expect(await countEvents("event_id LIKE 'a-%'")).toBe(300);
  });

  test("one bad event does not lose its neighbours", async () => {
    const [good, other] = makeEvents(2, "neighbour");
    const reply = await firn.client.request<Record<string, unknown>>("POST", "/v1/events", "INGEST_TOKEN", [
      good,
      { event_type: 7 },
      other,
    ]);
    expect(reply).toMatchObject({ accepted: 2, rejected: 1 });
    expect(reply["verdicts"]).toMatchObject([
      { status: "accepted" },
      { status: "rejected", pointer: "/1/event_type" },
      { status: "accepted" },
    ]);
    expect(await countEvents("event_id LIKE 'neighbour-%'")).toBe(2);
  });

  test.each([
    ["single object", {}, (events: unknown[]) => JSON.stringify(events[0]), 1],
    ["array", {}, (events: unknown[]) => JSON.stringify(events), 2],
    [
      "NDJSON",
      { "content-type": "application/x-ndjson" },
      (events: unknown[]) => events.map((e) => JSON.stringify(e)).join("\n"),
      2,
    ],
    ["gzip", { "content-encoding": "gzip" }, (events: unknown[]) => gzipSync(JSON.stringify(events)), 2],
    ["zstd", { "content-encoding": "zstd" }, (events: unknown[]) => zstdCompressSync(JSON.stringify(events)), 2],
  ] as const)("a body as %s is accepted", async (name, headers, encode, accepted) => {
    const response = await firn.fetch("/v1/events", {
      method: "POST",
      headers: { authorization: `Bearer ${firn.tokens.INGEST_TOKEN}`, "content-type": "application/json", ...headers },
      body: encode(makeEvents(2, `body-${name}`)) as BodyInit,
    });
    expect(await response.json()).toMatchObject({ accepted });
    expect(response.status).toBe(200);
  });

  test("the same Idempotency-Key answers as before and stores nothing twice; with another body it is refused", async () => {
    const events = [{ event_type: "keyed" }, { event_type: "keyed" }];
    const first = await firn.client.ingest(events, { idempotencyKey: "key-1" });
    const second = await firn.client.ingest(events, { idempotencyKey: "key-1" });
    expect(first.accepted).toBe(2);
    expect(second.accepted + second.duplicates).toBe(2);
    expect(await countEvents("event_type = 'keyed'")).toBe(2);
    expect(await problemOf(firn.client.ingest([{ event_type: "other" }], { idempotencyKey: "key-1" }))).toMatchObject({
      status: 422,
      code: "idempotency_key_reused",
    });
  });
});

describe("query", () => {
  test("a repeated query is answered from the cache with the same rows, and new data is never hidden", async () => {
    const sql = "SELECT event_type, count(*) AS n FROM events WHERE event_id LIKE 'a-%' GROUP BY 1 ORDER BY 1";
    const cold = await firn.client.query(sql, { cache: "bypass" });
    await firn.client.query(sql);
    const cached = await firn.client.query(sql);
    expect(cached.rows).toEqual(cold.rows);
    expect(cached.cache).toMatch(/memory|kv/);
    await firn.client.ingest([
      { event_id: "a-extra", event_type: "click", timestamp: new Date(START_MS).toISOString() },
    ]);
    const after = await firn.client.query(sql);
    expect(after.rows).not.toEqual(cold.rows);
  });

  test("a cache warmed with given queries, or with those of query_logs, answers them at once", async () => {
    const post = (path: string, body: unknown): Promise<unknown> =>
      firn.client.request("POST", path, "ADMIN_TOKEN", body);
    const sql = "SELECT max(timestamp) AS newest FROM events WHERE event_id LIKE 'a-%'";
    expect(
      await post("/admin/cache/warm-up", { queries: [{ sql, tags: ["t"] }, { sql: "SELECT nothing" }] }),
    ).toMatchObject({
      warmed: 1,
      failed: 1,
      queries: [
        { sql, cache: "miss", error_code: null },
        { sql: "SELECT nothing", error_code: "undefined_column" },
      ],
    });
    expect((await firn.client.query(sql)).cache).toMatch(/memory|kv/);
    expect(await post("/admin/cache/invalidate", { pattern: "select max(*" })).toMatchObject({
      invalidated: { pattern: "select max(*" },
    });
    expect((await firn.client.query(sql)).cache).toBe("miss");
    const valuable = (await post("/admin/cache/warm-up", { top: 3 })) as { queries: { sql: string }[]; failed: number };
    expect(valuable).toMatchObject({ failed: 0 });
    expect(valuable.queries).toHaveLength(3);
    expect(await firn.client.request("GET", "/admin/cache/statistics", "ADMIN_TOKEN")).toMatchObject({
      saved: { bytes: expect.any(Number), ms: expect.any(Number) },
    });
  });

  test("a day's query reads only that day's files", async () => {
    await firn.client.flush();
    const reply = await firn.client.query(
      "SELECT count(*) AS n FROM events WHERE timestamp >= '2024-01-15' AND timestamp < '2024-01-16' AND event_id LIKE 'a-%'",
      { profile: true, cache: "bypass" },
    );
    expect(reply.rows).toEqual([{ n: 101 }]);
    const { rows } = await firn.client.query("SELECT files_scanned, files_total FROM query_logs WHERE query_id = $1", {
      params: [reply.query_id],
      cache: "bypass",
    });
    expect(Number(rows[0]?.["files_scanned"])).toBeGreaterThan(0);
    expect(Number(rows[0]?.["files_scanned"])).toBeLessThan(Number(rows[0]?.["files_total"]));
  });

  test("the runbook's expensive query patterns run as printed, over this very log", async () => {
    const { rows } = await firn.client.query(`-- Identify expensive query patterns
   SELECT
     query_pattern,
     avg(latency) as avg_latency,
     count(*) as frequency,
     sum(bytes_scanned) as total_bytes
   FROM query_logs
   WHERE timestamp > now() - interval '1 hour'
   GROUP BY query_pattern
   ORDER BY avg_latency DESC
   LIMIT 10;`);
    expect(rows.length).toBeGreaterThan(2);
    expect(rows[0]).toMatchObject({ query_pattern: expect.any(String), frequency: expect.anything() });
  });

  test("a query is in query_logs within a second and on one query_latency line", async () => {
    const { query_id: id } = await firn.client.query("SELECT 40 + $1::int AS answer", { params: [2] });
    let found = 0;
    for (const deadline = Date.now() + 1000; found === 0 && Date.now() < deadline;) {
      const { rows } = await firn.client.query("SELECT count(*) AS n FROM query_logs WHERE query_id = $1", {
        params: [id],
      });
      found = Number(rows[0]?.["n"]);
    }
    expect(found).toBe(1);
    expect(
      firn.logEvents().filter((line) => line["event"] === "query_latency" && line["query_id"] === id),
    ).toHaveLength(1);
  });

  test.each([
    ["SELECT * FORM events", "sql_syntax_error"],
    ["SELECT usr_id FROM events", "undefined_column"],
    ["SELECT * FROM evnts", "undefined_table"],
    ["SELECT nosuch(1)", "undefined_function"],
    ["CREATE INDEX by_user ON events (user_id)", "sql_unsupported"],
    ["SELECT 1 / 0", "division_by_zero"],
    ["SELECT $1", "invalid_parameter"],
    ["SELECT 'x'::int", "invalid_text_representation"],
  ])("%s is refused as %s", async (sql, code) => {
    expect(await problemOf(firn.client.query(sql))).toMatchObject({ status: 400, code });
  });

  test("an unknown column names the nearest and the position", async () => {
    const problem = await problemOf(firn.client.query("SELECT usr_id FROM events"));
    expect(problem).toMatchObject({ nearest: "user_id", position: 8 });
  });
});

describe("maintenance", () => {
  const CHECKSUM =
    "SELECT count(*) AS n, count(DISTINCT event_id) AS ids, min(timestamp) AS first, max(timestamp) AS last FROM events";

  test("compaction merges files and changes no answer, with appends going on", async () => {
    for (let i = 0; i < 5; i++) {
      await firn.client.ingest(makeEvents(60, `small-${i}`));
      await firn.client.flush();
    }
    const before = await firn.client.query(CHECKSUM, { cache: "bypass" });
    const during: number[] = [];
    const jobDone = firn.client.runJob("/admin/compact", { aggressive: true, minFileSize: "50MB" });
    for (let i = 0; i < 3; i++) {
      during.push(await countEvents("event_id LIKE 'small-%'"));
      await firn.client.ingest([{ event_id: `during-${i}`, event_type: "during", timestamp: "2024-01-16T00:00:00Z" }]);
      await firn.client.flush();
    }
    const job = await jobDone;
    expect(during).toEqual([300, 300, 300]);
    expect(Number(job.result?.["files_after"])).toBeLessThan(Number(job.result?.["files_before"]));
    expect(job.progress).toMatchObject({ percent: 100 });
    expect(await countEvents("event_type = 'during'")).toBe(3);
    const after = await firn.client.query(CHECKSUM, { cache: "bypass" });
    expect(Number(after.rows[0]?.["n"])).toBe(Number(before.rows[0]?.["n"]) + 3);
  });

  test("a sort rewrite keeps every answer", async () => {
    const before = await firn.client.query(CHECKSUM, { cache: "bypass" });
    await firn.client.runJob("/admin/rewrite", { sort: ["user_id", "timestamp"], targetFileSize: "128MB" });
    expect((await firn.client.query(CHECKSUM, { cache: "bypass" })).rows).toEqual(before.rows);
  });

  test.each([
    [{ minFileSize: "50 parsecs" }, "invalid_option"],
    [{ minFileSize: "200MB", targetFileSize: "100MB" }, "invalid_option"],
    [{ agressive: true }, "invalid_option"],
    [{ table: "nosuch" }, "table_not_found"],
  ])("compaction with %j is refused", async (body, code) => {
    expect(await problemOf(firn.client.request("POST", "/admin/compact", "ADMIN_TOKEN", body))).toMatchObject({ code });
  });

  test("the runbook's curl works: no content type, table left out", async () => {
    const response = await firn.fetch("/admin/compact", {
      method: "POST",
      headers: {
        authorization: `Bearer ${firn.tokens.ADMIN_TOKEN}`,
        "content-type": "application/x-www-form-urlencoded",
      },
      body: '{"aggressive": true, "minFileSize": "50MB"}',
    });
    expect(response.status).toBe(202);
    const { id } = await response.json<{ id: string }>();
    for (const deadline = Date.now() + 30_000; Date.now() < deadline;) {
      const job = await firn.client.request<{ state: string }>("GET", `/admin/jobs/${id}`, "ADMIN_TOKEN");
      if (job.state === "succeeded") break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
});

describe("optimizer", () => {
  test("a table that cannot be read keeps no other from its care", async () => {
    const tables = "/catalog/v1/namespaces/default/tables";
    await firn.client.request("POST", tables, "CATALOG_TOKEN", {
      name: "broken",
      schema: { type: "struct", "schema-id": 0, fields: [{ id: 1, name: "a", required: false, type: "long" }] },
    });
    const snapshot = {
      "snapshot-id": 1,
      "sequence-number": 1,
      "timestamp-ms": Date.now(),
      "manifest-list": "s3://firn-lake/default/broken/metadata/none.avro",
      summary: { operation: "append" },
      "schema-id": 0,
    };
    await firn.client.request("POST", `${tables}/broken`, "CATALOG_TOKEN", {
      requirements: [],
      updates: [
        { action: "add-snapshot", snapshot },
        { action: "set-snapshot-ref", "ref-name": "main", type: "branch", "snapshot-id": 1 },
      ],
    });
    const report = await firn.client.request("POST", "/admin/optimizer/run", "ADMIN_TOKEN");
    expect(report).toMatchObject({ failed_steps: [] });
    expect(firn.logEvents()).toContainEqual(
      expect.objectContaining({ operation: "optimizer_table", table: "default.broken" }),
    );
    await firn.client.request("DELETE", `${tables}/broken`, "CATALOG_TOKEN");
  });

  test("the cron compacts a table of small files by itself and records what it expected", async () => {
    await firn.client.request("PUT", "/admin/optimizer/config", "ADMIN_TOKEN", {
      small_files_min: 4,
      table_cooldown_seconds: 0,
      verify_min_samples: 1,
    });
    for (let i = 0; i < 6; i++) {
      await firn.client.ingest(makeEvents(20, `cron-${i}`, 1));
      await firn.client.flush();
    }
    await firn.tick();
    type Action = { table: string; state: string; expected: { files_before: number; files_after: number } };
    const readAction = async (): Promise<Action | undefined> => {
      const { actions } = await firn.client.request<{ actions: Action[] }>(
        "GET",
        "/admin/optimizer/actions",
        "ADMIN_TOKEN",
      );
      return actions.find((action) => action.table === "default.events");
    };
    expect(await readAction()).toMatchObject({ state: "running" });
    for (const deadline = Date.now() + 60_000; Date.now() < deadline;) {
      // Only queries that read the table tell what the job did for it.
      await firn.client.query("SELECT count(*) FROM events WHERE event_id LIKE 'cron-%'", { cache: "bypass" });
      await firn.tick();
      if ((await readAction())?.state === "measured") break;
    }
    const action = await readAction();
    expect(action).toMatchObject({ state: "measured" });
    expect(action?.expected.files_after).toBeLessThan(action?.expected.files_before ?? 0);
    expect(await countEvents("event_id LIKE 'cron-%'")).toBe(120);
  });
});

describe("front door", () => {
  test.each([
    ["POST", "/v1/events", undefined, 401, "unauthenticated"],
    ["POST", "/v1/query", "INGEST_TOKEN", 403, "forbidden"],
    ["POST", "/admin/compact", "QUERY_TOKEN", 403, "forbidden"],
    ["GET", "/nowhere", "ADMIN_TOKEN", 404, "not_found"],
    ["DELETE", "/v1/events", "ADMIN_TOKEN", 405, "method_not_allowed"],
  ] as const)("%s %s with %s answers %i %s as problem+json", async (method, path, token, status, code) => {
    const response = await firn.fetch(path, {
      method,
      headers: token === undefined ? {} : { authorization: `Bearer ${firn.tokens[token]}` },
    });
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toContain("application/problem+json");
    expect(await response.json()).toMatchObject({ code, status });
  });

  test("health, OpenAPI, its page and metrics answer", async () => {
    expect((await firn.fetch("/healthz")).status).toBe(200);
    expect(await (await firn.fetch("/openapi.json")).json()).toMatchObject({ openapi: expect.stringMatching(/^3\./) });
    expect(await (await firn.fetch("/docs")).text()).toContain("/v1/query");
    const metrics = await firn.fetch("/metrics", { headers: { authorization: `Bearer ${firn.tokens.ADMIN_TOKEN}` } });
    expect(await metrics.text()).toMatch(/^firn_ingest_events_total\{.*\} \d+$/m);
  });
});
