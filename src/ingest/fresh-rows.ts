// Acknowledged rows for readers: what a query adds to a snapshot so that an accepted event is seen at once.

import { batchToArrowIpc } from "#columnar";
import { schemaToParquetFields } from "#iceberg";
import { decodeRows, rowsToBatch, sliceRows } from "./row-chunk.ts";
import type { FreshRows } from "./shard-protocol.ts";
import type { ShardState, ShardStorage } from "./shard-storage.ts";

/** Reads pages of retained rows; the last page is kept, as every query between two appends asks for the same. */
export interface FreshReader {
  /** Cost: decodes and encodes one page, unless the same page was asked for last. */
  read(state: ShardState, afterSequence: number): FreshRows;
  /** Drops the kept page: rows were deleted or replaced. */
  forget(): void;
}

/** Pages hold whole chunks, at most `pageBytes` of encoded rows and at least one chunk: well below one RPC's 32 MiB. */
export function createFreshReader(storage: ShardStorage, pageBytes: number): FreshReader {
  let kept: { readonly key: string; readonly rows: FreshRows } | undefined;

  return {
    read(state, afterSequence) {
      const from = Math.max(afterSequence + 1, state.firstRetainedSequence);
      const key = `${from}:${state.nextSequence}:${state.schemaId}`;
      if (kept?.key !== key) kept = { key, rows: readPage(storage, state, from, pageBytes) };
      return kept.rows;
    },
    forget() {
      kept = undefined;
    },
  };
}

/** The reply to a reader of a table whose rows the shard does not hold. */
export function noFreshRows({ schemaId }: ShardState, afterSequence: number): FreshRows {
  return {
    firstRetainedSequence: afterSequence + 1,
    lastSequence: afterSequence,
    rowCount: 0,
    ipc: new Uint8Array(0),
    hasMore: false,
    schemaId,
  };
}

/** Chunks looked at for one page. */
const MAX_PAGE_CHUNKS = 100_000;

function readPage(storage: ShardStorage, state: ShardState, from: number, pageBytes: number): FreshRows {
  const { firstRetainedSequence, schemaId } = state;
  if (from >= state.nextSequence) {
    const lastSequence = Math.max(from, state.nextSequence) - 1;
    return { firstRetainedSequence, lastSequence, rowCount: 0, ipc: new Uint8Array(0), hasMore: false, schemaId };
  }
  const extents = storage.chunkExtents(from, MAX_PAGE_CHUNKS);
  let bytes = 0;
  let through = from - 1;
  for (const extent of extents) {
    if (bytes > 0 && bytes + extent.sizeBytes > pageBytes) break;
    bytes += extent.sizeBytes;
    through = extent.firstSequence + extent.rowCount - 1;
  }
  const firstChunk = extents[0]?.firstSequence ?? from;
  const parts = storage.readChunks(firstChunk, through).map((chunk) => {
    const rows = decodeRows(chunk);
    const skip = Math.max(0, from - chunk.firstSequence);
    return skip === 0 ? rows : sliceRows(rows, skip, rows.rowCount);
  });
  const schema = storage.loadSchema(schemaId);
  const batch = rowsToBatch(parts, schema);
  return {
    firstRetainedSequence,
    lastSequence: through,
    rowCount: batch.rowCount,
    ipc: batchToArrowIpc(schemaToParquetFields(schema), [batch]),
    hasMore: through + 1 < state.nextSequence,
    schemaId,
  };
}
