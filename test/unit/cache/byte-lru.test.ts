import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createByteLru } from "#cache";

test("the least recently used entry goes first", () => {
  const lru = createByteLru<string>(10);
  lru.set("a", "A", 4);
  lru.set("b", "B", 4);
  expect(lru.get("a")).toBe("A");
  lru.set("c", "C", 4);
  expect([lru.get("a"), lru.get("b"), lru.get("c")]).toEqual(["A", undefined, "C"]);
  expect(lru.statistics()).toEqual({ entries: 2, bytes: 8, maxBytes: 10, evictions: 1 });
});

test("a value larger than the bound is not kept and replaces nothing", () => {
  const lru = createByteLru<number>(10);
  lru.set("a", 1, 5);
  lru.set("b", 2, 11);
  lru.set("a", 3, 11);
  expect(lru.statistics()).toMatchObject({ entries: 0, bytes: 0 });
});

test("C60 memory never exceeds its bound, whatever is stored, read and deleted", () => {
  const operation = fc.record({
    kind: fc.constantFrom("set", "get", "delete", "deleteWhere"),
    key: fc.constantFrom("a", "b", "c", "d", "e"),
    size: fc.nat({ max: 60 }),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const lru = createByteLru<number>(100);
      for (const { kind, key, size } of operations) {
        if (kind === "set") lru.set(key, size, size);
        else if (kind === "get") lru.get(key);
        else if (kind === "delete") lru.delete(key);
        else lru.deleteWhere((value) => value === size);
        const kept = ["a", "b", "c", "d", "e"].map((name) => lru.get(name)).filter((value) => value !== undefined);
        expect(lru.statistics().bytes).toBe(kept.reduce((sum, value) => sum + value, 0));
        expect(lru.statistics().bytes).toBeLessThanOrEqual(100);
      }
    }),
  );
});
