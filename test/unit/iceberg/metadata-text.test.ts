// What the catalog writes and sends of a table's metadata.

import { expect, test } from "vitest";
import { stringifyJson, utf8ToString } from "#core";
import { createCatalogMemory, encodeTableMetadata, liveDataFiles, type TableMetadata } from "#iceberg";
import { callCatalog as call } from "../../support/catalog-calls.ts";
import { createIcebergLake, EVENTS, eventsFile } from "../../support/iceberg-lake.ts";

test("I212 metadata printed from remembered parts is what printing all of it gives", async () => {
  const lake = await createIcebergLake({ memory: createCatalogMemory(1 << 20) });
  const table = await lake.client.createTable({
    ...EVENTS,
    properties: { 'odd "snapshots":[]': '"snapshots":[]\u2028é' },
  });
  for (let day = 0; day < 4; day++) {
    const current = await lake.client.loadTable(EVENTS.identifier);
    await current
      .newAppend()
      .addFiles([eventsFile(`${day}.parquet`, day)])
      .commit();
    const { metadata, metadataLocation } = await lake.client.loadTable(EVENTS.identifier);
    expect(utf8ToString(await lake.io.read(metadataLocation))).toBe(utf8ToString(encodeTableMetadata(metadata)));
  }
  expect(table.metadata.snapshots).toEqual([]);
});

test("I218 a client that needs no history gets replies as short after many commits as after one, and the table grows", async () => {
  const sizes: number[] = [];
  const lake = await createIcebergLake({ memory: createCatalogMemory(1 << 20) });
  await lake.client.createTable(EVENTS);
  const client = lake.newClient({
    snapshots: "refs",
    wrap: (send) => async (request) => {
      const response = await send(request);
      const text = await response.text();
      if (request.method === "POST") sizes.push(text.length);
      return new Response(text === "" ? null : text, { status: response.status, headers: response.headers });
    },
  });
  for (let day = 0; day < 12; day++) {
    const table = await client.loadTable(EVENTS.identifier);
    const outcome = await table
      .newAppend()
      .addFiles([eventsFile(`${day}.parquet`, day)])
      .commit();
    const after = outcome.outcome === "committed" ? outcome.table.metadata : undefined;
    expect([after?.snapshots.length, after?.["snapshot-log"].length]).toEqual([1, 1]);
  }
  const { metadata } = await lake.client.loadTable(EVENTS.identifier);
  expect([metadata.snapshots.length, metadata["snapshot-log"].length]).toEqual([12, 12]);
  expect(await liveDataFiles(await lake.client.loadTable(EVENTS.identifier))).toHaveLength(12);
  // The metadata log still grows, to its limit of 100 files.
  const entryBytes = 200;
  expect((sizes[11] ?? 0) - (sizes[1] ?? 0)).toBeLessThan(10 * entryBytes);
});

test("I212 snapshots=refs is the whole table without the snapshots that nothing names, also when it is remembered", async () => {
  const lake = await createIcebergLake({ memory: createCatalogMemory(1 << 20) });
  await lake.client.createTable(EVENTS);
  for (let day = 0; day < 3; day++) {
    const current = await lake.client.loadTable(EVENTS.identifier);
    await current
      .newAppend()
      .addFiles([eventsFile(`${day}.parquet`, day)])
      .commit();
    const path = "/namespaces/default/tables/events";
    const whole = (await call(lake, "GET", path)).body["metadata"] as TableMetadata;
    const head = whole.refs["main"]?.["snapshot-id"];
    const expected = { ...whole, snapshots: whole.snapshots.filter((snapshot) => snapshot["snapshot-id"] === head) };
    for (let load = 0; load < 2; load++) {
      const { body } = await call(lake, "GET", `${path}?snapshots=refs`);
      expect(stringifyJson(body["metadata"])).toBe(stringifyJson(expected));
    }
  }
});
