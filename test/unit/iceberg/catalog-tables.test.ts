// What the catalog promises beyond single tables: several tables at once, keys, pages, tokens, signed requests, views.

import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { describe, expect, test } from "vitest";
import {
  CALLER_HEADER,
  createCatalogMemory,
  createMemoryPointerStore,
  createSqlPointerStore,
  encodeCaller,
  forUnlimitedCallers,
  type CatalogCaller,
  type PointerStore,
} from "#iceberg";
import { callCatalog as call } from "../../support/catalog-calls.ts";
import { createIcebergLake, storedKeys, type IcebergLake } from "../../support/iceberg-lake.ts";

const SCHEMA = { type: "struct", fields: [{ id: 1, name: "id", required: true, type: "long" }] };
const TABLES = "/namespaces/default/tables";
const VIEWS = "/namespaces/default/views";
const S3 = { endpoint: "https://s3.test", region: "auto", accessKeyId: "AK", secretAccessKey: "very-secret" };
const KEY = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";

function sqlitePointers(): PointerStore {
  const db = new DatabaseSync(":memory:");
  return createSqlPointerStore((sql, ...bindings: readonly SQLInputValue[]) => db.prepare(sql).all(...bindings));
}

async function withTables(names: readonly string[], options: Parameters<typeof createIcebergLake>[0] = {}) {
  const lake = await createIcebergLake(options);
  for (const name of names) await call(lake, "POST", TABLES, { name, schema: SCHEMA });
  return lake;
}

function setProperty(table: string, value: string, uuid?: unknown) {
  return {
    identifier: { namespace: ["default"], name: table },
    requirements: uuid === undefined ? [] : [{ type: "assert-table-uuid", uuid }],
    updates: [{ action: "set-properties", updates: { k: value } }],
  };
}

async function property(lake: IcebergLake, table: string): Promise<unknown> {
  const { body } = await call(lake, "GET", `${TABLES}/${table}`);
  return (body["metadata"] as { properties: Record<string, unknown> }).properties["k"];
}

function as(caller: CatalogCaller): HeadersInit {
  return { [CALLER_HEADER]: encodeCaller(caller) };
}

const viewVersion = (sql: string) => ({
  "version-id": 1,
  "timestamp-ms": 5,
  "schema-id": 0,
  summary: {},
  representations: [{ type: "sql", sql, dialect: "spark" }],
  "default-namespace": ["default"],
});

const inDefault = (view: string) => ({ namespace: ["default"], name: view });

const deleteBody = (key: string) => ({ body: `<Delete><Object><Key>${key}</Key></Object></Delete>` });

const addSnapshot = (id: number, parent?: number) => ({
  requirements: [{ type: "assert-ref-snapshot-id", ref: "main", "snapshot-id": parent ?? null }],
  updates: [
    {
      action: "add-snapshot",
      snapshot: {
        "snapshot-id": id,
        "sequence-number": id,
        "timestamp-ms": Date.now(),
        "manifest-list": `s3://lake/default/t/metadata/${id}.avro`,
        summary: { operation: "append", "engine-name": "spark" },
        ...(parent === undefined ? {} : { "parent-snapshot-id": parent }),
      },
    },
    { action: "set-snapshot-ref", "ref-name": "main", type: "branch", "snapshot-id": id },
  ],
});

const commitOf = (value: string) => ({ updates: [{ action: "set-properties", updates: { [value]: "1" } }] });

describe.each([
  ["memory", createMemoryPointerStore],
  ["SQLite", sqlitePointers],
])("pointers in %s", (_name, createPointers) => {
  test("I161 a commit to several tables changes all or none", async () => {
    const lake = await withTables(["a", "b"], { pointers: createPointers() });
    const both = { "table-changes": [setProperty("a", "1"), setProperty("b", "1")] };
    expect((await call(lake, "POST", "/transactions/commit", both)).status).toBe(204);
    expect([await property(lake, "a"), await property(lake, "b")]).toEqual(["1", "1"]);
    const before = await storedKeys(lake.store);
    const wrongUuid = "00000000-0000-4000-8000-000000000000";
    const half = { "table-changes": [setProperty("a", "2"), setProperty("b", "2", wrongUuid)] };
    expect(await call(lake, "POST", "/transactions/commit", half)).toMatchObject({
      status: 409,
      body: { error: { type: "CommitFailedException" } },
    });
    const missing = { "table-changes": [setProperty("a", "2"), setProperty("zz", "2")] };
    expect((await call(lake, "POST", "/transactions/commit", missing)).status).toBe(404);
    const twice = { "table-changes": [setProperty("a", "2"), setProperty("a", "3")] };
    expect((await call(lake, "POST", "/transactions/commit", twice)).status).toBe(400);
    expect([await property(lake, "a"), await property(lake, "b")]).toEqual(["1", "1"]);
    expect(await storedKeys(lake.store)).toEqual(before);
  });

  test("I162 a request sent twice with one key takes effect once and gets the same answer", async () => {
    const lake = await withTables(["a"], { pointers: createPointers() });
    const headers = { "idempotency-key": KEY };
    const create = { name: "t", schema: SCHEMA };
    const first = await call(lake, "POST", TABLES, create, headers);
    const second = await call(lake, "POST", TABLES, create, headers);
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.body["metadata-location"]).toBe(first.body["metadata-location"]);
    expect((await call(lake, "POST", TABLES, { ...create, name: "u" }, headers)).status).toBe(422);
    expect((await call(lake, "POST", TABLES, create, { "idempotency-key": "x" })).status).toBe(400);
    const drop = { "idempotency-key": KEY.replace("017f", "027f") };
    expect((await call(lake, "DELETE", `${TABLES}/a`, undefined, drop)).status).toBe(204);
    expect((await call(lake, "DELETE", `${TABLES}/a`, undefined, drop)).status).toBe(204);
    const refused = { "idempotency-key": KEY.replace("017f", "037f") };
    const rename = {
      source: { namespace: ["default"], name: "gone" },
      destination: { namespace: ["default"], name: "x" },
    };
    expect((await call(lake, "POST", "/tables/rename", rename, refused)).status).toBe(404);
    await call(lake, "POST", TABLES, { name: "gone", schema: SCHEMA });
    // The refusal was final: the same request still gets it.
    expect((await call(lake, "POST", "/tables/rename", rename, refused)).status).toBe(404);
  });

  test("I162 of requests with one key at the same time, one takes effect", async () => {
    const lake = await withTables(["a"], { pointers: createPointers() });
    const commit = { updates: [{ action: "set-properties", updates: { k: "1" } }] };
    const replies = await Promise.all(
      [1, 2, 3].map(() => call(lake, "POST", `${TABLES}/a`, commit, { "idempotency-key": KEY })),
    );
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(new Set(replies.map(({ body }) => body["metadata-location"])).size).toBe(1);
  });

  test("listings come in pages, whatever is added in between", async () => {
    const lake = await withTables(["a", "b", "c"], { pointers: createPointers() });
    const names = async (query: string) => (await call(lake, "GET", `${TABLES}?${query}`)).body;
    expect(await names("")).not.toHaveProperty("next-page-token");
    const first = await names("pageToken=&pageSize=2");
    expect(first["identifiers"]).toHaveLength(2);
    await call(lake, "POST", TABLES, { name: "aa", schema: SCHEMA });
    const token = encodeURIComponent(String(first["next-page-token"]));
    expect(await names(`pageToken=${token}&pageSize=2`)).toEqual({
      identifiers: [{ namespace: ["default"], name: "c" }],
      "next-page-token": null,
    });
    for (const query of ["pageSize=0", "pageSize=x", "pageToken=%25E0"]) {
      expect([query, (await call(lake, "GET", `${TABLES}?${query}`)).status]).toEqual([query, 400]);
    }
    await call(lake, "POST", "/namespaces", { namespace: ["n1"] });
    const page = (await call(lake, "GET", "/namespaces?pageToken=&pageSize=1")).body;
    expect(page).toEqual({ namespaces: [["default"]], "next-page-token": "default" });
    expect((await call(lake, "GET", "/namespaces?pageToken=default")).body).toEqual({
      namespaces: [["n1"]],
      "next-page-token": null,
    });
  });

  test("views are made, replaced, renamed, registered and dropped beside tables", async () => {
    const lake = await withTables(["t"], { pointers: createPointers() });
    const body = {
      name: "v",
      schema: SCHEMA,
      "view-version": viewVersion("select 1"),
      properties: { "gc.enabled": "false" },
    };
    const made = await call(lake, "POST", VIEWS, body);
    expect(made.status).toBe(200);
    expect((await call(lake, "POST", VIEWS, { ...body, name: "t" })).status).toBe(409);
    expect(await call(lake, "POST", TABLES, { name: "v", schema: SCHEMA })).toMatchObject({
      status: 409,
      body: { error: { message: "View with same name already exists: default.v" } },
    });
    const replace = {
      updates: [
        { action: "add-view-version", "view-version": viewVersion("select 2") },
        { action: "set-current-view-version", "view-version-id": -1 },
      ],
    };
    const replaced = (await call(lake, "POST", `${VIEWS}/v`, replace)).body["metadata"] as Record<string, unknown>;
    expect(replaced).toMatchObject({
      "current-version-id": 2,
      "version-log": [{ "version-id": 1 }, { "version-id": 2 }],
    });
    const unknownUpdate = { updates: [{ action: "add-snapshot" }] };
    expect((await call(lake, "POST", `${VIEWS}/v`, unknownUpdate)).status).toBe(400);
    const uuid = "00000000-0000-4000-8000-000000000000";
    const conflict = { requirements: [{ type: "assert-view-uuid", uuid }], updates: [] };
    expect((await call(lake, "POST", `${VIEWS}/v`, conflict)).status).toBe(409);
    expect(
      (await call(lake, "POST", "/views/rename", { source: inDefault("v"), destination: inDefault("t") })).status,
    ).toBe(409);
    expect(
      (await call(lake, "POST", "/views/rename", { source: inDefault("v"), destination: inDefault("w") })).status,
    ).toBe(204);
    expect((await call(lake, "GET", VIEWS)).body).toEqual({ identifiers: [inDefault("w")] });
    expect((await call(lake, "HEAD", `${VIEWS}/v`)).status).toBe(404);
    const loaded = (await call(lake, "GET", `${VIEWS}/w`)).body;
    expect((await call(lake, "DELETE", `${VIEWS}/w`)).status).toBe(204);
    const register = { name: "w", "metadata-location": loaded["metadata-location"] };
    expect((await call(lake, "POST", "/namespaces/default/register-view", register)).body).toEqual(loaded);
  });

  test("C23 folders of tables never overlap, by location or by path properties", async () => {
    const lake = await withTables(["t"], { pointers: createPointers() });
    for (const location of ["s3://lake/default", "s3://lake/default/t/x", "s3://lake/default/t"]) {
      expect([location, (await call(lake, "POST", TABLES, { name: "u", schema: SCHEMA, location })).status]).toEqual([
        location,
        400,
      ]);
    }
    for (const name of ["write.data.path", "write.metadata.path"]) {
      for (const path of ["s3://other/x", "file:/tmp/x", "s3://lake/default/t"]) {
        const body = { name: "u", schema: SCHEMA, properties: { [name]: path } };
        expect([name, path, (await call(lake, "POST", TABLES, body)).status]).toEqual([name, path, 400]);
      }
    }
    // A namespace's folder never lies within that of a table of the same name.
    await call(lake, "POST", "/namespaces", { namespace: ["default", "t"] });
    const nested = await call(lake, "POST", "/namespaces/default%1Ft/tables", { name: "x", schema: SCHEMA });
    expect((nested.body["metadata"] as { location: string }).location).toBe("s3://lake/default.t/x");
  });
});

test("a metadata file that is gone is a 404 that names it", async () => {
  const lake = await withTables(["t"]);
  const { body } = await call(lake, "GET", `${TABLES}/t`);
  await lake.store.delete([String(body["metadata-location"]).replace("s3://lake/", "")]);
  const cold = await createIcebergLake({ store: lake.store, pointers: keepNamespace(lake.pointers) });
  expect(await call(cold, "GET", `${TABLES}/t`)).toMatchObject({
    status: 404,
    body: {
      error: {
        type: "NotFoundException",
        message: `Failed to open input stream for file: ${String(body["metadata-location"])}`,
      },
    },
  });
});

/** The namespace of a lake over pointers that have it. */
function keepNamespace(pointers: PointerStore): PointerStore {
  return { ...pointers, createNamespace: async () => "exists" };
}

test("a table loads as its file has it, its tag tells snapshots and access apart, and 304 follows the tag", async () => {
  const lake = await withTables(["t"], { s3: S3 });
  const all = await call(lake, "GET", `${TABLES}/t`);
  const refs = await call(lake, "GET", `${TABLES}/t?snapshots=refs`);
  const signed = await call(lake, "GET", `${TABLES}/t`, undefined, as({ name: "r", access: "read" }));
  const tags = [all, refs, signed].map(({ headers }) => headers.get("etag"));
  expect(new Set(tags).size).toBe(3);
  // How to sign, in the words of the protocol before and since it has a member for it.
  expect(signed.body["remote-signing-config"]).toEqual({ properties: {}, headers: {} });
  expect(signed.body["config"]).toMatchObject({
    "s3.remote-signing-enabled": "true",
    "signer.endpoint": "v1/namespaces/default/tables/t/sign",
  });
  expect(Object.keys(all.body)).not.toContain("remote-signing-config");
  // C241 who may write plans in the client, whatever it is set to.
  expect(all.body["config"]).toMatchObject({ "scan-planning-mode": "client" });
  expect(signed.body["config"]).not.toHaveProperty("scan-planning-mode");
  for (const match of [tags[0], `"x", W/${tags[0] ?? ""}`, "*"]) {
    const reply = await call(lake, "GET", `${TABLES}/t`, undefined, { "if-none-match": match ?? "" });
    expect([match, reply.status]).toEqual([match, 304]);
  }
  expect((await call(lake, "GET", `${TABLES}/t?snapshots=some`)).status).toBe(400);
});

test("I160 a token that reads, or reaches some namespaces, gets no keys and changes nothing it may not", async () => {
  const lake = await withTables(["t"], { s3: S3 });
  await call(lake, "POST", "/namespaces", { namespace: ["web"] });
  await call(lake, "POST", "/namespaces/web/tables", { name: "t", schema: SCHEMA });
  const reader = as({ name: "reader", access: "read" });
  const web = as({ name: "web", access: "write", namespaces: ["web"] });
  for (const headers of [reader, web]) {
    for (const path of ["/namespaces/web/tables/t", "/namespaces/web/tables/t/credentials"]) {
      const reply = await call(lake, "GET", path, undefined, headers);
      expect(reply.status).toBe(200);
      expect(JSON.stringify(reply.body)).not.toContain(S3.secretAccessKey);
    }
  }
  expect(JSON.stringify((await call(lake, "GET", `${TABLES}/t`)).body)).toContain(S3.secretAccessKey);
  expect((await call(lake, "GET", "/namespaces", undefined, web)).body).toEqual({ namespaces: [["web"]] });
  const commit = { updates: [{ action: "set-properties", updates: { k: "1" } }] };
  const across = { "table-changes": [setProperty("t", "1")] };
  const move = { source: { namespace: ["web"], name: "t" }, destination: { namespace: ["default"], name: "x" } };
  for (const [method, path, body, headers] of [
    ["POST", "/namespaces/web/tables/t", commit, reader],
    ["DELETE", "/namespaces/web/tables/t", undefined, reader],
    ["POST", "/namespaces/web/views", {}, reader],
    ["POST", "/namespaces", { namespace: ["x"] }, reader],
    ["GET", `${TABLES}/t`, undefined, web],
    ["POST", `${TABLES}/t`, commit, web],
    ["POST", "/transactions/commit", across, web],
    ["POST", "/tables/rename", move, web],
    ["POST", "/namespaces", { namespace: ["x"] }, web],
    ["POST", "/namespaces/web/tables", { name: "u", schema: SCHEMA, location: "s3://lake/default/u" }, web],
  ] as const) {
    expect([method, path, (await call(lake, method, path, body, headers)).status]).toEqual([method, path, 403]);
  }
  expect((await call(lake, "POST", "/namespaces/web/tables/t", commit, web)).status).toBe(200);
});

test("C160 only requests for the table's own files are signed, and for reading only reads", async () => {
  const lake = await withTables(["t", "u"], { s3: S3 });
  const sign = (uri: string, method = "GET", more: Record<string, unknown> = {}, access: "read" | "write" = "read") =>
    call(
      lake,
      "POST",
      `${TABLES}/t/sign`,
      { region: "auto", uri, method, headers: {}, ...more },
      as({ name: "n", access, namespaces: ["default"] }),
    );
  const own = "https://s3.test/lake/default/t/data/a.parquet";
  const signed = await sign(own);
  expect(signed.status).toBe(200);
  expect(JSON.stringify(signed.body)).toContain("AWS4-HMAC-SHA256 Credential=AK/");
  expect(JSON.stringify(signed.body)).not.toContain(S3.secretAccessKey);
  for (const [uri, method, more] of [
    ["https://s3.test/lake/default/u/data/a.parquet", "GET", {}],
    ["https://s3.test/lake/default/t/../u/a.parquet", "GET", {}],
    ["https://s3.test/lake/default/t/%2e%2e/u/a.parquet", "GET", {}],
    ["https://s3.test/lake/default/tt/a.parquet", "GET", {}],
    ["https://s3.test/other/default/t/a.parquet", "GET", {}],
    ["https://evil.test/lake/default/t/a.parquet", "GET", {}],
    [own, "PUT", {}],
    [own, "DELETE", {}],
    ["https://s3.test/lake?list-type=2&prefix=default/", "GET", {}],
    ["https://s3.test/lake?list-type=2&prefix=default/t", "GET", {}],
  ] as const) {
    expect([uri, method, (await sign(uri, method, more)).status]).toEqual([uri, method, 403]);
  }
  for (const [uri, method, more] of [
    [`${own}?acl`, "GET", {}],
    ["https://s3.test/lake/default/t/x%2f..%2f..%2fu/a", "GET", {}],
    ["https://s3.test/lake?policy", "GET", {}],
    ["https://s3.test/lake", "GET", {}],
    [own, "PATCH", {}],
    ["not an address", "GET", {}],
    ["https://s3.test/lake/default/t/%E0", "GET", {}],
    [own, "GET", { provider: "gcs" }],
    [own, "GET", { headers: { "bad name": ["x"] } }],
  ] as const) {
    expect([uri, method, (await sign(uri, method, more)).status]).toEqual([uri, method, 400]);
  }
  expect((await sign(own, "PUT", {}, "write")).status).toBe(200);
  const copy = { headers: { "x-amz-copy-source": ["/lake/default/u/data/secret.parquet"] } };
  expect((await sign(own, "PUT", copy, "write")).status).toBe(403);
  const bucket = "https://s3.test/lake?delete";
  expect((await sign(bucket, "POST", deleteBody("default/t/data/a"), "write")).status).toBe(200);
  expect((await sign(bucket, "POST", deleteBody("default/u/data/a"), "write")).status).toBe(403);
  expect((await sign(bucket, "POST", { body: "<Delete/>" }, "write")).status).toBe(400);
});

test("C161 what is added to a table is checked before it is kept", async () => {
  const lake = await withTables(["t"]);
  const snapshot = {
    "snapshot-id": 7,
    "sequence-number": 1,
    "timestamp-ms": 1,
    "manifest-list": "s3://lake/default/t/metadata/l.avro",
    summary: { operation: "append" },
  };
  const file = { "snapshot-id": 7, "statistics-path": "s3://lake/x", "file-size-in-bytes": 1 };
  const update = { action: "set-snapshot-ref", "ref-name": "b", type: "branch", "snapshot-id": 7 };
  for (const change of [
    { action: "add-snapshot", snapshot: { ...snapshot, "snapshot-id": -1 } },
    { action: "add-snapshot", snapshot: { ...snapshot, "snapshot-id": 0 } },
    { action: "add-snapshot", snapshot: { ...snapshot, "sequence-number": -1 } },
    { action: "add-snapshot", snapshot: { ...snapshot, "manifest-list": "s3://elsewhere/l.avro" } },
    { action: "set-statistics", statistics: file },
    { action: "set-statistics", statistics: { ...file, "file-footer-size-in-bytes": 1, "blob-metadata": [{}] } },
    { action: "set-partition-statistics", "partition-statistics": { "snapshot-id": 7 } },
    { ...update, "min-snapshots-to-keep": 0 },
    { ...update, type: "tag", "max-snapshot-age-ms": 5 },
    { action: "upgrade-format-version", "format-version": 1 },
    { action: "upgrade-format-version", "format-version": 9 },
    { action: "enable-row-lineage" },
    { action: "set-location", location: "s3://elsewhere/t" },
    { action: "add-encryption-key", "encryption-key": { "key-id": "k", "encrypted-key-metadata": 5 } },
  ]) {
    const { status } = await call(lake, "POST", `${TABLES}/t`, { updates: [change] });
    expect([change, status]).toEqual([change, 400]);
  }
});

test("I163 a conflict says what was committed since", async () => {
  const lake = await withTables(["t"]);
  expect((await call(lake, "POST", `${TABLES}/t`, addSnapshot(1))).status).toBe(200);
  expect((await call(lake, "POST", `${TABLES}/t`, addSnapshot(2, 1))).status).toBe(200);
  const { status, body } = await call(lake, "POST", `${TABLES}/t`, addSnapshot(3, 1));
  expect(status).toBe(409);
  expect(JSON.stringify(body)).toContain("expected id 1 != 2 (committed since: append 2 by spark)");
});

test("I164 what an isolate remembers never decides: another isolate's commits, drops and renames are seen", async () => {
  const pointers = createMemoryPointerStore();
  const first = await withTables(["t"], { pointers, memory: createCatalogMemory(1 << 20) });
  const second = await createIcebergLake({
    seed: 2,
    store: first.store,
    pointers: keepNamespace(pointers),
    memory: createCatalogMemory(1 << 20),
  });
  for (const [index, lake] of [first, second, first, second].entries()) {
    expect((await call(lake, "POST", `${TABLES}/t`, commitOf(`k${index}`))).status).toBe(200);
  }
  const { body } = await call(first, "GET", `${TABLES}/t`);
  expect((body["metadata"] as { properties: object }).properties).toEqual({ k0: "1", k1: "1", k2: "1", k3: "1" });
  await call(second, "DELETE", `${TABLES}/t`);
  expect((await call(first, "POST", `${TABLES}/t`, commitOf("late"))).status).toBe(404);
  expect((await call(first, "GET", `${TABLES}/t`)).status).toBe(404);
});

test("a commit to a remembered table is one file and one call", async () => {
  const pointers = createMemoryPointerStore();
  const calls: string[] = [];
  const counted = new Proxy(pointers, {
    get: (target, name: keyof PointerStore) => {
      calls.push(name);
      return target[name];
    },
  });
  const lake = await withTables(["t"], { pointers: counted, memory: createCatalogMemory(1 << 20) });
  calls.length = 0;
  await call(lake, "POST", `${TABLES}/t`, { updates: [{ action: "set-properties", updates: { k: "1" } }] });
  expect(calls).toEqual(["swapPointers"]);
});

test("unregister and register hand a table over; an overwrite replaces one", async () => {
  const lake = await withTables(["t", "u"]);
  const left = await call(lake, "POST", `${TABLES}/t/unregister`, {});
  expect(left.status).toBe(200);
  expect((await call(lake, "HEAD", `${TABLES}/t`)).status).toBe(404);
  const register = { name: "t", "metadata-location": left.body["metadata-location"] };
  expect((await call(lake, "POST", "/namespaces/default/register", register)).status).toBe(200);
  expect((await call(lake, "POST", "/namespaces/default/register", register)).status).toBe(409);
  const again = { ...register, overwrite: true };
  expect((await call(lake, "POST", "/namespaces/default/register", again)).status).toBe(200);
});

test("functions are refused by name and not advertised", async () => {
  const lake = await withTables(["t"]);
  expect(await call(lake, "GET", "/namespaces/default/functions")).toMatchObject({
    status: 406,
    body: { error: { type: "UnsupportedOperationException" } },
  });
});

test("I160 a limited token reaches nothing of another catalog, which would not keep to its limits", async () => {
  const reached: string[] = [];
  const handle = forUnlimitedCallers(async (request) => {
    reached.push(request.url);
    return new Response(null, { status: 204 });
  });
  const send = (headers: HeadersInit) => handle(new Request("http://catalog.test/v1/namespaces", { headers }));
  expect((await send(as({ name: "r", access: "read" }))).status).toBe(403);
  expect((await send(as({ name: "w", access: "write", namespaces: ["web"] }))).status).toBe(403);
  expect(reached).toEqual([]);
  expect((await send(as({ name: "full", access: "write" }))).status).toBe(204);
  expect((await send({})).status).toBe(204);
});
