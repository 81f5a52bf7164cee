import * as fc from "fast-check";
import { expect, test } from "vitest";
import { scalarAt, sliceBatch, vectorFromScalars, type Batch } from "#columnar";
import { required } from "#core";
import { sortBatches, type RunStore, type SortLimits } from "../../../src/maintenance/external-sort.ts";
import type { SortKey } from "../../../src/maintenance/sort-rows.ts";

const KEYS: SortKey[] = [
  { column: 0, direction: "asc", nullOrder: "nulls-first" },
  { column: 1, direction: "desc", nullOrder: "nulls-last" },
];

type Row = readonly [string | null, number];

function batchOf(rows: readonly Row[]): Batch {
  return {
    rowCount: rows.length,
    columns: [
      vectorFromScalars(
        { kind: "string" },
        rows.map(([text]) => text),
      ),
      vectorFromScalars(
        { kind: "int32" },
        rows.map(([, value]) => value),
      ),
    ],
  };
}

async function* inBatches(rows: readonly Row[], batchRows: number): AsyncGenerator<Batch> {
  const whole = batchOf(rows);
  for (let start = 0; start < rows.length; start += batchRows) {
    yield sliceBatch(whole, start, Math.min(start + batchRows, rows.length));
  }
}

/** Keeps runs in memory and cuts them into small blocks. */
function createMemoryRuns(blockRows: number): RunStore & { readonly live: Map<number, Batch[]>; spilled: number } {
  const live = new Map<number, Batch[]>();
  return {
    live,
    spilled: 0,
    async write(runId, batches) {
      this.spilled += 1;
      const blocks: Batch[] = [];
      for await (const batch of batches) {
        for (let start = 0; start < batch.rowCount; start += blockRows) {
          blocks.push(sliceBatch(batch, start, Math.min(start + blockRows, batch.rowCount)));
        }
      }
      live.set(runId, blocks);
    },
    async *read(runId) {
      yield* required(live.get(runId), "the run");
    },
    delete(runId) {
      live.delete(runId);
      return Promise.resolve();
    },
  };
}

async function sorted(rows: readonly Row[], runs: RunStore, limits: SortLimits, batchRows: number): Promise<Row[]> {
  const result: Row[] = [];
  for await (const batch of sortBatches(inBatches(rows, batchRows), KEYS, runs, limits)) {
    const [texts, values] = batch.columns;
    for (let row = 0; row < batch.rowCount; row++) {
      result.push([
        scalarAt(required(texts, "texts"), row) as string | null,
        scalarAt(required(values, "values"), row) as number,
      ]);
    }
  }
  return result;
}

function compareRow(a: Row, b: Row): number {
  if (a[0] !== b[0]) {
    if (a[0] === null) return -1;
    if (b[0] === null) return 1;
    return a[0] < b[0] ? -1 : 1;
  }
  return b[1] - a[1];
}

test("I73 any input in any batches, runs and merge rounds comes out as one sorted sequence of the same rows", async () => {
  const row = fc.tuple(fc.option(fc.constantFrom("a", "b", "c", "dd")), fc.integer({ min: 0, max: 9 }));
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { maxLength: 120 }),
      fc.record({ runBytes: fc.constantFrom(1, 200, 1000, 1e9), fanIn: fc.integer({ min: 2, max: 4 }) }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 5 }),
      async (rows, limits, batchRows, blockRows) => {
        const runs = createMemoryRuns(blockRows);
        expect(await sorted(rows, runs, limits, batchRows)).toEqual(rows.toSorted(compareRow));
        expect(runs.live.size).toBe(0);
      },
    ),
    { numRuns: 150 },
  );
});

test("rows that fit one run are sorted without spilling", async () => {
  const runs = createMemoryRuns(4);
  const rows: Row[] = Array.from({ length: 50 }, (_, i) => [String(i % 7), i]);
  await sorted(rows, runs, { runBytes: 1e6, fanIn: 2 }, 10);
  expect(runs.spilled).toBe(0);
});

test("more runs than the fan-in are merged in rounds", async () => {
  const runs = createMemoryRuns(4);
  const rows: Row[] = Array.from({ length: 64 }, (_, i) => [String((i * 37) % 64), i]);
  expect(await sorted(rows, runs, { runBytes: 1, fanIn: 2 }, 8)).toEqual(rows.toSorted(compareRow));
  // Eight runs of eight rows, and six rounds of two before the last two runs stream into the output.
  expect(runs.spilled).toBe(8 + 6);
});
