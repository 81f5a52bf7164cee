// Rows that several places of a statement read: made once, as far as the furthest reader has come, and kept; put aside
// where they crowd the memory.

import type { Batch } from "#columnar";
import type { PlanNode, SharedRows } from "../plan.ts";
import { BatchSizer } from "./buffered-input.ts";
import { checkpoint, type ExecutionContext } from "./context.ts";
import { RowSpiller, type SpilledRows } from "./spill/rows.ts";

/** Shared rows of one execution. */
export interface SharedStore {
  /** Streams the rows from the first; may be called for each reader, and again. */
  read(rows: SharedRows): AsyncIterable<Batch>;
  /** The plan that makes the rows, once it runs. */
  planOf(rows: SharedRows): PlanNode | undefined;
  /** Ends what still makes rows. */
  close(): Promise<void>;
}

/** How rows are made. */
export interface Making {
  readonly plan: PlanNode;
  readonly batches: AsyncIterable<Batch>;
}

/** Creates a store; `make` starts the plan of shared rows with all that execution adds to it. */
export function createSharedStore(make: (rows: SharedRows) => Promise<Making>, context: ExecutionContext): SharedStore {
  const kept = new Map<SharedRows, KeptRows>();
  const plans = new Map<SharedRows, PlanNode>();
  async function* making(rows: SharedRows): AsyncGenerator<Batch> {
    const { plan, batches } = await make(rows);
    plans.set(rows, plan);
    yield* batches;
  }
  return {
    read(rows) {
      // Who reads alone needs nothing kept.
      if (rows.readers === 1) return making(rows);
      let known = kept.get(rows);
      if (known === undefined) kept.set(rows, (known = new KeptRows(rows, making(rows), context)));
      return known.read();
    },
    planOf: (rows) => plans.get(rows),
    async close() {
      await Promise.allSettled([...kept.values()].map((rows) => rows.close()));
    },
  };
}

class KeptRows {
  readonly #rows: SharedRows;
  readonly #source: AsyncIterator<Batch>;
  readonly #context: ExecutionContext;
  readonly #account: ReturnType<ExecutionContext["memory"]["open"]>;
  readonly #sizer = new BatchSizer();
  #batches: Batch[] = [];
  #bytes = 0;
  #isComplete = false;
  #spilled: SpilledRows | undefined;
  #pulling: Promise<void> | undefined;

  constructor(rows: SharedRows, source: AsyncIterable<Batch>, context: ExecutionContext) {
    this.#rows = rows;
    this.#source = source[Symbol.asyncIterator]();
    this.#context = context;
    this.#account = context.memory.open(this.#operator);
  }

  get #operator(): string {
    return `shared rows ${this.#rows.name}`.trim();
  }

  async *read(): AsyncGenerator<Batch> {
    for (let at = 0; ; at++) {
      while (this.#spilled === undefined && at >= this.#batches.length && !this.#isComplete) {
        // All readers wait for the same batch; one that failed fails them all.
        this.#pulling ??= this.#pull();
        await this.#pulling;
        this.#pulling = undefined;
      }
      checkpoint(this.#context);
      if (this.#spilled !== undefined) {
        yield* this.#readSpilled(this.#spilled, at);
        return;
      }
      const batch = this.#batches[at];
      if (batch === undefined) return;
      yield batch;
    }
  }

  /** The rows put aside, but for the batches that the reader had before. */
  async *#readSpilled(spilled: SpilledRows, had: number): AsyncGenerator<Batch> {
    let at = 0;
    for await (const batch of spilled.again()) if (at++ >= had) yield batch;
  }

  async #pull(): Promise<void> {
    const step = await this.#source.next();
    if (step.done === true) {
      this.#isComplete = true;
      return;
    }
    if (step.value.rowCount === 0) return;
    this.#batches.push(step.value);
    this.#bytes += this.#sizer.add(step.value);
    if (this.#context.spill !== undefined && this.#account.crowds(this.#bytes)) await this.#putAside();
    else this.#account.resize(this.#bytes);
  }

  async #putAside(): Promise<void> {
    const { spill } = this.#context;
    if (spill === undefined) return;
    const types = this.#rows.plan.columns.map(({ type }) => type);
    const spiller = new RowSpiller(spill, types, this.#operator, this.#context);
    for (const batch of this.#batches) await spiller.add(batch);
    this.#account.resize(0);
    for (;;) {
      checkpoint(this.#context);
      const step = await this.#source.next();
      if (step.done === true) break;
      await spiller.add(step.value);
    }
    this.#spilled = await spiller.finish();
    this.#batches = [];
  }

  async close(): Promise<void> {
    this.#account.close();
    await this.#source.return?.();
  }
}
