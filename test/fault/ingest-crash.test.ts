// Every step of accepting, flushing and committing is a place to be killed at. After a restart, with the client
// repeating what was not acknowledged, each event is visible exactly once.

import { beforeAll, expect, test } from "vitest";
import { createFakeLake, type FakeLake } from "../support/fake-lake.ts";
import { Crash, createIngestWorld, type IngestWorld } from "../support/ingest-world.ts";
import { loadParquetWasm } from "../support/parquet-wasm.ts";

beforeAll(() => loadParquetWasm());

async function newWorld(): Promise<{ world: IngestWorld; lake: FakeLake }> {
  const lake = createFakeLake();
  const world = await createIngestWorld({
    shardCount: 2,
    loadTable: () => lake.loadTable(),
    liveFiles: () => Promise.resolve(lake.files),
    // Small pages and flushes: more borders to be killed at.
    shard: { flushRows: 4, freshPageBytes: 400 },
  });
  return { world, lake };
}

/** Sends until acknowledged, as a client with ids may. */
async function postUntilAccepted(world: IngestWorld, ids: readonly string[]): Promise<void> {
  const events = ids.map((id, i) => ({
    event_id: id,
    event_type: "t",
    timestamp: new Date(Date.UTC(2024, 0, 10 + (i % 3))).toISOString(),
  }));
  for (;;) {
    try {
      await world.post(events);
      return;
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      await world.restart();
    }
  }
}

/** Moves time until nothing is due, restarting after crashes. */
async function drain(world: IngestWorld): Promise<void> {
  for (let round = 0; round < 50; round++) {
    world.clock.ms += 61_000;
    try {
      await world.runAlarms();
    } catch {
      // Only a crash ends an alarm.
    }
    await world.restart();
    const pending = await Promise.all([0, 1].map(async (index) => (await world.shard(index).status()).pendingRows));
    if (pending.every((rows) => rows === 0)) return;
  }
  throw new Error("rows never left the shards");
}

async function scenario(world: IngestWorld): Promise<string[]> {
  const expected: string[] = [];
  for (let round = 0; round < 3; round++) {
    const ids = Array.from({ length: 6 }, (_, i) => `r${round}-${i}`);
    await postUntilAccepted(world, ids);
    expected.push(...ids);
    expect((await world.visibleIds()).toSorted()).toEqual(expected.toSorted());
    world.clock.ms += 11_000;
    try {
      await world.runAlarms();
    } catch {
      // As above.
    }
    await world.restart();
    expect((await world.visibleIds()).toSorted()).toEqual(expected.toSorted());
  }
  await drain(world);
  return expected;
}

test("I16 I17 a crash at any step loses nothing and duplicates nothing", async () => {
  const steps = new Set<string>();
  let crashes = 0;
  for (let crashAt = 1; ; crashAt++) {
    const { world } = await newWorld();
    let step = 0;
    let crashed = false;
    world.onStep = (name) => {
      step += 1;
      if (step !== crashAt) return;
      crashed = true;
      steps.add(name);
      throw new Crash(name);
    };
    const expected = await scenario(world);
    expect([crashAt, (await world.tableIds()).toSorted()]).toEqual([crashAt, expected.toSorted()]);
    if (!crashed) break;
    crashes += 1;
  }
  expect(crashes).toBeGreaterThan(60);
  // Every kind of step was crashed at; a step nobody reaches would prove nothing.
  expect([...steps].toSorted()).toEqual(
    [
      "append:reply",
      "commit:load",
      "file:after",
      "file:before",
      "shard:load",
      "submit:after",
      "submit:before",
      "transaction:after",
      "transaction:before",
      "transaction:inside",
    ].toSorted(),
  );
});

test("I16 two crashes in a row are no worse than one", async () => {
  for (let crashAt = 3; crashAt < 120; crashAt += 7) {
    const { world } = await newWorld();
    let step = 0;
    world.onStep = (name) => {
      step += 1;
      if (step === crashAt || step === crashAt + 5) throw new Crash(name);
    };
    const expected = await scenario(world);
    expect([crashAt, (await world.tableIds()).toSorted()]).toEqual([crashAt, expected.toSorted()]);
  }
});

test("I15 I16 every commit outcome ends with each row in the table once", async () => {
  for (const fault of ["conflict", "unknown_applied", "unknown_lost", "throw_applied", "throw_lost"] as const) {
    for (let position = 0; position < 4; position++) {
      const { world, lake } = await newWorld();
      // A sparse list: commits before the position behave.
      for (let i = 0; i < position; i++) lake.faults.push("conflict");
      lake.faults.push(fault, fault);
      const expected = await scenario(world);
      expect([fault, (await world.tableIds()).toSorted()]).toEqual([fault, expected.toSorted()]);
    }
  }
});

test("I18 files that may have been submitted are never written again", async () => {
  for (const crashStep of ["submit:before", "commit:load", "submit:after"]) {
    const { world, lake } = await newWorld();
    let writes = 0;
    let armed = true;
    world.onStep = (name) => {
      if (name === "file:after") writes += 1;
      if (name === crashStep && armed) {
        armed = false;
        throw new Crash(name);
      }
    };
    await postUntilAccepted(world, ["a", "b", "c"]);
    await drain(world);
    expect(armed).toBe(false);
    expect(lake.files.length).toBeGreaterThan(0);
    expect([crashStep, writes]).toEqual([crashStep, lake.files.length]);
  }
});

test("I19 a repeated attempt writes the same files, also when more rows came meanwhile", async () => {
  const { world, lake } = await newWorld();
  let writes = 0;
  world.onStep = (name) => {
    // The first file of the first attempt is stored, the process dies, and the plan is all that is left.
    if (name === "file:after" && ++writes === 1) throw new Crash(name);
  };
  await postUntilAccepted(world, ["a", "b"]);
  world.clock.ms += 11_000;
  await world.runAlarms().catch(() => false);
  await world.restart();
  await postUntilAccepted(world, ["c", "d", "e", "f"]);
  await drain(world);
  expect((await world.tableIds()).toSorted()).toEqual(["a", "b", "c", "d", "e", "f"]);
  expect([...world.written].toSorted()).toEqual(lake.files.map((file) => file.filePath).toSorted());
});

test("C14 L12 an outage delays the flush, with backoff, and nothing else", async () => {
  const { world, lake } = await newWorld();
  lake.loadErrors.length = 0;
  await postUntilAccepted(world, ["a", "b", "c"]);
  const outage = new Error("the catalog is down");
  const waits: number[] = [];
  for (let i = 0; i < 12; i++) {
    lake.loadErrors.push(...Array.from({ length: 40 }, () => outage));
    const due = [0, 1].map((index) => world.alarmAt(index)).filter((atMs) => atMs !== null);
    world.clock.ms = Math.max(world.clock.ms, ...due);
    await world.runAlarms();
    const next = world.alarmAt(0) ?? world.alarmAt(1);
    waits.push((next ?? Number.NaN) - world.clock.ms);
  }
  lake.loadErrors.length = 0;
  expect(Math.max(...waits)).toBeLessThanOrEqual(60_000);
  expect(Math.max(...waits)).toBeGreaterThan(25_000);
  expect(waits[0]).toBeLessThanOrEqual(1000);
  expect((await world.visibleIds()).toSorted()).toEqual(["a", "b", "c"]);
  const errors = await Promise.all([0, 1].map(async (index) => (await world.shard(index).status()).lastError));
  expect(errors.some((error) => error?.message.includes("the catalog is down"))).toBe(true);
  await drain(world);
  expect((await world.tableIds()).toSorted()).toEqual(["a", "b", "c"]);
});

test("C15 L11 rows of a dropped table do not enter its successor, and the shard serves the new one", async () => {
  const { world, lake } = await newWorld();
  await postUntilAccepted(world, ["old-1", "old-2"]);
  await world.shard(0).flush();
  await world.shard(1).flush();
  await postUntilAccepted(world, ["old-3"]);
  lake.replaceTable("uuid-2");
  await postUntilAccepted(world, ["old-1", "new-1"]);
  expect((await world.visibleIds()).filter((id) => id !== "old-3").toSorted()).toEqual(["new-1", "old-1"]);
  await drain(world);
  expect((await world.tableIds()).toSorted()).toEqual(["new-1", "old-1"]);
});

test("a shard whose storage was lost continues after the table's watermark", async () => {
  const lake = createFakeLake();
  const options = {
    shardCount: 1,
    loadTable: () => lake.loadTable(),
    liveFiles: () => Promise.resolve(lake.files),
  };
  const before = await createIngestWorld(options);
  await postUntilAccepted(before, ["a", "b", "c"]);
  await before.shard(0).flush();
  const after = await createIngestWorld(options);
  await postUntilAccepted(after, ["d"]);
  expect((await after.shard(0).status()).nextSequence).toBe(5);
  await after.shard(0).flush();
  expect(lake.files).toHaveLength(4);
});

test("a flush over many partitions is split", async () => {
  const lake = createFakeLake();
  const world = await createIngestWorld({
    shardCount: 1,
    loadTable: () => lake.loadTable(),
    liveFiles: () => Promise.resolve(lake.files),
    shard: { maxFilesPerFlush: 3 },
  });
  for (let day = 0; day < 10; day++) {
    const timestamp = new Date(Date.UTC(2024, 0, 1 + day)).toISOString();
    await world.post([{ event_id: `d${day}`, event_type: "t", timestamp }]);
  }
  const report = await world.shard(0).flush();
  expect(report).toEqual(expect.objectContaining({ rows: 10, files: 10, pendingRows: 0, watermark: 10 }));
  expect(report.batches).toBeGreaterThan(2);
  expect((await world.tableIds()).toSorted()).toEqual(Array.from({ length: 10 }, (_, day) => `d${day}`));
});
