// Fetching the column chunks of one row group in few requests.

import { LakeError } from "#core";
import type { ParquetColumnChunk, RangeReader } from "./metadata.ts";

/** Unneeded bytes between two needed chunks that are read along rather than paid for with a request, bytes. */
export const COALESCE_GAP_BYTES = 64 * 1024;

interface Range {
  readonly start: number;
  end: number;
  readonly chunks: ParquetColumnChunk[];
}

/** Chunks grouped into ranges with gaps of at most {@link COALESCE_GAP_BYTES}, in file order. */
export function coalesceChunks(chunks: readonly ParquetColumnChunk[]): readonly Range[] {
  const ranges: Range[] = [];
  for (const chunk of chunks.toSorted((a, b) => a.offset - b.offset)) {
    const end = chunk.offset + chunk.compressedBytes;
    const last = ranges.at(-1);
    if (last !== undefined && chunk.offset - last.end <= COALESCE_GAP_BYTES) {
      last.end = Math.max(last.end, end);
      last.chunks.push(chunk);
    } else ranges.push({ start: chunk.offset, end, chunks: [chunk] });
  }
  return ranges;
}

/**
 * Reads chunks. Cost: one request for each coalesced range, all at once. Ownership: views of the bytes read.
 * Errors: those of the reader; `data_invalid` when it returns too few bytes.
 */
export async function readChunks(
  reader: RangeReader,
  chunks: readonly ParquetColumnChunk[],
): Promise<ReadonlyMap<ParquetColumnChunk, Uint8Array>> {
  const bytesByChunk = new Map<ParquetColumnChunk, Uint8Array>();
  await Promise.all(
    coalesceChunks(chunks).map(async (range) => {
      const length = range.end - range.start;
      const bytes = length === 0 ? new Uint8Array(0) : await reader.read(range.start, length);
      if (bytes.length !== length) throw new LakeError("data_invalid", "A read returned another number of bytes.");
      for (const chunk of range.chunks) {
        // Not `subarray`: of a Buffer that would be a Buffer, whose `slice` does not copy.
        const start = bytes.byteOffset + chunk.offset - range.start;
        bytesByChunk.set(chunk, new Uint8Array(bytes.buffer, start, chunk.compressedBytes));
      }
    }),
  );
  return bytesByChunk;
}
