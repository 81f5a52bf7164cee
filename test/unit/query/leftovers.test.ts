import { expect, test } from "vitest";
import { createCountingStore, createMemoryStore, type ObjectStore } from "#storage";
import { deleteLeftovers } from "../../../src/query/leftovers.ts";

const HOUR_MS = 3_600_000;
const NOW_MS = Date.UTC(2024, 0, 15);

function createBucket(): { readonly store: ObjectStore; put: (key: string, hoursAgo: number) => Promise<unknown> } {
  let ms = 0;
  const store = createMemoryStore({ nowMs: () => ms });
  return {
    store,
    put(key, hoursAgo) {
      ms = NOW_MS - hoursAgo * HOUR_MS;
      return store.put(key, new Uint8Array(1));
    },
  };
}

async function keysOf(store: ObjectStore): Promise<string[]> {
  return (await store.list("")).objects.map(({ key }) => key);
}

test("I404 within sixteen hours all payloads and rows that nothing names any more are gone, and nothing else", async () => {
  const { store, put } = createBucket();
  const kept = ["cache/result/exact/0a/x", "cache/result/loose/fa/x", "spill/young/0", "default/events/data/1.parquet"];
  for (const key of kept) await put(key, key.startsWith("default") ? 1000 : 1);
  for (const digit of "0123456789abcdef") {
    await put(`cache/result/exact/${digit}1/x`, 49);
    await put(`cache/result/loose/${digit}1/x`, 49);
  }
  await put("spill/old/0", 7);
  let deleted = await deleteLeftovers(store, NOW_MS);
  expect(deleted).toBe(3);
  expect(await keysOf(store)).not.toContain("spill/old/0");
  for (let hour = 1; hour < 16; hour++) deleted += await deleteLeftovers(store, NOW_MS + hour * HOUR_MS);
  expect(deleted).toBe(34);
  expect((await keysOf(store)).toSorted()).toEqual(
    // Sixteen hours later rows that were young are old as well.
    kept.filter((key) => !key.startsWith("spill/")).toSorted(),
  );
});

test("I404 an hour costs three lists, its other minutes nothing, and a call deletes a thousand at most", async () => {
  const { store, put } = createBucket();
  for (let index = 0; index < 1100; index++) await put(`spill/old/${index}`, 10);
  const counting = createCountingStore(store);
  expect(await deleteLeftovers(counting, NOW_MS + 60_000)).toBe(0);
  expect(counting.counters.lists).toBe(0);
  expect(await deleteLeftovers(counting, NOW_MS)).toBe(1000);
  expect(await deleteLeftovers(counting, NOW_MS + HOUR_MS)).toBe(100);
  expect(await keysOf(store)).toEqual([]);
});
