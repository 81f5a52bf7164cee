// The KV shell against the platform's own KV implementation, as local development runs it.

import { afterAll, beforeAll, expect, test } from "vitest";
import { stringToUtf8, utf8ToString } from "#core";
import { createKvStore, createResultCache } from "#cache";
import { getPlatformProxy } from "wrangler";

let platform: Awaited<ReturnType<typeof getPlatformProxy<{ RESULT_CACHE: KVNamespace }>>>;

beforeAll(async () => {
  platform = await getPlatformProxy({ configPath: "./wrangler.toml", environment: "query", persist: false });
}, 30_000);

afterAll(async () => {
  await platform.dispose();
});

test("values come back byte for byte, absent keys are undefined", async () => {
  const kv = createKvStore(platform.env.RESULT_CACHE);
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  await kv.put("k", bytes, { ttlSeconds: 60 });
  expect(await kv.get("k")).toEqual(bytes);
  expect(await kv.get("absent")).toBeUndefined();
});

test("what KV refuses is storage_unavailable: short lives, long keys", async () => {
  const kv = createKvStore(platform.env.RESULT_CACHE);
  const refused = { code: "storage_unavailable" };
  await expect(kv.put("k", new Uint8Array(1), { ttlSeconds: 59 })).rejects.toMatchObject(refused);
  await expect(kv.get("x".repeat(513))).rejects.toMatchObject(refused);
});

test("a result stored by one isolate is found by another", async () => {
  const options = { clock: { nowMs: () => 1000 }, maxMemoryBytes: 1e6, maxMemoryEntryBytes: 1e6 };
  const create = (): ReturnType<typeof createResultCache> =>
    createResultCache({ ...options, shared: createKvStore(platform.env.RESULT_CACHE) });
  const entry = { tables: ["default.t"], asOfMs: 900, meta: { rowCount: 1 }, payload: stringToUtf8("rows") };
  await create().store("result/exact/1", entry, { shared: true, ttlSeconds: 60 });
  const hit = await create().lookup("result/exact/1", true);
  expect([hit?.tier, utf8ToString(hit?.entry.payload as Uint8Array)]).toEqual(["kv", "rows"]);
});
