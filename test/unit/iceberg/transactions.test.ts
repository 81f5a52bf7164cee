// Several changes as one commit: of one table, and of several.

import { describe, expect, test } from "vitest";
import type { Table } from "#iceberg";
import { createIcebergLake, eventsFile, storedKeys, type IcebergLake } from "../../support/iceberg-lake.ts";
import { committed, createEvents, deletionVector, liveNames } from "../../support/iceberg-files.ts";

const DAY = 19_700;
const A = eventsFile("a.parquet", DAY);

async function start(version: 2 | 3 = 2): Promise<{ lake: IcebergLake; table: Table }> {
  const lake = await createIcebergLake();
  const table = await createEvents(lake, version);
  return { lake, table: await committed(table.newAppend().addFile(A).commit()) };
}

const reload = (lake: IcebergLake, name = "events"): Promise<Table> => lake.newClient().loadTable(`default.${name}`);

describe("I126 transactions of one table", () => {
  test("nothing is visible before the commit, everything after it, as one metadata version", async () => {
    const { lake, table } = await start(3);
    const transaction = table.newTransaction();
    await committed(transaction.updateSchema().addColumn("country", "string").commit());
    await committed(transaction.updateSpec().addField("country").commit());
    await committed(transaction.updateProperties().set("owner", "me").commit());
    await committed(transaction.newAppend().addFile(eventsFile("b.parquet", DAY)).commit());
    await committed(
      transaction
        .newRowDelta()
        .addDeletes([deletionVector("v.puffin", A)])
        .commit(),
    );
    await committed(transaction.manageSnapshots().createTag("done").commit());
    expect(await liveNames(lake.store, transaction.table())).toEqual(["-v.puffin", "a.parquet", "b.parquet"]);
    const unseen = await reload(lake);
    expect(unseen.metadataLocation).toBe(table.metadataLocation);

    const after = await committed(transaction.commitTransaction());
    expect(after.metadata["metadata-log"]).toHaveLength(table.metadata["metadata-log"].length + 1);
    expect(after.schema().fields.at(-1)?.name).toBe("country");
    expect(after.spec().fields.map(({ name }) => name)).toEqual(["timestamp_day", "country"]);
    expect(after.metadata.properties["owner"]).toBe("me");
    expect(after.metadata.snapshots).toHaveLength(3);
    expect(after.metadata.refs["done"]?.["snapshot-id"]).toBe(after.metadata["current-snapshot-id"]);
    expect(after.metadata.snapshots.map((snapshot) => snapshot["first-row-id"])).toEqual([0n, 10n, 20n]);
    expect(await liveNames(lake.store, await reload(lake))).toEqual(["-v.puffin", "a.parquet", "b.parquet"]);
  });

  test("after a lost race every step is made again on the new base", async () => {
    const { lake, table } = await start();
    const transaction = table.newTransaction();
    await committed(transaction.newAppend().addFile(eventsFile("b.parquet", DAY)).commit());
    await committed(transaction.newOverwrite().deleteFile(A).addFile(eventsFile("a2.parquet", DAY)).commit());
    const other = await reload(lake);
    await committed(other.newAppend().addFile(eventsFile("x.parquet", DAY)).commit());
    const after = await committed(transaction.commitTransaction());
    expect(await liveNames(lake.store, after)).toEqual(["a2.parquet", "b.parquet", "x.parquet"]);
    expect(after.metadata.snapshots.map((snapshot) => snapshot["sequence-number"])).toEqual([1n, 2n, 3n, 4n]);
  });

  test("a step that no longer fits makes the whole a conflict and leaves no file", async () => {
    const { lake, table } = await start();
    const transaction = table.newTransaction();
    await committed(transaction.newAppend().addFile(eventsFile("b.parquet", DAY)).commit());
    await committed(transaction.newOverwrite().deleteFile(A).addFile(eventsFile("a2.parquet", DAY)).commit());
    const other = await reload(lake);
    await committed(other.newDelete().deleteFile(A).commit());
    const keys = (await storedKeys(lake.store)).length;
    expect(await transaction.commitTransaction()).toMatchObject({ outcome: "conflict" });
    expect(await liveNames(lake.store, await reload(lake))).toEqual([]);
    // The transaction's manifests and lists are gone: 2 of each step.
    expect((await storedKeys(lake.store)).length).toBeLessThan(keys);
    expect((await storedKeys(lake.store)).filter((key) => key.endsWith(".avro"))).toHaveLength(4);
  });

  test("a transaction that is given up leaves no file", async () => {
    const { lake, table } = await start();
    const keys = await storedKeys(lake.store);
    const transaction = table.newTransaction();
    await committed(transaction.newAppend().addFile(eventsFile("b.parquet", DAY)).commit());
    await transaction.abort();
    expect(await storedKeys(lake.store)).toEqual(keys);
    expect(await table.newTransaction().commitTransaction()).toMatchObject({ outcome: "committed" });
  });

  test("operations of the transaction's table join it", async () => {
    const { table } = await start();
    const transaction = table.newTransaction();
    await committed(transaction.table().updateProperties().set("k", "1").commit());
    await committed(transaction.table().updateProperties().set("k", "2").commit());
    expect((await committed(transaction.commitTransaction())).metadata.properties["k"]).toBe("2");
  });
});

async function two(): Promise<{ lake: IcebergLake; one: Table; two: Table }> {
  const { lake, table } = await start();
  return { lake, one: table, two: await createEvents(lake, 3, {}, "other") };
}

describe("I127 transactions of several tables", () => {
  test("all tables change in one step", async () => {
    const { lake, one, two: other } = await two();
    const transaction = lake.client.transaction();
    await committed(transaction.on(one).newAppend().addFile(eventsFile("b.parquet", DAY)).commit());
    await committed(transaction.on(other).newAppend().addFile(eventsFile("c.parquet", DAY)).commit());
    await committed(transaction.on(one).updateProperties().set("k", "v").commit());
    const outcome = await transaction.commit();
    expect(outcome.outcome).toBe("committed");
    const [first, second] = [await reload(lake), await reload(lake, "other")];
    expect(await liveNames(lake.store, first)).toEqual(["a.parquet", "b.parquet"]);
    expect(first.metadata.properties["k"]).toBe("v");
    expect(await liveNames(lake.store, second)).toEqual(["c.parquet"]);
  });

  test("a race lost on one table is made again on all", async () => {
    const { lake, one, two: other } = await two();
    const transaction = lake.client.transaction();
    await committed(transaction.on(one).newAppend().addFile(eventsFile("b.parquet", DAY)).commit());
    await committed(transaction.on(other).newAppend().addFile(eventsFile("c.parquet", DAY)).commit());
    await committed((await reload(lake, "other")).newAppend().addFile(eventsFile("x.parquet", DAY)).commit());
    expect(await transaction.commit()).toMatchObject({ outcome: "committed" });
    expect(await liveNames(lake.store, await reload(lake))).toEqual(["a.parquet", "b.parquet"]);
    expect(await liveNames(lake.store, await reload(lake, "other"))).toEqual(["c.parquet", "x.parquet"]);
  });

  test("a conflict on one table leaves all as they were", async () => {
    const { lake, one, two: other } = await two();
    const transaction = lake.client.transaction();
    await committed(transaction.on(other).newAppend().addFile(eventsFile("c.parquet", DAY)).commit());
    await committed(transaction.on(one).newOverwrite().deleteFile(A).addFile(eventsFile("a2.parquet", DAY)).commit());
    await committed((await reload(lake)).newDelete().deleteFile(A).commit());
    expect(await transaction.commit()).toMatchObject({ outcome: "conflict" });
    expect(await liveNames(lake.store, await reload(lake, "other"))).toEqual([]);
    expect((await reload(lake, "other")).metadata.snapshots).toEqual([]);
  });

  test("two transactions of one table are refused", async () => {
    const { lake, one } = await two();
    await expect(lake.client.commitTransaction([one.newTransaction(), one.newTransaction()])).rejects.toMatchObject({
      code: "invalid_option",
    });
  });

  test("a catalog without the endpoint is told from one that fails", async () => {
    const { lake, one, two: other } = await two();
    const limited = lake.newClient({
      wrap: (send) => async (request) => {
        const reply = await send(request);
        if (!request.url.endsWith("/v1/config")) return reply;
        return Response.json({ defaults: {}, overrides: {}, endpoints: ["GET /v1/{prefix}/namespaces"] });
      },
    });
    const transaction = limited.transaction();
    for (const table of [one, other]) {
      const loaded = await limited.loadTable(table.identifier);
      await committed(transaction.on(loaded).updateProperties().set("k", "v").commit());
    }
    await expect(transaction.commit()).rejects.toMatchObject({ code: "unsupported_operation" });
  });
});
