// Shared rows: made as far as they are read, kept in memory, put aside where they crowd it.

import { expect, test } from "vitest";
import { vectorFromScalars, type Batch } from "#columnar";
import { createMemoryBudget, type ExecutionContext } from "../../../src/sql/execute/index.ts";
import { createSharedStore, type SharedStore } from "../../../src/sql/execute/shared-rows.ts";
import { createSpillSpace, type SpillStore } from "../../../src/sql/execute/spill/store.ts";
import type { PlanNode, SharedRows } from "../../../src/sql/plan.ts";

const TYPE = { kind: "string" } as const;
const PLAN: PlanNode = { kind: "values", rows: [], columns: [{ name: "a", type: TYPE, nullable: true }] };
const BATCHES = 60;
const ROWS = 500;

const batchOf = (index: number): Batch => {
  const values = Array.from({ length: ROWS }, (_, row) => `${index}-${row}-${"x".repeat(40)}`);
  return { rowCount: ROWS, columns: [vectorFromScalars(TYPE, values)] };
};

interface World {
  readonly store: SharedStore;
  readonly rows: SharedRows;
  readonly made: { batches: number; ended: boolean; starts: number };
  readonly pieces: Map<number, Uint8Array>;
}

function world(memoryBytes: number): World {
  const pieces = new Map<number, Uint8Array>();
  const spillStore: SpillStore = {
    put: (piece, bytes) => Promise.resolve(void pieces.set(piece, bytes.slice())),
    get: (piece) => Promise.resolve(pieces.get(piece) ?? new Uint8Array(0)),
    delete: (list) => Promise.resolve(list.forEach((piece) => void pieces.delete(piece))),
  };
  const made = { batches: 0, ended: false, starts: 0 };
  async function* make(): AsyncGenerator<Batch> {
    made.starts += 1;
    try {
      for (let index = 0; index < BATCHES; index++) {
        made.batches += 1;
        yield await Promise.resolve(batchOf(index));
      }
    } finally {
      made.ended = true;
    }
  }
  const memory = createMemoryBudget(memoryBytes);
  const context: ExecutionContext = {
    statementTimeMicros: 0,
    limits: { open: () => memory.open("expression"), checkTime: () => {} },
    planScan: () => {
      throw new Error("nothing is scanned");
    },
    signal: new AbortController().signal,
    memory,
    spill: createSpillSpace(spillStore),
  };
  const rows: SharedRows = { name: "w", plan: PLAN, isFence: false, readers: 2, wanted: new Set() };
  const store = createSharedStore(() => Promise.resolve({ plan: PLAN, batches: make() }), context);
  return { store, rows, made, pieces };
}

const textOf = (batch: Batch): string => JSON.stringify((batch.columns[0] as { values?: unknown }).values);

async function drain(source: AsyncIterable<Batch>, most = Number.POSITIVE_INFINITY): Promise<string[]> {
  const texts: string[] = [];
  if (most <= 0) return texts;
  for await (const batch of source) {
    texts.push(textOf(batch));
    if (texts.length >= most) break;
  }
  return texts;
}

const ALL = Array.from({ length: BATCHES }, (_, index) => textOf(batchOf(index)));

test("I323 rows are made once, and no further than they are read", async () => {
  const { store, rows, made } = world(1e9);
  expect(await drain(store.read(rows), 3)).toEqual(ALL.slice(0, 3));
  expect(made).toEqual({ batches: 3, ended: false, starts: 1 });
  const [first, second] = await Promise.all([drain(store.read(rows)), drain(store.read(rows))]);
  expect([first, second]).toEqual([ALL, ALL]);
  expect(made).toEqual({ batches: BATCHES, ended: true, starts: 1 });
});

test("I323 what is left half made is ended with the query", async () => {
  const { store, rows, made } = world(1e9);
  await drain(store.read(rows), 1);
  await store.close();
  expect(made.ended).toBe(true);
});

test("I323 rows that crowd the memory are put aside, and a reader on its way goes on where it was", async () => {
  const { store, rows, made, pieces } = world(1_500_000);
  const early = store.read(rows)[Symbol.asyncIterator]();
  const seen = [textOf((await early.next()).value as Batch), textOf((await early.next()).value as Batch)];
  expect(await drain(store.read(rows))).toEqual(ALL);
  expect(pieces.size).toBeGreaterThan(0);
  for (let step = await early.next(); step.done !== true; step = await early.next()) seen.push(textOf(step.value));
  expect(seen).toEqual(ALL);
  expect(await drain(store.read(rows))).toEqual(ALL);
  expect(made.starts).toBe(1);
});
