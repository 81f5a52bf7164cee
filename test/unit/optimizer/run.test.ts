import { describe, expect, test } from "vitest";
import { LakeError, type RandomSource } from "#core";
import {
  createOptimizerState,
  patchOverrides,
  runOptimizer,
  type JobView,
  type OptimizerDeps,
  type OptimizerState,
  type TableFiles,
} from "#optimizer";
import { createMemorySink } from "#telemetry";
import { createSqliteState } from "../../support/sqlite-state.ts";

interface LoggedQuery {
  readonly atMs: number;
  readonly latency: number;
}

const MINUTE_MS = 60_000;

function percentile(sorted: readonly number[], p: number): number {
  return sorted[Math.ceil(p * sorted.length) - 1] ?? 0;
}

/**
 * The surroundings of the optimizer with a workload of one pattern. Its two SQL texts are told apart by their
 * columns; percentiles come from the logged queries, so a wrong window or threshold shows.
 */
function createWorld() {
  let nowMs = 1_000 * MINUTE_MS;
  let ids = 0;
  const queries: LoggedQuery[] = [];
  const tables: TableFiles[] = [];
  const jobs = new Map<string, JobView>();
  const notified: string[] = [];
  const log = createMemorySink();
  const state: OptimizerState = createOptimizerState(createSqliteState());
  const random: RandomSource = { uuid: () => `id-${++ids}`, nextInt63: () => 1n, nextUnit: () => 0.5 };
  const expired: string[] = [];
  const world = {
    expired,
    queries,
    tables,
    jobs,
    notified,
    log,
    state,
    failing: new Set<string>(),
    advance: (ms: number) => void (nowMs += ms),
    query(latency: number, count: number) {
      for (let i = 0; i < count; i++) queries.push({ atMs: nowMs, latency });
    },
    configure: async (patch: unknown) => state.writeOverrides(patchOverrides(await state.readOverrides(), patch)),
    run: () => runOptimizer(deps),
  };
  const deps: OptimizerDeps = {
    state,
    random,
    log,
    clock: { nowMs: () => nowMs },
    runSql(sql, params) {
      if (world.failing.has("sql")) return Promise.reject(new LakeError("upstream_unavailable", "no query worker"));
      const [from, to] = [Date.parse(String(params[0])), Date.parse(String(params[1]))];
      const latencies = queries
        .filter(({ atMs }) => atMs >= from && atMs < to)
        .map(({ latency }) => latency)
        .toSorted((a, b) => a - b);
      const [p50, p95, p99] = [0.5, 0.95, 0.99].map((p) => percentile(latencies, p));
      const common = { samples: latencies.length, p50, p95, p99 };
      if (sql.includes("fingerprint")) {
        return Promise.resolve(
          latencies.length >= Number(params[2]) ? [{ fingerprint: "f", pattern: "SELECT $1", ...common }] : [],
        );
      }
      return Promise.resolve([{ ...common, files: 3, bytes: 100, reads: 5 }]);
    },
    async *listTables() {
      yield* tables;
    },
    startCompaction(table) {
      if (world.failing.has("job_conflict")) return Promise.reject(new LakeError("job_conflict", "job j-0 runs"));
      const job: JobView = { id: `job-${jobs.size + 1}`, state: "running" };
      jobs.set(job.id, job);
      return Promise.resolve({ ...job, table });
    },
    expireSnapshots(table, { olderThanMs, retainLast }) {
      if (world.failing.has("expiry"))
        return Promise.reject(new LakeError("unsupported_operation", "has delete files"));
      expired.push(`${table} older than ${(nowMs - olderThanMs) / MINUTE_MS} min, keep ${retainLast}`);
      return Promise.resolve(60);
    },
    getJob: (id) => Promise.resolve(jobs.get(id)),
    deleteLeftovers: () =>
      world.failing.has("bucket") ? Promise.reject(new LakeError("storage_unavailable", "down")) : Promise.resolve(4),
    notify(alert) {
      notified.push(`${alert.code} ${alert.resolvedAtMs === undefined ? "raised" : "resolved"}`);
      return world.failing.has("webhook") ? Promise.reject(new Error("webhook down")) : Promise.resolve();
    },
  };
  return world;
}

const smallFiles = (count: number): TableFiles => ({
  table: "default.events",
  files: Array.from({ length: count }, () => ({ partitionKey: "p", sizeBytes: 1000 })),
  history: { snapshotTimesMs: [], properties: {} },
});

test("I404 a run deletes leftovers, and one that cannot does all else", async () => {
  const world = createWorld();
  expect(await world.run()).toMatchObject({ leftovers_deleted: 4, failed_steps: [] });
  world.failing.add("bucket");
  expect(await world.run()).toMatchObject({ leftovers_deleted: 0, failed_steps: ["leftovers"] });
});

describe("latency alerts", () => {
  test("a regression is raised once, notified, logged, and resolved when it recovers", async () => {
    const world = createWorld();
    world.query(100, 30);
    world.advance(20 * MINUTE_MS);
    world.query(100, 30);
    expect(await world.run()).toMatchObject({ patterns_evaluated: 1, baselines_refreshed: 1, alerts_raised: 0 });

    world.advance(20 * MINUTE_MS);
    world.query(450, 30);
    expect(await world.run()).toMatchObject({ alerts_raised: 1, alerts_active: 1 });
    expect(await world.run()).toMatchObject({ alerts_raised: 0, alerts_active: 1 });
    expect(await world.state.readAlerts({ activeOnly: true })).toMatchObject([{ normal: 100, raisedValue: 450 }]);

    world.advance(20 * MINUTE_MS);
    world.query(110, 30);
    expect(await world.run()).toMatchObject({ alerts_resolved: 1, alerts_active: 0 });
    expect(await world.state.readAlerts({ activeOnly: true })).toEqual([]);
    expect(world.notified).toEqual(["QueryPerformanceDegradation raised", "QueryPerformanceDegradation resolved"]);
    expect(world.log.events.filter(({ event }) => event.startsWith("alert_")).map(({ event }) => event)).toEqual([
      "alert_raised",
      "alert_resolved",
    ]);
  });

  test("too few samples raise nothing", async () => {
    const world = createWorld();
    world.query(100, 30);
    world.advance(20 * MINUTE_MS);
    world.query(900, 19);
    expect(await world.run()).toMatchObject({ alerts_raised: 0, patterns_evaluated: 0 });
  });

  test("a webhook that fails loses neither the alert nor the run", async () => {
    const world = createWorld();
    world.failing.add("webhook");
    world.query(100, 30);
    world.advance(20 * MINUTE_MS);
    world.query(450, 30);
    expect(await world.run()).toMatchObject({ alerts_raised: 1, failed_steps: [] });
    expect(await world.state.readAlerts({ activeOnly: true })).toHaveLength(1);
  });
});

describe("layout actions", () => {
  test("small files start one compaction, which is followed, then measured", async () => {
    const world = createWorld();
    world.tables.push(smallFiles(40));
    world.query(100, 10);
    expect(await world.run()).toMatchObject({ actions_started: 1 });
    expect(await world.run()).toMatchObject({
      actions_started: 0,
      proposals_declined: [{ reason: "an action on this table is still open" }],
    });

    world.advance(MINUTE_MS);
    world.jobs.set("job-1", { id: "job-1", state: "succeeded", result: { files_after: 1 } });
    await world.run();
    const [verifying] = await world.state.readOpenActions();
    expect(verifying).toMatchObject({
      state: "verifying",
      result: { files_after: 1 },
      costBefore: { p95Ms: 100, samples: 10 },
    });

    world.advance(MINUTE_MS);
    world.query(20, 5);
    expect(await world.run()).toMatchObject({ actions_closed: 1 });
    expect(await world.state.readActions(0)).toMatchObject([
      { state: "measured", expected: { filesBefore: 40, filesAfter: 1 }, costAfter: { p95Ms: 20, samples: 5 } },
    ]);
  });

  test.each([
    [{ id: "job-1", state: "failed", error: { detail: "input gone" } } as const, "input gone"],
    [undefined, "the job is no longer known"],
  ])("a job that ends as %j closes its action as failed", async (job, error) => {
    const world = createWorld();
    world.tables.push(smallFiles(40));
    await world.run();
    if (job === undefined) world.jobs.delete("job-1");
    else world.jobs.set("job-1", job);
    await world.run();
    expect(await world.state.readActions(0)).toMatchObject([{ state: "failed", error }]);
  });

  test("a job already running on the table declines the proposal", async () => {
    const world = createWorld();
    world.tables.push(smallFiles(40));
    world.failing.add("job_conflict");
    expect(await world.run()).toMatchObject({ proposals_declined: [{ reason: "job j-0 runs" }], failed_steps: [] });
  });

  test("C90 nothing starts while the optimizer is disabled", async () => {
    const world = createWorld();
    world.tables.push(smallFiles(40));
    await world.configure({ enabled: false });
    expect(await world.run()).toMatchObject({ actions_started: 0 });
    expect(world.jobs.size).toBe(0);
  });
});

test("small files that nobody may repair raise TooManySmallFiles until they are gone", async () => {
  const world = createWorld();
  world.tables.push(smallFiles(40));
  await world.configure({ budget_actions_per_day: 0 });
  expect(await world.run()).toMatchObject({ alerts_raised: 1, alerts_active: 1 });
  expect(await world.run()).toMatchObject({ alerts_raised: 0, alerts_active: 1 });
  expect(await world.state.readAlerts({ activeOnly: true })).toMatchObject([
    { code: "TooManySmallFiles", subject: "default.events", lastValue: 40, normal: 1 },
  ]);
  world.tables.length = 0;
  expect(await world.run()).toMatchObject({ alerts_resolved: 1, alerts_active: 0 });
});

function longHistory(properties: Readonly<Record<string, string>>): TableFiles {
  const snapshotTimesMs = Array.from({ length: 60 }, (_, i) => i);
  return { table: "default.events", files: [], history: { snapshotTimesMs, properties } };
}

describe("snapshot expiry", () => {
  const anHour = { "history.expire.max-snapshot-age-ms": "3600000" };

  test("a table that states how long it keeps snapshots has the older ones expired", async () => {
    const world = createWorld();
    world.tables.push(longHistory({ ...anHour, "history.expire.min-snapshots-to-keep": "5" }));
    expect(await world.run()).toMatchObject({ snapshots_expired: 60, failed_steps: [] });
    expect(world.expired).toEqual(["default.events older than 60 min, keep 5"]);
  });

  test.each([
    ["a table that states no age", {}],
    ["an age that is no number", { "history.expire.max-snapshot-age-ms": "soon" }],
    ["fewer old snapshots than are worth a commit", { ...anHour, "history.expire.min-snapshots-to-keep": "11" }],
    ["snapshots younger than the age", { "history.expire.max-snapshot-age-ms": "100000000" }],
  ])("C91 %s: nothing expires", async (_name, properties) => {
    const world = createWorld();
    world.tables.push(longHistory(properties));
    await world.run();
    expect(world.expired).toEqual([]);
  });

  test("C90 nothing expires while the optimizer is disabled", async () => {
    const world = createWorld();
    world.tables.push(longHistory(anHour));
    await world.configure({ enabled: false });
    await world.run();
    expect(world.expired).toEqual([]);
  });

  test("an expiry that fails keeps small files from nothing", async () => {
    const world = createWorld();
    world.failing.add("expiry");
    world.tables.push({ ...longHistory(anHour), files: smallFiles(40).files });
    expect(await world.run()).toMatchObject({ snapshots_expired: 0, actions_started: 1, failed_steps: [] });
  });
});

test("I93 one failing step is reported and the others still run", async () => {
  const world = createWorld();
  world.failing.add("sql");
  const report = await world.run();
  expect(report.failed_steps).toEqual(["latency"]);
  expect(world.log.events.some(({ event }) => event === "optimizer_run")).toBe(true);
});

test("the state keeps one active alert a pattern even when two runs overlap", async () => {
  const world = createWorld();
  world.query(100, 30);
  world.advance(20 * MINUTE_MS);
  world.query(450, 30);
  await world.run();
  const [alert] = await world.state.readAlerts({ activeOnly: true });
  if (alert === undefined) throw new Error("expected an alert");
  await world.state.writeAlerts([{ ...alert, id: "another" }]);
  expect(await world.state.readAlerts({ activeOnly: true })).toHaveLength(1);
});
