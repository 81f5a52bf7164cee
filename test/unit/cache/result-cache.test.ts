import { beforeEach, expect, test } from "vitest";
import { LakeError, stringToUtf8, utf8ToString } from "#core";
import {
  createMemoryKeyValueStore,
  createResultCache,
  exactCacheKey,
  looseCacheKey,
  type CacheEntry,
  type KeyValueStore,
  type ResultCache,
} from "#cache";

let nowMs = 0;
const clock = { nowMs: () => nowMs };

beforeEach(() => {
  nowMs = 1_700_000_000_000;
});

function create(shared: KeyValueStore | undefined, maxMemoryEntryBytes = 1e6): ResultCache {
  return createResultCache({ clock, shared, maxMemoryBytes: 1e6, maxMemoryEntryBytes });
}

function entry(text: string, tables: readonly string[] = ["default.events"]): CacheEntry {
  return { tables, asOfMs: nowMs, meta: { rows: text.length }, payload: stringToUtf8(text) };
}

const SHARED = { shared: true, ttlSeconds: 3600 };

test("an entry is found in memory, and from another isolate in the shared tier, whole", async () => {
  const kv = createMemoryKeyValueStore(clock);
  const here = create(kv);
  const there = create(kv);
  await here.store("k", entry("hello ".repeat(1000)), SHARED);
  const near = await here.lookup("k", true);
  const far = await there.lookup("k", true);
  expect(near?.tier).toBe("memory");
  expect(far?.tier).toBe("kv");
  expect(far?.entry).toEqual(near?.entry);
  expect(utf8ToString(far?.entry.payload as Uint8Array)).toBe("hello ".repeat(1000));
  expect((await there.lookup("k", true))?.tier).toBe("memory");
  expect(there.statistics()).toMatchObject({ memory: { hits: 1, entries: 1 }, kv: { hits: 1, reads: 1 }, misses: 0 });
  expect(here.statistics().kv.bytes_written).toBeLessThan(1000);
});

test("I60 an answer under a loose key is never older than asked for, in either tier", async () => {
  const kv = createMemoryKeyValueStore(clock);
  const here = create(kv);
  await here.store("k", entry("x"), SHARED);
  nowMs += 10_000;
  for (const cache of [here, create(kv)]) {
    expect(await cache.lookupWithin("k", 9_999, true)).toBeUndefined();
    expect((await cache.lookupWithin("k", 10_000, true))?.entry.asOfMs).toBe(nowMs - 10_000);
  }
});

test("a lookup that leaves the shared tier out makes no request there", async () => {
  const kv = createMemoryKeyValueStore(clock);
  await create(kv).store("k", entry("x"), SHARED);
  const cache = create(kv);
  expect(await cache.lookup("k", false)).toBeUndefined();
  expect(cache.statistics().kv.reads).toBe(0);
});

test("an entry too large for memory lives in the shared tier only", async () => {
  const kv = createMemoryKeyValueStore(clock);
  const cache = create(kv, 2000);
  await cache.store("big", entry("x".repeat(5000)), SHARED);
  expect((await cache.lookup("big", true))?.tier).toBe("kv");
  expect((await cache.lookup("big", true))?.tier).toBe("kv");
});

test("an entry over the shared tier's value limit is not written there", async () => {
  const kv = createMemoryKeyValueStore(clock);
  const cache = create(kv);
  const payload = crypto.getRandomValues(new Uint8Array(65_536));
  const incompressible = new Uint8Array(26 * 1024 * 1024);
  for (let offset = 0; offset < incompressible.length; offset += payload.length) {
    crypto.getRandomValues(incompressible.subarray(offset, offset + payload.length));
  }
  await cache.store("huge", { ...entry(""), payload: incompressible }, SHARED);
  expect(cache.statistics().kv).toMatchObject({ writes: 0, skipped_too_large: 1, errors: 0 });
  expect(await cache.lookup("huge", true)).toBeUndefined();
});

test("C61 a shared tier that fails or holds foreign bytes is a miss, never an error", async () => {
  const broken: KeyValueStore = {
    get: () => Promise.reject(new LakeError("storage_unavailable", "down")),
    put: () => Promise.reject(new LakeError("storage_unavailable", "down")),
    delete: () => Promise.reject(new LakeError("storage_unavailable", "down")),
    async *list() {
      yield await Promise.reject(new LakeError("storage_unavailable", "down"));
    },
  };
  const cache = create(broken);
  expect(await cache.lookup("k", true)).toBeUndefined();
  await cache.store("k", entry("x"), SHARED);
  expect((await cache.lookup("k", true))?.tier).toBe("memory");
  expect(cache.statistics().kv.errors).toBe(2);

  const kv = createMemoryKeyValueStore(clock);
  const good = create(kv);
  await good.store("k", entry("x".repeat(500)), SHARED);
  const bytes = (await kv.get("k")) as Uint8Array;
  for (const damaged of [bytes.subarray(0, 20), bytes.subarray(0, -9), stringToUtf8("FRC1"), stringToUtf8("foreign")]) {
    await kv.put("k", damaged, { ttlSeconds: 60 });
    expect(await create(kv).lookup("k", true)).toBeUndefined();
  }
});

test("invalidating a table drops its answers here at once and elsewhere when the mark is seen", async () => {
  const kv = createMemoryKeyValueStore(clock);
  const here = create(kv);
  const there = create(kv);
  await here.store("events", entry("e"), SHARED);
  await here.store("both", entry("b", ["default.events", "system.query_logs"]), SHARED);
  await here.store("logs", entry("l", ["system.query_logs"]), SHARED);
  expect((await there.lookup("events", true))?.tier).toBe("kv");
  nowMs += 1;
  await here.invalidate({ table: "default.events" });
  expect(await here.lookup("events", true)).toBeUndefined();
  expect(await here.lookup("both", true)).toBeUndefined();
  expect(await here.lookup("logs", true)).toBeDefined();
  nowMs += 30_000;
  expect(await there.lookup("events", true)).toBeUndefined();
  expect(await there.lookup("logs", true)).toBeDefined();
  await here.store("events", entry("fresh"), SHARED);
  expect(utf8ToString((await there.lookup("events", true))?.entry.payload as Uint8Array)).toBe("fresh");
});

test("invalidating everything leaves nothing usable", async () => {
  const kv = createMemoryKeyValueStore(clock);
  const cache = create(kv);
  await cache.store("a", entry("a"), SHARED);
  await cache.store("none", entry("n", []), SHARED);
  nowMs += 1;
  await cache.invalidate({ all: true });
  expect(await cache.lookup("a", true)).toBeUndefined();
  expect(await cache.lookup("none", true)).toBeUndefined();
  expect(cache.statistics().memory.entries).toBe(0);
});

test("a shared entry expires; lives below KV's minimum are raised to it", async () => {
  const kv = createMemoryKeyValueStore(clock);
  await create(kv).store("k", entry("x"), { shared: true, ttlSeconds: 1 });
  nowMs += 59_000;
  expect(await create(kv).lookup("k", true)).toBeDefined();
  nowMs += 1_000;
  expect(await create(kv).lookup("k", true)).toBeUndefined();
});

test("every part of an exact key matters, and a loose key ignores only surrounding space", async () => {
  const parts = { planText: "p", params: [1], scanIdentity: "s", format: "json" };
  const variants = [
    parts,
    { ...parts, planText: "q" },
    { ...parts, params: ["1"] },
    { ...parts, params: [1, null] },
    { ...parts, params: [2n ** 60n] },
    { ...parts, scanIdentity: "t" },
    { ...parts, format: "csv" },
  ];
  const keys = await Promise.all(variants.map(exactCacheKey));
  expect(new Set(keys).size).toBe(variants.length);
  expect(await exactCacheKey({ ...parts })).toBe(keys[0]);
  const question = { sql: "SELECT 'a'", params: [], format: "json", tags: ["x", "y"] };
  const key = await looseCacheKey(question);
  expect(await looseCacheKey({ ...question, sql: " SELECT 'a'\n", tags: ["y", "x"] })).toBe(key);
  expect(await looseCacheKey({ ...question, sql: "SELECT 'A'" })).not.toBe(key);
  expect(await looseCacheKey({ ...question, tags: ["x"] })).not.toBe(key);
});
