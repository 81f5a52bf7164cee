// Reading the data files of a group as one stream of batches in the table's column order.

import { LakeError } from "#core";
import type { Batch } from "#columnar";
import type { DataFile, IcebergColumn } from "#iceberg";
import { readParquetMetadata, scanParquet, type ParquetMetadata, type RangeReader } from "#parquet";
import { locationToKey, type ObjectStore } from "#storage";

/** Files up to this size are fetched whole with one request. */
const WHOLE_FILE_BYTES = 4 * 1024 * 1024;

/** Small files fetched ahead of the one being read: R2 answers in tens of milliseconds, decoding is faster. */
const READ_AHEAD_FILES = 4;
const READ_AHEAD_BYTES = 8 * 1024 * 1024;

/** What reading needs and tells. */
export interface InputDeps {
  readonly store: ObjectStore;
  readonly bucket: string;
  readonly signal?: AbortSignal;
  /** Called with the footer of each file when it is opened. */
  onFile(file: DataFile, metadata: ParquetMetadata): void;
  /** Called when rows were handed on. */
  onRows(rows: number): Promise<void> | void;
  /** Called when a file was read to its end. */
  onFileDone(file: DataFile): Promise<void> | void;
}

/**
 * The rows of the files, in order, as batches of `columns`; columns a file lacks are null.
 *
 * Cost: one request for a small file, else one for the footer and one for each run of adjacent column chunks;
 * memory of one row group plus 8 MiB of files fetched ahead. Errors: `data_invalid` when a file is gone, is not
 * Parquet, or does not hold the rows its manifest promised; `storage_unavailable`.
 */
export async function* readDataFiles(
  deps: InputDeps,
  files: readonly DataFile[],
  columns: readonly IcebergColumn[],
): AsyncGenerator<Batch> {
  const opened = openAhead(deps, files);
  for (const file of files) {
    const reader = await opened.take();
    const metadata = await readParquetMetadata(reader);
    if (metadata.numRows !== file.recordCount) {
      throw dataInvalid(file, `holds ${metadata.numRows} rows where its manifest says ${file.recordCount}`);
    }
    deps.onFile(file, metadata);
    const scan = scanParquet(reader, metadata, {
      columns: columns.map(({ fieldId, type }) => ({ fieldId, type })),
      keepText: true,
      wideTimestamps: true,
      ...(deps.signal === undefined ? {} : { signal: deps.signal }),
    });
    let rows = 0;
    for await (const batch of scan) {
      rows += batch.rowCount;
      yield batch;
      await deps.onRows(batch.rowCount);
    }
    if (rows !== file.recordCount) throw dataInvalid(file, `gave ${rows} rows where it holds ${file.recordCount}`);
    await deps.onFileDone(file);
  }
}

/** Random access to one data file. Errors of its reads: `data_invalid`, `storage_unavailable`. */
export function createRangeReader(deps: Pick<InputDeps, "store" | "bucket">, file: DataFile): RangeReader {
  const key = locationToKey(file.filePath, deps.bucket);
  return {
    sizeBytes: file.fileSizeBytes,
    async read(offset, length) {
      const bytes = await deps.store.getRange(key, offset, length);
      if (bytes === undefined) throw dataInvalid(file, "does not exist");
      if (bytes.length !== length) throw dataInvalid(file, "is shorter than its manifest says");
      return bytes;
    },
  };
}

/** A reader over bytes already fetched. */
function createBufferedReader(file: DataFile, bytes: Uint8Array): RangeReader {
  if (bytes.length !== file.fileSizeBytes) throw dataInvalid(file, "has another size than its manifest says");
  return {
    sizeBytes: bytes.length,
    read(offset, length) {
      if (offset < 0 || offset + length > bytes.length) return Promise.reject(dataInvalid(file, "is cut short"));
      return Promise.resolve(bytes.subarray(offset, offset + length));
    },
  };
}

/** Hands out readers in file order while fetching small files ahead. */
function openAhead(deps: InputDeps, files: readonly DataFile[]): { take(): Promise<RangeReader> } {
  const waiting: { readonly reader: Promise<RangeReader>; readonly bytes: number }[] = [];
  let next = 0;
  let heldBytes = 0;

  async function open(file: DataFile): Promise<RangeReader> {
    if (file.fileSizeBytes > WHOLE_FILE_BYTES) return createRangeReader(deps, file);
    const bytes = await deps.store.get(locationToKey(file.filePath, deps.bucket));
    if (bytes === undefined) throw dataInvalid(file, "does not exist");
    return createBufferedReader(file, bytes);
  }

  function fill(): void {
    for (let file = files[next]; file !== undefined; file = files[next]) {
      const bytes = file.fileSizeBytes > WHOLE_FILE_BYTES ? 0 : file.fileSizeBytes;
      if (waiting.length > 0 && (waiting.length >= READ_AHEAD_FILES || heldBytes + bytes > READ_AHEAD_BYTES)) return;
      const reader = open(file);
      // A failure ahead of its turn is reported when the file is taken.
      reader.catch(() => undefined);
      waiting.push({ reader, bytes });
      heldBytes += bytes;
      next += 1;
    }
  }

  return {
    async take() {
      fill();
      const first = waiting.shift();
      if (first === undefined) throw new RangeError("no file is left to open");
      heldBytes -= first.bytes;
      fill();
      return first.reader;
    },
  };
}

function dataInvalid(file: DataFile, what: string): LakeError {
  return new LakeError("data_invalid", `The data file ${file.filePath} ${what}; nothing was rewritten.`, {
    context: { file: file.filePath },
  });
}
