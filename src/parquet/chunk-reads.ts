// Fetching what is needed of one row group's column chunks in few requests.

import { LakeError, concatBytes } from "#core";
import type { FileSlice, ParquetColumnChunk, RangeReader } from "./metadata.ts";
import type { PagePlacement } from "./page-index.ts";
import { joinRows, type RowRange } from "./row-ranges.ts";

/** Unneeded bytes between two needed pieces that are read along rather than paid for with a request, bytes. */
export const COALESCE_GAP_BYTES = 64 * 1024;

interface Run<T extends FileSlice> {
  readonly start: number;
  end: number;
  readonly slices: T[];
}

/** Pieces of a file grouped into runs with gaps of at most {@link COALESCE_GAP_BYTES}, in file order. */
export function coalesceSlices<T extends FileSlice>(slices: Iterable<T>): readonly Run<T>[] {
  const runs: Run<T>[] = [];
  for (const slice of [...slices].toSorted((a, b) => a.offset - b.offset)) {
    const end = slice.offset + slice.length;
    const last = runs.at(-1);
    if (last !== undefined && slice.offset - last.end <= COALESCE_GAP_BYTES) {
      last.end = Math.max(last.end, end);
      last.slices.push(slice);
    } else runs.push({ start: slice.offset, end, slices: [slice] });
  }
  return runs;
}

/**
 * Reads pieces of a file. Cost: one request for each coalesced run, all at once. Ownership: views of the bytes read.
 * Errors: those of the reader; `data_invalid` when it returns too few bytes.
 */
export async function readSlices<T extends FileSlice>(
  reader: RangeReader,
  slices: Iterable<T>,
): Promise<ReadonlyMap<T, Uint8Array>> {
  const bytesBySlice = new Map<T, Uint8Array>();
  await Promise.all(
    coalesceSlices(slices).map(async (run) => {
      const length = run.end - run.start;
      const bytes = length === 0 ? new Uint8Array(0) : await reader.read(run.start, length);
      if (bytes.length !== length) throw new LakeError("data_invalid", "A read returned another number of bytes.");
      for (const slice of run.slices) {
        // Not `subarray`: of a Buffer that would be a Buffer, whose `slice` does not copy.
        const start = bytes.byteOffset + slice.offset - run.start;
        bytesBySlice.set(slice, new Uint8Array(bytes.buffer, start, slice.length));
      }
    }),
  );
  return bytesBySlice;
}

/** What was read of a chunk. */
export interface ChunkBytes {
  /** The whole chunk, or its dictionary page and the wanted data pages one after the other. */
  readonly bytes: Uint8Array;
  /** Rows that the data pages hold, ascending; undefined when they hold all of the row group. */
  readonly rows: readonly RowRange[] | undefined;
}

/** What to read of a chunk. */
export interface ChunkRead {
  readonly chunk: ParquetColumnChunk;
  /** Undefined for all of the chunk. */
  readonly pages: WantedPages | undefined;
}

/** Some of a chunk's data pages. */
export interface WantedPages {
  /** Bytes before the first data page: the dictionary. */
  readonly leadBytes: number;
  /** The pages that are needed, ascending. */
  readonly pages: readonly PagePlacement[];
}

/** Reads chunks or pages of them. Cost and errors: as {@link readSlices}; joining pages copies them. */
export async function readChunks(
  reader: RangeReader,
  reads: Iterable<ChunkRead>,
): Promise<ReadonlyMap<ParquetColumnChunk, ChunkBytes>> {
  const pieces = [...reads].map(({ chunk, pages }) => ({ chunk, pages, slices: slicesOf(chunk, pages) }));
  const bytesBySlice = await readSlices(
    reader,
    pieces.flatMap(({ slices }) => slices),
  );
  const result = new Map<ParquetColumnChunk, ChunkBytes>();
  for (const { chunk, pages, slices } of pieces) {
    const parts = slices.map((slice) => bytesBySlice.get(slice) as Uint8Array);
    const [only] = parts;
    const bytes = parts.length === 1 && only !== undefined ? only : concatBytes(parts);
    result.set(chunk, { bytes, rows: pages === undefined ? undefined : joinRows(pages.pages) });
  }
  return result;
}

/** The chunk's dictionary page, then its needed data pages, neighbours as one piece. */
function slicesOf({ offset, compressedBytes }: ParquetColumnChunk, wanted: WantedPages | undefined): FileSlice[] {
  if (wanted === undefined) return [{ offset, length: compressedBytes }];
  const slices: { offset: number; length: number }[] = [{ offset, length: wanted.leadBytes }];
  for (const page of wanted.pages) {
    const last = slices.at(-1);
    if (last !== undefined && last.offset + last.length === page.offset) last.length += page.length;
    else slices.push({ offset: page.offset, length: page.length });
  }
  return slices.filter(({ length }) => length > 0);
}
