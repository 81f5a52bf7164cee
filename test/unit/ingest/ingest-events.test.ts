import { expect, test } from "vitest";
import { LakeError } from "#core";
import { EVENTS_TABLE, ingestRows, shardCountFor, QUERY_LOGS_TABLE } from "#ingest";
import { createFakeLake, type FakeLake } from "../../support/fake-lake.ts";
import { createIngestWorld, type IngestWorld, type WorldOptions } from "../../support/ingest-world.ts";

async function newWorld(options: Partial<WorldOptions> = {}): Promise<{ world: IngestWorld; lake: FakeLake }> {
  const lake = createFakeLake();
  const world = await createIngestWorld({
    loadTable: () => lake.loadTable(),
    liveFiles: () => Promise.resolve(lake.files),
    ...options,
  });
  return { world, lake };
}

async function errorOf(run: Promise<unknown>): Promise<LakeError> {
  try {
    await run;
  } catch (error) {
    if (error instanceof LakeError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const ids = (reply: { verdicts: readonly { status: string }[] }): string[] =>
  reply.verdicts.map((verdict) => ("event_id" in verdict ? String(verdict.event_id) : "-"));

test("I10 every accepted event is readable as soon as the reply is there", async () => {
  const { world } = await newWorld();
  const reply = await world.post([
    { event_id: "a", event_type: "t" },
    { event_id: "b", event_type: "t", properties: { x: 1 } },
    { event_type: "t" },
  ]);
  expect(reply).toEqual(expect.objectContaining({ accepted: 3, rejected: 0, duplicates: 0, durable: true }));
  expect((await world.visibleIds()).toSorted()).toEqual(ids(reply).toSorted());
});

test("C10 one bad event never loses its neighbours", async () => {
  const { world } = await newWorld();
  const reply = await world.post([
    { event_id: "a", event_type: "t" },
    { event_id: "b" },
    { event_id: "c", event_type: "t" },
    17,
  ]);
  expect(reply.verdicts).toEqual([
    { index: 0, status: "accepted", event_id: "a" },
    expect.objectContaining({ index: 1, status: "rejected", code: "missing_field", pointer: "/1/event_type" }),
    { index: 2, status: "accepted", event_id: "c" },
    expect.objectContaining({ index: 3, status: "rejected", code: "not_an_object", pointer: "/3" }),
  ]);
  expect((await world.visibleIds()).toSorted()).toEqual(["a", "c"]);
});

test("pointers into a single object and into lines have no index", async () => {
  const { world } = await newWorld();
  expect((await world.post({ event_type: 1 })).verdicts[0]).toEqual(
    expect.objectContaining({ index: 0, pointer: "/event_type" }),
  );
  const lines = await world.post('{"event_type":"t"}\n{"event_type":1}\nnope', { contentType: "application/x-ndjson" });
  expect(lines.verdicts.map((verdict) => ("pointer" in verdict ? verdict.pointer : verdict.status))).toEqual([
    "accepted",
    "/event_type",
    "",
  ]);
});

test("I11 an event id is accepted once, within a request and across requests", async () => {
  const { world } = await newWorld();
  const first = await world.post(["a", "b", "a"].map((event_id) => ({ event_id, event_type: "t" })));
  expect(first.verdicts.map((verdict) => verdict.status)).toEqual(["accepted", "accepted", "duplicate"]);
  const second = await world.post(["b", "c"].map((event_id) => ({ event_id, event_type: "t" })));
  expect(second).toEqual(expect.objectContaining({ accepted: 1, duplicates: 1 }));
  expect((await world.visibleIds()).toSorted()).toEqual(["a", "b", "c"]);
});

test("the id we made up is recognised when the event comes back with it", async () => {
  const { world } = await newWorld({ shardCount: 5 });
  const reply = await world.post([{ event_type: "t" }, { event_type: "t" }]);
  const again = await world.post(ids(reply).map((event_id) => ({ event_id, event_type: "t" })));
  expect(again.duplicates).toBe(2);
});

test("events without ids of one request share one shard", async () => {
  const { world } = await newWorld({ shardCount: 4 });
  await world.post(Array.from({ length: 50 }, () => ({ event_type: "t" })));
  const rows = await Promise.all([0, 1, 2, 3].map(async (index) => (await world.shard(index).status()).pendingRows));
  expect(rows.toSorted((a, b) => a - b)).toEqual([0, 0, 0, 50]);
});

test("I12 a repeated Idempotency-Key gets the first reply and stores nothing", async () => {
  const { world } = await newWorld({ shardCount: 3 });
  const events = [{ event_type: "t" }, { event_id: "given", event_type: "t" }, { event_type: 5 }];
  const first = await world.post(events, { idempotencyKey: "k" });
  world.clock.ms += 60_000;
  const second = await world.post(events, { idempotencyKey: "k" });
  expect(second).toEqual(first);
  expect(first).toEqual(expect.objectContaining({ accepted: 2, rejected: 1 }));
  expect(await world.visibleIds()).toHaveLength(2);
});

test("C11 an Idempotency-Key with another body stores nothing, whatever shard its events belong to", async () => {
  const { world } = await newWorld({ shardCount: 7 });
  await world.post([{ event_id: "a", event_type: "t" }], { idempotencyKey: "k" });
  for (let i = 0; i < 20; i++) {
    const error = await errorOf(world.post([{ event_id: `b${i}`, event_type: "t" }], { idempotencyKey: "k" }));
    expect(error.code).toBe("idempotency_key_reused");
  }
  expect(await world.visibleIds()).toEqual(["a"]);
});

test("a key claims its body even when every event was rejected", async () => {
  const { world } = await newWorld();
  await world.post([{}], { idempotencyKey: "k" });
  expect((await errorOf(world.post([{ event_type: "t" }], { idempotencyKey: "k" }))).code).toBe(
    "idempotency_key_reused",
  );
});

test("a key is free again after 24 hours", async () => {
  const { world } = await newWorld();
  await world.post([{ event_type: "t" }], { idempotencyKey: "k" });
  world.clock.ms += 86_400_001;
  expect((await world.post([{ event_type: "other" }], { idempotencyKey: "k" })).accepted).toBe(1);
});

test("bad Idempotency-Keys are refused", async () => {
  const { world } = await newWorld();
  for (const idempotencyKey of ["", "ü", "x".repeat(256)]) {
    expect((await errorOf(world.post([{}], { idempotencyKey }))).code).toBe("invalid_request");
  }
});

test("C12 events without ids are not stored when another shard of the request fails", async () => {
  const { world } = await newWorld({ shardCount: 2 });
  const inner = world.deps.shard;
  const events = [
    ...Array.from({ length: 20 }, (_, i) => ({ event_id: `e${i}`, event_type: "t" })),
    { event_type: "t" },
    { event_type: "t" },
  ];
  const failing = {
    ...world.deps,
    shard: (table: Parameters<typeof inner>[0], index: number) => ({
      append: (request: Parameters<ReturnType<typeof inner>["append"]>[0]) =>
        request.eventIds.every((id) => id.startsWith("e")) && request.eventIds.length > 0
          ? Promise.reject(new LakeError("storage_unavailable", "down"))
          : inner(table, index).append(request),
    }),
  };
  const body = new TextEncoder().encode(JSON.stringify(events));
  const { ingestEvents } = await import("#ingest");
  const error = await errorOf(ingestEvents(failing, { table: EVENTS_TABLE.identifier, body }));
  expect(error.retryable).toBe(true);
  expect((await world.visibleIds()).filter((id) => !id.startsWith("e"))).toEqual([]);
  expect((await world.post(events)).rejected).toBe(0);
  expect(await world.visibleIds()).toHaveLength(22);
});

test("C13 too many unflushed bytes refuse new events and keep the old", async () => {
  const { world } = await newWorld({ shardCount: 1, shard: { maxPendingBytes: 1000 } });
  await world.post([{ event_id: "a", event_type: "t".repeat(2000) }]);
  const error = await errorOf(world.post([{ event_id: "b", event_type: "t" }]));
  expect(error.code).toBe("ingest_overloaded");
  expect(error.details["retry_after_seconds"]).toBeGreaterThan(0);
  expect(await world.visibleIds()).toEqual(["a"]);
});

test("large requests are split below the RPC limit and keep every row", async () => {
  const { world } = await newWorld({ shardCount: 1 });
  const filler = "x".repeat(6000);
  const events = Array.from({ length: 3000 }, (_, i) => ({ event_id: `e${i}`, event_type: "t", user_id: filler }));
  const body = new TextEncoder().encode(events.map((event) => JSON.stringify(event)).join("\n"));
  const { DEFAULT_BODY_LIMITS, ingestEvents } = await import("#ingest");
  const reply = await ingestEvents(
    { ...world.deps, limits: { ...DEFAULT_BODY_LIMITS, bodyBytes: 64 << 20 } },
    { table: EVENTS_TABLE.identifier, body, contentType: "application/x-ndjson", idempotencyKey: "k" },
  );
  expect(reply.accepted).toBe(3000);
  expect(new Set(await world.visibleIds()).size).toBe(3000);
});

test("the query log has one shard and takes rows from inside", async () => {
  expect(shardCountFor(QUERY_LOGS_TABLE.identifier, 8)).toBe(1);
  expect(shardCountFor(EVENTS_TABLE.identifier, 8)).toBe(8);
  const lake = createFakeLake(QUERY_LOGS_TABLE);
  const world = await createIngestWorld({
    shardCount: 1,
    loadTable: () => lake.loadTable(),
    liveFiles: () => Promise.resolve(lake.files),
  });
  const reply = await ingestRows(world.deps, QUERY_LOGS_TABLE.identifier, [
    { query_id: "q1", latency: 1.5, files_total: 3, success: true, tables: ["default.events"] },
  ]);
  expect(reply.accepted).toBe(1);
  expect(await world.visibleIds()).toEqual(["q1"]);
});
