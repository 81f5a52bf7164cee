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

/** Reads the input to its end and joins it into one batch. Errors: memory_limit_exceeded. */
export async function collectInput(
  input: AsyncIterable<Batch>,
  schema: readonly ColumnSchema[],
  account: MemoryAccount,
  context: ExecutionContext,
): Promise<Batch> {
  const batches: Batch[] = [];
  const sizer = new BatchSizer();
  let bytes = 0;
  for await (const batch of input) {
    checkpoint(context);
    if (batch.rowCount === 0) continue;
    batches.push(batch);
    bytes += sizer.add(batch);
    account.resize(bytes);
  }
  if (batches.length === 0) return emptyBatch(schema);
  if (batches.length === 1) return concatBatches(batches);
  // While they are joined, the batches and the whole exist side by side.
  account.resize(bytes * 2);
  const joined = concatBatches(batches);
  account.resize(bytes);
  return joined;
}
