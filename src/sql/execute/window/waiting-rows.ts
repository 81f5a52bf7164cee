// Rows that wait for what is known later: in memory while they are few, put aside when they are not.

import type { Batch, DataType } from "#columnar";
import { BatchSizer } from "../buffered-input.ts";
import type { ExecutionContext, MemoryAccount } from "../context.ts";
import { RowSpiller } from "../spill/rows.ts";

/** A queue of rows that is filled, then emptied, again and again. */
export class WaitingRows {
  readonly #types: readonly DataType[];
  readonly #context: ExecutionContext;
  readonly #account: MemoryAccount;
  #held: Batch[] = [];
  #sizer = new BatchSizer();
  #bytes = 0;
  #aside: RowSpiller | undefined;
  #spilledBytes = 0;

  constructor(types: readonly DataType[], context: ExecutionContext) {
    this.#types = types;
    this.#context = context;
    this.#account = context.memory.open("window");
  }

  /** Bytes of all that was put aside. */
  get spilledBytes(): number {
    return this.#spilledBytes;
  }

  /** Takes rows. Errors: those of the store; `memory_limit_exceeded`. */
  async add(batch: Batch): Promise<void> {
    if (batch.rowCount === 0) return;
    if (this.#aside !== undefined) return this.#aside.add(batch);
    this.#held.push(batch);
    this.#bytes += this.#sizer.add(batch);
    const { spill } = this.#context;
    if (spill === undefined || !this.#account.crowds(this.#bytes)) {
      this.#account.resize(this.#bytes);
      return;
    }
    this.#aside = new RowSpiller(spill, this.#types, "window", this.#context);
    for (const held of this.#held.splice(0)) await this.#aside.add(held);
    this.#forget();
  }

  /** Gives all rows in their order; the queue is empty then. */
  async *drain(): AsyncGenerator<Batch> {
    const aside = this.#aside;
    if (aside === undefined) {
      yield* this.#held.splice(0);
      this.#forget();
      return;
    }
    this.#aside = undefined;
    const rows = await aside.finish();
    this.#spilledBytes += rows.bytes;
    yield* rows.read();
  }

  #forget(): void {
    this.#sizer = new BatchSizer();
    this.#bytes = 0;
    this.#account.resize(0);
  }

  close(): void {
    this.#aside?.close();
    this.#account.close();
  }
}
