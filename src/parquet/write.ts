// Writing files: all at once into memory, or row group by row group into a sink.

import { concatBytes, invariant } from "#core";
import { batchByteSize, concatBatches, sliceBatch, type Batch, type FlatVector } from "#columnar";
import { encodeRowGroup, type ParquetWriteOptions } from "./encode-row-group.ts";
import { createFooterMerger } from "./merge-footer.ts";
import type { ParquetField, ParquetMetadata } from "./metadata.ts";
import { writtenFields } from "./written-fields.ts";

/**
 * Twice DuckDB's row group: a column of it is some hundred kilobytes, so that a request to R2 costs less than its bytes.
 * Page indexes keep what is skipped fine-grained, and rows too wide for the memory fill a row group by their bytes.
 */
const ROW_GROUP_ROWS = 262_144;
const ROW_GROUP_BYTES = 32 * 1024 * 1024;

/** A file written row group by row group. */
export interface ParquetWriter {
  /** Takes rows; encodes and sinks every row group that has become full. */
  write(batch: Batch): Promise<void>;
  /** Sinks what is left and the footer. The writer is then spent. */
  close(): Promise<ParquetMetadata>;
  /** Memory held by rows that wait for their row group to fill. */
  readonly bufferedBytes: number;
  /** Bytes given to the sink. */
  readonly writtenBytes: number;
}

/**
 * Writes batches as one Parquet file in memory. Batches have the fields' order; a missing trailing column is null. Fields
 * of type null are not in the file.
 * Errors: as {@link createParquetWriter}.
 */
export function encodeParquet(
  allFields: readonly ParquetField[],
  batches: readonly Batch[],
  options: ParquetWriteOptions = {},
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly metadata: ParquetMetadata } {
  const { fields, narrow } = writtenFields(allFields);
  const merger = mergerFor(fields, options);
  const buffer = createRowBuffer(options);
  const parts: Uint8Array[] = [merger.header];
  let writtenBytes = merger.header.length;
  const flush = (rows: Batch): void => {
    const part = merger.append(encodeRowGroup(fields, narrow(rows), options), writtenBytes);
    parts.push(part);
    writtenBytes += part.length;
  };
  for (const batch of batches) for (const rows of buffer.add(batch)) flush(rows);
  const rest = buffer.takeRest();
  if (rest !== undefined) flush(rest);
  const { bytes, metadata } = merger.finish(writtenBytes);
  return { bytes: concatBytes([...parts, bytes]), metadata };
}

/**
 * Starts a file whose row groups go to `sink` as soon as each is full.
 *
 * Cost: memory of one row group, about five times over while it is encoded. Ownership: the sink may keep its bytes.
 * Errors: `data_invalid` for a null in a required field, `unsupported_operation` for columns without a Parquet type,
 * `numeric_out_of_range` for decimals; and what the sink throws. After an error the file is worthless.
 */
export function createParquetWriter(
  allFields: readonly ParquetField[],
  sink: (bytes: Uint8Array) => Promise<void>,
  options: ParquetWriteOptions = {},
): ParquetWriter {
  const { fields, narrow } = writtenFields(allFields);
  const merger = mergerFor(fields, options);
  const buffer = createRowBuffer(options);
  let writtenBytes = 0;
  let closed = false;

  async function emit(bytes: Uint8Array): Promise<void> {
    writtenBytes += bytes.length;
    await sink(bytes);
  }

  async function flush(rows: Batch): Promise<void> {
    if (writtenBytes === 0) await emit(merger.header);
    await emit(merger.append(encodeRowGroup(fields, narrow(rows), options), writtenBytes));
  }

  return {
    async write(batch) {
      invariant(!closed, "a closed Parquet writer takes no rows");
      for (const rows of buffer.add(batch)) await flush(rows);
    },
    async close() {
      invariant(!closed, "a Parquet writer closes once");
      closed = true;
      const rest = buffer.takeRest();
      if (rest !== undefined) await flush(rest);
      if (writtenBytes === 0) await emit(merger.header);
      const { bytes, metadata } = merger.finish(writtenBytes);
      await emit(bytes);
      return metadata;
    },
    get bufferedBytes() {
      return buffer.bufferedBytes();
    },
    get writtenBytes() {
      return writtenBytes;
    },
  };
}

function mergerFor(
  fields: readonly ParquetField[],
  options: ParquetWriteOptions,
): ReturnType<typeof createFooterMerger> {
  return createFooterMerger(fields, options.keyValueMetadata ?? {}, () =>
    encodeRowGroup(fields, { rowCount: 0, columns: [] }, options),
  );
}

interface RowBuffer {
  /** Adds rows and yields each row group that is full. */
  add(batch: Batch): Generator<Batch>;
  takeRest(): Batch | undefined;
  bufferedBytes(): number;
}

function createRowBuffer(options: ParquetWriteOptions): RowBuffer {
  const maxRows = Math.max(1, Math.floor(options.rowGroupRows ?? ROW_GROUP_ROWS));
  const maxBytes = options.rowGroupBytes ?? ROW_GROUP_BYTES;
  let waiting: Batch[] = [];
  let rows = 0;
  let bytes = 0;
  let counted = new Set<FlatVector>();

  function take(): Batch | undefined {
    if (rows === 0) return undefined;
    const joined = concatBatches(waiting);
    waiting = [];
    rows = 0;
    bytes = 0;
    counted = new Set();
    return joined;
  }

  return {
    *add(batch) {
      let start = 0;
      while (start < batch.rowCount) {
        const end = Math.min(batch.rowCount, start + maxRows - rows);
        const piece = sliceBatch(batch, start, end);
        waiting.push(piece);
        rows += piece.rowCount;
        bytes += batchByteSize(piece, counted);
        start = end;
        if (rows < maxRows && bytes < maxBytes) continue;
        const full = take();
        if (full !== undefined) yield full;
      }
    },
    takeRest: take,
    bufferedBytes: () => bytes,
  };
}
