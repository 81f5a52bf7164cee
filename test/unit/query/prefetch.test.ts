import { expect, test } from "vitest";
import { LakeError } from "#core";
import type { Batch } from "#columnar";
import { mapAhead, prefetchUnits, type ScanUnit } from "../../../src/query/prefetch.ts";

interface Trace {
  open: number;
  maxOpen: number;
  started: number;
  returned: number;
}

function units(count: number, trace: Trace, bytes = 10, failAt = -1): AsyncIterable<ScanUnit> {
  const unit = (index: number): ScanUnit => ({
    estimatedBytes: bytes,
    async *open(): AsyncGenerator<Batch> {
      trace.started += 1;
      trace.open += 1;
      trace.maxOpen = Math.max(trace.maxOpen, trace.open);
      try {
        await new Promise((resolve) => setTimeout(resolve, index % 3));
        if (index === failAt) throw new LakeError("data_invalid", "broken");
        yield { rowCount: index * 10, columns: [] };
        yield { rowCount: index * 10 + 1, columns: [] };
      } finally {
        trace.open -= 1;
        trace.returned += 1;
      }
    },
  });
  return (async function* () {
    for (let i = 0; i < count; i++) {
      await Promise.resolve();
      yield unit(i);
    }
  })();
}

const trace = (): Trace => ({ open: 0, maxOpen: 0, started: 0, returned: 0 });

test("batches come in unit order while several units are read at once, never more than allowed", async () => {
  const seen: number[] = [];
  const noted = trace();
  for await (const batch of prefetchUnits(units(9, noted), { maxUnits: 4, maxBytes: 1e6 })) seen.push(batch.rowCount);
  expect(seen).toEqual(Array.from({ length: 9 }, (_, i) => [i * 10, i * 10 + 1]).flat());
  expect(noted.maxOpen).toBe(4);
  expect(noted.open).toBe(0);
});

test("I58 the bytes read at once are bounded, but one unit is always read", async () => {
  const bounded = trace();
  for await (const _ of prefetchUnits(units(8, bounded), { maxUnits: 6, maxBytes: 20 }));
  expect(bounded.maxOpen).toBe(2);
  const huge = trace();
  for await (const _ of prefetchUnits(units(4, huge, 1e9), { maxUnits: 6, maxBytes: 20 }));
  expect([huge.maxOpen, huge.started]).toEqual([1, 4]);
});

test("leaving early returns every started unit and starts no more", async () => {
  const noted = trace();
  for await (const _ of prefetchUnits(units(50, noted), { maxUnits: 3, maxBytes: 1e6 })) break;
  expect(noted.open).toBe(0);
  expect(noted.started).toBeLessThanOrEqual(4);
  expect(noted.returned).toBe(noted.started);
});

test("a unit's failure comes at its turn, after the batches before it, and closes the rest", async () => {
  const noted = trace();
  const seen: number[] = [];
  const consume = async (): Promise<void> => {
    for await (const { rowCount } of prefetchUnits(units(9, noted, 10, 2), { maxUnits: 4, maxBytes: 1e6 })) {
      seen.push(rowCount);
    }
  };
  await expect(consume()).rejects.toMatchObject({ code: "data_invalid" });
  expect(seen).toEqual([0, 1, 10, 11]);
  expect(noted.open).toBe(0);
});

async function* failingSource(): AsyncGenerator<ScanUnit> {
  yield* units(2, trace());
  throw new LakeError("storage_unavailable", "down");
}

test("a failing source of units ends the iteration with its error", async () => {
  const seen: Batch[] = [];
  const consume = async (): Promise<void> => {
    for await (const batch of prefetchUnits(failingSource(), { maxUnits: 4, maxBytes: 1e6 })) seen.push(batch);
  };
  await expect(consume()).rejects.toMatchObject({ code: "storage_unavailable" });
});

test("mapAhead keeps order and bounds what is under way", async () => {
  let underWay = 0;
  let most = 0;
  const load = async (item: number): Promise<number> => {
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setTimeout(resolve, (7 - item) % 3));
    underWay -= 1;
    return item * 2;
  };
  const results: number[] = [];
  for await (const result of mapAhead([1, 2, 3, 4, 5, 6, 7], 3, load)) results.push(result);
  expect(results).toEqual([2, 4, 6, 8, 10, 12, 14]);
  expect(most).toBe(3);
});
