// Holding a whole input: sorts and the build side of joins. Accounted batch by batch.

import {
  batchByteSize,
  concatVectors,
  constantVector,
  vectorByteSize,
  type Batch,
  type ColumnSchema,
  type FlatVector,
  type Vector,
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
          bytes += ownBytes(column);
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
  readonly batches: Batch[];
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

/**
 * Joins held batches into one, a column at a time. Ownership: takes the batches out of the list, so that only one
 * column exists twice. Errors: memory_limit_exceeded.
 */
export function joinHeld(batches: Batch[], schema: readonly ColumnSchema[], account: MemoryAccount): Batch {
  const [only] = batches;
  if (only === undefined) return emptyBatch(schema);
  if (batches.length === 1) return only;
  const held = batches.splice(0);
  const sizer = new BatchSizer();
  const bytes = held.reduce((sum, batch) => sum + sizer.add(batch), 0);
  const rowCount = held.reduce((sum, batch) => sum + batch.rowCount, 0);
  const parts = schema.map((_, c) => held.flatMap(({ columns }) => columns[c] ?? []));
  held.length = 0;
  const columns = parts.map((vectors) => {
    account.resize(bytes + vectors.reduce((sum, vector) => sum + ownBytes(vector), 0));
    return concatVectors(vectors.splice(0));
  });
  account.resize(bytes);
  return { rowCount, columns };
}

/** Bytes of a vector without the dictionary it may share. */
function ownBytes(vector: Vector): number {
  if (vector.encoding !== "dictionary") return vectorByteSize(vector);
  return vector.codes.byteLength + (vector.validity?.byteLength ?? 0);
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
