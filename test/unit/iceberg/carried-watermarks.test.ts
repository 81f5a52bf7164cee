// Ingest's watermarks where only snapshot summaries hold them: whatever happens to the table, the newest are found.

import { expect, test } from "vitest";
import { newestWithSummary, type CatalogClient, type Table, type TableMetadata } from "#iceberg";
import { committed, createEvents, liveNames } from "../../support/iceberg-files.ts";
import { createIcebergLake, eventsFile, type IcebergLake } from "../../support/iceberg-lake.ts";
import { createMovableClock, reachableKeys } from "../../support/fault-lake.ts";

const KEY = "firn.ingest.watermarks";
const DAY = 19_700;

/** The mark that the table's metadata leads to. */
function mark({ metadata }: { readonly metadata: TableMetadata }): string | undefined {
  return newestWithSummary(metadata, KEY)?.summary[KEY];
}

/** A client of another engine: its snapshots lack the key. */
function otherEngine(lake: IcebergLake): CatalogClient {
  return lake.newClient({
    wrap: (send) => async (request) => {
      if (request.method !== "POST" || !request.url.endsWith("/tables/events")) return send(request);
      const body = (await request.text()).replaceAll(/"firn\.ingest\.watermarks":"(?:[^"\\]|\\.)*",?/g, "");
      return send(new Request(request.url, { method: "POST", headers: request.headers, body }));
    },
  });
}

async function ingested(): Promise<{ lake: IcebergLake; table: Table }> {
  const clock = createMovableClock();
  const lake = await createIcebergLake({ clock });
  await createEvents(lake, 2);
  for (const [name, marks] of [
    ["a.parquet", '{"0":10}'],
    ["b.parquet", '{"0":20}'],
  ] as const) {
    const table = await lake.client.loadTable("default.events");
    await committed(table.newAppend().addFile(eventsFile(name, DAY)).set(KEY, marks).commit());
  }
  const table = await otherEngine(lake).loadTable("default.events");
  const after = await committed(table.newAppend().addFile(eventsFile("other.parquet", DAY)).commit());
  expect(after.currentSnapshot()?.summary).not.toHaveProperty([KEY]);
  return { lake, table: await lake.client.loadTable("default.events") };
}

test("I192 an expiry that takes the only snapshot with watermarks leaves one that says them", async () => {
  const { lake, table } = await ingested();
  const before = await liveNames(lake.store, table);
  const report = await table.expireSnapshots().expireOlderThan(Number.MAX_SAFE_INTEGER).commit();
  expect(report).toMatchObject({ outcome: { outcome: "committed" }, snapshots: 2 });
  const after = await lake.newClient().loadTable("default.events");
  expect(mark(after)).toBe('{"0":20}');
  expect(after.currentSnapshot()?.summary).toMatchObject({ operation: "replace", "total-data-files": "3" });
  expect(await liveNames(lake.store, after)).toEqual(before);
  await reachableKeys(lake.store, after);
  // The next expiry finds the head saying it and makes no other.
  const again = await after.expireSnapshots().expireOlderThan(Number.MAX_SAFE_INTEGER).commit();
  expect(again).toMatchObject({ snapshots: 1 });
  const last = await lake.newClient().loadTable("default.events");
  expect(last.currentSnapshot()).toEqual(after.currentSnapshot());
});

test("I192 watermarks of a snapshot that was rolled back stay when it expires", async () => {
  const { lake, table } = await ingested();
  const first = table.metadata.snapshots[0]?.["snapshot-id"] ?? 0n;
  const back = await committed(table.manageSnapshots().rollbackTo(first).commit());
  expect(back.currentSnapshot()?.summary[KEY]).toBe('{"0":10}');
  await back.expireSnapshots().expireOlderThan(Number.MAX_SAFE_INTEGER).commit();
  const after = await lake.newClient().loadTable("default.events");
  expect(after.metadata.snapshots).toHaveLength(2);
  expect(mark(after)).toBe('{"0":20}');
});

test("I192 a branch that carried watermarks goes without a trace when main says the same", async () => {
  const { lake, table } = await ingested();
  const grown = await committed(table.newAppend().addFile(eventsFile("c.parquet", DAY)).commit());
  const branch = await committed(grown.newAppend().addFile(eventsFile("d.parquet", DAY)).toBranch("trial").commit());
  const dropped = await committed(branch.manageSnapshots().removeBranch("trial").commit());
  await dropped.expireSnapshots().expireOlderThan(Number.MAX_SAFE_INTEGER).commit();
  const after = await lake.newClient().loadTable("default.events");
  expect(after.metadata.snapshots).toEqual([grown.currentSnapshot()]);
});

test("I192 a client that knows the heads of refs alone carries watermarks from below another engine's commit", async () => {
  const { lake } = await ingested();
  const client = lake.newClient({ snapshots: "refs" });
  const table = await client.loadTable("default.events");
  expect(table.metadata.snapshots).toHaveLength(1);
  await committed(table.newAppend().addFile(eventsFile("c.parquet", DAY)).commit());
  const after = await lake.newClient().loadTable("default.events");
  expect(after.currentSnapshot()?.summary[KEY]).toBe('{"0":20}');
});

test("I192 such a client expires by the whole history", async () => {
  const { lake } = await ingested();
  const table = await lake.newClient({ snapshots: "refs" }).loadTable("default.events");
  const report = await table.expireSnapshots().expireOlderThan(Number.MAX_SAFE_INTEGER).commit();
  expect(report.snapshots).toBe(2);
  expect(mark(await lake.newClient().loadTable("default.events"))).toBe('{"0":20}');
});
