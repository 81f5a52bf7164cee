import { expect, test } from "vitest";
import { LakeError, errorToProblem, sha256Hex } from "#core";
import type { QueryReply, QueryRequest } from "#query";
import { createFakeApp, queryReply } from "../../support/fake-services.ts";

const query = (sql: string) => ({ token: "query-secret", body: JSON.stringify({ sql }) });

test("I2 an answered query is one query_latency line and one row under the reply's query id", async () => {
  const { request, log, loggedRows, settle } = await createFakeApp();
  const response = await request("POST", "/v1/query", query("SELECT 1"));
  expect(response.status).toBe(200);
  expect(await response.text()).toBe('{"rows":[]}');
  await settle();
  const queryId = response.headers.get("x-query-id");
  expect(log.events).toHaveLength(1);
  expect(log.events[0]).toMatchObject({
    event: "query_latency",
    query_id: queryId,
    request_id: response.headers.get("x-request-id"),
    user_id: "query",
    cache: "miss",
    success: true,
  });
  expect(log.events[0]?.["latency"]).toBeGreaterThan(0);
  expect(loggedRows).toMatchObject([{ query_id: queryId, latency: log.events[0]?.["latency"], error_code: null }]);
  expect(loggedRows[0]?.["timestamp"]).toMatch(/^2023-11-14T.*Z$/);
});

test("a failed query keeps its position, and its statistics reach the log", async () => {
  const problem = errorToProblem(
    new LakeError("undefined_column", 'column "useer" does not exist', { details: { start: 7, nearest: "user_id" } }),
  );
  const reply = { ok: false, problem, stats: { plan_ms: 3, query_text: "q" } } as unknown as QueryReply;
  const { request, log, loggedRows, settle } = await createFakeApp({
    query: { execute: () => Promise.resolve(reply) } as never,
  });
  const response = await request("POST", "/v1/query", query("SELECT useer FROM events"));
  await settle();
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    code: "undefined_column",
    start: 7,
    nearest: "user_id",
    query_id: loggedRows[0]?.["query_id"],
  });
  expect(loggedRows).toMatchObject([{ success: false, error_code: "undefined_column", plan_ms: 3 }]);
  expect(log.events.filter(({ event }) => event === "query_latency")).toHaveLength(1);
});

test("a query engine that is gone is 503, recorded with the SQL that was asked", async () => {
  const { request, loggedRows, settle } = await createFakeApp({
    query: { execute: () => Promise.reject(new Error("isolate exceeded its memory")) } as never,
  });
  const response = await request("POST", "/v1/query", query("SELECT 2"));
  await settle();
  expect(response.status).toBe(503);
  expect(await response.text()).not.toContain("isolate");
  expect(loggedRows).toMatchObject([{ query_text: "SELECT 2", success: false, error_code: "upstream_unavailable" }]);
});

test("I2 a client that leaves has its query recorded as cancelled", async () => {
  const { request, log, loggedRows, settle } = await createFakeApp({
    query: { execute: () => new Promise<never>(() => {}) } as never,
  });
  const leaving = new AbortController();
  const pending = request("POST", "/v1/query", { ...query("SELECT slow"), signal: leaving.signal });
  setTimeout(() => leaving.abort(), 5);
  await pending.catch(() => undefined);
  await settle();
  expect(loggedRows).toMatchObject([{ query_text: "SELECT slow", success: false, error_code: "cancelled" }]);
  expect(log.events).toMatchObject([{ event: "query_latency", error_code: "cancelled" }]);
});

test("a query log that cannot be written does not fail the query and is not silent", async () => {
  const { request, log, settle } = await createFakeApp({
    ingest: { ingestRows: () => Promise.reject(new LakeError("ingest_overloaded", "full")) } as never,
  });
  expect((await request("POST", "/v1/query", query("SELECT 1"))).status).toBe(200);
  await settle();
  expect(log.events.map(({ event }) => event)).toEqual(["query_latency", "internal_error"]);
});

test("the format comes from the body, else from Accept; big integers keep every digit", async () => {
  const requests: unknown[] = [];
  const { request } = await createFakeApp({
    query: { execute: (asked: unknown) => (requests.push(asked), Promise.resolve(queryReply(""))) } as never,
  });
  const post = (body: string, accept: string) =>
    request("POST", "/v1/query", { token: "query-secret", body, headers: { accept } });
  await post('{"sql":"S","params":[9223372036854775807]}', "text/csv; q=0.9");
  await post('{"sql":"S","format":"arrow","engine":"auto"}', "text/csv");
  await post('{"sql":"S"}', "*/*");
  expect(requests).toEqual([
    { sql: "S", params: [9_223_372_036_854_775_807n], format: "csv" },
    { sql: "S", format: "arrow" },
    { sql: "S", format: "json" },
  ]);
});

test("the runbook's tail pipeline sees one line for each query in wrangler's pretty frames", async () => {
  const lines: string[] = [];
  const { request, settle } = await createFakeApp({ log: { write: (_level, line) => void lines.push(line) } });
  await request("POST", "/v1/query", query("SELECT 1 -- query_latency"));
  await settle();
  const frame = JSON.stringify({ outcome: "ok", logs: [{ message: lines, level: "log" }] }, null, 4);
  const grepped = frame.split("\n").filter((line) => line.includes("query_latency"));
  expect(grepped).toHaveLength(1);
  // `jq fromjson` of the grepped line.
  expect(JSON.parse(JSON.parse(String(grepped[0])) as string)).toMatchObject({ event: "query_latency" });
});

test("a token's limits hold whatever a query asks for", async () => {
  const asked: unknown[] = [];
  const token = { name: "small", sha256: await sha256Hex("small-secret"), scopes: ["query"], access: "write" } as const;
  const { request } = await createFakeApp({
    tokens: [{ ...token, limits: { rows: 10, timeMs: 1000 } }],
    query: {
      execute: (body: QueryRequest) => {
        asked.push(body.limits);
        return Promise.resolve(queryReply('{"rows":[]}'));
      },
    } as never,
  });
  for (const limits of [undefined, { rows: 50_000, timeMs: 500 }]) {
    await request("POST", "/v1/query", { token: "small-secret", body: JSON.stringify({ sql: "SELECT 1", limits }) });
  }
  expect(asked).toMatchObject([
    { rows: 10, timeMs: 1000 },
    { rows: 10, timeMs: 500 },
  ]);
});

test("I401 a question that the cache answered is next asked of the cache alone, and run when that does not know it", async () => {
  const calls: string[] = [];
  let isKnown = true;
  const { request, loggedRows, settle } = await createFakeApp({
    query: {
      execute: () => (
        calls.push("execute"),
        Promise.resolve(queryReply("{}", { cache: calls.length === 1 ? "miss" : "memory" }))
      ),
      answerKnown: () => (
        calls.push("known"),
        Promise.resolve(isKnown ? queryReply("{}", { cache: "memory" }) : undefined)
      ),
    } as never,
  });
  for (let round = 0; round < 4; round++) await request("POST", "/v1/query", query("SELECT 1"));
  expect(calls).toEqual(["execute", "execute", "known", "known"]);
  isKnown = false;
  await request("POST", "/v1/query", query("SELECT 1"));
  expect(calls.slice(4)).toEqual(["known", "execute"]);
  await settle();
  expect(loggedRows).toHaveLength(5);
});
