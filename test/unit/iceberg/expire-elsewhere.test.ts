// Expiry of tables that others wrote or damaged: files outside the bucket, lists and manifests that are gone. It never
// throws for them and never deletes what it cannot tell to be unneeded; what stays is named.

import { expect, test } from "vitest";
import type { DataFile, Table } from "#iceberg";
import { locationToKey } from "#storage";
import { committed, createEvents, liveNames, manifestsOf } from "../../support/iceberg-files.ts";
import {
  LAKE_BUCKET,
  createIcebergLake,
  eventsFile,
  storedKeys,
  type IcebergLake,
} from "../../support/iceberg-lake.ts";

const DAY = 19_700;
const ELSEWHERE: DataFile = { ...eventsFile("x.parquet", DAY), filePath: "s3://other/warehouse/x.parquet" };
const HERE = eventsFile("a.parquet", DAY);

/** Two files, one of them in another bucket, that a rewrite replaced. */
async function replaced(): Promise<{ lake: IcebergLake; table: Table }> {
  const lake = await createIcebergLake();
  let table = await createEvents(lake, 2);
  for (const file of [HERE, ELSEWHERE]) table = await committed(table.newAppend().addFile(file).commit());
  for (const file of [HERE, eventsFile("ax.parquet", DAY)]) {
    await lake.store.put(locationToKey(file.filePath, LAKE_BUCKET), new Uint8Array(1));
  }
  const whole = eventsFile("ax.parquet", DAY, { rows: 20 });
  return {
    lake,
    table: await committed(table.newRewrite().deleteFiles([HERE, ELSEWHERE]).addFiles([whole]).commit()),
  };
}

const dataKeys = async (lake: IcebergLake): Promise<string[]> =>
  (await storedKeys(lake.store, "default/events/data/")).map((key) => key.split("/").at(-1) ?? "");

test("I194 files outside the bucket are named and all others deleted", async () => {
  const { lake, table } = await replaced();
  const report = await table.expireSnapshots().expireOlderThan(Number.MAX_SAFE_INTEGER).commit();
  expect(report).toMatchObject({ outcome: { outcome: "committed" }, snapshots: 2, dataFiles: 1 });
  expect(report.skipped).toEqual([ELSEWHERE.filePath]);
  expect(await dataKeys(lake)).toEqual(["ax.parquet"]);
});

test("I194 an expired snapshot whose list is gone is forgotten, and its list named", async () => {
  const { lake, table } = await replaced();
  const list = table.metadata.snapshots[0]?.["manifest-list"] ?? "";
  await lake.store.delete([locationToKey(list, LAKE_BUCKET)]);
  const fresh = await lake.newClient().loadTable("default.events");
  const report = await fresh.expireSnapshots().expireOlderThan(Number.MAX_SAFE_INTEGER).commit();
  expect(report).toMatchObject({ outcome: { outcome: "committed" }, snapshots: 2 });
  expect(report.skipped).toContain(list);
  const after = await lake.newClient().loadTable("default.events");
  expect(await liveNames(lake.store, after)).toEqual(["ax.parquet"]);
});

test("I194 nothing is deleted while a kept snapshot cannot be read", async () => {
  const { lake, table } = await replaced();
  const [manifest] = (await manifestsOf(lake.store, table.currentSnapshot())).filter(
    ({ addedFiles }) => addedFiles > 0,
  );
  await lake.store.delete([locationToKey(manifest?.path ?? "", LAKE_BUCKET)]);
  const fresh = await lake.newClient().loadTable("default.events");
  const before = await storedKeys(lake.store);
  const report = await fresh.expireSnapshots().expireOlderThan(Number.MAX_SAFE_INTEGER).commit();
  expect(report).toMatchObject({ outcome: { outcome: "committed" }, snapshots: 2, dataFiles: 0, manifests: 0 });
  expect(report.skipped).toHaveLength(2);
  expect(await storedKeys(lake.store)).toEqual(expect.arrayContaining(before));
});

test("I194 a kept snapshot on a dropped line of history keeps its files however the line is expired", async () => {
  const lake = await createIcebergLake();
  let table = await createEvents(lake, 2);
  const files = ["a.parquet", "b.parquet", "c.parquet"].map((name) => eventsFile(name, DAY));
  for (const { filePath } of files) await lake.store.put(locationToKey(filePath, LAKE_BUCKET), new Uint8Array(1));
  const [a, b, c] = files as [DataFile, DataFile, DataFile];
  table = await committed(table.newAppend().addFile(a).commit());
  // A line of two snapshots that is left and expired one after the other; main drops the file and keeps its history.
  table = await committed(table.newAppend().addFile(b).toBranch("trial").commit());
  table = await committed(table.newAppend().addFile(c).toBranch("trial").commit());
  const line = table.metadata.snapshots.slice(1).map((snapshot) => snapshot["snapshot-id"]);
  table = await committed(table.manageSnapshots().removeBranch("trial").commit());
  table = await committed(table.newDelete().deleteFile(a).commit());
  for (const id of line) {
    const report = await table.expireSnapshots().expireSnapshotId(id).expireOlderThan(0).commit();
    expect(report.snapshots).toBe(1);
    table = await lake.newClient().loadTable("default.events");
  }
  expect(await dataKeys(lake)).toEqual(["a.parquet"]);
  const [oldest] = table.metadata.snapshots;
  expect(await liveNames(lake.store, table, oldest)).toEqual(["a.parquet"]);
});
