// Whatever JSON a client sends, the catalog answers in the protocol's error model and never with a 5xx.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseJson, stringifyJson } from "#core";
import { callCatalog } from "../support/catalog-calls.ts";
import { EVENTS, createIcebergLake, eventsFile } from "../support/iceberg-lake.ts";

const SCHEMA = { type: "struct", "schema-id": 0, fields: [{ id: 1, name: "id", required: true, type: "long" }] };
const NAME = { namespace: ["default"], name: "t" };
const SNAPSHOT = {
  "snapshot-id": 5,
  "sequence-number": 1,
  "timestamp-ms": 1,
  "manifest-list": "s3://lake/default/t/metadata/l.avro",
  summary: { operation: "append" },
};
const VERSION = {
  "version-id": 1,
  "timestamp-ms": 5,
  "schema-id": 0,
  summary: {},
  representations: [{ type: "sql", sql: "select 1", dialect: "spark" }],
  "default-namespace": ["default"],
};
const UPDATES = [
  { action: "assign-uuid", uuid: "00000000-0000-4000-8000-000000000000" },
  { action: "upgrade-format-version", "format-version": 3 },
  { action: "add-schema", schema: SCHEMA },
  { action: "set-current-schema", "schema-id": -1 },
  { action: "add-spec", spec: { fields: [{ "source-id": 1, transform: "bucket[4]", name: "b" }] } },
  { action: "set-default-spec", "spec-id": -1 },
  { action: "add-sort-order", "sort-order": { "order-id": 1, fields: [] } },
  { action: "set-default-sort-order", "sort-order-id": -1 },
  { action: "add-snapshot", snapshot: SNAPSHOT },
  { action: "set-snapshot-ref", "ref-name": "main", type: "branch", "snapshot-id": 5 },
  { action: "remove-snapshots", "snapshot-ids": [5] },
  { action: "remove-snapshot-ref", "ref-name": "main" },
  { action: "set-location", location: "s3://lake/default/t" },
  { action: "set-properties", updates: { "write.metadata.previous-versions-max": "-1" } },
  { action: "remove-properties", removals: ["a"] },
  { action: "set-statistics", statistics: { "snapshot-id": 5, "statistics-path": "s3://lake/x" } },
  { action: "remove-statistics", "snapshot-id": 5 },
  {
    action: "set-partition-statistics",
    "partition-statistics": { "snapshot-id": 5, "statistics-path": "s3://lake/x" },
  },
  { action: "remove-partition-specs", "spec-ids": [0] },
  { action: "remove-schemas", "schema-ids": [0] },
  { action: "add-encryption-key", "encryption-key": { "key-id": "k" } },
  { action: "remove-encryption-key", "key-id": "k" },
  { action: "add-view-version", "view-version": VERSION },
  { action: "set-current-view-version", "view-version-id": -1 },
];
const REQUIREMENTS = [
  { type: "assert-create" },
  { type: "assert-table-uuid", uuid: "x" },
  { type: "assert-view-uuid", uuid: "x" },
  { type: "assert-ref-snapshot-id", ref: "main", "snapshot-id": null },
  { type: "assert-current-schema-id", "current-schema-id": 0 },
];
const COMMIT = { requirements: REQUIREMENTS, updates: UPDATES };

const ID = { type: "reference", name: "id" };
const PLAN = {
  filter: {
    type: "and",
    left: { type: "not", child: { type: "in", term: "id", values: [1, 2] } },
    right: {
      type: "or",
      left: { type: "lt", left: ID, right: { type: "literal", value: 5, "data-type": "long" } },
      right: {
        type: "eq",
        left: { type: "apply", function: { identifier: ["bucket"] }, arguments: [4, ID] },
        right: 3,
      },
    },
  },
  select: ["id"],
  "stats-fields": ["id"],
  "case-sensitive": false,
  "use-snapshot-schema": true,
  "min-rows-requested": 5,
};

/** Paths with a body each that is nearly right. */
const TARGETS: readonly (readonly [string, unknown])[] = [
  ["/namespaces", { namespace: ["n"], properties: { location: "s3://lake/n" } }],
  ["/namespaces/default/properties", { updates: { a: "1" }, removals: ["b"] }],
  [
    "/namespaces/default/tables",
    { name: "x", schema: SCHEMA, properties: { "format-version": "3" }, "stage-create": true },
  ],
  ["/namespaces/default/tables/t", COMMIT],
  ["/namespaces/default/tables/t/metrics", { "report-type": "scan-report" }],
  ["/namespaces/default/tables/t/sign", { region: "r", uri: "https://s3.test/lake/x", method: "GET", headers: {} }],
  ["/namespaces/default/tables/t/plan", PLAN],
  ["/namespaces/default/tables/t/plan", { "start-snapshot-id": 1, "end-snapshot-id": 2 }],
  ["/namespaces/default/tables/t/tasks", { "plan-task": "e30" }],
  ["/namespaces/default/register", { name: "r", "metadata-location": "s3://lake/x.metadata.json", overwrite: true }],
  ["/namespaces/default/views", { name: "w", schema: SCHEMA, "view-version": VERSION, properties: {} }],
  ["/namespaces/default/views/v", COMMIT],
  ["/namespaces/default/register-view", { name: "r", "metadata-location": "s3://lake/x.metadata.json" }],
  ["/tables/rename", { source: NAME, destination: NAME }],
  ["/views/rename", { source: NAME, destination: NAME }],
  ["/transactions/commit", { "table-changes": [{ identifier: NAME, ...COMMIT }] }],
];

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    -1,
    0,
    1.5,
    2 ** 31,
    9_223_372_036_854_775_807n,
    "",
    "\ud800",
    "\u0000",
    "..",
    [],
    {},
  ),
  fc.jsonValue(),
);

/** A value with one place in it replaced. */
function mutate(value: unknown, path: readonly number[], replacement: unknown, mode: "replace" | "drop"): unknown {
  if (typeof value !== "object" || value === null) return replacement;
  const entries = Object.entries(value);
  const [step = 0, ...rest] = path;
  if (entries.length === 0 || path.length === 0) return replacement;
  const at = step % entries.length;
  const changed = entries.flatMap(([key, item], index): [string, unknown][] => {
    if (index !== at) return [[key, item]];
    if (mode === "drop" && rest.length === 0) return [];
    return [[key, mutate(item, rest, replacement, mode)]];
  });
  return Array.isArray(value) ? changed.map(([, item]) => item) : Object.fromEntries(changed);
}

/** Keeps only the update and requirement at the given places, so that what comes later is reached too. */
function thin(value: unknown, at: number): unknown {
  if (Array.isArray(value)) return value.map((item) => thin(item, at));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      if (key === "updates" && Array.isArray(item)) return [key, [item[at % item.length]]];
      if (key === "requirements" && Array.isArray(item)) return [key, at % 3 === 0 ? [item[at % item.length]] : []];
      return [key, thin(item, at)];
    }),
  );
}

test(
  "C162 no body makes the catalog answer with a 5xx, and errors have the protocol's form",
  { timeout: 60_000 },
  async () => {
    const lake = await createIcebergLake({
      s3: { endpoint: "https://s3.test", region: "auto", accessKeyId: "a", secretAccessKey: "b" },
    });
    await callCatalog(lake, "POST", "/namespaces/default/tables", { name: "t", schema: SCHEMA });
    await callCatalog(lake, "POST", "/namespaces/default/views", {
      name: "v",
      schema: SCHEMA,
      "view-version": VERSION,
    });
    const seen = new Set<number>();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...TARGETS),
        fc.nat(200),
        fc.array(fc.nat(40), { maxLength: 6 }),
        odd,
        fc.constantFrom<"replace" | "drop">("replace", "drop"),
        async ([path, body], at, place, replacement, mode) => {
          const { status, body: reply } = await callCatalog(
            lake,
            "POST",
            path,
            mutate(thin(body, at), place, replacement, mode),
          );
          seen.add(status);
          const expected = { error: { message: expect.any(String), type: expect.any(String), code: status } };
          expect(status < 500 ? reply : status).toEqual(status < 400 ? reply : expected);
        },
      ),
      { numRuns: 1500 },
    );
    // The bodies get past the first check often enough to reach what lies behind it.
    expect([...seen]).toEqual(expect.arrayContaining([200, 400, 404, 409]));
  },
);

function toBase64Url(text: string): string {
  return Buffer.from(text, "utf8").toString("base64url");
}

test("C162 no plan's id and no plan task makes the catalog answer with a 5xx, whatever is in it", async () => {
  const lake = await createIcebergLake();
  const table = await lake.client.createTable(EVENTS);
  const files = Array.from({ length: 1_200 }, (_, n) => eventsFile(`f${n}`, n % 7));
  await table.newAppend().addFiles(files).commit();
  const target = "/namespaces/default/tables/events";
  const scan = { filter: { type: "not-null", term: "id" }, "stats-fields": ["id"], "min-rows-requested": 1_000_000 };
  const planned = await callCatalog(lake, "POST", `${target}/plan`, scan);
  const [task = ""] = planned.body["plan-tasks"] as string[];
  const token = parseJson(Buffer.from(task, "base64url").toString("utf8"));
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(40), { maxLength: 5 }),
      odd,
      fc.constantFrom<"replace" | "drop">("replace", "drop"),
      async (place, replacement, mode) => {
        const changed = toBase64Url(stringifyJson(mutate(token, place, replacement, mode)) ?? "");
        const replies = [
          await callCatalog(lake, "POST", `${target}/tasks`, { "plan-task": changed }),
          await callCatalog(lake, "GET", `${target}/plan/${changed === "" ? "x" : changed}`),
        ];
        for (const { status } of replies) seen.add(status);
        expect(replies.map(({ status }) => status < 500)).toEqual([true, true]);
      },
    ),
    { numRuns: 120 },
  );
  expect([...seen]).toEqual(expect.arrayContaining([200, 404]));
});
