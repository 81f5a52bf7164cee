// A process is killed at every write of an append and of a rewrite. Whatever is left, the table reads as it was
// before or as it is after, and every file its snapshots name exists.

import { describe, expect, test } from "vitest";
import {
  createMemoryPointerStore,
  decodeManifestList,
  liveDataFiles,
  type CommitOutcome,
  type PointerStore,
  type Table,
} from "#iceberg";
import { locationToKey } from "#storage";
import { createFaultStore, crashAt, randomFaults, type FaultMoment } from "../support/fault-store.ts";
import {
  EVENTS,
  LAKE_BUCKET,
  createIcebergLake,
  eventsFile,
  seededRandom,
  type IcebergLake,
} from "../support/iceberg-lake.ts";

const DAY = 19_700;
const BASE_FILES = ["1.parquet", "2.parquet", "3.parquet"];

async function paths(table: Table): Promise<string[]> {
  return (await liveDataFiles(table)).map(({ dataFile }) => dataFile.filePath.split("/").at(-1) ?? "").toSorted();
}

/** A table whose manifests are about to be merged by the next commit. */
async function prepare(lake: IcebergLake): Promise<void> {
  let table = await lake.client.createTable({ ...EVENTS, properties: { "commit.manifest.min-count-to-merge": "3" } });
  for (const name of BASE_FILES) {
    const outcome = await table.newAppend().addFile(eventsFile(name, DAY)).commit();
    if (outcome.outcome !== "committed") throw new Error("setup failed");
    ({ table } = outcome);
  }
}

interface Change {
  readonly name: string;
  readonly after: readonly string[];
  readonly commit: (table: Table) => Promise<CommitOutcome>;
}

const CHANGES: readonly Change[] = [
  {
    name: "append",
    after: [...BASE_FILES, "4.parquet"],
    commit: (table) =>
      table.newAppend().addFile(eventsFile("4.parquet", DAY)).setProperty("watermark", "4").commit({ attempts: 3 }),
  },
  {
    name: "rewrite",
    after: ["3.parquet", "big.parquet"],
    commit: async (table) => {
      const old = (await liveDataFiles(table)).filter(({ dataFile }) => !dataFile.filePath.endsWith("3.parquet"));
      return table
        .newRewrite()
        .deleteFiles(old.map(({ dataFile }) => dataFile))
        .addFiles([eventsFile("big.parquet", DAY, { rows: 20 })])
        .commit({ attempts: 3 });
    },
  },
];

/** Every manifest list and manifest of every snapshot is there. */
async function expectWholeHistory(lake: IcebergLake, table: Table): Promise<void> {
  for (const snapshot of table.metadata.snapshots) {
    const list = await lake.store.get(locationToKey(snapshot["manifest-list"], LAKE_BUCKET));
    expect(list).toBeDefined();
    for (const manifest of decodeManifestList(list ?? new Uint8Array())) {
      expect(await lake.store.head(locationToKey(manifest.path, LAKE_BUCKET))).toBeDefined();
    }
  }
}

describe.each(CHANGES)("I27 a killed $name", ({ after, commit }) => {
  test.each<[FaultMoment, "client" | "catalog"]>([
    ["before", "client"],
    ["after", "client"],
    ["before", "catalog"],
    ["after", "catalog"],
  ])("%s each write of the %s leaves the old table or the whole change", async (moment, side) => {
    let steps = 0;
    let committed = 0;
    for (let index = 0; ; index++) {
      steps = index;
      const setup = await createIcebergLake({ seed: index + 1 });
      await prepare(setup);
      const faulty = createFaultStore(setup.store, crashAt(index, moment));
      const lake = await createIcebergLake({
        seed: index + 1000,
        store: setup.store,
        pointers: setup.pointers,
        ...(side === "catalog" ? { serverStore: faulty } : {}),
      });
      const client = lake.newClient(side === "client" ? { store: faulty } : {});
      const outcome = await commit(await client.loadTable("default.events")).catch((error: unknown) => ({
        outcome: "crashed" as const,
        error,
      }));
      const table = await setup.newClient().loadTable("default.events");
      const files = await paths(table);
      const isAfter = files.length === after.length && files.every((file, at) => file === [...after].toSorted()[at]);
      expect(isAfter ? after : files).toEqual(isAfter ? after : BASE_FILES);
      expect(table.metadata.properties["watermark"]).toBe(isAfter && after.length === 4 ? "4" : undefined);
      await expectWholeHistory(setup, table);
      expect(outcome.outcome === "committed").toBe(isAfter);
      if (isAfter) committed += 1;
      if (faulty.operations <= index) break;
    }
    // The loop ends with the first run in which nothing was left to fail.
    expect(steps).toBeGreaterThan(0);
    expect(committed).toBeGreaterThan(0);
  });
});

/** Pointers whose swaps sometimes fail to answer. */
function unreliablePointers(inner: PointerStore, seed: number): PointerStore {
  const random = seededRandom(seed);
  return {
    ...inner,
    async swapPointers(kind, changes, receipt) {
      const roll = random.nextUnit();
      if (roll < 0.15) throw new Error("lost before");
      const outcome = await inner.swapPointers(kind, changes, receipt);
      if (roll < 0.3) throw new Error("lost after");
      return outcome;
    },
  };
}

test("I28 with random faults everywhere, each append is in the table exactly when it was said to be, and once", async () => {
  for (let seed = 1; seed <= 15; seed++) {
    const pointers = createMemoryPointerStore();
    const setup = await createIcebergLake({ seed, pointers });
    await setup.client.createTable({ ...EVENTS, properties: { "commit.manifest.min-count-to-merge": "4" } });
    const random = seededRandom(seed);
    const faulty = createFaultStore(setup.store, randomFaults(random, 0.1));
    const lake = await createIcebergLake({
      seed: seed + 500,
      store: setup.store,
      serverStore: faulty,
      pointers: unreliablePointers(pointers, seed),
    });
    const outcomes = new Map<string, string>();
    await Promise.all(
      [1, 2, 3].map(async (writer) => {
        const client = lake.newClient({ store: faulty });
        for (let round = 0; round < 4; round++) {
          const name = `${writer}-${round}.parquet`;
          const outcome = await client
            .loadTable("default.events")
            .then((table) => table.newAppend().addFile(eventsFile(name, DAY)).commit({ attempts: 8 }))
            .catch(() => ({ outcome: "failed" as const }));
          outcomes.set(name, outcome.outcome);
        }
      }),
    );
    const table = await setup.newClient().loadTable("default.events");
    const files = await paths(table);
    expect(new Set(files).size).toBe(files.length);
    // An unknown outcome may have gone either way; nothing else may.
    for (const [name, outcome] of [...outcomes].filter(([, outcome]) => outcome !== "unknown")) {
      expect([name, files.includes(name)]).toEqual([name, outcome === "committed"]);
    }
    expect(table.currentSnapshot()?.summary["total-data-files"] ?? "0").toBe(String(files.length));
    await expectWholeHistory(setup, table);
  }
});
