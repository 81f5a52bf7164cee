// A query's rows as bytes of its format, within its limits, while they are computed.

import { concatBytes } from "#core";
import type { Batch, ColumnSchema } from "#columnar";
import { createResultEncoder, type ResultFormat } from "./encode-result.ts";
import { resultTooLarge, tooManyRows, type QueryLimits } from "./request.ts";

/** What is counted while the pieces are read. */
export interface ResultCounts {
  rows: number;
  bytes: number;
  /** Time the encoder took, milliseconds. */
  encodeMs: number;
}

/** What makes pieces of rows. */
export interface PieceOptions {
  readonly format: ResultFormat;
  readonly columns: readonly ColumnSchema[];
  readonly limits: Pick<QueryLimits, "maxRows" | "maxResultBytes">;
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
  readonly counts: ResultCounts;
}

/**
 * Encodes batches as they come. Ending it early ends the batches.
 *
 * Errors: `rows_limit_exceeded`; those of the batches; the signal's reason.
 */
export async function* encodePieces(
  batches: AsyncIterable<Batch>,
  { format, columns, limits, signal, nowMs, counts }: PieceOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let made: Uint8Array<ArrayBuffer>[] = [];
  const encoder = createResultEncoder(format, columns, (bytes) => {
    counts.bytes += bytes.length;
    if (counts.bytes > limits.maxResultBytes) throw resultTooLarge(limits.maxResultBytes);
    made.push(bytes);
  });
  for await (const batch of batches) {
    signal.throwIfAborted();
    counts.rows += batch.rowCount;
    if (counts.rows > limits.maxRows) throw tooManyRows(limits.maxRows);
    const startMs = nowMs();
    await encoder.add(batch);
    counts.encodeMs += nowMs() - startMs;
    if (made.length === 0) continue;
    const ready = made;
    made = [];
    yield* ready;
  }
  const startMs = nowMs();
  await encoder.finish();
  counts.encodeMs += nowMs() - startMs;
  yield* made;
}

/** The start of a result: all of it, or its first pieces. */
export type ResultStart =
  | { readonly isWhole: true; readonly payload: Uint8Array<ArrayBuffer> }
  | { readonly isWhole: false; readonly pieces: Uint8Array<ArrayBuffer>[] };

/** Reads until the end, or until more than `maxBytes` are there. */
export async function readStart(
  pieces: AsyncGenerator<Uint8Array<ArrayBuffer>>,
  maxBytes: number,
): Promise<ResultStart> {
  const first: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for (;;) {
    const { done, value } = await pieces.next();
    if (done === true) return { isWhole: true, payload: concatBytes(first) };
    first.push(value);
    bytes += value.length;
    if (bytes > maxBytes) return { isWhole: false, pieces: first };
  }
}
