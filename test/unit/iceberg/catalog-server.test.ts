// The catalog over HTTP: statuses and error types of the Iceberg REST protocol, and both pointer stores alike.

import { readFileSync } from "node:fs";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { createMemoryPointerStore, createSqlPointerStore, type PointerStore } from "#iceberg";
import { createMemoryStore } from "#storage";
import { callCatalog } from "../../support/catalog-calls.ts";
import { createIcebergLake, storedKeys } from "../../support/iceberg-lake.ts";

function sqlitePointers(): PointerStore {
  const db = new DatabaseSync(":memory:");
  return createSqlPointerStore((sql, ...bindings: readonly SQLInputValue[]) => db.prepare(sql).all(...bindings));
}

const CREATE = {
  name: "t",
  schema: { type: "struct", fields: [{ id: 1, name: "id", required: true, type: "long" }] },
};
const TABLES = "/namespaces/default/tables";

/** What the protocol has: the rows of docs/http.md's table of endpoints. */
function documentedEndpoints(): { readonly endpoint: string; readonly answered: string }[] {
  const text = readFileSync("docs/http.md", "utf8");
  return [...text.matchAll(/^\| `((?:GET|HEAD|POST|DELETE) \/v1\/[^`]+)` \| (yes|406) \|/gm)].map(
    ([, endpoint = "", answered = ""]) => ({ endpoint, answered }),
  );
}

/** Counted in the specification of August 2026 (apache/iceberg 7f879b1). */
const ENDPOINTS_OF_THE_SPECIFICATION = 35;

test("I216 the configuration lists what is answered; the documented rest is refused by name", async () => {
  const s3 = { endpoint: "https://s3.test", region: "auto", accessKeyId: "a", secretAccessKey: "b" };
  const lake = await createIcebergLake({ s3 });
  const { body } = await callCatalog(lake, "GET", "/config?warehouse=x");
  expect(body["idempotency-key-lifetime"]).toBe("PT1H");
  const documented = documentedEndpoints();
  expect(documented).toHaveLength(ENDPOINTS_OF_THE_SPECIFICATION);
  expect(new Set(documented.map(({ endpoint }) => endpoint)).size).toBe(documented.length);
  const answered = documented.flatMap(({ endpoint, answered: how }) => (how === "yes" ? [endpoint] : []));
  expect([...(body["endpoints"] as string[]), "GET /v1/config"].toSorted()).toEqual(answered.toSorted());
  for (const { endpoint, answered: how } of documented) {
    const [method = "", pattern = ""] = endpoint.split(" ");
    const path = pattern.replace(/^\/v1(?:\/\{prefix\})?/, "").replace(/\{[\w-]+\}/g, "nope");
    const sent = method === "POST" ? (how === "406" ? "grant_type=client_credentials" : {}) : undefined;
    const { status, body: error } = await callCatalog(lake, method, path, sent);
    const isUnknown = JSON.stringify(error).includes("no endpoint");
    expect([endpoint, status === 406, isUnknown]).toEqual([endpoint, how === "406", false]);
  }
});

describe.each([
  ["memory", createMemoryPointerStore],
  ["SQLite", sqlitePointers],
])("pointers in %s", (_name, createPointers) => {
  test("namespaces live, nest and keep their properties", async () => {
    const lake = await createIcebergLake({ pointers: createPointers() });
    expect(
      await callCatalog(lake, "POST", "/namespaces", { namespace: ["a"], properties: { k: "1", m: "2" } }),
    ).toMatchObject({ status: 200 });
    expect(await callCatalog(lake, "POST", "/namespaces", { namespace: ["a", "b c"] })).toMatchObject({ status: 200 });
    expect(await callCatalog(lake, "POST", "/namespaces", { namespace: ["x", "y"] })).toMatchObject({ status: 404 });
    expect(await callCatalog(lake, "POST", "/namespaces", { namespace: ["a"] })).toMatchObject({
      status: 409,
      body: { error: { type: "AlreadyExistsException", code: 409 } },
    });
    expect((await callCatalog(lake, "GET", "/namespaces")).body).toEqual({ namespaces: [["a"], ["default"]] });
    expect((await callCatalog(lake, "GET", "/namespaces?parent=a")).body).toEqual({ namespaces: [["a", "b c"]] });
    expect((await callCatalog(lake, "GET", "/namespaces/a%1Fb%20c")).body).toEqual({
      namespace: ["a", "b c"],
      properties: { location: "s3://lake/a.b c" },
    });
    expect((await callCatalog(lake, "HEAD", "/namespaces/a")).status).toBe(204);
    expect((await callCatalog(lake, "HEAD", "/namespaces/zz")).status).toBe(404);
    expect(
      (await callCatalog(lake, "POST", "/namespaces/a/properties", { updates: { k: "9" }, removals: ["m", "q"] })).body,
    ).toEqual({
      updated: ["k"],
      removed: ["m"],
      missing: ["q"],
    });
    expect(
      (await callCatalog(lake, "POST", "/namespaces/a/properties", { updates: { k: "9" }, removals: ["k"] })).status,
    ).toBe(422);
    expect((await callCatalog(lake, "GET", "/namespaces/a")).body["properties"]).toEqual({
      location: "s3://lake/a",
      k: "9",
    });
    expect(await callCatalog(lake, "DELETE", "/namespaces/a")).toMatchObject({
      status: 409,
      body: { error: { type: "NamespaceNotEmptyException" } },
    });
    expect((await callCatalog(lake, "DELETE", "/namespaces/a%1Fb%20c")).status).toBe(204);
    expect((await callCatalog(lake, "DELETE", "/namespaces/a")).status).toBe(204);
    expect(await callCatalog(lake, "DELETE", "/namespaces/a")).toMatchObject({
      status: 404,
      body: { error: { type: "NoSuchNamespaceException" } },
    });
  });

  test("tables are created, loaded, renamed, registered and dropped", async () => {
    const lake = await createIcebergLake({ pointers: createPointers() });
    const created = await callCatalog(lake, "POST", TABLES, CREATE);
    expect(created.status).toBe(200);
    const location = String(created.body["metadata-location"]);
    expect(location).toMatch(/^s3:\/\/lake\/default\/t\/metadata\/00000-/);
    expect(await callCatalog(lake, "POST", TABLES, CREATE)).toMatchObject({ status: 409 });
    expect((await callCatalog(lake, "GET", TABLES)).body).toEqual({
      identifiers: [{ namespace: ["default"], name: "t" }],
    });
    expect((await callCatalog(lake, "HEAD", `${TABLES}/t`)).status).toBe(204);
    const loaded = await callCatalog(lake, "GET", `${TABLES}/t`);
    const etag = loaded.headers.get("etag") ?? "";
    expect((await callCatalog(lake, "GET", `${TABLES}/t`, undefined, { "If-None-Match": etag })).status).toBe(304);
    const rename = {
      source: { namespace: ["default"], name: "t" },
      destination: { namespace: ["default"], name: "u" },
    };
    expect((await callCatalog(lake, "POST", "/tables/rename", rename)).status).toBe(204);
    expect(await callCatalog(lake, "GET", `${TABLES}/t`)).toMatchObject({
      status: 404,
      body: { error: { type: "NoSuchTableException" } },
    });
    // The former name is free again, the location is not.
    const again = await callCatalog(lake, "POST", TABLES, CREATE);
    expect(String(again.body["metadata-location"])).toMatch(/^s3:\/\/lake\/default\/t-[0-9a-f]{8}\/metadata\//);
    expect(await callCatalog(lake, "POST", "/tables/rename", rename)).toMatchObject({ status: 409 });
    expect((await callCatalog(lake, "DELETE", `${TABLES}/u`)).status).toBe(204);
    const register = { name: "v", "metadata-location": location };
    expect((await callCatalog(lake, "POST", "/namespaces/default/register", register)).status).toBe(200);
    expect((await callCatalog(lake, "POST", "/namespaces/default/register", register)).status).toBe(409);
    expect((await callCatalog(lake, "POST", `${TABLES}/v/metrics`, { "report-type": "scan-report" })).status).toBe(204);
    expect((await callCatalog(lake, "DELETE", `${TABLES}/v?purgeRequested=true`)).status).toBe(204);
    expect(await storedKeys(lake.store, "default/t/")).toEqual([]);
  });
});

test("a staged create exists only once it is committed", async () => {
  const lake = await createIcebergLake();
  const staged = await callCatalog(lake, "POST", TABLES, { ...CREATE, "stage-create": true });
  expect(staged.status).toBe(200);
  expect(staged.body["metadata-location"]).toBeUndefined();
  expect((await callCatalog(lake, "GET", `${TABLES}/t`)).status).toBe(404);
  const metadata = staged.body["metadata"] as Record<string, unknown>;
  const commit = {
    requirements: [{ type: "assert-create" }],
    updates: [
      { action: "assign-uuid", uuid: metadata["table-uuid"] },
      { action: "add-schema", schema: (metadata["schemas"] as unknown[])[0] },
      { action: "set-current-schema", "schema-id": -1 },
      { action: "set-location", location: metadata["location"] },
    ],
  };
  const created = await callCatalog(lake, "POST", `${TABLES}/t`, commit);
  expect(created).toMatchObject({ status: 200, body: { metadata: { "table-uuid": metadata["table-uuid"] } } });
  expect(await callCatalog(lake, "POST", `${TABLES}/t`, commit)).toMatchObject({
    status: 409,
    body: { error: { type: "CommitFailedException" } },
  });
});

test("C23 malformed requests are 400 and leave nothing behind", async () => {
  const lake = await createIcebergLake();
  await callCatalog(lake, "POST", TABLES, CREATE);
  const before = await storedKeys(lake.store);
  const bodies: unknown[] = [
    "",
    "{",
    "null",
    "[]",
    "7",
    { updates: 1 },
    { updates: [{}] },
    { updates: [{ action: "frobnicate" }] },
  ];
  for (const body of bodies) {
    const reply = await callCatalog(lake, "POST", `${TABLES}/t`, body);
    expect([body, reply.status]).toEqual([body, 400]);
    expect(reply.body).toMatchObject({ error: { type: "BadRequestException", code: 400 } });
  }
  for (const name of ["", "..", "a/b", "a\nb", 7, null]) {
    expect((await callCatalog(lake, "POST", TABLES, { ...CREATE, name })).status).toBe(400);
    expect((await callCatalog(lake, "POST", "/namespaces", { namespace: [name] })).status).toBe(400);
  }
  const deepType = `${'{"type":"list","element-id":1,"element-required":true,"element":'.repeat(20_000)}"int"${"}".repeat(20_000)}`;
  const deep = `{"name":"d","schema":{"type":"struct","fields":[{"id":1,"name":"x","required":true,"type":${deepType}}]}}`;
  expect((await callCatalog(lake, "POST", TABLES, deep)).status).toBe(400);
  const outside = [
    { action: "set-properties", updates: { "write.metadata.path": "s3://elsewhere/m" } },
    { action: "set-location", location: "s3://elsewhere/t" },
    { action: "set-location", location: "s3://lake/../t" },
  ];
  for (const update of outside) {
    expect((await callCatalog(lake, "POST", `${TABLES}/t`, { updates: [update] })).status).toBe(400);
  }
  expect(
    (await callCatalog(lake, "POST", TABLES, { ...CREATE, name: "u", location: "s3://lake/default/t" })).status,
  ).toBe(400);
  expect((await callCatalog(lake, "GET", "/namespaces/%E0%A4%A")).status).toBe(400);
  expect((await callCatalog(lake, "GET", "/views")).status).toBe(404);
  expect((await callCatalog(lake, "PUT", "/namespaces")).status).toBe(405);
  expect(
    (
      await callCatalog(lake, "POST", "/namespaces/default/register", {
        name: "r",
        "metadata-location": "s3://lake/no",
      })
    ).status,
  ).toBe(400);
  expect(await storedKeys(lake.store)).toEqual(before);
});

test("C23 names and locations that could not be addressed or stored later are refused", async () => {
  const lake = await createIcebergLake();
  const before = await storedKeys(lake.store);
  for (const name of ["\ud800", "a.b", "ä".repeat(128)]) {
    expect([name, (await callCatalog(lake, "POST", TABLES, { ...CREATE, name })).status]).toEqual([name, 400]);
    expect([name, (await callCatalog(lake, "POST", "/namespaces", { namespace: [name] })).status]).toEqual([name, 400]);
  }
  const long = ["x".repeat(200), "y".repeat(200), "z".repeat(200)];
  for (const depth of [1, 2, 3]) await callCatalog(lake, "POST", "/namespaces", { namespace: long.slice(0, depth) });
  expect((await callCatalog(lake, "POST", `/namespaces/${long.join("%1F")}/tables`, CREATE)).status).toBe(400);
  for (const location of [
    "s3://lake/a//b",
    "s3://lake/a/./b",
    "s3://lake/a/..",
    "s3://lake/\u0000",
    "s3://lake/\ud800",
  ]) {
    expect([location, (await callCatalog(lake, "POST", TABLES, { ...CREATE, location })).status]).toEqual([
      location,
      400,
    ]);
  }
  expect(await storedKeys(lake.store)).toEqual(before);
});

test("C23 a schema that Iceberg cannot hold is refused", async () => {
  const lake = await createIcebergLake();
  const field = { id: 1, name: "x", required: false, type: "long" };
  let nested: unknown = "long";
  for (let id = 1000; id > 800; id--)
    nested = { type: "list", "element-id": id, element: nested, "element-required": true };
  for (const change of [
    { id: -1 },
    { id: 2 ** 31 },
    { name: "" },
    { name: "\ud800" },
    { type: "decimal(5, 9)" },
    { type: "fixed[99999999999]" },
    { type: nested },
  ]) {
    const schema = { type: "struct", fields: [{ ...field, ...change }] };
    expect([change, (await callCatalog(lake, "POST", TABLES, { name: "t", schema })).status]).toEqual([change, 400]);
  }
  const spec = { fields: [{ "source-id": 1, transform: "bucket[99999999999]", name: "b" }] };
  expect((await callCatalog(lake, "POST", TABLES, { ...CREATE, "partition-spec": spec })).status).toBe(400);
});

test("C23 two tables never share a location", async () => {
  const lake = await createIcebergLake();
  const first = await callCatalog(lake, "POST", TABLES, CREATE);
  await callCatalog(lake, "POST", TABLES, { ...CREATE, name: "u" });
  const move = { updates: [{ action: "set-location", location: "s3://lake/default/t" }] };
  expect((await callCatalog(lake, "POST", `${TABLES}/u`, move)).status).toBe(400);
  const metadata = first.body["metadata"] as Record<string, unknown>;
  const staged = {
    requirements: [{ type: "assert-create" }],
    updates: [
      { action: "add-schema", schema: (metadata["schemas"] as unknown[])[0] },
      { action: "set-current-schema", "schema-id": -1 },
      ...move.updates,
    ],
  };
  expect((await callCatalog(lake, "POST", `${TABLES}/v`, staged)).status).toBe(400);
  const register = { name: "w", "metadata-location": first.body["metadata-location"] };
  expect((await callCatalog(lake, "POST", "/namespaces/default/register", register)).status).toBe(400);
  await callCatalog(lake, "DELETE", `${TABLES}/t`);
  expect((await callCatalog(lake, "POST", "/namespaces/default/register", register)).status).toBe(200);
});

/** Lets creates through and answers every other swap as if another commit had come first. */
function movesAlways(pointers: PointerStore): PointerStore["swapPointers"] {
  return async (kind, changes, receipt) => {
    const [first] = changes;
    if (first?.expected === undefined) return pointers.swapPointers(kind, changes, receipt);
    return { outcome: "moved", index: 0, current: first.expected };
  };
}

test("L21 a swap that keeps losing ends as a conflict and deletes its files", async () => {
  const pointers = createMemoryPointerStore();
  const lake = await createIcebergLake({ pointers: { ...pointers, swapPointers: movesAlways(pointers) } });
  await callCatalog(lake, "POST", TABLES, CREATE);
  const before = await storedKeys(lake.store);
  const reply = await callCatalog(lake, "POST", `${TABLES}/t`, {
    updates: [{ action: "set-properties", updates: { a: "1" } }],
  });
  expect(reply).toMatchObject({ status: 409, body: { error: { type: "CommitFailedException" } } });
  expect(await storedKeys(lake.store)).toEqual(before);
});

test("I30 a swap without an answer is resolved by reading the pointer, else it is unknown and keeps its file", async () => {
  const pointers = createMemoryPointerStore();
  let mode: "applied" | "lost" = "applied";
  const lake = await createIcebergLake({
    pointers: {
      ...pointers,
      async swapPointers(kind, changes, receipt) {
        if (changes.some(({ expected }) => expected === undefined))
          return pointers.swapPointers(kind, changes, receipt);
        if (mode === "applied") await pointers.swapPointers(kind, changes, receipt);
        throw new Error("the object was reset");
      },
    },
  });
  await callCatalog(lake, "POST", TABLES, CREATE);
  const commit = { updates: [{ action: "set-properties", updates: { a: "1" } }] };
  expect((await callCatalog(lake, "POST", `${TABLES}/t`, commit)).status).toBe(200);
  const before = await storedKeys(lake.store);
  mode = "lost";
  expect(await callCatalog(lake, "POST", `${TABLES}/t`, commit)).toMatchObject({
    status: 500,
    body: { error: { type: "CommitStateUnknownException" } },
  });
  expect(await storedKeys(lake.store)).toHaveLength(before.length + 1);
});

test("storage that fails is 503 and says nothing of its cause", async () => {
  const store = createMemoryStore();
  const lake = await createIcebergLake({
    store,
    serverStore: { ...store, put: () => Promise.reject(new Error("secret internals")) },
  });
  const reply = await callCatalog(lake, "POST", TABLES, CREATE);
  expect(reply.status).toBe(500);
  expect(JSON.stringify(reply.body)).not.toContain("secret");
});
