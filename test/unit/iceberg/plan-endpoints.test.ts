// Scan planning on the server, as a REST client sees it, compared with planning in the client.

import { describe, expect, test } from "vitest";
import { stringifyJson } from "#core";
import {
  CALLER_HEADER,
  encodeCaller,
  scalarToSingleValue,
  type DataFile,
  type IcebergPredicate,
  type Table,
} from "#iceberg";
import { callCatalog, type CatalogReply } from "../../support/catalog-calls.ts";
import { dataFile, deletionVector, equalityDeletes } from "../../support/content-files.ts";
import { committed } from "../../support/iceberg-files.ts";
import { EVENTS, LAKE_BUCKET, createIcebergLake, eventsFile, type IcebergLake } from "../../support/iceberg-lake.ts";

const PLAN = "/namespaces/default/tables/events/plan";
const TASKS = "/namespaces/default/tables/events/tasks";
const DAY_MICROS = 86_400_000_000;

interface FileTask {
  readonly "data-file": Readonly<Record<string, unknown>>;
  readonly "delete-file-references"?: readonly number[];
  readonly "residual-filter": unknown;
}

interface Planned {
  readonly status: number;
  readonly body: CatalogReply["body"];
  readonly tasks: readonly FileTask[];
  readonly requests: number;
}

/** Plans as a client does: the plan, then every task that it names and that those name. */
async function plan(lake: IcebergLake, request: unknown, path = PLAN): Promise<Planned> {
  const first = await callCatalog(lake, "POST", path, request);
  const tasks = [...((first.body["file-scan-tasks"] ?? []) as FileTask[])];
  const waiting = [...((first.body["plan-tasks"] ?? []) as string[])];
  let requests = 1;
  for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
    const { status, body } = await callCatalog(lake, "POST", TASKS, { "plan-task": task });
    expect([status, body["status"]]).toEqual([200, undefined]);
    tasks.push(...(body["file-scan-tasks"] as FileTask[]));
    waiting.push(...(body["plan-tasks"] as string[]));
    requests += 1;
  }
  return { status: first.status, body: first.body, tasks, requests };
}

function namesOf({ tasks }: Pick<Planned, "tasks">): string[] {
  return tasks.map((task) => String(task["data-file"]["file-path"]).replace(/^.*\//, "")).toSorted();
}

async function locally(table: Table, predicates: readonly IcebergPredicate[]): Promise<string[]> {
  const { files } = await table.planScan({ predicates });
  return files.map(({ dataFile: file }) => file.filePath.replace(/^.*\//, "")).toSorted();
}

async function withDays(days: number, perDay = 1): Promise<{ readonly lake: IcebergLake; readonly table: Table }> {
  const lake = await createIcebergLake();
  let table = await lake.client.createTable(EVENTS);
  for (let first = 0; first < days; first += 10) {
    const append = table.newAppend();
    for (let day = first; day < Math.min(days, first + 10); day++) {
      for (let n = 0; n < perDay; n++) {
        append.addFile(eventsFile(`${day}-${n}`, day, { users: n % 2 === 0 ? ["a", "f"] : ["g", "z"] }));
      }
    }
    table = await committed(append.commit());
  }
  return { lake, table };
}

const iso = (day: number): string => `${new Date(day * 86_400_000).toISOString().slice(0, 10)}T00:00:00+00:00`;
const since = (day: number): unknown => ({ type: "gt-eq", term: "timestamp", value: iso(day) });
const before = (day: number): unknown => ({ type: "lt", term: "timestamp", value: iso(day) });
const day = (n: number): unknown => ({
  type: "eq",
  term: { type: "transform", transform: "day", term: "timestamp" },
  value: iso(n).slice(0, 10),
});
const path = (name: string): string => `s3://${LAKE_BUCKET}/default/events/data/${name}`;
const as = (caller: Parameters<typeof encodeCaller>[0]): HeadersInit => ({ [CALLER_HEADER]: encodeCaller(caller) });
const and = (left: unknown, right: unknown): unknown => ({ type: "and", left, right });

describe("I281 a plan made by the catalog names the files that a client's own plan does", () => {
  test("all of a table; a day; a user of a day, with the rest of the filter for its rows", async () => {
    const { lake, table } = await withDays(30, 2);
    const all = await plan(lake, {});
    expect(all.body["status"]).toBe("completed");
    expect(namesOf(all)).toEqual(await locally(table, []));
    expect(all.tasks[0]?.["residual-filter"]).toBe(true);
    const range: IcebergPredicate[] = [
      { fieldId: 2, operator: ">=", values: [7 * DAY_MICROS] },
      { fieldId: 2, operator: "<", values: [9 * DAY_MICROS] },
    ];
    const week = await plan(lake, { filter: and(since(7), before(9)), select: ["id"] });
    expect(namesOf(week)).toEqual(["7-0", "7-1", "8-0", "8-1"]);
    expect(namesOf(week)).toEqual(await locally(table, range));
    expect(week.tasks.map((task) => task["residual-filter"])).toEqual([true, true, true, true]);
    const user = { type: "eq", term: "user_id", value: "kim" };
    const one = await plan(lake, { filter: and(and(since(7), before(9)), user) });
    expect(namesOf(one)).toEqual(["7-1", "8-1"]);
    expect(one.tasks.map((task) => task["residual-filter"])).toEqual([user, user]);
    // Integers are what Java sends for times.
    const counted = await plan(lake, {
      filter: and(
        { type: "gt-eq", left: { type: "reference", name: "timestamp" }, right: 7 * DAY_MICROS },
        { type: "gt", left: 9 * DAY_MICROS, right: { type: "reference", id: 2 } },
      ),
    });
    expect(namesOf(counted)).toEqual(namesOf(week));
  });

  test("either of two days, or not: what no list of conditions can say", async () => {
    const { lake } = await withDays(10);
    const either = { type: "or", left: day(2), right: day(5) };
    expect(namesOf(await plan(lake, { filter: either }))).toEqual(["2-0", "5-0"]);
    const neither = await plan(lake, {
      filter: { type: "not", child: { type: "or", left: since(3), right: before(2) } },
    });
    expect(namesOf(neither)).toEqual(["2-0"]);
    expect(namesOf(await plan(lake, { filter: { type: "literal", value: false } }))).toEqual([]);
    const prefix = { type: "not-starts-with", term: "user_id", value: "" };
    expect(namesOf(await plan(lake, { filter: prefix }))).toEqual([]);
    expect(namesOf(await plan(lake, { filter: { ...prefix, value: "a" } }))).toHaveLength(10);
  });

  test("a snapshot of the past, by the names its columns had; what was appended between two", async () => {
    const { lake, table } = await withDays(20);
    const [first, second] = table.metadata.snapshots.map((snapshot) => snapshot["snapshot-id"]);
    await (await lake.client.loadTable(EVENTS.identifier)).updateSchema().renameColumn("user_id", "who").commit();
    const filter = { type: "eq", term: "user_id", value: "b" };
    const old = { "snapshot-id": first, "use-snapshot-schema": true, filter };
    expect(namesOf(await plan(lake, old))).toHaveLength(10);
    expect((await plan(lake, { ...old, "use-snapshot-schema": false })).status).toBe(400);
    expect((await plan(lake, { filter: { ...filter, term: "WHO" }, "case-sensitive": false })).tasks).toHaveLength(20);
    const between = await plan(lake, { "start-snapshot-id": first, "end-snapshot-id": second });
    expect(namesOf(between)).toEqual(["10-0", "11-0", "12-0", "13-0", "14-0", "15-0", "16-0", "17-0", "18-0", "19-0"]);
    for (const wrong of [
      { "snapshot-id": 5 },
      { "start-snapshot-id": first },
      { "start-snapshot-id": second, "end-snapshot-id": first },
      { "snapshot-id": first, "start-snapshot-id": first, "end-snapshot-id": second },
    ]) {
      expect((await plan(lake, wrong)).status).toBe(400);
    }
  });

  test("an increment leaves out what was rewritten", async () => {
    const { lake, table } = await withDays(10);
    const start = table.metadata["current-snapshot-id"];
    const rewrite = table
      .newRewrite()
      .deleteFiles([await anyFile(table, "3-0")])
      .addFiles([eventsFile("3-merged", 3)]);
    const rewritten = await committed(rewrite.commit());
    const appended = await committed(rewritten.newAppend().addFile(eventsFile("11-0", 11)).commit());
    const end = appended.metadata["current-snapshot-id"];
    expect(namesOf(await plan(lake, { "start-snapshot-id": start, "end-snapshot-id": end }))).toEqual(["11-0"]);
  });

  test("a table without snapshots", async () => {
    const lake = await createIcebergLake();
    await lake.client.createTable(EVENTS);
    const { status, body, tasks } = await plan(lake, { filter: since(1) });
    expect([status, body["status"], tasks]).toEqual([200, "completed", []]);
  });
});

async function anyFile(table: Table, name: string): Promise<DataFile> {
  const { files } = await table.planScan({});
  const found = files.find(({ dataFile: file }) => file.filePath.endsWith(`/${name}`));
  if (found === undefined) throw new Error(`no file ${name}`);
  return found.dataFile;
}

test("I281 tasks name the deletes of their files, and only those", async () => {
  const lake = await createIcebergLake();
  const table = await lake.client.createTable({ ...EVENTS, properties: { "format-version": "3" } });
  const files = [1, 2, 3].map((day) => eventsFile(`${day}-0`, day));
  const appended = await committed(table.newAppend().addFiles(files).commit());
  const made = [
    deletionVector(path("1-0"), { filePath: path("dv.puffin"), partition: [1] }),
    deletionVector(path("2-0"), { filePath: path("dv.puffin"), partition: [2], contentOffset: 44 }),
    equalityDeletes(path("eq"), { equalityIds: [3], partition: [2] }),
  ];
  await committed(appended.newRowDelta().addDeletes(made).commit());
  const { body, tasks } = await plan(lake, { filter: since(2) });
  const deletes = body["delete-files"] as readonly Readonly<Record<string, unknown>>[];
  expect(namesOf({ tasks })).toEqual(["2-0", "3-0"]);
  const byName = new Map(tasks.map((task) => [String(task["data-file"]["file-path"]), task["delete-file-references"]]));
  const ofTwo = (byName.get(path("2-0")) ?? []).map((index) => deletes[index]);
  expect(ofTwo).toHaveLength(2);
  expect(deletes).toHaveLength(2);
  expect(byName.get(path("3-0"))).toBeUndefined();
  expect(ofTwo).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        content: "position-deletes",
        "file-format": "puffin",
        "referenced-data-file": path("2-0"),
        "content-offset": 44,
        partition: ["1970-01-03"],
      }),
      expect.objectContaining({ content: "equality-deletes", "equality-ids": [3], "file-path": path("eq") }),
    ]),
  );
});

test("I282 a plan too large for one reply is fetched in parts that hold each file once", async () => {
  const { lake, table } = await withDays(250, 12);
  const all = await plan(lake, {});
  expect((all.body["file-scan-tasks"] as unknown[]).length).toBe(1_000);
  expect(all.requests).toBeGreaterThan(1);
  expect(namesOf(all)).toEqual(await locally(table, []));
  expect(new Set(namesOf(all)).size).toBe(3_000);
  // Enough rows end it: ten a file, and one file more where the filter is not proven of all its rows.
  expect((await plan(lake, { "min-rows-requested": 95 })).tasks).toHaveLength(10);
  const unproven = { "min-rows-requested": 95, filter: { type: "eq", term: "user_id", value: "b" } };
  expect((await plan(lake, unproven)).tasks).toHaveLength(1_500);
  // A filter of many constants is handed on, and repeated in no more than one task at a time.
  const values = Array.from({ length: 1_200 }, (_, n) => `b${n}`);
  const long = await plan(lake, { filter: { type: "in", term: "user_id", values } });
  expect(long.tasks).toHaveLength(1_500);
  expect(stringifyJson(long.body).length).toBeLessThan(4.5 * 1024 * 1024);
  expect((long.body["plan-tasks"] as unknown[]).length).toBe(1);
});

test("I282 plan tasks and ids of another table, of an expired snapshot or of nothing at all are unknown", async () => {
  const { lake, table } = await withDays(150, 12);
  const { body } = await callCatalog(lake, "POST", PLAN, { filter: since(0) });
  const id = String(body["plan-id"]);
  const [task] = body["plan-tasks"] as string[];
  expect((await callCatalog(lake, "GET", `${PLAN}/${id}`)).body).toEqual(body);
  expect((await callCatalog(lake, "DELETE", `${PLAN}/${id}`)).status).toBe(204);
  for (const wrong of ["nothing", btoa('{"table":"x"}'), `${id.slice(0, 40)}A`, ""]) {
    expect(await callCatalog(lake, "POST", TASKS, { "plan-task": wrong })).toMatchObject({
      status: 404,
      body: { error: { type: "NoSuchPlanTaskException" } },
    });
    if (wrong === "") continue;
    for (const method of ["GET", "DELETE"]) {
      expect(await callCatalog(lake, method, `${PLAN}/${wrong}`)).toMatchObject({
        status: 404,
        body: { error: { type: "NoSuchPlanIdException" } },
      });
    }
  }
  await lake.client.createTable({ ...EVENTS, identifier: { namespace: ["default"], name: "other" } });
  const elsewhere = "/namespaces/default/tables/other";
  expect((await callCatalog(lake, "POST", `${elsewhere}/tasks`, { "plan-task": task })).status).toBe(404);
  expect((await callCatalog(lake, "GET", `${elsewhere}/plan/${id}`)).status).toBe(404);
  const later = await committed(table.newAppend().addFile(eventsFile("200-0", 200)).commit());
  await later.expireSnapshots().expireOlderThan(Number.MAX_SAFE_INTEGER).retainLast(1).commit();
  expect(await callCatalog(lake, "POST", TASKS, { "plan-task": task })).toMatchObject({
    status: 404,
    body: { error: { type: "NoSuchPlanTaskException" } },
  });
  expect((await callCatalog(lake, "POST", "/namespaces/default/tables/none/plan", {})).body).toMatchObject({
    error: { type: "NoSuchTableException" },
  });
});

test("I282 tasks keep to the columns that the plan was made with", async () => {
  const { lake, table } = await withDays(150, 12);
  const { body } = await callCatalog(lake, "POST", PLAN, { filter: { type: "gt-eq", term: "user_id", value: "a" } });
  await table.updateSchema().renameColumn("user_id", "who").addColumn("user_id", "long").commit();
  const [task] = body["plan-tasks"] as string[];
  const { status, body: rest } = await callCatalog(lake, "POST", TASKS, { "plan-task": task });
  expect(status).toBe(200);
  expect((rest["file-scan-tasks"] as unknown[]).length).toBeGreaterThan(0);
});

test("I283 filters that cannot be, and scans that ask for too much, are 400 and name what is wrong", async () => {
  const { lake } = await withDays(1);
  const name = { type: "reference", name: "user_id" };
  for (const [filter, message] of [
    ["x", "a predicate must be an object"],
    [{ type: "like", term: "user_id", value: "a" }, 'no predicate "like"'],
    [{ type: "eq", term: "nobody", value: "a" }, "no column nobody"],
    [{ type: "eq", term: "User_Id", value: "a" }, "no column User_Id"],
    [{ type: "eq", term: "user_id", value: null }, "compares a column of type string"],
    [{ type: "eq", term: "user_id", value: 5 }, "compares a column of type string"],
    [{ type: "eq", term: "id", value: "five" }, "compares a column of type long"],
    [{ type: "in", term: "id", values: [1, null] }, "compares a column of type long"],
    [{ type: "lt", term: "timestamp", value: "yesterday" }, "compares a column of type timestamptz"],
    [{ type: "is-nan", term: "id" }, "has no NaN"],
    [{ type: "starts-with", term: "id", value: "1" }, "starts with nothing"],
    [{ type: "is-null", child: { type: "reference", id: 99 } }, "no column with the id 99"],
    [{ type: "is-null", child: { type: "apply", function: "upper", arguments: [name] } }, "no function upper"],
    [{ type: "is-null", term: { type: "transform", transform: "day", term: "user_id" } }, "does not apply"],
  ] as const) {
    const { status, body } = await callCatalog(lake, "POST", PLAN, { filter });
    expect([status, stringifyJson(body)]).toEqual([400, expect.stringContaining(stringifyJson(message).slice(1, -1))]);
  }
  const tree = (size: number): unknown =>
    size === 1
      ? { type: "is-null", term: "id" }
      : { type: "or", left: tree(size >> 1), right: tree(size - (size >> 1)) };
  expect((await callCatalog(lake, "POST", PLAN, { filter: tree(1_001) })).status).toBe(400);
  const values = Array.from({ length: 60_000 }, (_, n) => n);
  expect((await callCatalog(lake, "POST", PLAN, { filter: { type: "in", term: "id", values } })).status).toBe(400);
  for (const wrong of [
    { "snapshot-id": "1" },
    { select: [1] },
    { "stats-fields": ["nobody"] },
    { "case-sensitive": "no" },
    { "min-rows-requested": 1.5 },
  ]) {
    expect((await callCatalog(lake, "POST", PLAN, wrong)).status).toBe(400);
  }
});

test("statistics of the columns that are asked for, as Java reads them", async () => {
  const { lake } = await withDays(1);
  const [task] = (await plan(lake, { "stats-fields": ["user_id"] })).tasks;
  expect(task?.["data-file"]).toMatchObject({
    content: "data",
    "file-format": "parquet",
    partition: ["1970-01-01"],
    "record-count": 10,
    "split-offsets": [4],
    "value-counts": { keys: [3], values: [10] },
    "null-value-counts": { keys: [3], values: [0] },
    "column-sizes": { keys: [], values: [] },
    "lower-bounds": { keys: [3], values: ["61"] },
    "upper-bounds": { keys: [3], values: ["66"] },
  });
  const [bare] = (await plan(lake, {})).tasks;
  expect(Object.keys(bare?.["data-file"] ?? {})).not.toContain("value-counts");
});

test("constants of every type find their file and no other", async () => {
  const bytes = Uint8Array.of(0xab, 0x01);
  const uuid = "f79c3e09-677c-4bbd-a479-3f349cb785e7";
  const cases: readonly (readonly [
    type: string,
    held: Parameters<typeof scalarToSingleValue>[1],
    same: readonly unknown[],
    others: readonly unknown[],
  ])[] = [
    ["boolean", true, [true], [false]],
    ["int", 5, [5, 5.0], [6, 4.5]],
    ["long", 9_007_199_254_740_993n, [9_007_199_254_740_993n], [9_007_199_254_740_992, 1e300]],
    ["float", Math.fround(0.1), [0.1, Math.fround(0.1)], [0.2]],
    ["double", 0.1, [0.1, "0.1"], [Math.fround(0.1), "1"]],
    ["decimal(9, 2)", { unscaled: 150n, scale: 2 }, ["1.50", "1.5", 1.5, "1.500"], ["1.501", 2]],
    ["date", 18_262, ["2020-01-01", 18_262], ["2020-01-02"]],
    ["time", 3_600_000_001, ["01:00:00.000001", 3_600_000_001], ["01:00"]],
    ["timestamp", 1_577_836_800_000_000, ["2020-01-01T00:00:00"], ["2020-01-01T00:00:01"]],
    [
      "timestamptz",
      1_577_836_800_000_000,
      ["2020-01-01T00:00:00Z", "2020-01-01T05:30:00+05:30", 1_577_836_800_000_000],
      ["2020-01-01T00:00:00-01:00"],
    ],
    ["timestamp_ns", 1_577_836_800_000_000_001n, ["2020-01-01T00:00:00.000000001"], [1_577_836_800_000_000]],
    ["timestamptz_ns", 1_577_836_800_000_001_000n, ["2020-01-01T01:00:00.000001+01:00", 1_577_836_800_000_001], []],
    ["string", "ä", ["ä"], ["a"]],
    ["uuid", uuid, [uuid, uuid.toUpperCase()], ["00000000-0000-4000-8000-000000000000"]],
    ["binary", bytes, ["AB01", "ab01"], ["AB"]],
    ["fixed[2]", bytes, ["AB01"], ["AB02"]],
  ];
  const lake = await createIcebergLake();
  for (const [at, [type, held, same, others]] of cases.entries()) {
    const name = `t${at}`;
    const table = await lake.client.createTable({
      identifier: { namespace: ["default"], name },
      schema: { type: "struct", fields: [{ id: 1, name: "c", required: false, type }] },
      properties: { "format-version": "3" },
    });
    const bound = new Map([[1, scalarToSingleValue(type, held)]]);
    const file = `s3://${LAKE_BUCKET}/default/${name}/data/f`;
    const counts = {
      valueCounts: new Map([[1, 10]]),
      nullValueCounts: new Map([[1, 0]]),
      nanValueCounts: new Map([[1, 0]]),
    };
    await table
      .newAppend()
      .addFile(dataFile(file, { ...counts, lowerBounds: bound, upperBounds: bound }))
      .commit();
    const found = async (value: unknown): Promise<number> => {
      const reply = await plan(
        lake,
        { filter: { type: "eq", term: "c", value } },
        `/namespaces/default/tables/${name}/plan`,
      );
      expect([type, value, reply.status]).toEqual([type, value, 200]);
      return reply.tasks.length;
    };
    for (const value of same) expect([type, value, await found(value)]).toEqual([type, value, 1]);
    for (const value of others) expect([type, value, await found(value)]).toEqual([type, value, 0]);
  }
});

test("C240 a plan is for who may read the table, with keys for who may have them", async () => {
  const s3 = { endpoint: "https://s3.test", region: "auto", accessKeyId: "AK", secretAccessKey: "very-secret" };
  const lake = await createIcebergLake({ s3 });
  const table = await lake.client.createTable(EVENTS);
  await table.newAppend().addFile(eventsFile("1-0", 1)).commit();
  const reader = as({ name: "r", access: "read" });
  const mine = await callCatalog(lake, "POST", PLAN, {}, as({ name: "w", access: "write" }));
  expect(mine.body["storage-credentials"]).toEqual([
    { prefix: "s3://lake/", config: expect.objectContaining({ "s3.secret-access-key": "very-secret" }) },
  ]);
  const read = await callCatalog(lake, "POST", PLAN, {}, reader);
  expect(read.status).toBe(200);
  expect(stringifyJson(read.body)).not.toContain("very-secret");
  const signing = await callCatalog(lake, "POST", PLAN, {}, { "x-iceberg-access-delegation": "remote-signing" });
  expect(stringifyJson(signing.body)).not.toContain("very-secret");
  const stranger = as({ name: "s", access: "write", namespaces: ["web"] });
  const id = String(mine.body["plan-id"]);
  for (const [method, path] of [
    ["POST", PLAN],
    ["POST", TASKS],
    ["GET", `${PLAN}/${id}`],
    ["DELETE", `${PLAN}/${id}`],
  ] as const) {
    expect((await callCatalog(lake, method, path, method === "POST" ? {} : undefined, stranger)).status).toBe(403);
  }
});
