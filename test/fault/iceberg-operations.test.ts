// Every operation is killed, and made to fail once, before and after every write of the client, of the catalog's store
// and of the catalog's pointers. Whatever happens: each table reads as before or as after, every file it names exists,
// and once the files are old enough, orphan removal leaves exactly the files it names.

import { beforeAll, describe, expect, test } from "vitest";
import { locationToKey } from "#storage";
import { createFaultPointers, createMovableClock, reachableKeys, restoreImage } from "../support/fault-lake.ts";
import {
  OPERATIONS,
  SOURCE_FILES,
  TESTED_VERSIONS,
  prepareLake,
  stateOf,
  type Operation,
  type Prepared,
} from "../support/fault-operations.ts";
import { createFaultStore, crashAt, type FaultMoment, type FaultPlan } from "../support/fault-store.ts";
import { LAKE_BUCKET, createIcebergLake, storedKeys, type IcebergLake } from "../support/iceberg-lake.ts";

/** Fails one operation and no other. */
function failOnce(index: number, moment: FaultMoment): FaultPlan {
  return (operation) => (operation.index === index ? moment : undefined);
}

const MODES = { killed: crashAt, "failing once": failOnce };
type Side = "client" | "catalog" | "pointers";

interface RunResult {
  readonly outcome: string;
  readonly state: string;
  /** Whether the fault came to pass. */
  readonly failed: boolean;
}

async function run(
  { image }: Prepared,
  operation: Operation,
  side: Side,
  faults: FaultPlan,
  index: number,
): Promise<RunResult> {
  const clock = createMovableClock();
  const { store, pointers } = await restoreImage(image, clock);
  const faultyStore = createFaultStore(store, faults);
  const faultyPointers = createFaultPointers(pointers, (at) => faults({ index: at, kind: "put", key: "pointer" }));
  const lake = await createIcebergLake({
    clock,
    seed: index + 1000,
    store,
    pointers: side === "pointers" ? faultyPointers : pointers,
    ...(side === "catalog" ? { serverStore: faultyStore } : {}),
  });
  const client = lake.newClient(side === "client" ? { store: faultyStore } : {});
  const ended = await client
    .loadTable("default.events")
    .then((table) => operation.run(table, client))
    .catch(() => ({ outcome: "failed" as const }));
  const sound = await createIcebergLake({ clock, seed: index + 5000, store, pointers });
  const state = await stateOf(sound);
  clock.ms += 10 * 86_400_000;
  for (const name of ["events", "other"]) {
    await (await sound.newClient().loadTable(`default.${name}`)).removeOrphanFiles().execute();
  }
  expect(await stateOf(sound)).toBe(state);
  await expectExactFiles(sound);
  const used = side === "pointers" ? faultyPointers.changes : faultyStore.operations;
  return { outcome: ended.outcome, state, failed: used > index };
}

/** Every file that the metadata names and that was ever written is there, and no other file. */
async function expectExactFiles(lake: IcebergLake): Promise<void> {
  const client = lake.newClient();
  const reachable = new Set<string>();
  for (const name of ["events", "other"]) {
    const table = await client.loadTable(`default.${name}`);
    for (const key of await reachableKeys(lake.store, table)) reachable.add(key);
  }
  const stored = await storedKeys(lake.store);
  expect(stored.filter((key) => !reachable.has(key))).toEqual([]);
  const written = SOURCE_FILES.map((file) => locationToKey(file.filePath, LAKE_BUCKET));
  const kept = new Set(stored);
  expect(written.filter((key) => reachable.has(key) && !kept.has(key))).toEqual([]);
}

const prepared = new Map<number, Prepared>();
beforeAll(async () => {
  for (const version of TESTED_VERSIONS) prepared.set(version, await prepareLake(version));
});

describe.each(OPERATIONS)("I129 $name", (operation) => {
  test.each(
    (["client", "catalog", "pointers"] as const).flatMap((side) =>
      (["before", "after"] as const).flatMap((moment) =>
        (["killed", "failing once"] as const).map((mode) => ({ side, moment, mode })),
      ),
    ),
  )("$mode $moment each write of the $side", async ({ side, moment, mode }) => {
    const start = prepared.get(operation.version);
    if (start === undefined) throw new Error("not prepared");
    const whole = await run(start, operation, side, () => undefined, 0);
    expect(whole.outcome).toBe("committed");
    expect(whole.state).not.toBe(start.before);
    for (let index = 0; ; index++) {
      const result = await run(start, operation, side, MODES[mode](index, moment), index);
      const states = stepsOf(operation, start.before, whole.state);
      expect(states(result.state)).toBe(true);
      // What was said to be in is in, what was said not to be is not; the rest may be either.
      const told = { committed: whole.state, conflict: start.before }[result.outcome] ?? result.state;
      expect(result.state).toBe(told);
      if (!result.failed) break;
    }
  });
});

/** Before or after; an operation of two commits may also end between them. */
function stepsOf(operation: Operation, before: string, after: string): (state: string) => boolean {
  return (state) => state === before || state === after || (operation.commits ?? 1) > 1;
}
