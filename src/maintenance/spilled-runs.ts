// Sorted runs as objects among a job's working files. They live for minutes and are read only by the job that wrote
// them, so the format is chosen for speed: blocks of rows, each a zstd-compressed Arrow IPC stream, back to back.

import { zstdCompress, zstdDecompress } from "#codec";
import { LakeError } from "#core";
import {
  arrowIpcToBatches,
  batchToArrowIpc,
  flattenVector,
  sliceBatch,
  type Batch,
  type ColumnSchema,
  type Vector,
} from "#columnar";
import { createObjectOutput, type ObjectStore } from "#storage";
import type { RunStore } from "./external-sort.ts";

/** Decoded bytes of one block: while merging, two blocks of every run are held. */
const BLOCK_BYTES = 1024 * 1024;
const MIN_BLOCK_ROWS = 512;
const MAX_BLOCK_ROWS = 65_536;

/** Runs are read once: speed counts, not size. */
const FASTEST_LEVEL = 1;

/** workerd counts the capacity that its buffer grows to, up to twice the bytes in it, against the allowed length. */
const SPARE_BYTES = 64 * 1024;

/** Where a block lies in its run's object. */
interface BlockRange {
  readonly offset: number;
  readonly length: number;
  /** Bytes before compression. */
  readonly decodedLength: number;
}

/**
 * Opens a store for one sort's runs; `keyOf` names their objects. The places of blocks are kept in memory: runs
 * cannot be read by another instance.
 *
 * Errors: `storage_unavailable`, also when a run is gone.
 */
export function createSpilledRuns(
  store: ObjectStore,
  columns: readonly ColumnSchema[],
  keyOf: (runId: number) => string,
): RunStore {
  const blocks = new Map<number, readonly BlockRange[]>();

  async function readBlock(runId: number, block: BlockRange): Promise<readonly Batch[]> {
    const { offset, length, decodedLength } = block;
    const bytes = await store.getRange(keyOf(runId), offset, length);
    if (bytes?.length !== length) throw new LakeError("storage_unavailable", "A sorted run could not be read.");
    const decoded = zstdDecompress(bytes, { maxOutputLength: decodedLength * 2 + SPARE_BYTES });
    if (decoded.length !== decodedLength) throw new LakeError("internal", "A block of a sorted run is cut short.");
    return arrowIpcToBatches(decoded, { keepText: true });
  }

  return {
    async write(runId, batches, rowBytes) {
      const blockRows = Math.max(MIN_BLOCK_ROWS, Math.min(MAX_BLOCK_ROWS, Math.floor(BLOCK_BYTES / rowBytes)));
      const object = createObjectOutput(store, keyOf(runId));
      const ranges: BlockRange[] = [];
      let offset = 0;
      try {
        for await (const batch of batches) {
          for (let start = 0; start < batch.rowCount; start += blockRows) {
            const block = sliceBatch(batch, start, Math.min(start + blockRows, batch.rowCount));
            const decoded = encodeBlock(columns, block);
            const bytes = zstdCompress(decoded, FASTEST_LEVEL);
            ranges.push({ offset, length: bytes.length, decodedLength: decoded.length });
            offset += bytes.length;
            await object.write(bytes);
          }
        }
        await object.complete();
      } catch (error) {
        await object.abort();
        throw error;
      }
      blocks.set(runId, ranges);
    },
    async *read(runId) {
      let ahead: Promise<readonly Batch[]> | undefined;
      const ranges = blocks.get(runId) ?? [];
      for (let index = 0; index < ranges.length; index++) {
        const current = ahead ?? readBlock(runId, ranges[index] as BlockRange);
        const next = ranges[index + 1];
        const batches = await current;
        ahead = next === undefined ? undefined : readBlock(runId, next);
        // A failure ahead of its turn is reported when the block is reached.
        ahead?.catch(() => undefined);
        yield* batches;
      }
    },
    async delete(runId) {
      blocks.delete(runId);
      await store.delete([keyOf(runId)]);
    },
  };
}

function encodeBlock(columns: readonly ColumnSchema[], block: Batch): Uint8Array {
  const compact = { rowCount: block.rowCount, columns: block.columns.map(withoutLargeDictionary) };
  return batchToArrowIpc(columns, [compact], { keepDictionaries: true });
}

/** A dictionary belongs to a whole column chunk: written with every block it would outweigh the rows. */
function withoutLargeDictionary(vector: Vector): Vector {
  const isLarge = vector.encoding === "dictionary" && vector.dictionary.length * 4 > vector.length;
  return isLarge ? flattenVector(vector) : vector;
}
