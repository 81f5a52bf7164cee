import { expect, test } from "vitest";
import { LakeError } from "#core";
import { createFakeApp } from "../../support/fake-services.ts";

const admin = "admin-secret";

test("the runbook's curl starts a compaction: -d sends a form content type", async () => {
  const { request, jobBodies } = await createFakeApp();
  const response = await request("POST", "/admin/compact", {
    token: admin,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: '{"aggressive": true, "minFileSize": "50MB"}',
  });
  expect(response.status).toBe(202);
  expect(response.headers.get("location")).toBe("/admin/jobs/job-1");
  expect(await response.json()).toMatchObject({ id: "job-1", state: "queued" });
  expect(jobBodies).toEqual([{ aggressive: true, minFileSize: "50MB" }]);
});

test.each([
  ["", 400, "invalid_request", "/sql"],
  ["{", 400, "malformed_json", undefined],
  ["sql=SELECT 1", 400, "malformed_json", undefined],
  ["\u{feff}[]", 400, "invalid_request", ""],
  ['{"sql":5}', 400, "invalid_request", "/sql"],
  ['{"sql":"SELECT 1","params":[1,{"a":1}]}', 400, "invalid_request", "/params/1"],
  ['{"sql":"SELECT 1","params":{"x":[[]]}}', 400, "invalid_request", "/params/x"],
  ['{"sql":"SELECT 1","maxage":1}', 400, "invalid_request", "/maxage"],
  ['{"sql":"SELECT 1","limits":{"a/b~c":1}}', 400, "invalid_request", "/limits/a~1b~0c"],
  [`{"sql":"SELECT 1","params":${"[".repeat(5000)}${"]".repeat(5000)}}`, 400, "malformed_json", undefined],
  [JSON.stringify({ sql: "x".repeat(2 ** 21) }), 413, "body_too_large", undefined],
])("a bad query body is refused with its place: %.40s", async (body, status, code, pointer) => {
  const { request, loggedRows } = await createFakeApp();
  const response = await request("POST", "/v1/query", { token: "query-secret", body });
  const problem = await response.json<Record<string, unknown>>();
  expect([response.status, problem["code"], problem["pointer"]]).toEqual([status, code, pointer]);
  expect(loggedRows).toEqual([]);
});

test("null is a body, not the absence of one", async () => {
  const { request, jobBodies } = await createFakeApp();
  expect((await request("POST", "/admin/compact", { token: admin, body: "null" })).status).toBe(400);
  expect((await request("POST", "/admin/compact", { token: admin })).status).toBe(202);
  expect(jobBodies).toEqual([{}]);
});

test("a body that is too large is refused by its declared length and, without one, while it streams", async () => {
  const { request } = await createFakeApp();
  const declared = await request("POST", "/v1/events", {
    token: admin,
    body: "[]",
    headers: { "content-length": String(2 ** 40) },
  });
  expect(declared.status).toBe(413);
  let sent = 0;
  const endless = new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(2 ** 20));
      sent++;
    },
  });
  const streamed = await request("POST", "/v1/events", {
    token: admin,
    body: endless,
    duplex: "half",
  } as RequestInit & {
    token: string;
  });
  expect(streamed.status).toBe(413);
  expect(sent).toBeLessThan(20);
});

test("a body that breaks off or lies about its encoding is 4xx", async () => {
  const { request } = await createFakeApp();
  const broken = new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) });
  const cut = await request("POST", "/v1/query", { token: admin, body: broken, duplex: "half" } as RequestInit & {
    token: string;
  });
  expect(cut.status).toBe(400);
  const packed = await request("POST", "/v1/query", {
    token: admin,
    body: "x",
    headers: { "content-encoding": "gzip" },
  });
  expect(packed.status).toBe(415);
});

test("query parameters are checked by name and value", async () => {
  const { request } = await createFakeApp();
  for (const [path, parameter] of [
    ["/admin/jobs?limit=x", "limit"],
    ["/admin/jobs?limit=0", "limit"],
    ["/admin/jobs?tabel=a", "tabel"],
    ["/admin/optimizer/alerts?active=maybe", "active"],
  ] as const) {
    const response = await request("GET", path, { token: admin });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "invalid_request", errors: [{ parameter }] });
  }
  expect((await request("GET", "/admin/jobs?limit=5&table=events", { token: admin })).status).toBe(200);
});

test("small batches list all verdicts, and ?verdicts=rejected only the refused", async () => {
  const { request, log } = await createFakeApp();
  const all = await request("POST", "/v1/events", { token: "ingest-secret", body: "[{},{}]" });
  expect(all.status).toBe(200);
  expect(await all.json()).toMatchObject({
    accepted: 1,
    rejected: 1,
    durable: true,
    verdicts_included: "all",
    verdicts: [{ status: "accepted" }, { status: "rejected" }],
  });
  const few = await request("POST", "/v1/events?verdicts=rejected", { token: "ingest-secret", body: "[{},{}]" });
  expect((await few.json<{ verdicts: unknown[] }>()).verdicts).toHaveLength(1);
  expect(log.events[0]).toMatchObject({ event: "ingest_batch", table: "default.events", accepted: 1, rejected: 1 });
});

test("a batch of which nothing was stored is a 422 problem with its verdicts", async () => {
  const verdicts = [{ index: 0, status: "rejected", code: "type", pointer: "/timestamp", message: "m" }];
  const { request } = await createFakeApp({
    ingest: {
      ingestEvents: () => Promise.resolve({ accepted: 0, duplicates: 0, rejected: 1, durable: true, verdicts }),
    } as never,
  });
  const response = await request("POST", "/v1/events", { token: "ingest-secret", body: "{}" });
  expect(response.status).toBe(422);
  expect(await response.json()).toMatchObject({ code: "event_invalid", accepted: 0, rejected: 1, verdicts });
});

test("an overloaded shard's Retry-After reaches the client", async () => {
  const error = new LakeError("ingest_overloaded", "full", { details: { retry_after_seconds: 2.2 } });
  const { request } = await createFakeApp({ ingest: { ingestEvents: () => Promise.reject(error) } as never });
  const response = await request("POST", "/v1/events", { token: "ingest-secret", body: "{}" });
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "3"]);
});

test("C2 an ingest token cannot forge Firn's own tables", async () => {
  const { request, ingested } = await createFakeApp();
  const forged = await request("POST", "/v1/events/system/query_logs", { token: "ingest-secret", body: "{}" });
  expect(forged.status).toBe(403);
  expect(ingested).toEqual([]);
  await request("POST", "/v1/events/sales/orders", {
    token: "ingest-secret",
    body: "{}",
    headers: { "idempotency-key": "k1", "content-type": "application/x-www-form-urlencoded" },
  });
  expect(ingested).toMatchObject([{ table: { namespace: ["sales"], name: "orders" }, idempotencyKey: "k1" }]);
  expect(ingested[0]?.contentType).toBeUndefined();
  expect((await request("POST", "/v1/events/a/b.c", { token: "ingest-secret", body: "{}" })).status).toBe(400);
});

test("tables are described with 64-bit ids as strings", async () => {
  const { request } = await createFakeApp();
  const list = await request("GET", "/v1/tables", { token: "query-secret" });
  expect(await list.json()).toMatchObject({ tables: [{ name: "default.events" }, { name: "system.query_logs" }] });
  const table = await request("GET", "/v1/tables/default/events", { token: "query-secret" });
  expect(await table.json()).toMatchObject({
    name: "default.events",
    partition: [{ column: "timestamp", transform: "day" }],
    snapshot: { id: "9007199254740993", parent_id: null },
    files: 4,
    bytes: 4096,
    rows: 40,
  });
  expect((await request("GET", "/v1/tables/default/none", { token: "query-secret" })).status).toBe(404);
});

test("the runbook's table changes: day partition, bloom filters, sort order", async () => {
  const { request, tableCalls } = await createFakeApp();
  for (const [path, body] of [
    ["/admin/tables/events/spec", { add: [{ column: "timestamp", transform: "hour" }], remove: ["old_partition"] }],
    ["/admin/tables/default.events/properties", { set: { "write.parquet.bloom-filter-enabled.column.user_id": true } }],
    ["/admin/tables/events/sort-order", { sort: ["timestamp", { column: "event_type", direction: "desc" }] }],
  ] as const) {
    const response = await request("POST", path, { token: admin, body: JSON.stringify(body) });
    expect([path, response.status]).toEqual([path, 200]);
  }
  expect(tableCalls).toEqual([
    ["removeField", "old_partition"],
    ["addField", "timestamp", "hour", undefined],
    ["set", "write.parquet.bloom-filter-enabled.column.user_id", "true"],
    ["asc", "timestamp", undefined],
    ["desc", "event_type", undefined],
  ]);
});

test("a partition field that is there already is no change, unless it is being replaced", async () => {
  const { request, tableCalls } = await createFakeApp();
  const add = [{ column: "timestamp", transform: "day" }];
  const again = await request("POST", "/admin/tables/events/spec", { token: admin, body: JSON.stringify({ add }) });
  expect(again.status).toBe(200);
  expect(tableCalls).toEqual([]);
  const body = JSON.stringify({ add, remove: ["timestamp_day"] });
  expect((await request("POST", "/admin/tables/events/spec", { token: admin, body })).status).toBe(200);
  expect(tableCalls.map(([name]) => name)).toEqual(["removeField", "addField"]);
});

test("C3 ingest's watermarks cannot be set or removed over HTTP", async () => {
  const { request, tableCalls } = await createFakeApp();
  for (const body of ['{"set":{"firn.ingest.watermark.0":"9"}}', '{"remove":["firn.ingest.watermark.1"]}']) {
    const response = await request("POST", "/admin/tables/events/properties", { token: admin, body });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "invalid_option" });
  }
  expect(tableCalls).toEqual([]);
});

test("a flush adds its shards up and the cache takes one target", async () => {
  const { request } = await createFakeApp();
  const flushed = await request("POST", "/admin/flush", { token: admin });
  expect(await flushed.json()).toMatchObject({ table: "default.events", rows: 10, files: 2, shards: [{}, {}] });
  expect((await request("POST", "/admin/flush", { token: admin, body: '{"table":"nope"}' })).status).toBe(404);
  expect((await request("POST", "/admin/flush", { token: admin, body: '{"table":"a..b"}' })).status).toBe(400);
  const both = await request("POST", "/admin/cache/invalidate", {
    token: admin,
    body: '{"all":true,"table":"events"}',
  });
  expect(both.status).toBe(400);
  const one = await request("POST", "/admin/cache/invalidate", { token: admin, body: '{"table":"events"}' });
  expect(await one.json()).toEqual({ invalidated: { table: "default.events" } });
});
