// Which answers an invalidation reaches, here and in other isolates.

import * as fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { stringToUtf8 } from "#core";
import {
  createMemoryKeyValueStore,
  createResultCache,
  type CacheEntry,
  type KeyValueStore,
  type ResultCache,
} from "#cache";
import { matchesGlob } from "../../../src/cache/glob.ts";

let nowMs = 0;
const clock = { nowMs: () => nowMs };
const kv = createMemoryKeyValueStore(clock);
const SHARED = { shared: true, ttlSeconds: 3600 };

beforeEach(() => {
  nowMs += 86_400_000 * 3;
});

const create = (): ResultCache =>
  createResultCache({ clock, shared: kv, maxMemoryBytes: 1e6, maxMemoryEntryBytes: 1e6 });

const entry = (tags: readonly string[], text: string): CacheEntry => ({
  tables: ["default.events"],
  asOfMs: nowMs,
  meta: null,
  tags,
  text,
  cost: { bytes: 1000, ms: 20 },
  payload: stringToUtf8("rows"),
});

async function found(cache: ResultCache): Promise<string[]> {
  const hits = await Promise.all(["a", "b", "c"].map(async (key) => [key, await cache.lookup(key, true)] as const));
  return hits.flatMap(([key, hit]) => (hit === undefined ? [] : [key]));
}

async function fill(cache: ResultCache): Promise<void> {
  await cache.store("a", entry(["reports", "eu"], "SELECT count(*) FROM events"), SHARED);
  await cache.store("b", entry(["reports"], "SELECT user_id FROM events WHERE user_id = 'u-1'"), SHARED);
  await cache.store("c", entry([], "SELECT 1"), SHARED);
}

test.each([
  [{ all: true } as const, []],
  [{ table: "default.other" }, ["a", "b", "c"]],
  [{ tag: "reports" }, ["c"]],
  [{ tag: "eu" }, ["b", "c"]],
  [{ pattern: "select * FROM events*" }, ["c"]],
  [{ pattern: "*'u-?'*" }, ["a", "c"]],
  [{ pattern: "events" }, ["a", "b", "c"]],
])("I251 %j leaves %j, at once here and within a minute and a half elsewhere", async (target, left) => {
  const here = create();
  const there = create();
  await fill(here);
  await found(there);
  nowMs += 1000;
  await here.invalidate(target);
  expect(await found(here)).toEqual(left);
  nowMs += 90_000;
  expect(await found(there)).toEqual(left);
  expect(await found(create())).toEqual(left);
});

test("patterns are listed once for the lookups of half a minute", async () => {
  const here = create();
  await fill(here);
  let lists = 0;
  const counting: KeyValueStore = {
    ...kv,
    list(prefix) {
      lists += 1;
      return kv.list(prefix);
    },
  };
  const there = createResultCache({ clock, shared: counting, maxMemoryBytes: 1e6, maxMemoryEntryBytes: 1e6 });
  nowMs += 1000;
  await here.invalidate({ pattern: "select 1" });
  expect(await found(there)).toEqual(["a", "b"]);
  nowMs += 10_000;
  expect(await found(there)).toEqual(["a", "b"]);
  expect(lists).toBe(1);
});

test("I251 an answer made after an invalidation is used", async () => {
  const cache = create();
  await fill(cache);
  nowMs += 1000;
  await cache.invalidate({ pattern: "*" });
  await cache.invalidate({ tag: "reports" });
  nowMs += 1;
  await fill(cache);
  expect(await found(cache)).toEqual(["a", "b", "c"]);
});

test("hits count what their answers cost", async () => {
  const cache = create();
  await fill(cache);
  await cache.lookup("a", true);
  await create().lookup("b", true);
  expect(cache.statistics().saved).toEqual({ bytes: 1000, ms: 20 });
});

test("patterns match as regular expressions of the same meaning do", () => {
  const letters = fc.constantFrom("a", "B", "b", ".", " ");
  const text = fc.array(letters, { maxLength: 8 }).map((parts) => parts.join(""));
  const pattern = fc
    .array(fc.oneof(letters, fc.constantFrom("*", "?")), { maxLength: 6 })
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(pattern, text, (glob, given) => {
      const source = glob.replaceAll(".", "\\.").replaceAll("?", ".").replaceAll("*", ".*");
      expect(matchesGlob(glob, given)).toBe(new RegExp(`^${source}$`, "i").test(given));
    }),
    {
      numRuns: 500,
      examples: [
        ["a*b", "aab"],
        ["*a*a*b", "aaaaaaaa"],
      ],
    },
  );
});
