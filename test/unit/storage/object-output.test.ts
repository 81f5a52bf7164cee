import * as fc from "fast-check";
import { expect, test } from "vitest";
import { concatBytes, LakeError } from "#core";
import { createMemoryStore, MIN_PART_BYTES } from "#storage";
import { createObjectOutput, createPartBuffer } from "../../../src/storage/object-output.ts";

test("I74 any pushes come out as equal parts and a shorter rest holding the same bytes", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.integer({ min: 1, max: 16 }), (pushes, partBytes) => {
      const buffer = createPartBuffer(partBytes);
      const parts = pushes.flatMap((bytes) => buffer.push(bytes));
      expect(parts.every((part) => part.length === partBytes)).toBe(true);
      expect(buffer.pendingBytes).toBeLessThan(partBytes);
      expect(concatBytes([...parts, buffer.takeRest()])).toEqual(concatBytes(pushes));
    }),
  );
});

test("an object below one part is a plain put, a larger one a multipart upload with equal parts", async () => {
  const store = createMemoryStore();
  for (const sizeBytes of [0, 100, MIN_PART_BYTES, MIN_PART_BYTES * 2 + 17]) {
    const output = createObjectOutput(store, "a", MIN_PART_BYTES);
    const bytes = new Uint8Array(sizeBytes).map((_, i) => i % 251);
    for (let start = 0; start < sizeBytes; start += 1_000_003)
      await output.write(bytes.subarray(start, start + 1_000_003));
    expect(await output.complete()).toBe(sizeBytes);
    expect((await store.get("a"))?.every((byte, i) => byte === bytes[i])).toBe(true);
    expect((await store.head("a"))?.sizeBytes).toBe(sizeBytes);
  }
});

test("nothing is visible before completion, and abort never throws", async () => {
  const store = createMemoryStore();
  const failing = {
    ...store,
    startMultipart: async (key: string) => ({
      ...(await store.startMultipart(key)),
      abort: () => Promise.reject(new LakeError("storage_unavailable", "down")),
    }),
  };
  const output = createObjectOutput(failing, "a", MIN_PART_BYTES);
  await output.write(new Uint8Array(MIN_PART_BYTES + 1));
  await output.abort();
  expect(await store.head("a")).toBeUndefined();
});
