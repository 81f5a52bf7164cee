// Appends, rewrites and definition changes through the catalog's protocol, end to end in memory.

import { expect, test } from "vitest";
import { createTableMemory, decodeManifest, decodeManifestList, liveDataFiles, specTuple, type Table } from "#iceberg";
import { EVENTS, createIcebergLake, eventsFile, storedKeys } from "../../support/iceberg-lake.ts";

async function append(table: Table, ...names: string[]): Promise<Table> {
  const outcome = await table
    .newAppend()
    .addFiles(names.map((name) => eventsFile(name, 19_700)))
    .commit();
  if (outcome.outcome !== "committed") throw new Error(outcome.outcome);
  return outcome.table;
}

async function paths(table: Table): Promise<string[]> {
  return (await liveDataFiles(table)).map(({ dataFile }) => dataFile.filePath.split("/").at(-1) ?? "").toSorted();
}

test("a created table has fresh ids, the spec's first field id 1000 and no snapshot", async () => {
  const { client } = await createIcebergLake();
  const table = await client.createTable({
    ...EVENTS,
    schema: { ...EVENTS.schema, fields: EVENTS.schema.fields.map((field) => ({ ...field, id: field.id + 40 })) },
    partitionSpec: { fields: [{ "source-id": 42, name: "timestamp_day", transform: "day" }] },
    properties: { owner: "ops" },
  });
  expect(table.schema().fields.map((field) => field.id)).toEqual([1, 2, 3]);
  expect(table.spec()).toEqual({
    "spec-id": 0,
    fields: [{ "source-id": 2, "field-id": 1000, name: "timestamp_day", transform: "day" }],
  });
  expect(table.currentSnapshot()).toBeUndefined();
  expect(table.metadata).toMatchObject({
    "last-column-id": 3,
    "last-partition-id": 1000,
    properties: { owner: "ops" },
  });
  expect(table.metadataLocation).toMatch(
    /^s3:\/\/lake\/default\/events\/metadata\/00000-[0-9a-f-]{36}\.metadata\.json$/,
  );
});

test("I20 appends keep every file, ids beyond 2^53 and running totals", async () => {
  const { client, io } = await createIcebergLake();
  let table = await client.createTable(EVENTS);
  table = await append(table, "1.parquet", "2.parquet");
  table = await append(table, "3.parquet");
  const reloaded = await client.loadTable("default.events");
  expect(await paths(reloaded)).toEqual(["1.parquet", "2.parquet", "3.parquet"]);
  const [first, second] = reloaded.metadata.snapshots;
  expect(first?.["snapshot-id"]).toBeGreaterThan(2n ** 53n);
  expect(second?.["parent-snapshot-id"]).toBe(first?.["snapshot-id"]);
  expect(second?.["sequence-number"]).toBe(2n);
  expect(second?.summary).toMatchObject({
    operation: "append",
    "added-data-files": "1",
    "added-records": "10",
    "added-files-size": "1000",
    "total-data-files": "3",
    "total-records": "30",
    "total-files-size": "3000",
    "total-delete-files": "0",
    "changed-partition-count": "1",
  });
  expect(reloaded.metadata["snapshot-log"].map((entry) => entry["snapshot-id"])).toEqual([
    first?.["snapshot-id"],
    second?.["snapshot-id"],
  ]);
  const manifests = decodeManifestList(await io.read(second?.["manifest-list"] ?? ""));
  expect(manifests).toHaveLength(2);
});

test("an append sets properties in the same commit and can refuse its base", async () => {
  const { client } = await createIcebergLake();
  const table = await client.createTable(EVENTS);
  const first = await table
    .newAppend()
    .addFile(eventsFile("1.parquet", 1))
    .setProperty("firn.ingest.watermark.0", "9007199254740993")
    .set("firn.shard", "0")
    .commit();
  expect(first).toMatchObject({ outcome: "committed" });
  const reloaded = await client.loadTable("default.events");
  expect(reloaded.metadata.properties["firn.ingest.watermark.0"]).toBe("9007199254740993");
  expect(reloaded.currentSnapshot()?.summary["firn.shard"]).toBe("0");
  const refused = await reloaded
    .newAppend()
    .addFile(eventsFile("2.parquet", 1))
    .validate((base) => (base.properties["firn.ingest.watermark.0"] === "0" ? undefined : "stale watermark"))
    .commit();
  expect(refused).toEqual({ outcome: "conflict", reason: "stale watermark" });
});

test("I21 a rewrite replaces exactly its files, keeps others, properties and the starting sequence number", async () => {
  const { client, io, store } = await createIcebergLake();
  let table = await client.createTable({ ...EVENTS, properties: { "firn.ingest.watermark.0": "7" } });
  table = await append(table, "1.parquet", "2.parquet");
  table = await append(table, "3.parquet");
  const small = (await liveDataFiles(table)).filter(({ dataFile }) => !dataFile.filePath.endsWith("3.parquet"));
  const rewrite = table
    .newRewrite()
    .deleteFiles(small.map(({ dataFile }) => dataFile))
    .addFiles([eventsFile("big.parquet", 19_700, { rows: 20 })]);
  // A concurrent append must not be lost nor make the rewrite fail.
  await append(await client.loadTable("default.events"), "4.parquet");
  const outcome = await rewrite.commit();
  expect(outcome).toMatchObject({ outcome: "committed" });
  const after = await client.loadTable("default.events");
  expect(await paths(after)).toEqual(["3.parquet", "4.parquet", "big.parquet"]);
  expect(after.metadata.properties["firn.ingest.watermark.0"]).toBe("7");
  const snapshot = after.currentSnapshot();
  expect(snapshot?.summary).toMatchObject({
    operation: "replace",
    "added-data-files": "1",
    "deleted-data-files": "2",
    "added-records": "20",
    "deleted-records": "20",
    "total-records": "40",
    "total-data-files": "3",
  });
  const manifests = decodeManifestList(await io.read(snapshot?.["manifest-list"] ?? ""));
  const { spec, tuple } = specTuple(after.metadata, 0);
  const entries = await Promise.all(
    manifests.map(async (manifest) => decodeManifest(await io.read(manifest.path), manifest, spec, tuple)),
  );
  const big = entries.flat().find((entry) => entry.dataFile.filePath.endsWith("big.parquet"));
  expect(big).toMatchObject({ status: 1, sequenceNumber: 2n, fileSequenceNumber: 4n });
  expect(entries.flat().filter((entry) => entry.status === 2)).toHaveLength(2);
  // The next commit drops the manifest that lists nothing but deletions.
  const next = await append(after, "5.parquet");
  const later = decodeManifestList(await io.read(next.currentSnapshot()?.["manifest-list"] ?? ""));
  expect(later.every((manifest) => manifest.addedFiles + manifest.existingFiles > 0)).toBe(true);
  // Nothing written by the lost attempt is left: one list per snapshot.
  const lists = (await storedKeys(store)).filter((key) => key.includes("/snap-"));
  expect(lists).toHaveLength(next.metadata.snapshots.length);
});

test("I22 a rewrite whose file is gone is a conflict and leaves no file behind", async () => {
  const { client, store } = await createIcebergLake();
  const table = await append(await client.createTable(EVENTS), "1.parquet", "2.parquet");
  const files = (await liveDataFiles(table)).map(({ dataFile }) => dataFile);
  const other = await table
    .newRewrite()
    .deleteFiles(files)
    .addFiles([eventsFile("a.parquet", 19_700, { rows: 20 })])
    .commit();
  expect(other.outcome).toBe("committed");
  const before = await storedKeys(store);
  const late = await table
    .newRewrite()
    .deleteFiles(files)
    .addFiles([eventsFile("b.parquet", 19_700, { rows: 20 })])
    .commit();
  expect(late).toMatchObject({ outcome: "conflict", reason: expect.stringContaining("no longer in the table") });
  expect(await storedKeys(store)).toEqual(before);
  expect(await paths(await table.refresh())).toEqual(["a.parquet"]);
});

test("C20 a rewrite that changes the number of rows is refused", async () => {
  const { client } = await createIcebergLake();
  const table = await append(await client.createTable(EVENTS), "1.parquet");
  const files = (await liveDataFiles(table)).map(({ dataFile }) => dataFile);
  const rewrite = table
    .newRewrite()
    .deleteFiles(files)
    .addFiles([eventsFile("big.parquet", 19_700, { rows: 9 })]);
  await expect(rewrite.commit()).rejects.toMatchObject({ code: "data_invalid" });
});

test("I23 N concurrent writers lose no update", async () => {
  const lake = await createIcebergLake();
  await lake.client.createTable(EVENTS);
  const writers = 8;
  const rounds = 4;
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      const client = lake.newClient();
      for (let round = 0; round < rounds; round++) {
        const table = await client.loadTable("default.events");
        const outcome = await table
          .newAppend()
          .addFile(eventsFile(`${writer}-${round}.parquet`, round))
          .setProperty(`writer.${writer}`, String(round))
          .commit({ attempts: 200 });
        expect(outcome.outcome).toBe("committed");
      }
    }),
  );
  const table = await lake.client.loadTable("default.events");
  expect(await paths(table)).toHaveLength(writers * rounds);
  expect(table.metadata["last-sequence-number"]).toBe(BigInt(writers * rounds));
  expect(table.currentSnapshot()?.summary["total-data-files"]).toBe(String(writers * rounds));
  for (let writer = 0; writer < writers; writer++) {
    expect(table.metadata.properties[`writer.${writer}`]).toBe(String(rounds - 1));
  }
  // One metadata file per commit and the create: files of lost swaps are deleted.
  const metadataFiles = (await storedKeys(lake.store)).filter((key) => key.endsWith(".metadata.json"));
  expect(metadataFiles).toHaveLength(writers * rounds + 1);
});

test("L20 a commit gives up after its attempts and deletes what it wrote", async () => {
  const lake = await createIcebergLake();
  const table = await lake.client.createTable(EVENTS);
  let sent = 0;
  const contended = lake.newClient({
    wrap: (send) => async (request) => {
      if (request.method === "POST" && request.url.endsWith("/tables/events")) {
        sent += 1;
        await append(await table.refresh(), `other-${sent}.parquet`);
      }
      return send(request);
    },
  });
  const mine = await contended.loadTable("default.events");
  const outcome = await mine.newAppend().addFile(eventsFile("mine.parquet", 1)).commit({ attempts: 3 });
  expect(outcome).toMatchObject({ outcome: "conflict" });
  expect(sent).toBe(3);
  const after = await table.refresh();
  expect(await paths(after)).toEqual(["other-1.parquet", "other-2.parquet", "other-3.parquet"]);
  const lists = (await storedKeys(lake.store)).filter((key) => key.includes("/snap-"));
  expect(lists).toHaveLength(3);
});

/** Waits before the second attempt of commits whose first is answered so. */
async function waitsAfter(status: number, type: string): Promise<number[]> {
  const waits: number[] = [];
  for (let seed = 1; seed <= 20; seed++) {
    const lake = await createIcebergLake();
    await lake.client.createTable(EVENTS);
    let sent = 0;
    const client = lake.newClient({
      seed,
      sleep: async (ms) => void waits.push(ms),
      wrap: (send) => async (request) => {
        if (request.method === "POST") sent += 1;
        if (request.method !== "POST" || sent > 1) return send(request);
        return Response.json({ error: { message: "no", type, code: status } }, { status });
      },
    });
    const table = await client.loadTable("default.events");
    await table.newAppend().addFile(eventsFile("1.parquet", 1)).commit();
  }
  return waits;
}

test("L20 after a lost race the next attempt comes soon, after anything else later", async () => {
  const afterRaces = await waitsAfter(409, "CommitFailedException");
  const afterFailures = await waitsAfter(500, "CommitStateUnknownException");
  expect([afterRaces.length, afterFailures.length]).toEqual([20, 20]);
  expect(Math.max(...afterRaces)).toBeLessThanOrEqual(20);
  expect(Math.max(...afterFailures)).toBeGreaterThan(50);
});

test("I24 a lost answer is found again by snapshot id and not committed twice", async () => {
  const lake = await createIcebergLake();
  await lake.client.createTable(EVENTS);
  let lost = 0;
  const client = lake.newClient({
    wrap: (send) => async (request) => {
      const response = await send(request);
      if (request.method === "POST" && request.url.endsWith("/tables/events") && lost === 0) {
        lost += 1;
        return new Response("bad gateway", { status: 502 });
      }
      return response;
    },
  });
  const table = await client.loadTable("default.events");
  const outcome = await table.newAppend().addFile(eventsFile("1.parquet", 1)).commit();
  expect(outcome).toMatchObject({ outcome: "committed" });
  expect(lost).toBe(1);
  const after = await lake.client.loadTable("default.events");
  expect(after.metadata.snapshots).toHaveLength(1);
  expect(await paths(after)).toEqual(["1.parquet"]);
});

test("C21 an outcome that stays unknown deletes nothing", async () => {
  const lake = await createIcebergLake();
  await lake.client.createTable(EVENTS);
  let isDown = false;
  const client = lake.newClient({
    wrap: (send) => async (request) => {
      if (request.method === "POST" && request.url.endsWith("/tables/events")) isDown = true;
      return isDown ? new Response("down", { status: 500 }) : send(request);
    },
  });
  const table = await client.loadTable("default.events");
  const before = await storedKeys(lake.store);
  const outcome = await table.newAppend().addFile(eventsFile("1.parquet", 1)).commit({ attempts: 2 });
  expect(outcome).toMatchObject({ outcome: "unknown" });
  expect((await storedKeys(lake.store)).length).toBeGreaterThan(before.length);
});

test("spec, sort order and properties change for future files, and equal specs are not made twice", async () => {
  const { client } = await createIcebergLake();
  const table = await client.createTable(EVENTS);
  const changed = await table.updateSpec().addField("user_id", "bucket[16]").commit();
  if (changed.outcome !== "committed") throw new Error("not committed");
  expect(changed.table.spec()).toEqual({
    "spec-id": 1,
    fields: [
      { "source-id": 2, "field-id": 1000, name: "timestamp_day", transform: "day" },
      { "source-id": 3, "field-id": 1001, name: "user_id_bucket_16", transform: "bucket[16]" },
    ],
  });
  const back = await changed.table.updateSpec().removeField("user_id_bucket_16").commit();
  if (back.outcome !== "committed") throw new Error("not committed");
  expect(back.table.spec()["spec-id"]).toBe(0);
  const again = await back.table.updateSpec().addField("user_id", "bucket[16]").commit();
  if (again.outcome !== "committed") throw new Error("not committed");
  expect(again.table.spec()["spec-id"]).toBe(1);
  expect(again.table.metadata["last-partition-id"]).toBe(1001);

  const sorted = await again.table.replaceSortOrder().asc("user_id").desc("timestamp").commit();
  if (sorted.outcome !== "committed") throw new Error("not committed");
  expect(sorted.table.sortOrder()).toEqual({
    "order-id": 1,
    fields: [
      { transform: "identity", "source-id": 3, direction: "asc", "null-order": "nulls-first" },
      { transform: "identity", "source-id": 2, direction: "desc", "null-order": "nulls-last" },
    ],
  });
  const unsorted = await sorted.table.replaceSortOrder().commit();
  if (unsorted.outcome !== "committed") throw new Error("not committed");
  expect(unsorted.table.sortOrder()["order-id"]).toBe(0);

  const properties = await unsorted.table.updateProperties().set("a", "1").set("b", "2").commit();
  if (properties.outcome !== "committed") throw new Error("not committed");
  const removed = await properties.table.updateProperties().remove("a").commit();
  if (removed.outcome !== "committed") throw new Error("not committed");
  expect(removed.table.metadata.properties).toEqual({ b: "2" });
});

test("I25 manifests are merged at the threshold and every file stays readable", async () => {
  const { client } = await createIcebergLake();
  let table = await client.createTable({ ...EVENTS, properties: { "commit.manifest.min-count-to-merge": "5" } });
  for (let index = 0; index < 13; index++) {
    const outcome = await table
      .newAppend()
      .addFile(eventsFile(`${index}.parquet`, index))
      .commit();
    if (outcome.outcome !== "committed") throw new Error("not committed");
    ({ table } = outcome);
  }
  const plan = await table.planScan();
  expect(plan.files).toHaveLength(13);
  expect(plan.manifestsTotal).toBeLessThanOrEqual(5);
  const numbers = plan.files.map(({ sequenceNumber }) => Number(sequenceNumber)).toSorted((a, b) => a - b);
  expect(numbers).toEqual(Array.from({ length: 13 }, (_, index) => index + 1));
});

test("a client with a memory is sent an unchanged table once, and every change at once", async () => {
  const lake = await createIcebergLake();
  const created = await lake.client.createTable(EVENTS);
  const statuses: number[] = [];
  const reader = lake.newClient({
    tables: createTableMemory(1),
    wrap: (send) => async (request) => {
      const response = await send(request);
      statuses.push(response.status);
      return response;
    },
  });
  expect((await reader.loadTable("events")).metadata).toEqual(created.metadata);
  expect((await reader.loadTable("events")).metadata).toEqual(created.metadata);
  const appended = await append(created, "1.parquet");
  const reloaded = await reader.loadTable("events");
  expect(reloaded.metadata).toEqual(appended.metadata);
  expect(reloaded.metadataLocation).toBe(appended.metadataLocation);
  expect(statuses).toEqual([200, 304, 200]);
});

test("I405 a client that is told where tables are loads one only when it is elsewhere, or that cannot be told", async () => {
  const lake = await createIcebergLake();
  const created = await lake.client.createTable(EVENTS);
  let requests = 0;
  let canTell = true;
  const reader = lake.newClient({
    tables: createTableMemory(1),
    locate: async (table) => (canTell ? (await lake.pointers.findEntry(table))?.metadataLocation : undefined),
    wrap: (send) => (request) => {
      requests += 1;
      return send(request);
    },
  });
  const load = async (): Promise<Table> => reader.loadTable("events");
  expect((await load()).metadata).toEqual(created.metadata);
  expect((await load()).metadata).toEqual(created.metadata);
  expect(requests).toBe(1);
  const appended = await append(created, "1.parquet");
  expect((await load()).metadataLocation).toBe(appended.metadataLocation);
  expect((await load()).metadata).toEqual(appended.metadata);
  expect(requests).toBe(2);
  canTell = false;
  await load();
  expect(requests).toBe(3);
  canTell = true;
  await lake.client.dropTable("events");
  await expect(load()).rejects.toMatchObject({ code: "table_not_found" });
});
