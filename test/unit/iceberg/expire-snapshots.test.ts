// Expiring snapshots: what goes, and what must not.

import { expect, test } from "vitest";
import { decodeManifestList, expireSnapshots, liveDataFiles, type Table } from "#iceberg";
import { locationToKey } from "#storage";
import {
  EVENTS,
  LAKE_BUCKET,
  createIcebergLake,
  eventsFile,
  seededRandom,
  storedKeys,
  type IcebergLake,
} from "../../support/iceberg-lake.ts";

/** A clock that moves a second with every look. */
function tickingClock(): { nowMs: () => number } {
  let nowMs = 1_700_000_000_000;
  return { nowMs: () => (nowMs += 1000) };
}

async function commit(lake: IcebergLake, table: Table, name: string, replaced: readonly string[] = []): Promise<Table> {
  const file = eventsFile(name, 1, { rows: Math.max(1, replaced.length) });
  await lake.store.put(locationToKey(file.filePath, LAKE_BUCKET), new Uint8Array(1));
  const live = (await liveDataFiles(table)).map(({ dataFile }) => dataFile);
  const old = live.filter((candidate) => replaced.some((path) => candidate.filePath.endsWith(`/${path}`)));
  const outcome = await (old.length === 0
    ? table.newAppend().addFile(file).commit()
    : table
        .newRewrite()
        .deleteFiles(old)
        .addFiles([{ ...file, recordCount: old.reduce((sum, { recordCount }) => sum + recordCount, 0) }])
        .commit());
  if (outcome.outcome !== "committed") throw new Error(JSON.stringify(outcome));
  return outcome.table;
}

async function dataKeys(lake: IcebergLake): Promise<string[]> {
  return (await storedKeys(lake.store, "default/events/data/")).map((key) => key.split("/").at(-1) ?? "");
}

/** Every kept snapshot reads, and all its files exist. */
async function expectReadable(lake: IcebergLake, table: Table): Promise<void> {
  const keys = new Set(await storedKeys(lake.store));
  for (const snapshot of table.metadata.snapshots) {
    const list = await lake.store.get(locationToKey(snapshot["manifest-list"], LAKE_BUCKET));
    for (const manifest of decodeManifestList(list ?? new Uint8Array())) {
      expect(keys).toContain(locationToKey(manifest.path, LAKE_BUCKET));
    }
    for (const { dataFile } of await liveDataFiles(table, snapshot["snapshot-id"])) {
      expect(keys).toContain(locationToKey(dataFile.filePath, LAKE_BUCKET));
    }
  }
}

test("I34 files only expired snapshots needed are deleted, all others stay", async () => {
  const lake = await createIcebergLake({ clock: tickingClock() });
  let table = await lake.client.createTable(EVENTS);
  table = await commit(lake, table, "1.parquet");
  table = await commit(lake, table, "2.parquet");
  table = await commit(lake, table, "big.parquet", ["1.parquet", "2.parquet"]);
  table = await commit(lake, table, "3.parquet");
  const report = await expireSnapshots(table, { olderThanMs: Number.MAX_SAFE_INTEGER, retainLast: 1 });
  expect(report).toMatchObject({ outcome: { outcome: "committed" }, snapshots: 3, dataFiles: 2 });
  const after = await lake.client.loadTable("default.events");
  expect(after.metadata.snapshots).toHaveLength(1);
  expect(await dataKeys(lake)).toEqual(["3.parquet", "big.parquet"]);
  expect((await storedKeys(lake.store)).filter((key) => key.includes("/snap-"))).toHaveLength(1);
  await expectReadable(lake, await lake.newClient().loadTable("default.events"));
  const again = await expireSnapshots(after, { olderThanMs: Number.MAX_SAFE_INTEGER });
  expect(again).toMatchObject({ snapshots: 0, dataFiles: 0 });
});

test("age, the newest and tagged snapshots are kept, and gc.enabled=false refuses", async () => {
  const lake = await createIcebergLake({ clock: tickingClock() });
  let table = await lake.client.createTable(EVENTS);
  for (const name of ["1", "2", "3", "4", "5"]) table = await commit(lake, table, `${name}.parquet`);
  const tagged = table.metadata.snapshots[1]?.["snapshot-id"] ?? 0n;
  const tag = { action: "set-snapshot-ref", "ref-name": "audit", type: "tag", "snapshot-id": String(tagged) };
  const body = JSON.stringify({ updates: [tag] }).replace(`"${tagged}"`, String(tagged));
  await lake.handler(new Request("http://catalog.test/v1/namespaces/default/tables/events", { method: "POST", body }));
  table = await table.refresh();
  expect(await expireSnapshots(table, { olderThanMs: 0 })).toMatchObject({ snapshots: 0 });
  const report = await expireSnapshots(table, { olderThanMs: Number.MAX_SAFE_INTEGER, retainLast: 2 });
  expect(report).toMatchObject({ snapshots: 2, dataFiles: 0 });
  table = await lake.newClient().loadTable("default.events");
  expect(table.metadata.snapshots).toHaveLength(3);
  await expectReadable(lake, table);
  const locked = await table.updateProperties().set("gc.enabled", "false").commit();
  if (locked.outcome !== "committed") throw new Error("not committed");
  await expect(expireSnapshots(locked.table, { olderThanMs: Number.MAX_SAFE_INTEGER })).rejects.toMatchObject({
    code: "unsupported_operation",
  });
});

test("I34 whatever the history of appends, rewrites and merges, kept snapshots stay readable", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = seededRandom(seed);
    const lake = await createIcebergLake({ clock: tickingClock(), seed });
    let table = await lake.client.createTable({ ...EVENTS, properties: { "commit.manifest.min-count-to-merge": "3" } });
    for (let step = 0; step < 12; step++) {
      const live = (await liveDataFiles(table)).map(({ dataFile }) => dataFile.filePath.split("/").at(-1) ?? "");
      const replaced = random.nextUnit() < 0.3 ? live.slice(0, 2) : [];
      table = await commit(lake, table, `${step}.parquet`, replaced);
      if (random.nextUnit() < 0.25) {
        const limits = {
          retainLast: 1 + Math.floor(random.nextUnit() * 4),
          maxSnapshots: 1 + Math.floor(random.nextUnit() * 3),
        };
        await expireSnapshots(table, { olderThanMs: Number.MAX_SAFE_INTEGER, ...limits });
        table = await lake.newClient().loadTable("default.events");
        await expectReadable(lake, table);
      }
    }
    await expireSnapshots(table, { olderThanMs: Number.MAX_SAFE_INTEGER });
    table = await lake.newClient().loadTable("default.events");
    const live = (await liveDataFiles(table)).map(({ dataFile }) => dataFile.filePath.split("/").at(-1) ?? "");
    // Nothing is lost and nothing left over.
    expect((await dataKeys(lake)).toSorted()).toEqual(live.toSorted());
  }
});
