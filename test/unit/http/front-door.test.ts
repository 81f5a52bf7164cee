import { expect, test } from "vitest";
import { LakeError } from "#core";
import { createFakeApp, failed } from "../../support/fake-services.ts";

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test("no token is 401 with a challenge, an unknown one says invalid_token, a narrow one 403 naming the scope", async () => {
  const { request } = await createFakeApp();
  const missing = await request("POST", "/v1/query", { body: '{"sql":"SELECT 1"}' });
  expect(missing.status).toBe(401);
  expect(missing.headers.get("www-authenticate")).toBe('Bearer realm="firn"');
  expect(missing.headers.get("content-type")).toBe("application/problem+json");
  expect(await missing.json()).toMatchObject({ code: "unauthenticated", status: 401 });

  const unknown = await request("POST", "/v1/query", { token: "guess", body: '{"sql":"SELECT 1"}' });
  expect(unknown.headers.get("www-authenticate")).toContain("invalid_token");

  const narrow = await request("POST", "/admin/compact", { token: "query-secret", body: "{}" });
  expect(narrow.status).toBe(403);
  expect(narrow.headers.get("www-authenticate")).toContain('scope="admin"');
  expect(await narrow.json()).toMatchObject({ code: "forbidden", required_scope: "admin" });
});

test("the admin token opens every door and tokens never reach a log line", async () => {
  const { request, log, settle } = await createFakeApp();
  for (const [method, path, body] of [
    ["POST", "/v1/events", "{}"],
    ["POST", "/v1/query", '{"sql":"SELECT 1"}'],
    ["GET", "/catalog/v1/config", undefined],
    ["GET", "/metrics", undefined],
  ] as const) {
    const response = await request(method, path, { token: "admin-secret", ...(body === undefined ? {} : { body }) });
    expect([path, response.status]).toEqual([path, 200]);
  }
  await settle();
  expect(log.events.length).toBe(4);
  expect(JSON.stringify(log.events)).not.toContain("secret");
});

test("every response has a request id: the client's UUID, else a fresh one of version 7", async () => {
  const { request, log } = await createFakeApp();
  const own = "0190B0A0-1111-7222-8333-444455556666";
  const kept = await request("GET", "/healthz", { headers: { "x-request-id": own } });
  expect(kept.headers.get("x-request-id")).toBe(own.toLowerCase());
  for (const [path, header] of [
    ["/healthz", 'x"y'],
    ["/nowhere", "short"],
    ["/v1/tables", "0".repeat(3000)],
  ] as const) {
    const response = await request("GET", path, { headers: { "x-request-id": header } });
    expect(response.headers.get("x-request-id")).toMatch(UUID_V7);
  }
  expect(log.events.at(-1)).toMatchObject({ event: "http_request", status: 401, error_code: "unauthenticated" });
});

test("unknown paths are 404 and wrong methods 405 with Allow", async () => {
  const { request } = await createFakeApp();
  const missing = await request("GET", "/v2/events");
  expect(missing.status).toBe(404);
  expect(await missing.json()).toMatchObject({ code: "not_found" });
  const wrong = await request("DELETE", "/v1/query", { token: "admin-secret" });
  expect(wrong.status).toBe(405);
  expect(wrong.headers.get("allow")).toBe("POST");
  const job = await request("PUT", "/admin/jobs/abc", { token: "admin-secret" });
  expect(job.headers.get("allow")).toBe("GET, DELETE, HEAD");
});

test("under the catalog errors follow the Iceberg REST error model", async () => {
  const { request } = await createFakeApp();
  const missing = await request("GET", "/catalog/v1/namespaces");
  expect(missing.status).toBe(401);
  expect(await missing.json()).toMatchObject({ error: { type: "NotAuthorizedException", code: 401 } });
  const narrow = await request("GET", "/catalog/v1/namespaces", { token: "ingest-secret" });
  expect(await narrow.json()).toMatchObject({ error: { type: "ForbiddenException", code: 403 } });
});

test("the catalog gets the path, query and body as sent, without the token", async () => {
  const { request, catalogRequests } = await createFakeApp();
  const body = '{"namespace":["a"],"big":9223372036854775807}';
  const response = await request("POST", "/catalog/v1/namespaces/a%1Fb/tables?pageSize=2", {
    token: "catalog-secret",
    body,
    headers: { "content-type": "application/json", "x-iceberg-access-delegation": "vended-credentials" },
  });
  expect(response.status).toBe(200);
  const [forwarded] = catalogRequests;
  expect(forwarded?.url).toBe("https://catalog/v1/namespaces/a%1Fb/tables?pageSize=2");
  expect(forwarded?.headers.get("authorization")).toBeNull();
  expect(forwarded?.headers.get("x-iceberg-access-delegation")).toBe("vended-credentials");
  expect(await forwarded?.text()).toBe(body);
  await request("HEAD", "/catalog/v1/namespaces/a/tables/b", { token: "catalog-secret" });
  expect(catalogRequests[1]?.method).toBe("HEAD");
});

test("C3 clients of the catalog cannot set or remove ingest's watermarks", async () => {
  const { request, catalogRequests } = await createFakeApp();
  const post = (path: string, body: unknown) =>
    request("POST", `/catalog/v1/namespaces/a/tables${path}`, {
      token: "catalog-secret",
      // An escape that hides the name from a search of the text.
      body: JSON.stringify(body).replaceAll("watermark", String.raw`\u0077atermark`),
    });
  const name = "firn.ingest.watermark.0";
  for (const [path, body] of [
    ["", { name: "t", properties: { [name]: "9" } }],
    ["/t", { updates: [{ action: "set-properties", updates: { a: "1", [name]: "9" } }] }],
    ["/t", { updates: [{ action: "set-properties", updated: { [name]: "9" } }] }],
    ["/t", { updates: [{ action: "remove-properties", removals: [name] }] }],
    ["/t", { updates: [{ action: "remove-properties", removed: [name] }] }],
  ] as const) {
    const response = await post(path, body);
    expect([body, response.status]).toEqual([body, 400]);
    expect(await response.json()).toMatchObject({ error: { type: "BadRequestException" } });
  }
  expect(catalogRequests).toEqual([]);
  expect((await post("/t", { updates: [{ action: "set-properties", updates: { a: "1" } }] })).status).toBe(200);
});

test("C15 a dropped table's shards are told, whatever the path's spelling", async () => {
  const dropped: string[] = [];
  const shard = { tableDropped: async (uuid: string) => void dropped.push(uuid) };
  const { request } = await createFakeApp({ ingest: { shards: () => [shard, shard] } as never });
  const drop = (path: string) => request("DELETE", `/catalog/v1/namespaces/${path}`, { token: "catalog-secret" });
  expect((await drop("default/tables/event%73?purgeRequested=true")).status).toBe(200);
  expect(dropped).toEqual(Array(2).fill("5a1c6a5e-0000-4000-8000-000000000000"));
  expect((await drop("default/tables/nope")).status).toBe(200);
  expect((await drop("default")).status).toBe(200);
  expect(dropped).toHaveLength(2);
});

/** Status of renaming a table whose shards hold so many rows, and whether the catalog was asked. */
async function rename(pendingRows: number, properties: Readonly<Record<string, string>>): Promise<[number, number]> {
  const { request, catalogRequests } = await createFakeApp({
    ingest: { shards: () => [{ status: () => Promise.resolve({ pendingRows }) }] } as never,
    catalog: {
      fetch: (sent: Request) => (catalogRequests.push(sent), Promise.resolve(new Response(null, { status: 204 }))),
      client: { loadTable: () => Promise.resolve({ metadata: { properties } }) },
    } as never,
  });
  const source = { namespace: ["default"], name: "events" };
  const body = JSON.stringify({ source, destination: { namespace: ["default"], name: "other" } });
  const { status } = await request("POST", "/catalog/v1/tables/rename", { token: "catalog-secret", body });
  return [status, catalogRequests.length];
}

test("a table that ingest knows by its name is not renamed", async () => {
  expect(await rename(0, { "firn.ingest.watermark.1": "5" })).toEqual([406, 0]);
  expect(await rename(1, {})).toEqual([406, 0]);
  expect(await rename(0, { owner: "x" })).toEqual([204, 1]);
});

test("tables are listed although a namespace is dropped meanwhile", async () => {
  const { request } = await createFakeApp({
    catalog: {
      fetch: null as never,
      client: {
        listNamespaces: () => Promise.resolve([["a"], ["gone"]]),
        listTables: ([namespace]: readonly string[]) =>
          namespace === "a"
            ? Promise.resolve([{ namespace: ["a"], name: "t" }])
            : Promise.reject(new LakeError("namespace_not_found", "gone")),
      } as never,
    },
  });
  const response = await request("GET", "/v1/tables", { token: "query-secret" });
  expect(await response.json()).toMatchObject({ tables: [{ name: "a.t" }] });
});

test("a catalog that does not answer is 503 with Retry-After in its error model", async () => {
  const { request } = await createFakeApp({
    catalog: { fetch: () => Promise.reject(new Error("connection lost")), client: null as never },
  });
  const response = await request("GET", "/catalog/v1/config", { token: "catalog-secret" });
  expect(response.status).toBe(503);
  expect(response.headers.get("retry-after")).toBe("1");
  expect(await response.json()).toMatchObject({ error: { type: "ServiceUnavailableException" } });
});

test("errors carried over RPC keep status, code and details", async () => {
  const services = await createFakeApp();
  const job = await services.request("GET", "/admin/jobs/nope", { token: "admin-secret" });
  expect(job.status).toBe(404);
  expect(await job.json()).toMatchObject({ code: "job_not_found" });
  const { request } = await createFakeApp({
    optimizer: {
      putConfig: () => failed(new LakeError("invalid_option", "no such setting", { details: { nearest: "enabled" } })),
    } as never,
  });
  const config = await request("PUT", "/admin/optimizer/config", { token: "admin-secret", body: '{"enabledd":1}' });
  expect(config.status).toBe(400);
  expect(await config.json()).toMatchObject({ code: "invalid_option", nearest: "enabled" });
});

test("a part that throws is 503, a bug is 500 without its internals, both with a log line that has them", async () => {
  const { request, log } = await createFakeApp({
    optimizer: { status: () => Promise.reject(new Error("db password xyz")) } as never,
    catalog: { fetch: null as never, client: { listNamespaces: () => Promise.reject(new TypeError("boom")) } as never },
  });
  const broken = await request("GET", "/admin/optimizer/status", { token: "admin-secret" });
  expect(broken.status).toBe(503);
  expect(await broken.text()).not.toContain("xyz");
  const bug = await request("GET", "/v1/tables", { token: "admin-secret" });
  expect(bug.status).toBe(500);
  expect(await bug.text()).not.toContain("boom");
  const internals = log.events.filter(({ event }) => event === "internal_error");
  expect(internals.map(({ cause }) => cause)).toEqual(["db password xyz", "boom"]);
});

test("cross-origin calls are refused unless configured", async () => {
  const closed = await createFakeApp();
  const plain = await closed.request("GET", "/healthz", { headers: { origin: "https://app.example" } });
  expect(plain.headers.get("access-control-allow-origin")).toBeNull();
  const open = await createFakeApp({ corsOrigins: ["https://app.example"] });
  const preflight = await open.request("OPTIONS", "/v1/query", {
    headers: { origin: "https://app.example", "access-control-request-method": "POST" },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get("access-control-allow-origin")).toBe("https://app.example");
  const stranger = await open.request("GET", "/healthz", { headers: { origin: "https://evil.example" } });
  expect(stranger.headers.get("access-control-allow-origin")).toBeNull();
});
