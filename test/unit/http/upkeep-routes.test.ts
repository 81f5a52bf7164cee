// /admin/expire-snapshots, /admin/remove-orphans and /admin/rewrite-manifests: from the request to the job's result.

import { beforeEach, describe, expect, test } from "vitest";
import type { Clock } from "#core";
import { locationToKey } from "#storage";
import { createFakeApp } from "../../support/fake-services.ts";
import { createLocalCompactor, type LocalCompactor } from "../../support/local-compactor.ts";
import { BUCKET, createMaintenanceLake, testRows, type MaintenanceLake } from "../../support/maintenance-lake.ts";

const HOUR_MS = 3_600_000;
const ADMIN = "admin-secret";
const ROUTES = ["expire-snapshots", "remove-orphans", "rewrite-manifests"] as const;

type Json = Readonly<Record<string, unknown>>;

let clock: Clock & { now: number };
let lake: MaintenanceLake;
let compactor: LocalCompactor;
let app: Awaited<ReturnType<typeof createFakeApp>>;

beforeEach(async () => {
  clock = { now: Date.UTC(2026, 10, 1), nowMs: () => clock.now };
  lake = await createMaintenanceLake(undefined, clock);
  compactor = createLocalCompactor(lake, clock);
  app = await createFakeApp({ compactor });
});

async function call(method: string, path: string, body?: unknown): Promise<{ status: number; json: Json }> {
  const response = await app.request(method, path, {
    token: ADMIN,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: await response.json<Json>() };
}

/** Starts a job, lets it run, and gives its last state. */
async function runJob(route: string, body?: unknown): Promise<Json> {
  const { status, json } = await call("POST", `/admin/${route}`, body);
  expect({ status, json }).toMatchObject({ status: 202 });
  await compactor.runAll();
  return (await call("GET", `/admin/jobs/${String(json["id"])}`)).json;
}

async function dataFolder(): Promise<string> {
  return `${locationToKey((await lake.loadTable()).metadata.location, BUCKET)}/data`;
}

async function keys(): Promise<string[]> {
  return (await lake.store.list("")).objects.map(({ key }) => key);
}

describe("requests", () => {
  test.each([
    ["expire-snapshots", { olderThan: "yesterday" }, "olderThan"],
    ["expire-snapshots", { olderThan: 1_700_000_000_000 }, "olderThan"],
    ["expire-snapshots", { retainLast: 0 }, "retainLast"],
    ["expire-snapshots", { retainLast: 1.5 }, "retainLast"],
    ["expire-snapshots", { dryRun: true }, "dryRun"],
    ["expire-snapshots", { olderthan: "now" }, "olderthan"],
    ["remove-orphans", { dryRun: "yes" }, "dryRun"],
    ["remove-orphans", { olderThan: "now" }, "olderThan"],
    ["remove-orphans", { olderThan: "2026-10-31T00:00:01Z" }, "olderThan"],
    ["remove-orphans", { retainLast: 1 }, "retainLast"],
    ["rewrite-manifests", { olderThan: "now" }, "olderThan"],
    ["rewrite-manifests", { table: 7 }, "table"],
    ["rewrite-manifests", { table: "a..b" }, "table"],
  ])("%s with %j is refused and names the option", async (route, body, option) => {
    const { status, json } = await call("POST", `/admin/${route}`, body);
    expect({ status, json }).toMatchObject({ status: 400 });
    expect(["invalid_option", "invalid_request"]).toContain(json["code"]);
    expect(JSON.stringify(json)).toContain(option);
    expect((await call("GET", "/admin/jobs")).json).toEqual({ jobs: [] });
  });

  test.each(ROUTES)("%s of a table that is not there is 404", async (route) => {
    expect(await call("POST", `/admin/${route}`, { table: "nosuch" })).toMatchObject({
      status: 404,
      json: { code: "table_not_found" },
    });
  });

  test.each(ROUTES)("%s needs the scope admin", async (route) => {
    const response = await app.request("POST", `/admin/${route}`, { token: "write-secret", body: "{}" });
    expect(response.status).toBe(403);
  });

  test.each(ROUTES)("%s without a body means the table events and the table's policy", async (route) => {
    await lake.append(testRows(10));
    const { status, json } = await call("POST", `/admin/${route}`);
    expect(status).toBe(202);
    expect(json).toMatchObject({
      kind: route,
      table: "default.events",
      state: "queued",
      options: { table: "default.events", started_by: "admin" },
      progress: { percent: 0 },
    });
  });
});

describe("jobs", () => {
  test.each(ROUTES)("%s ends with progress 100 and what it did", async (route) => {
    for (let seed = 0; seed < 3; seed++) await lake.append(testRows(10, seed));
    const job = await runJob(route, { table: "events" });
    expect(job).toMatchObject({ kind: route, state: "succeeded", progress: { percent: 100 }, cancel_requested: false });
    expect(job["result"]).toMatchObject({ details: expect.any(Object) as object, rows: 0 });
  });

  test("C70 a second job on the table is 409 with the first one's id, and starts once that ended", async () => {
    await lake.append(testRows(10));
    const first = await call("POST", "/admin/expire-snapshots");
    for (const route of [...ROUTES, "compact", "rewrite"]) {
      const body = route === "rewrite" ? { sort: ["id"] } : {};
      expect(await call("POST", `/admin/${route}`, body)).toMatchObject({
        status: 409,
        json: { code: "job_conflict", job_id: first.json["id"] },
      });
    }
    await compactor.runAll();
    expect((await call("POST", "/admin/remove-orphans")).status).toBe(202);
  });

  test("expiry keeps what the policy says by default, and nothing but the current snapshot for now", async () => {
    for (let seed = 0; seed < 4; seed++) {
      await lake.append(testRows(10, seed));
      clock.now += HOUR_MS;
    }
    expect(await runJob("expire-snapshots")).toMatchObject({ result: { details: { snapshots: 0 } } });
    expect(await runJob("expire-snapshots", { olderThan: "now", retainLast: 3 })).toMatchObject({
      result: { details: { snapshots: 1 } },
    });
    // The committer's clock may be ahead of the job's.
    clock.now -= 10 * HOUR_MS;
    expect(await runJob("expire-snapshots", { olderThan: "now" })).toMatchObject({
      result: { details: { snapshots: 2 } },
    });
    expect((await lake.loadTable()).metadata.snapshots).toHaveLength(1);
    expect(await lake.rows()).toHaveLength(40);
  });
});

describe("rewrites", () => {
  test("a Z-order rewrite is accepted, runs, and says what it was asked", async () => {
    for (let seed = 0; seed < 2; seed++) await lake.append(testRows(50, seed));
    const job = await runJob("rewrite", { zorder: ["id", "at"] });
    expect(job).toMatchObject({ state: "succeeded", options: { zorder: ["id", "at"] }, result: { files_after: 1 } });
    expect((await lake.loadTable()).currentSnapshot()?.summary).toMatchObject({ "firn.maintenance.z-order": "id,at" });
  });

  test.each([
    [{ zorder: ["id"] }, "zorder"],
    [{ zorder: ["id", "nosuch"] }, "zorder"],
    [{ zorder: ["id", "at"], sort: ["id"] }, "zorder"],
    [{ zOrder: ["id", "at"] }, "zOrder"],
    [{ sort: [{ column: "id", transform: "day" }] }, "sort"],
    [{ sort: [{ column: "at", transform: "daily" }] }, "sort"],
    [{ sort: [{ column: "at", transform: "void" }] }, "sort"],
    [{}, "sort"],
  ])("%j is refused and names the option", async (body, option) => {
    expect(await call("POST", "/admin/rewrite", body)).toMatchObject({
      status: 400,
      json: { code: "invalid_option", option },
    });
  });
});

describe("orphans", () => {
  test("C134 C201 only files older than the limit go, and never one younger than a day", async () => {
    await lake.append(testRows(20));
    const folder = await dataFolder();
    const ages = { ancient: 100, old: 73, middling: 71, day: 25, young: 23 };
    const start = clock.now;
    for (const [name, hours] of Object.entries(ages)) {
      clock.now = start - hours * HOUR_MS;
      await lake.store.put(`${folder}/${name}.parquet`, new Uint8Array(10));
    }
    clock.now = start;
    const left = async (): Promise<string[]> =>
      Object.keys(ages).filter((name) => all.includes(`${folder}/${name}.parquet`));
    const dry = await runJob("remove-orphans", { dryRun: true });
    expect(dry).toMatchObject({
      result: {
        details: {
          found: 2,
          deleted: 0,
          bytes: 20,
          orphans: [`s3://${BUCKET}/${folder}/ancient.parquet`, `s3://${BUCKET}/${folder}/old.parquet`],
        },
      },
    });
    let all = await keys();
    expect(await left()).toEqual(Object.keys(ages));
    expect(await runJob("remove-orphans")).toMatchObject({ result: { details: { found: 2, deleted: 2, bytes: 20 } } });
    all = await keys();
    expect(await left()).toEqual(["middling", "day", "young"]);
    const dayAgo = new Date(start - 24 * HOUR_MS).toISOString();
    expect(await runJob("remove-orphans", { olderThan: dayAgo })).toMatchObject({
      result: { details: { deleted: 2 } },
    });
    all = await keys();
    expect(await left()).toEqual(["young"]);
    expect(await lake.rows()).toHaveLength(20);
  });

  test("C201 files of a writer that has not committed yet stay, and its commit is whole", async () => {
    await lake.append(testRows(20));
    // The writer began long ago and wrote just now; its metadata knows nothing of the files yet.
    const inFlight = await lake.stage(testRows(30, 5));
    clock.now += 23 * HOUR_MS;
    const limit = new Date(clock.now - 24 * HOUR_MS).toISOString();
    expect(await runJob("remove-orphans", { olderThan: limit })).toMatchObject({ result: { details: { found: 0 } } });
    await inFlight.commit();
    clock.now += 100 * HOUR_MS;
    expect(await runJob("remove-orphans")).toMatchObject({ result: { details: { found: 0, deleted: 0 } } });
    expect(await lake.rows()).toHaveLength(50);
  });

  test("C201 what old snapshots, tags and the metadata log need is no orphan, however old", async () => {
    for (let seed = 0; seed < 3; seed++) await lake.append(testRows(10, seed));
    const table = await lake.loadTable();
    const tagged = table.metadata.snapshots[0]?.["snapshot-id"] ?? 0n;
    await table.manageSnapshots().createTag("kept", tagged).commit();
    await runJob("compact", { aggressive: true });
    clock.now += 1000 * HOUR_MS;
    const before = await keys();
    expect(await runJob("remove-orphans")).toMatchObject({ result: { details: { found: 0 } } });
    expect(await keys()).toEqual(before);
  });
});
