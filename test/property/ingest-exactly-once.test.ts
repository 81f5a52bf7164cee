// Random histories of appends, repeats, flushes, alarms, crashes, foreign commits and compactions against a set: what
// was acknowledged is visible, once.

import * as fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { createFakeLake, type CommitFault } from "../support/fake-lake.ts";
import { Crash, createIngestWorld, type IngestWorld } from "../support/ingest-world.ts";
import { loadParquetWasm } from "../support/parquet-wasm.ts";

beforeAll(() => loadParquetWasm());

const FAULTS: readonly CommitFault[] = ["conflict", "unknown_applied", "unknown_lost", "throw_applied", "throw_lost"];

const operation = fc.oneof(
  fc.record({ kind: fc.constant("post" as const), ids: fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 8 }) }),
  fc.record({ kind: fc.constant("flush" as const), shard: fc.integer({ min: 0, max: 2 }) }),
  fc.record({ kind: fc.constant("alarms" as const), afterMs: fc.constantFrom(0, 1000, 11_000, 120_000) }),
  fc.record({ kind: fc.constant("crash" as const), inSteps: fc.integer({ min: 1, max: 30 }) }),
  fc.record({ kind: fc.constant("restart" as const) }),
  fc.record({ kind: fc.constant("compact" as const) }),
  fc.record({ kind: fc.constant("fault" as const), fault: fc.constantFrom(...FAULTS) }),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

async function settle(world: IngestWorld, run: () => Promise<unknown>): Promise<boolean> {
  try {
    await run();
    return true;
  } catch {
    await world.restart();
    return false;
  }
}

async function replay(operations: readonly Operation[]): Promise<void> {
  const lake = createFakeLake();
  const world = await createIngestWorld({
    shardCount: 3,
    loadTable: () => lake.loadTable(),
    liveFiles: () => Promise.resolve(lake.files),
    shard: { flushRows: 5, freshPageBytes: 300 },
  });
  const acknowledged = new Set<string>();
  const attempted = new Set<string>();
  let crashIn = 0;
  world.onStep = (name) => {
    if (crashIn > 0 && --crashIn === 0) throw new Crash(name);
  };
  for (const item of operations) {
    switch (item.kind) {
      case "post": {
        const ids = item.ids.map((id) => `id-${id}`);
        for (const id of ids) attempted.add(id);
        const events = ids.map((event_id) => ({ event_id, event_type: "t" }));
        if (await settle(world, () => world.post(events))) for (const id of ids) acknowledged.add(id);
        break;
      }
      case "flush":
        await settle(world, () => world.shard(item.shard).flush());
        break;
      case "alarms":
        world.clock.ms += item.afterMs;
        await settle(world, () => world.runAlarms());
        break;
      case "crash":
        crashIn = item.inSteps;
        break;
      case "restart":
        await world.restart();
        break;
      case "compact":
        // Compaction in small: the same files in another order, on a new version of the table.
        lake.foreignCommit((files) => files.toReversed());
        break;
      case "fault":
        lake.faults.push(item.fault);
        break;
    }
    const { onStep } = world;
    world.onStep = () => undefined;
    await world.restart();
    check(await world.visibleIds(), acknowledged, attempted);
    world.onStep = onStep;
  }
  world.onStep = () => undefined;
  lake.faults.length = 0;
  await world.restart();
  for (const shard of [0, 1, 2]) await world.shard(shard).flush();
  check(await world.tableIds(), acknowledged, attempted);
}

/** Every acknowledged id, perhaps some that were stored without an answer, none twice. */
function check(seen: readonly string[], acknowledged: ReadonlySet<string>, attempted: ReadonlySet<string>): void {
  const visible = new Set(seen);
  expect(seen.length).toBe(visible.size);
  expect([...acknowledged].filter((id) => !visible.has(id))).toEqual([]);
  expect([...visible].filter((id) => !attempted.has(id))).toEqual([]);
}

test(
  "I10 I11 I14 I16 any history leaves every acknowledged event visible exactly once",
  { timeout: 60_000 },
  async () => {
    const histories = fc.array(operation, { minLength: 1, maxLength: 25 });
    await expect(fc.assert(fc.asyncProperty(histories, replay), { numRuns: 60 })).resolves.toBeUndefined();
  },
);
