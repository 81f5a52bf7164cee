// Any sequence of requests: the catalog answers as a map of names would, over both pointer stores alike; keyed requests
// answer the same when they are sent again, later too; listings agree with loads; nothing is a 5xx.

import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createCatalogMemory, createMemoryPointerStore, createSqlPointerStore, type PointerStore } from "#iceberg";
import { callCatalog, type CatalogReply } from "../support/catalog-calls.ts";
import { createIcebergLake, type IcebergLake } from "../support/iceberg-lake.ts";

const SCHEMA = { type: "struct", "schema-id": 0, fields: [{ id: 1, name: "id", required: true, type: "long" }] };
const VERSION = {
  "version-id": 1,
  "timestamp-ms": 5,
  "schema-id": 0,
  summary: {},
  representations: [{ type: "sql", sql: "select 1", dialect: "spark" }],
  "default-namespace": ["a"],
};
const NAMESPACES = ["a", "b", "a.c"] as const;
const NAMES = ["t", "u", "v"] as const;

type Kind = "table" | "view";
interface Name {
  readonly namespace: (typeof NAMESPACES)[number];
  readonly name: (typeof NAMES)[number];
}
type Step =
  | { readonly do: "createNamespace" | "dropNamespace"; readonly namespace: Name["namespace"] }
  | { readonly do: "create" | "drop"; readonly kind: Kind; readonly at: Name }
  | { readonly do: "stage" | "unregister"; readonly at: Name }
  | { readonly do: "register"; readonly at: Name; readonly pick: number; readonly overwrite: boolean }
  | { readonly do: "rename"; readonly kind: Kind; readonly at: Name; readonly to: Name }
  | { readonly do: "commit"; readonly at: Name; readonly isStale: boolean; readonly isCreate: boolean }
  | { readonly do: "transaction"; readonly at: Name; readonly to: Name; readonly isStale: boolean }
  | { readonly do: "repeat"; readonly pick: number };

const at = fc.record({ namespace: fc.constantFrom(...NAMESPACES), name: fc.constantFrom(...NAMES) });
const kind = fc.constantFrom<Kind>("table", "view");
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("createNamespace" as const), namespace: at.map((n) => n.namespace) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("dropNamespace" as const), namespace: at.map((n) => n.namespace) }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("create" as const), kind, at }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("drop" as const), kind, at }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("stage" as const, "unregister" as const), at }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("register" as const), at, pick: fc.nat(), overwrite: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("rename" as const), kind, at, to: at }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("commit" as const), at, isStale: fc.boolean(), isCreate: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("transaction" as const), at, to: at, isStale: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("repeat" as const), pick: fc.nat() }) },
);

/** A request as it is sent. */
interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly key: string;
}

interface Entry {
  readonly kind: Kind;
  readonly uuid: string;
  readonly pointer: string;
  /** The table's location; views share theirs. */
  readonly location: string;
  readonly properties: Readonly<Record<string, string>>;
}

const pathOf = (namespace: string): string => namespace.replace(".", "%1F");
const levels = (namespace: string): string[] => namespace.split(".");
const nameOf = (name: Name): string => `${name.namespace}.${name.name}`;
const identifier = (name: Name) => ({ namespace: levels(name.namespace), name: name.name });

/** What is there, kept beside the catalog. */
class Model {
  readonly namespaces = new Set<string>();
  readonly entries = new Map<string, Entry>();
  /** Metadata files of tables that ever were. */
  readonly files: { readonly pointer: string; readonly location: string; readonly uuid: string }[] = [];
  readonly done: { readonly sent: Sent; readonly reply: CatalogReply }[] = [];

  entry(name: Name, wanted: Kind): Entry | undefined {
    const found = this.entries.get(nameOf(name));
    return found?.kind === wanted ? found : undefined;
  }

  /** Requests sent before whose answers can be given again: a dropped view's metadata file is deleted. */
  repeatable(): readonly { readonly sent: Sent; readonly reply: CatalogReply }[] {
    const live = new Set([...this.entries.values()].map(({ pointer }) => pointer));
    return this.done.filter(({ sent: { path }, reply: { status, body } }) => {
      const isView = path.endsWith("/views") && status === 200;
      return !isView || live.has(String(body["metadata-location"]));
    });
  }

  isUsed(location: string, except: string): boolean {
    return [...this.entries].some(
      ([name, entry]) => entry.kind === "table" && name !== except && entry.location === location,
    );
  }
}

const change = (value: string, uuid: string) => ({
  requirements: [{ type: "assert-table-uuid", uuid }],
  updates: [{ action: "set-properties", updates: { k: value } }],
});
const STALE = "00000000-0000-4000-8000-000000000000";

const post = (path: string, body: unknown) => ({ method: "POST", path, body });
const remove = (path: string) => ({ method: "DELETE", path, body: undefined });
const inside = (name: Name, rest: string): string => `/namespaces/${pathOf(name.namespace)}/${rest}`;

function requestOf(
  model: Model,
  action: Exclude<Step, { do: "repeat" }>,
  count: number,
): Omit<Sent, "key"> | undefined {
  const uuidOf = (name: Name, isStale: boolean): string =>
    isStale ? STALE : (model.entry(name, "table")?.uuid ?? STALE);
  switch (action.do) {
    case "createNamespace":
      return post("/namespaces", { namespace: levels(action.namespace), properties: { made: String(count) } });
    case "dropNamespace":
      return remove(`/namespaces/${pathOf(action.namespace)}`);
    case "create":
      return action.kind === "table"
        ? post(inside(action.at, "tables"), { name: action.at.name, schema: SCHEMA })
        : post(inside(action.at, "views"), {
            name: action.at.name,
            schema: SCHEMA,
            "view-version": VERSION,
            properties: {},
          });
    case "stage":
      return post(inside(action.at, "tables"), { name: action.at.name, schema: SCHEMA, "stage-create": true });
    case "drop":
      return remove(inside(action.at, `${action.kind}s/${action.at.name}`));
    case "unregister":
      return post(inside(action.at, `tables/${action.at.name}/unregister`), {});
    case "register": {
      const file = model.files[action.pick % Math.max(1, model.files.length)];
      if (file === undefined) return undefined;
      const body = { name: action.at.name, "metadata-location": file.pointer, overwrite: action.overwrite };
      return post(inside(action.at, "register"), body);
    }
    case "rename":
      return post(`/${action.kind}s/rename`, { source: identifier(action.at), destination: identifier(action.to) });
    case "commit":
      return post(
        inside(action.at, `tables/${action.at.name}`),
        action.isCreate
          ? {
              requirements: [{ type: "assert-create" }],
              updates: [
                { action: "add-schema", schema: SCHEMA },
                { action: "set-current-schema", "schema-id": -1 },
              ],
            }
          : change(String(count), uuidOf(action.at, action.isStale)),
      );
    case "transaction":
      return post("/transactions/commit", {
        "table-changes": [
          { identifier: identifier(action.at), ...change(String(count), uuidOf(action.at, false)) },
          { identifier: identifier(action.to), ...change(String(count), uuidOf(action.to, action.isStale)) },
        ],
      });
  }
}

/** The status that a map of names would give. */
function expectedStatus(model: Model, action: Exclude<Step, { do: "repeat" }>): number {
  const { namespaces, entries, files } = model;
  const hasIn = (namespace: string): boolean =>
    [...entries.keys()].some((name) => name.slice(0, name.lastIndexOf(".")) === namespace) ||
    [...namespaces].some((name) => name.startsWith(`${namespace}.`));
  const statusOfNew = (name: Name): number =>
    !namespaces.has(name.namespace) ? 404 : entries.has(nameOf(name)) ? 409 : 200;
  switch (action.do) {
    case "createNamespace":
      if (namespaces.has(action.namespace)) return 409;
      return action.namespace === "a.c" && !namespaces.has("a") ? 404 : 200;
    case "dropNamespace":
      return !namespaces.has(action.namespace) ? 404 : hasIn(action.namespace) ? 409 : 204;
    case "create":
    case "stage":
      return statusOfNew(action.at);
    case "drop":
      return model.entry(action.at, action.kind) === undefined ? 404 : 204;
    case "unregister":
      return model.entry(action.at, "table") === undefined ? 404 : 200;
    case "register": {
      const file = files[action.pick % Math.max(1, files.length)];
      const taken = entries.get(nameOf(action.at));
      if (!namespaces.has(action.at.namespace)) return 404;
      if (taken !== undefined && !(action.overwrite && taken.kind === "table")) return 409;
      return model.isUsed(file?.location ?? "", nameOf(action.at)) ? 400 : 200;
    }
    case "rename":
      if (model.entry(action.at, action.kind) === undefined || !namespaces.has(action.to.namespace)) return 404;
      return entries.has(nameOf(action.to)) ? 409 : 204;
    case "commit":
      if (action.isCreate) return statusOfNew(action.at);
      if (model.entry(action.at, "table") === undefined) return 404;
      return action.isStale ? 409 : 200;
    case "transaction":
      if (nameOf(action.at) === nameOf(action.to)) return 400;
      if (model.entry(action.at, "table") === undefined || model.entry(action.to, "table") === undefined) return 404;
      return action.isStale ? 409 : 204;
  }
}

interface TableReply {
  readonly "metadata-location": string;
  readonly metadata: {
    readonly "table-uuid": string;
    readonly location: string;
    readonly properties: Record<string, string>;
  };
}

function keepTable(model: Model, name: Name, reply: CatalogReply): void {
  const { "metadata-location": pointer, metadata } = reply.body as unknown as TableReply;
  const { "table-uuid": uuid, location, properties } = metadata;
  model.files.push({ pointer, location, uuid });
  model.entries.set(nameOf(name), { kind: "table", uuid, pointer, location, properties });
}

/** Brings the model to where the catalog should be after a request that was answered. */
async function apply(
  lake: IcebergLake,
  model: Model,
  action: Exclude<Step, { do: "repeat" }>,
  reply: CatalogReply,
): Promise<void> {
  if (reply.status >= 400) return;
  const load = (name: Name) => callCatalog(lake, "GET", `/namespaces/${pathOf(name.namespace)}/tables/${name.name}`);
  switch (action.do) {
    case "createNamespace":
      return void model.namespaces.add(action.namespace);
    case "dropNamespace":
      return void model.namespaces.delete(action.namespace);
    case "create":
      if (action.kind === "table") return keepTable(model, action.at, reply);
      return void model.entries.set(nameOf(action.at), {
        kind: "view",
        uuid: "",
        pointer: String(reply.body["metadata-location"]),
        location: "",
        properties: {},
      });
    case "stage":
      return undefined;
    case "drop":
    case "unregister":
      return void model.entries.delete(nameOf(action.at));
    case "register":
    case "commit":
      return keepTable(model, action.at, reply);
    case "rename": {
      const entry = model.entry(action.at, action.kind);
      model.entries.delete(nameOf(action.at));
      if (entry !== undefined) model.entries.set(nameOf(action.to), entry);
      return undefined;
    }
    case "transaction":
      for (const name of [action.at, action.to]) keepTable(model, name, await load(name));
      return undefined;
  }
}

/** Listings and loads of all names against the model. */
async function checkAll(lake: IcebergLake, model: Model): Promise<void> {
  for (const namespace of NAMESPACES) {
    const path = `/namespaces/${pathOf(namespace)}`;
    expect((await callCatalog(lake, "HEAD", path)).status).toBe(model.namespaces.has(namespace) ? 204 : 404);
    for (const wanted of ["table", "view"] as const) {
      const listed = await callCatalog(lake, "GET", `${path}/${wanted}s`);
      const names = NAMES.filter((name) => model.entry({ namespace, name }, wanted) !== undefined);
      const identifiers = names.map((name) => ({ namespace: levels(namespace), name }));
      expect(listed.status === 200 ? listed.body : listed.status).toEqual(
        model.namespaces.has(namespace) ? { identifiers } : 404,
      );
      for (const name of NAMES) {
        const entry = model.entry({ namespace, name }, wanted);
        const loaded = await callCatalog(lake, "GET", `${path}/${wanted}s/${name}`);
        expect([loaded.status, loaded.body["metadata-location"]]).toEqual([
          entry === undefined ? 404 : 200,
          entry?.pointer,
        ]);
      }
    }
  }
}

async function checkRepeat(
  send: (sent: Sent) => Promise<CatalogReply>,
  { sent, reply }: { readonly sent: Sent; readonly reply: CatalogReply },
): Promise<void> {
  const again = await send(sent);
  expect([sent, again.status, again.body]).toEqual([sent, reply.status, reply.body]);
}

const keyOf = (count: number): string => `00000000-0000-4000-8000-${String(count).padStart(12, "0")}`;

/** Runs a sequence against one catalog; every reply in order. */
async function play(pointers: PointerStore, steps: readonly Step[]): Promise<unknown[]> {
  const clock = { nowMs: () => 1_790_000_000_000 };
  const lake = await createIcebergLake({ pointers, clock, memory: createCatalogMemory(1 << 20) });
  await pointers.dropNamespace(["default"]);
  const model = new Model();
  const replies: unknown[] = [];
  const send = ({ method, path, body, key }: Sent): Promise<CatalogReply> =>
    callCatalog(lake, method, path, body, { "idempotency-key": key });
  for (const [count, action] of steps.entries()) {
    if (action.do === "repeat") {
      const known = model.repeatable();
      const before = known[action.pick % Math.max(1, known.length)];
      if (before === undefined) continue;
      await checkRepeat(send, before);
      continue;
    }
    const request = requestOf(model, action, count);
    if (request === undefined) continue;
    const sent = { ...request, key: keyOf(count) };
    const expected = expectedStatus(model, action);
    const reply = await send(sent);
    expect([action, reply.status]).toEqual([action, expected]);
    await apply(lake, model, action, reply);
    // A staged table is made anew each time it is asked for: nothing was changed that a key could remember.
    if (action.do !== "stage") model.done.push({ sent, reply });
    replies.push([reply.status, reply.body]);
  }
  await checkAll(lake, model);
  // Whatever came in between, each key still has its answer, and gives it without an effect.
  for (const before of model.repeatable()) {
    await checkRepeat(send, before);
  }
  await checkAll(lake, model);
  return replies;
}

function sqlitePointers(): PointerStore {
  const db = new DatabaseSync(":memory:");
  return createSqlPointerStore((sql, ...bindings: readonly SQLInputValue[]) => db.prepare(sql).all(...bindings));
}

test(
  "I217 any sequence of requests leaves pointers and listings as a map of names has them, in both stores",
  { timeout: 60_000 },
  async () => {
    const seen = new Set<number>();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        // Most names need a namespace to be anything but a 404.
        const all: Step[] = [{ do: "createNamespace", namespace: "a" }, ...steps];
        const inMemory = await play(createMemoryPointerStore(), all);
        expect(await play(sqlitePointers(), all)).toEqual(inMemory);
        for (const reply of inMemory) seen.add((reply as [number])[0]);
      }),
      { numRuns: 150 },
    );
    expect([...seen].toSorted((a, b) => a - b)).toEqual([200, 204, 400, 404, 409]);
  },
);
