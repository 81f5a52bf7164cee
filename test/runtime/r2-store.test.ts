// The R2 store against workerd's R2: what the memory store promises must be what R2 does.

import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import { MIN_PART_BYTES, createMemoryStore, createR2Store, type ObjectStore } from "#storage";

const stores: Readonly<Record<string, () => ObjectStore>> = {
  R2: () => createR2Store(env.LAKE),
  memory: () => createMemoryStore(),
};

describe.each(Object.entries(stores))("%s", (_name, create) => {
  let store: ObjectStore;
  let prefix: string;
  let run = 0;

  beforeEach(() => {
    store = create();
    prefix = `test-${run++}/`;
  });

  test("reads back what was put, whole and in ranges clipped to the end", async () => {
    const key = `${prefix}timestamp_day=2024-01-15/a.parquet`;
    await store.put(key, new Uint8Array([1, 2, 3, 4, 5]));
    expect(await store.get(key)).toEqual(new Uint8Array([1, 2, 3, 4, 5]));
    expect(await store.getRange(key, 1, 3)).toEqual(new Uint8Array([2, 3, 4]));
    expect(await store.getRange(key, 3, 100)).toEqual(new Uint8Array([4, 5]));
    expect(await store.getRange(key, 0, 0)).toEqual(new Uint8Array(0));
    expect(await store.head(key)).toMatchObject({ key, sizeBytes: 5 });
  });

  test("a missing key is undefined, not an error", async () => {
    expect(await store.get(`${prefix}none`)).toBeUndefined();
    expect(await store.getRange(`${prefix}none`, 0, 1)).toBeUndefined();
    expect(await store.head(`${prefix}none`)).toBeUndefined();
    await store.delete([`${prefix}none`]);
  });

  test("a conditional put stores only where nothing is", async () => {
    const key = `${prefix}pointer`;
    expect(await store.put(key, new Uint8Array([1]), { ifNoneMatch: "*" })).toMatchObject({ outcome: "stored" });
    expect(await store.put(key, new Uint8Array([2]), { ifNoneMatch: "*" })).toEqual({ outcome: "precondition_failed" });
    expect(await store.get(key)).toEqual(new Uint8Array([1]));
  });

  test("the etag changes with the bytes", async () => {
    const first = await store.put(`${prefix}a`, new Uint8Array([1]));
    const second = await store.put(`${prefix}a`, new Uint8Array([2]));
    expect(first).not.toEqual(second);
  });

  test("a multipart upload is visible only when complete", async () => {
    const key = `${prefix}big`;
    const upload = await store.startMultipart(key);
    await upload.write(new Uint8Array(MIN_PART_BYTES).fill(7));
    await upload.write(new Uint8Array(10).fill(8));
    expect(await store.head(key)).toBeUndefined();
    expect(await upload.complete()).toMatchObject({ key, sizeBytes: MIN_PART_BYTES + 10 });
    expect(await store.getRange(key, MIN_PART_BYTES - 1, 2)).toEqual(new Uint8Array([7, 8]));
  });

  test("an aborted multipart upload leaves nothing", async () => {
    const upload = await store.startMultipart(`${prefix}gone`);
    await upload.write(new Uint8Array(MIN_PART_BYTES));
    await upload.abort();
    expect(await store.head(`${prefix}gone`)).toBeUndefined();
  });

  test("lists a prefix in key order and deletes many", async () => {
    for (const name of ["b", "a", "c/d"]) await store.put(`${prefix}${name}`, new Uint8Array([1]));
    const keys = async (): Promise<string[]> => (await store.list(prefix)).objects.map(({ key }) => key);
    expect(await keys()).toEqual([`${prefix}a`, `${prefix}b`, `${prefix}c/d`]);
    await store.delete([`${prefix}a`, `${prefix}c/d`]);
    expect(await keys()).toEqual([`${prefix}b`]);
  });
});
