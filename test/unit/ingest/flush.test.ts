import { beforeAll, expect, test } from "vitest";
import { arrowIpcToBatches, scalarAt } from "#columnar";
import { required, stringifyJson } from "#core";
import { currentSchema, schemaToParquetFields, type IcebergType } from "#iceberg";
import { EVENTS_TABLE, ingestEvents, type TableDefinition } from "#ingest";
import { jsonToVariant, readParquetMetadata, scanParquet } from "#parquet";
import { locationToKey } from "#storage";
import { createFakeLake } from "../../support/fake-lake.ts";
import { createIngestWorld, type IngestWorld } from "../../support/ingest-world.ts";
import { bytesReader } from "../../support/parquet-files.ts";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

beforeAll(() => loadParquetWasm());

async function newWorld(
  definition: TableDefinition = EVENTS_TABLE,
  shard: Parameters<typeof createIngestWorld>[0]["shard"] = {},
): Promise<{ world: IngestWorld; lake: ReturnType<typeof createFakeLake> }> {
  const lake = createFakeLake(definition);
  const world = await createIngestWorld({
    shardCount: 1,
    loadTable: () => lake.loadTable(),
    liveFiles: () => Promise.resolve(lake.files),
    shard,
  });
  return { world, lake };
}

function withColumns(columns: Readonly<Record<string, IcebergType>>): TableDefinition {
  const added = Object.entries(columns).map(([name, type], position) => ({
    id: 100 + position,
    name,
    type,
    required: false,
  }));
  return { ...EVENTS_TABLE, schema: { ...EVENTS_TABLE.schema, fields: [...EVENTS_TABLE.schema.fields, ...added] } };
}

test("every accepted type can be flushed and read, and optional nested columns stay null", async () => {
  const { world, lake } = await newWorld(
    withColumns({
      tags: { type: "list", "element-id": 200, element: "string", "element-required": false },
      place: { type: "struct", fields: [{ id: 201, name: "x", type: "int", required: false }] },
      price: "decimal(9,2)",
      id: "uuid",
      raw: "binary",
      code: "fixed[3]",
      day: "date",
      clock: "time",
      count: "long",
      small: "int",
      ratio: "float",
      exact: "double",
      flag: "boolean",
      local: "timestamp",
    }),
  );
  const reply = await world.post([
    {
      event_id: "a",
      event_type: "t",
      price: "1.5",
      id: "f79c3e09-677c-4bbd-a479-3f349cb785e7",
      raw: "AAEC",
      code: "AAEC",
      day: "2024-01-01",
      clock: "10:00:00",
      count: "9223372036854775807",
      small: 3,
      ratio: 1.5,
      exact: -0.25,
      flag: true,
      local: "2024-01-01T00:00:00",
      tags: null,
    },
    { event_id: "b", event_type: "t" },
  ]);
  expect(reply.accepted).toBe(2);
  expect(await world.visibleIds()).toEqual(["a", "b"]);
  expect((await world.shard(0).flush()).rows).toBe(2);
  expect(await world.tableIds()).toEqual(["a", "b"]);
  expect(lake.files[0]?.recordCount).toBe(2);
});

test("I278 nanoseconds, variants and shapes are stored as they came, and seen before their flush as after", async () => {
  const { world, lake } = await newWorld(
    withColumns({ nanos: "timestamptz_ns", plain: "timestamp_ns", any: "variant", place: "geometry", none: "unknown" }),
  );
  const events = [
    {
      event_id: "a",
      event_type: "t",
      nanos: "2024-01-01T00:00:00.123456789Z",
      plain: "1969-12-31T23:59:59.000000001",
      any: { b: [1, "x"], a: 9_223_372_036_854_775_807n },
      place: "AAEC",
    },
    { event_id: "b", event_type: "t", nanos: 1_704_067_200_123_456_789n, any: "text" },
    { event_id: "c", event_type: "t", nanos: "2024-01-01T00:00:00.1234567891Z" },
    { event_id: "d", event_type: "t", nanos: "2300-01-01T00:00:00Z" },
    { event_id: "e", event_type: "t", none: 1 },
  ];
  const reply = await world.post(stringifyJson(events));
  expect(reply.verdicts.map((verdict) => verdict.status)).toEqual([
    "accepted",
    "accepted",
    "rejected",
    "rejected",
    "rejected",
  ]);
  const { metadata } = await lake.loadTable();
  const fresh = await world.shard(0).readFresh({ tableUuid: metadata["table-uuid"], afterSequence: 0 });
  const seen = required(arrowIpcToBatches(fresh.ipc)[0], "a batch").columns.slice(-5);
  expect(seen.map((column) => [scalarAt(column, 0), scalarAt(column, 1)])).toEqual([
    [1_704_067_200_123_456_789n, 1_704_067_200_123_456_789n],
    [-999_999_999, null],
    [jsonToVariant('{"b": [1, "x"], "a": 9223372036854775807}'), jsonToVariant('"text"')],
    [Uint8Array.of(0, 1, 2), null],
    [null, null],
  ]);
  await world.shard(0).flush();
  const [file] = lake.files;
  const bytes = required(await world.store.get(locationToKey(required(file, "a file").filePath, "lake")), "bytes");
  const reader = bytesReader(bytes);
  const parquet = await readParquetMetadata(reader);
  const columns = schemaToParquetFields(currentSchema(metadata)).slice(-5);
  const stored: unknown[] = [];
  for await (const batch of scanParquet(reader, parquet, { columns })) {
    for (const column of batch.columns) stored.push([scalarAt(column, 0), scalarAt(column, 1)]);
  }
  expect(stored).toEqual([
    [1_704_067_200_123_456_789n, 1_704_067_200_123_456_789n],
    [-999_999_999, null],
    [jsonToVariant('{"b": [1, "x"], "a": 9223372036854775807}'), jsonToVariant('"text"')],
    [Uint8Array.of(0, 1, 2), null],
    [null, null],
  ]);
  expect(parquet.fields.map(({ name }) => name)).not.toContain("none");
});

test("rows wait for company until their age, then the alarm flushes them", async () => {
  const { world, lake } = await newWorld();
  await world.post([{ event_id: "a", event_type: "t" }]);
  const firstAlarm = world.alarmAt(0);
  expect(firstAlarm).toBe(world.clock.ms + 10_000);
  world.clock.ms += 4000;
  await world.post([{ event_id: "b", event_type: "t" }]);
  expect(world.alarmAt(0)).toBe(firstAlarm);
  expect(await world.runAlarms()).toBe(false);
  world.clock.ms += 6000;
  expect(await world.runAlarms()).toBe(true);
  expect(lake.files).toHaveLength(1);
  expect(world.alarmAt(0)).toBeNull();
});

test("rows or bytes above the threshold are due at once", async () => {
  for (const shard of [{ flushRows: 3 }, { flushBytes: 500 }]) {
    const { world, lake } = await newWorld(EVENTS_TABLE, shard);
    await world.post(Array.from({ length: 4 }, () => ({ event_type: "t".repeat(100) })));
    expect(world.alarmAt(0)).toBe(world.clock.ms);
    await world.runAlarms();
    expect(lake.files.length).toBeGreaterThan(0);
  }
});

test("an alarm is stored while one runs, for a process that dies in it", async () => {
  const { world } = await newWorld();
  await world.post([{ event_id: "a", event_type: "t" }]);
  world.clock.ms += 10_000;
  let during: number | null = null;
  world.onStep = (name) => {
    if (name === "file:before") during = world.alarmAt(0);
  };
  await world.runAlarms();
  expect(during).toBe(world.clock.ms + 30_000);
  expect(world.alarmAt(0)).toBeNull();
});

test("the status tells what waits and what was done", async () => {
  const { world } = await newWorld();
  await world.post([
    { event_id: "a", event_type: "t" },
    { event_id: "a", event_type: "t" },
  ]);
  world.clock.ms += 1500;
  expect(await world.shard(0).status()).toEqual(
    expect.objectContaining({
      table: "default.events",
      pendingRows: 1,
      oldestPendingAgeMs: 1500,
      rowsAccepted: 1,
      rowsDuplicate: 1,
      nextSequence: 2,
      firstRetainedSequence: 1,
      lastError: null,
    }),
  );
  const report = await world.shard(0).flush();
  expect(report).toEqual(expect.objectContaining({ batches: 1, rows: 1, files: 1, watermark: 1, pendingRows: 0 }));
  expect(await world.shard(0).status()).toEqual(
    expect.objectContaining({ pendingRows: 0, pendingBytes: 0, oldestPendingAgeMs: 0, flushes: 1, filesWritten: 1 }),
  );
  expect(await world.shard(0).flush()).toEqual(expect.objectContaining({ batches: 0, rows: 0 }));
});

test("fresh rows come in pages, each once, in order", async () => {
  const { world, lake } = await newWorld(EVENTS_TABLE, { freshPageBytes: 300 });
  const tableUuid = (await lake.loadTable()).metadata["table-uuid"];
  for (let i = 0; i < 9; i++) await world.post([{ event_id: `e${i}`, event_type: "t" }]);
  const first = await world.shard(0).readFresh({ tableUuid, afterSequence: 0 });
  expect(first.hasMore).toBe(true);
  expect(await world.visibleIds()).toEqual(Array.from({ length: 9 }, (_, i) => `e${i}`));
  const rest = await world.shard(0).readFresh({ tableUuid, afterSequence: 8 });
  expect(rest).toEqual(expect.objectContaining({ rowCount: 1, lastSequence: 9, hasMore: false }));
  expect((await world.shard(0).readFresh({ tableUuid, afterSequence: 9 })).rowCount).toBe(0);
});

test("I59 a table made again under a dropped one's name shows none of its waiting rows", async () => {
  const { world, lake } = await newWorld();
  await world.post([{ event_id: "old", event_type: "t" }]);
  lake.replaceTable("uuid-2");
  expect(await world.visibleIds()).toEqual([]);
});

test("C15 a shard accepts nothing more for a table it was told is dropped", async () => {
  const { world, lake } = await newWorld();
  const before = (await lake.loadTable()).metadata["table-uuid"];
  const { deps } = world;
  const stale = await deps.loadTableSchema(EVENTS_TABLE.identifier);
  await world.post([{ event_id: "a", event_type: "t" }]);
  lake.replaceTable("uuid-2");
  await world.shard(0).tableDropped(before);
  // The front door may remember the dropped table's identity for seconds.
  const loaded: boolean[] = [];
  const frontDoor = {
    ...deps,
    loadTableSchema: (identifier: typeof EVENTS_TABLE.identifier, options?: { readonly fresh?: boolean }) => {
      loaded.push(options?.fresh === true);
      return options?.fresh === true ? deps.loadTableSchema(identifier, options) : Promise.resolve(stale);
    },
  };
  const body = new TextEncoder().encode(JSON.stringify([{ event_id: "a", event_type: "t" }]));
  const reply = await ingestEvents(frontDoor, {
    table: EVENTS_TABLE.identifier,
    body,
    contentType: "application/json",
  });
  expect(reply).toEqual(expect.objectContaining({ accepted: 1, duplicates: 0 }));
  expect(loaded).toContain(true);
  await world.shard(0).flush();
  expect(await world.visibleIds()).toEqual(["a"]);
});

test("a table made again in a dropped one's folder never overwrites its files", async () => {
  const { world, lake } = await newWorld();
  const event = { event_id: "a", event_type: "t", timestamp: "2024-01-15T00:00:00Z" };
  await world.post([event]);
  await world.shard(0).flush();
  const { metadata } = await lake.loadTable();
  lake.replaceTable("uuid-2");
  await world.shard(0).tableDropped(metadata["table-uuid"]);
  await world.post([event]);
  await world.shard(0).flush();
  expect(world.written.size).toBe(2);
});
