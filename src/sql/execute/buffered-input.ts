// Holding a whole input: sorts and the build side of joins. Accounted batch by batch.

import {
  batchByteSize,
  concatBatches,
  constantVector,
  type Batch,
  type ColumnSchema,
  type FlatVector,
} from "#columnar";
import { checkpoint, type ExecutionContext, type MemoryAccount } from "./context.ts";

/** A batch with no rows. */
export function emptyBatch(columns: readonly ColumnSchema[]): Batch {
  return { rowCount: 0, columns: columns.map((column) => constantVector(column.type, null, 0)) };
}

/** Sizes batches, counting a dictionary that several batches share once. */
export class BatchSizer {
  private readonly dictionaries = new Set<FlatVector>();

  /** Bytes the batch adds to those sized before. */
  add(batch: Batch): number {
    let bytes = 0;
    for (const column of batch.columns) {
      if (column.encoding === "dictionary") {
        const known = this.dictionaries.has(column.dictionary);
        this.dictionaries.add(column.dictionary);
        if (known) {
          bytes += column.codes.byteLength + (column.validity?.byteLength ?? 0);
          continue;
        }
      }
      bytes += batchByteSize({ rowCount: batch.rowCount, columns: [column] });
    }
    return bytes;
  }
}

/** What was held of an input. */
export interface HeldInput {
  readonly batches: readonly Batch[];
  /** What was not read, when the rest is too much to hold; else the input is at its end. */
  readonly rest: AsyncIterable<Batch> | undefined;
}

/**
 * Holds an input's batches until `isEnough`. Ownership: who takes a rest reads or ends it. Errors:
 * memory_limit_exceeded.
 */
export async function holdInput(
  input: AsyncIterable<Batch>,
  account: MemoryAccount,
  context: ExecutionContext,
  isEnough: (bytes: number, rowCount: number) => boolean,
): Promise<HeldInput> {
  const batches: Batch[] = [];
  const sizer = new BatchSizer();
  const iterator = input[Symbol.asyncIterator]();
  let bytes = 0;
  let rowCount = 0;
  let isKept = false;
  try {
    for (;;) {
      const { done, value: batch } = await iterator.next();
      if (done === true) return { batches, rest: undefined };
      checkpoint(context);
      if (batch.rowCount === 0) continue;
      batches.push(batch);
      rowCount += batch.rowCount;
      bytes += sizer.add(batch);
      isKept = isEnough(bytes, rowCount);
      account.resize(bytes);
      if (isKept) return { batches, rest: { [Symbol.asyncIterator]: () => iterator } };
    }
  } finally {
    if (!isKept) await iterator.return?.();
  }
}

/** Joins held batches into one. Errors: memory_limit_exceeded. */
export function joinHeld(batches: readonly Batch[], schema: readonly ColumnSchema[], account: MemoryAccount): Batch {
  if (batches.length === 0) return emptyBatch(schema);
  if (batches.length === 1) return concatBatches(batches);
  const sizer = new BatchSizer();
  const bytes = batches.reduce((sum, batch) => sum + sizer.add(batch), 0);
  // While they are joined, the batches and the whole exist side by side.
  account.resize(bytes * 2);
  const joined = concatBatches(batches);
  account.resize(bytes);
  return joined;
}

/** Reads the input to its end and joins it into one batch. Errors: memory_limit_exceeded. */
export async function collectInput(
  input: AsyncIterable<Batch>,
  schema: readonly ColumnSchema[],
  account: MemoryAccount,
  context: ExecutionContext,
): Promise<Batch> {
  const { batches } = await holdInput(input, account, context, () => false);
  return joinHeld(batches, schema, account);
}
