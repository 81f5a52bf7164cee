// Reading the data files of a group as one stream of batches in the table's column order.

import { LakeError } from "#core";
import type { Batch } from "#columnar";
import {
  createFileProjection,
  createRowDeletesLoader,
  tableNameMapping,
  type DataFile,
  type IcebergColumn,
  type ScanFile,
  type TableMetadata,
} from "#iceberg";
import { readParquetMetadata, scanParquet, withFieldIds, type ParquetMetadata, type RangeReader } from "#parquet";
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
  readonly metadata: TableMetadata;
  readonly signal?: AbortSignal;
  /** Called with the footer of each file when it is opened. */
  onFile(file: ScanFile, footer: ParquetMetadata): void;
  /** Called when rows were handed on, with what was stored and what of it lives. */
  onRows(rows: number, live: Batch, file: ScanFile): Promise<void> | void;
  /** Called when a file was read to its end. */
  onFileDone(file: ScanFile): Promise<void> | void;
}

/**
 * The live rows of the files, in order, as batches of `columns`, which may name the row lineage columns; what a file
 * lacks comes from its manifest entry or the schema, else it is null.
 *
 * Cost: one request for a small file, else one for the footer and one for each run of adjacent column chunks;
 * memory of one row group, 8 MiB of files fetched ahead and the deletes. Errors: `data_invalid` when a file is gone, is
 * not Parquet, or does not hold the rows its manifest promised; `storage_unavailable`; those of loading deletes.
 */
export async function* readDataFiles(
  deps: InputDeps,
  files: readonly ScanFile[],
  columns: readonly IcebergColumn[],
): AsyncGenerator<Batch> {
  const { metadata } = deps;
  const opened = openAhead(
    deps,
    files.map(({ dataFile }) => dataFile),
  );
  const loader = createRowDeletesLoader(
    { open: (path, sizeBytes) => createRangeReader(deps, path, sizeBytes) },
    metadata,
  );
  const mapping = tableNameMapping(metadata) ?? [];
  for (const file of files) {
    const { dataFile } = file;
    const reader = await opened.take();
    const parquet = withFieldIds(await readParquetMetadata(reader), mapping);
    if (parquet.numRows !== dataFile.recordCount) {
      throw dataInvalid(
        dataFile.filePath,
        `holds ${parquet.numRows} rows where its manifest says ${dataFile.recordCount}`,
      );
    }
    deps.onFile(file, parquet);
    const deletes = await loader.load(file);
    const projection = createFileProjection({ metadata, file, parquet, columns, deletes });
    const scan = scanParquet(reader, parquet, {
      columns: projection.scanColumns,
      keepText: true,
      wideTimestamps: true,
      ...(deps.signal === undefined ? {} : { signal: deps.signal }),
    });
    let rows = 0;
    for await (const scanned of scan) {
      rows += scanned.rowCount;
      const { batch } = projection.project(scanned);
      if (batch.rowCount > 0) yield batch;
      await deps.onRows(scanned.rowCount, batch, file);
    }
    if (rows !== dataFile.recordCount) {
      throw dataInvalid(dataFile.filePath, `gave ${rows} rows where it holds ${dataFile.recordCount}`);
    }
    await deps.onFileDone(file);
  }
}

/** Random access to one file. Errors of its reads: `data_invalid`, `storage_unavailable`. */
export function createRangeReader(
  deps: Pick<InputDeps, "store" | "bucket">,
  location: string,
  sizeBytes: number,
): RangeReader {
  const key = locationToKey(location, deps.bucket);
  return {
    sizeBytes,
    async read(offset, length) {
      const bytes = await deps.store.getRange(key, offset, length);
      if (bytes === undefined) throw dataInvalid(location, "does not exist");
      if (bytes.length !== length) throw dataInvalid(location, "is shorter than its manifest says");
      return bytes;
    },
  };
}

/** A reader over bytes already fetched. */
function createBufferedReader(file: DataFile, bytes: Uint8Array): RangeReader {
  if (bytes.length !== file.fileSizeBytes) throw dataInvalid(file.filePath, "has another size than its manifest says");
  return {
    sizeBytes: bytes.length,
    read(offset, length) {
      if (offset < 0 || offset + length > bytes.length)
        return Promise.reject(dataInvalid(file.filePath, "is cut short"));
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
    if (file.fileSizeBytes > WHOLE_FILE_BYTES) return createRangeReader(deps, file.filePath, file.fileSizeBytes);
    const bytes = await deps.store.get(locationToKey(file.filePath, deps.bucket));
    if (bytes === undefined) throw dataInvalid(file.filePath, "does not exist");
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

function dataInvalid(location: string, what: string): LakeError {
  return new LakeError("data_invalid", `The file ${location} ${what}; nothing was rewritten.`, {
    context: { file: location },
  });
}
