// What other engines cannot do to a table through the catalog: touch ingest's watermarks, rename what receives events,
// send files out of the warehouse, leave files behind or take others along.

import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { utf8ToString } from "#core";
import {
  CALLER_HEADER,
  createMemoryPointerStore,
  createSqlPointerStore,
  encodeCaller,
  type CatalogCaller,
  type PointerStore,
} from "#iceberg";
import { callCatalog as call } from "../../support/catalog-calls.ts";
import { positionDeletes } from "../../support/content-files.ts";
import { createIcebergLake, EVENTS, eventsFile, storedKeys, type IcebergLake } from "../../support/iceberg-lake.ts";

const SCHEMA = { type: "struct", fields: [{ id: 1, name: "id", required: true, type: "long" }] };
const TABLES = "/namespaces/default/tables";
const S3 = { endpoint: "https://s3.test", region: "auto", accessKeyId: "AK", secretAccessKey: "very-secret" };
const KEY = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
const MARK = "firn.ingest.watermark.0";
const SUMMARY = "firn.ingest.watermarks";

function sqlitePointers(): PointerStore {
  const db = new DatabaseSync(":memory:");
  return createSqlPointerStore((sql, ...bindings: readonly SQLInputValue[]) => db.prepare(sql).all(...bindings));
}

const as = (caller: Partial<CatalogCaller> = {}): HeadersInit => ({
  [CALLER_HEADER]: encodeCaller({ name: "spark", access: "write", ...caller }),
});

const inDefault = (name: string) => ({ namespace: ["default"], name });
const rename = (from: string, to: string) => ({ source: inDefault(from), destination: inDefault(to) });
const properties = (updates: Readonly<Record<string, string>>) => ({
  updates: [{ action: "set-properties", updates }],
});

const snapshot = (id: number, summary: Readonly<Record<string, string>>) => ({
  updates: [
    {
      action: "add-snapshot",
      snapshot: {
        "snapshot-id": id,
        "sequence-number": id,
        "timestamp-ms": Date.now(),
        "manifest-list": `s3://lake/default/t/metadata/${id}.avro`,
        summary: { operation: "append", ...summary },
      },
    },
  ],
});

async function withTable(options: Parameters<typeof createIcebergLake>[0] = {}): Promise<IcebergLake> {
  const lake = await createIcebergLake(options);
  await call(lake, "POST", TABLES, { name: "t", schema: SCHEMA });
  return lake;
}

test("I213 only ingest sets watermarks: as properties or in the summary of a snapshot", async () => {
  const lake = await withTable();
  const commit = async (body: object, headers: HeadersInit = as()): Promise<number> =>
    (await call(lake, "POST", `${TABLES}/t`, body, headers)).status;
  const change = { identifier: inDefault("t"), ...properties({ [MARK]: "9" }) };
  expect(await commit(properties({ a: "1", [MARK]: "9" }))).toBe(400);
  expect(await commit({ updates: [{ action: "remove-properties", removals: [MARK] }] })).toBe(400);
  expect(await commit(snapshot(1, { [SUMMARY]: '{"0":9}' }))).toBe(400);
  expect((await call(lake, "POST", "/transactions/commit", { "table-changes": [change] }, as())).status).toBe(400);
  const created = { name: "u", schema: SCHEMA, properties: { [MARK]: "9" } };
  expect((await call(lake, "POST", TABLES, created, as())).status).toBe(400);
  expect(await commit(snapshot(1, { [SUMMARY]: '{"0":9}' }), {})).toBe(200);
  expect(await commit(snapshot(2, { [SUMMARY]: '{"0":12}' }), {})).toBe(200);
  // Firn's library carries on what the newest snapshot says; one that saw an older one has to look again.
  expect(await commit(snapshot(3, { [SUMMARY]: '{"0":9}' }))).toBe(409);
  expect(await commit(snapshot(3, { [SUMMARY]: '{"0":13}' }))).toBe(400);
  expect(await commit(snapshot(3, { [SUMMARY]: '{"0":12}' }))).toBe(200);
  expect(await commit(snapshot(4, {}))).toBe(200);
});

describe.each([
  ["memory", createMemoryPointerStore],
  ["SQLite", sqlitePointers],
])("pointers in %s", (_name, createPointers) => {
  test("I214 a table is renamed as it was looked at: ingest's first commit in between is seen", async () => {
    const pointers = createPointers();
    let meanwhile: (() => Promise<unknown>) | undefined;
    const lake = await withTable({
      pointers: {
        ...pointers,
        async renameEntry(...args) {
          const work = meanwhile;
          meanwhile = undefined;
          await work?.();
          return pointers.renameEntry(...args);
        },
      },
    });
    const to = rename("t", "u");
    meanwhile = () => call(lake, "POST", `${TABLES}/t`, properties({ [MARK]: "9" }));
    expect((await call(lake, "POST", "/tables/rename", to, as())).status).toBe(406);
    expect((await call(lake, "HEAD", `${TABLES}/t`)).status).toBe(204);
    // Firn itself may give a table its name back.
    expect((await call(lake, "POST", "/tables/rename", to)).status).toBe(204);
  });

  test("I214 a commit under way while its table is renamed is refused and leaves nothing behind", async () => {
    const pointers = createPointers();
    let meanwhile: (() => Promise<unknown>) | undefined;
    const lake = await withTable({
      pointers: {
        ...pointers,
        async swapPointers(...args) {
          const work = meanwhile;
          meanwhile = undefined;
          await work?.();
          return pointers.swapPointers(...args);
        },
      },
    });
    const before = await storedKeys(lake.store);
    meanwhile = () => call(lake, "POST", "/tables/rename", rename("t", "u"), as());
    expect(await call(lake, "POST", `${TABLES}/t`, properties({ a: "1" }), as())).toMatchObject({
      status: 404,
      body: { error: { type: "NoSuchTableException" } },
    });
    expect(await storedKeys(lake.store)).toEqual(before);
    expect((await call(lake, "POST", `${TABLES}/u`, properties({ a: "1" }), as())).status).toBe(200);
  });

  test("I162 overlapping requests of one key answer alike, also where the one undoes what the other looks for", async () => {
    for (const [method, path, body, status] of [
      ["POST", "/tables/rename", rename("t", "u"), 204],
      ["POST", TABLES, { name: "x", schema: SCHEMA }, 200],
      ["DELETE", `${TABLES}/t`, undefined, 204],
      ["POST", "/namespaces", { namespace: ["n"] }, 200],
    ] as const) {
      const lake = await withTable({ pointers: createPointers() });
      const headers = { "idempotency-key": KEY };
      const replies = await Promise.all([1, 2, 3].map(() => call(lake, method, path, body, headers)));
      const later = await call(lake, method, path, body, headers);
      expect([path, ...replies.map((reply) => reply.status), later.status]).toEqual([path, ...Array(4).fill(status)]);
    }
  });

  test("C210 a staged table's files are signed where it was staged, for a day, and nowhere else", async () => {
    let nowMs = 1_790_000_000_000;
    const clock = { nowMs: () => nowMs };
    const lake = await createIcebergLake({ pointers: createPointers(), s3: S3, clock });
    await call(lake, "POST", "/namespaces", { namespace: ["web"] });
    const web = as({ namespaces: ["web"] });
    const sign = async (folder: string, headers: HeadersInit = web, method = "PUT"): Promise<number> => {
      const uri = `https://s3.test/lake/${folder}/data/a.parquet`;
      const body = { region: "auto", uri, method, headers: {} };
      return (await call(lake, "POST", "/namespaces/web/tables/t/sign", body, headers)).status;
    };
    const staged = { name: "t", schema: SCHEMA, "stage-create": true, location: "s3://lake/web/elsewhere" };
    expect(await sign("web/elsewhere")).toBe(403);
    expect((await call(lake, "POST", "/namespaces/web/tables", staged, web)).status).toBe(200);
    expect([await sign("web/elsewhere"), await sign("web/elsewhere", web, "GET")]).toEqual([200, 200]);
    expect([await sign("web/other"), await sign("default/t"), await sign("web/t")]).toEqual([403, 403, 200]);
    expect(await sign("web/elsewhere", as({ namespaces: ["default"] }))).toBe(403);
    nowMs += 25 * 3_600_000;
    expect(await sign("web/elsewhere")).toBe(403);
    await call(lake, "POST", "/namespaces/web/tables", staged, web);
    const other = { name: "o", schema: SCHEMA, location: "s3://lake/web/elsewhere" };
    expect((await call(lake, "POST", "/namespaces/web/tables", other, web)).status).toBe(200);
    // The location belongs to another table now.
    expect(await sign("web/elsewhere")).toBe(403);
  });
});

test("C211 no table or view is sent out of the warehouse, whichever request says so", async () => {
  const lake = await withTable();
  const far = "s3://elsewhere/t";
  const paths = ["write.data.path", "write.metadata.path", "write.object-storage.path", "write.folder-storage.path"];
  const requests: [string, object][] = [
    [TABLES, { name: "x", schema: SCHEMA, location: far }],
    [TABLES, { name: "x", schema: SCHEMA, location: far, "stage-create": true }],
    [`${TABLES}/t`, { updates: [{ action: "set-location", location: far }] }],
    [`${TABLES}/t`, { updates: [{ action: "set-location", location: "s3://lake/default/t/../../x" }] }],
    ["/namespaces/default/register", { name: "x", "metadata-location": `${far}/metadata/1.metadata.json` }],
    ["/namespaces/default/views", { name: "v", schema: SCHEMA, location: far, "view-version": {}, properties: {} }],
    ...paths.flatMap((name): [string, object][] =>
      [far, "s3://lake2/t", "file:///tmp/t", "s3://lake/", "s3://lake//t", "default/t"].flatMap(
        (path): [string, object][] => [
          [`${TABLES}/t`, properties({ [name]: path })],
          [TABLES, { name: "x", schema: SCHEMA, properties: { [name]: path } }],
        ],
      ),
    ),
  ];
  for (const [path, body] of requests) {
    expect([path, body, (await call(lake, "POST", path, body, as())).status]).toEqual([path, body, 400]);
  }
  // Metadata that was written elsewhere and says so within.
  const { body } = await call(lake, "GET", `${TABLES}/t`);
  const file = utf8ToString(await lake.io.read(String(body["metadata-location"])));
  const copy = "s3://lake/default/copy/metadata/00000-a.metadata.json";
  await lake.io.write(copy, new TextEncoder().encode(file.replace("s3://lake/default/t", far)));
  const register = { name: "x", "metadata-location": copy };
  expect((await call(lake, "POST", "/namespaces/default/register", register, as())).status).toBe(400);
});

async function tableWithDeletes(lake: IcebergLake): Promise<void> {
  await lake.client.createTable(EVENTS);
  const files = [eventsFile("a.parquet", 1), eventsFile("b.parquet", 2)];
  const deletes = positionDeletes("s3://lake/default/events/data/d.parquet", { partition: [1] });
  for (const file of [...files, deletes]) await lake.io.write(file.filePath, new Uint8Array(4));
  await (await lake.client.loadTable(EVENTS.identifier)).newAppend().addFiles(files).commit();
  const table = await lake.client.loadTable(EVENTS.identifier);
  expect(await table.newRowDelta().addDeletes([deletes]).commit()).toMatchObject({ outcome: "committed" });
}

test("I215 a purge leaves nothing: data, delete files, manifests, metadata; without garbage collection the data stays", async () => {
  const lake = await createIcebergLake();
  await tableWithDeletes(lake);
  expect((await call(lake, "DELETE", `${TABLES}/events?purgeRequested=true`, undefined, as())).status).toBe(204);
  expect(await storedKeys(lake.store)).toEqual([]);
  await tableWithDeletes(lake);
  await call(lake, "POST", `${TABLES}/events`, properties({ "gc.enabled": "false" }));
  await call(lake, "DELETE", `${TABLES}/events?purgeRequested=true`);
  expect((await storedKeys(lake.store)).map((key) => key.slice(key.lastIndexOf("/") + 1))).toEqual([
    "a.parquet",
    "b.parquet",
    "d.parquet",
  ]);
});

test("I215 a purge goes on where a file cannot be read, and a drop without one leaves every file", async () => {
  const lake = await createIcebergLake();
  await tableWithDeletes(lake);
  const before = await storedKeys(lake.store);
  await call(lake, "DELETE", `${TABLES}/events`);
  expect(await storedKeys(lake.store)).toEqual(before);
  const metadata = before.filter((key) => key.endsWith(".metadata.json")).at(-1) ?? "";
  const register = { name: "events", "metadata-location": `s3://lake/${metadata}` };
  expect((await call(lake, "POST", "/namespaces/default/register", register)).status).toBe(200);
  const [first] = (await lake.client.loadTable(EVENTS.identifier)).metadata.snapshots;
  // The second snapshot lists all that the first did.
  await lake.io.write(first?.["manifest-list"] ?? "", new Uint8Array(3));
  await call(lake, "DELETE", `${TABLES}/events?purgeRequested=true`);
  expect(await storedKeys(lake.store)).toEqual([]);
});
