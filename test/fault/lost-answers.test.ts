// The network between a client and the catalog fails at every commit it sends: before the request arrives, or after the
// catalog has answered, once or from then on, while others commit on top. What is told is true; nothing is committed
// twice; no file of a commit that may be in is deleted.

import { beforeAll, describe, expect, test } from "vitest";
import { createMovableClock, reachableKeys, restoreImage } from "../support/fault-lake.ts";
import {
  OPERATIONS,
  TESTED_VERSIONS,
  prepareLake,
  stateOf,
  type Operation,
  type Prepared,
} from "../support/fault-operations.ts";
import { committed, liveNames } from "../support/iceberg-files.ts";
import { createIcebergLake, eventsFile, storedKeys, type IcebergLake } from "../support/iceberg-lake.ts";

type Send = (request: Request) => Promise<Response>;

/** What becomes of a commit request. */
type Manner = "never arrives" | "is not answered" | "is answered 502" | "is answered 500 unheard";

/** Sends the commit requests but the one with that number, which fails; `forGood`: with all requests after it. */
function failing(index: number, manner: Manner, forGood: boolean, overtake: () => Promise<void>) {
  let commits = 0;
  let isDead = false;
  const wrap =
    (send: Send): Send =>
    async (request) => {
      if (isDead) throw new TypeError("the network is gone");
      const isCommit = request.method === "POST";
      if (isCommit) commits += 1;
      if (!isCommit || commits - 1 !== index) return send(request);
      isDead = forGood;
      if (manner === "never arrives") throw new TypeError("the connection was refused");
      if (manner === "is answered 500 unheard") return new Response("oops", { status: 500 });
      await send(request);
      await overtake();
      if (manner === "is answered 502") return new Response("<html>bad gateway", { status: 502 });
      throw new TypeError("the connection was lost");
    };
  return { wrap, failed: () => commits > index };
}

interface RunResult {
  readonly outcome: string;
  readonly state: string;
  readonly failed: boolean;
  readonly lake: IcebergLake;
}

async function run(
  { image }: Prepared,
  operation: Operation,
  options: {
    readonly index: number;
    readonly manner?: Manner;
    readonly forGood?: boolean;
    readonly overtakes?: boolean;
    readonly snapshots?: "refs";
  },
): Promise<RunResult> {
  const clock = createMovableClock();
  const { store, pointers } = await restoreImage(image, clock);
  const lake = await createIcebergLake({ clock, seed: options.index + 1000, store, pointers });
  const overtake = async (): Promise<void> => {
    if (options.overtakes !== true) return;
    const table = await lake.newClient().loadTable("default.events");
    await committed(table.newAppend().addFile(eventsFile("overtaking.parquet", 19_700)).commit());
  };
  const network = failing(options.index, options.manner ?? "is not answered", options.forGood === true, overtake);
  const client = lake.newClient({
    ...(options.manner === undefined ? {} : { wrap: network.wrap }),
    ...(options.snapshots === undefined ? {} : { snapshots: options.snapshots }),
  });
  const ended = await client
    .loadTable("default.events")
    .then((table) => operation.run(table, client))
    .catch(() => ({ outcome: "failed" as const }));
  const sound = await createIcebergLake({ clock, seed: options.index + 5000, store, pointers });
  const state = await stateOf(sound);
  await expectWhole(sound);
  clock.ms += 10 * 86_400_000;
  for (const name of ["events", "other"]) {
    await (await sound.newClient().loadTable(`default.${name}`)).removeOrphanFiles().execute();
  }
  expect(await stateOf(sound)).toBe(state);
  await expectNothingElse(sound);
  return { outcome: ended.outcome, state, failed: network.failed(), lake: sound };
}

/** Every metadata file, list and manifest that a table leads to is there. */
async function expectWhole(lake: IcebergLake): Promise<Set<string>> {
  const reachable = new Set<string>();
  for (const name of ["events", "other"]) {
    const table = await lake.newClient().loadTable(`default.${name}`);
    for (const key of await reachableKeys(lake.store, table)) reachable.add(key);
  }
  return reachable;
}

async function expectNothingElse(lake: IcebergLake): Promise<void> {
  const reachable = await expectWhole(lake);
  expect((await storedKeys(lake.store)).filter((key) => !reachable.has(key))).toEqual([]);
}

const prepared = new Map<number, Prepared>();
beforeAll(async () => {
  for (const version of TESTED_VERSIONS) prepared.set(version, await prepareLake(version));
});

function preparedFor(operation: Operation): Prepared {
  const start = prepared.get(operation.version);
  if (start === undefined) throw new Error("not prepared");
  return start;
}

const MANNERS: readonly Manner[] = ["never arrives", "is not answered", "is answered 502", "is answered 500 unheard"];

describe.each(OPERATIONS)("I195 $name", (operation) => {
  test.each(MANNERS)("a commit that %s is made once and told as committed", async (manner) => {
    const start = preparedFor(operation);
    const whole = await run(start, operation, { index: 0 });
    for (let index = 0; ; index++) {
      const result = await run(start, operation, { index, manner });
      expect([result.outcome, result.state]).toEqual(["committed", whole.state]);
      if (!result.failed) break;
    }
  });

  test.each(MANNERS)(
    "when a commit %s and nothing answers from then on, its fate is unknown and its files stay",
    async (manner) => {
      const start = preparedFor(operation);
      const whole = await run(start, operation, { index: 0 });
      for (let index = 0; ; index++) {
        const result = await run(start, operation, { index, manner, forGood: true });
        const steps = [start.before, whole.state];
        expect(steps.includes(result.state) || (operation.commits ?? 1) > 1).toBe(true);
        if (!result.failed) break;
        // Nothing may be claimed that the client cannot know.
        expect(["unknown", "failed"]).toContain(result.outcome);
      }
    },
  );

  test.each([undefined, "refs" as const])(
    "others commit on top before the client hears of it: found again, not repeated (%s)",
    async (snapshots) => {
      const start = preparedFor(operation);
      for (let index = 0; ; index++) {
        const result = await run(start, operation, {
          index,
          manner: "is not answered",
          overtakes: true,
          ...(snapshots === undefined ? {} : { snapshots }),
        });
        if (!result.failed) break;
        expect(["committed", "conflict", "failed"]).toContain(result.outcome);
        const table = await result.lake.newClient().loadTable("default.events");
        const names = (await liveNames(result.lake.store, table)).filter((name) => !name.startsWith("-"));
        // Neither writer's change is in twice, and the other's is not undone.
        expect(new Set(names).size).toBe(names.length);
        expect(names.includes("overtaking.parquet") || (operation.commits ?? 1) > 1).toBe(true);
      }
    },
  );
});
