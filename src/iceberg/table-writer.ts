// Writing rows as data files of a table: divided by partition, cut at the target size, encoded as its properties ask.

import { required, type RandomSource } from "#core";
import { batchByteSize, gatherBatch, sliceBatch, type Batch, type Scalar } from "#columnar";
import { createParquetWriter, type ParquetMetadata, type ParquetWriteOptions, type ParquetWriter } from "#parquet";
import { createObjectOutput, locationToKey, type ObjectOutput, type ObjectStore } from "#storage";
import { dataFileFromParquet } from "./data-file-metrics.ts";
import type { DataFile } from "./data-file.ts";
import { newDataFileLocation, splitByPartition } from "./partition-batch.ts";
import { LINEAGE_COLUMNS } from "./row-lineage.ts";
import { toStoredBatch } from "./stored-values.ts";
import { currentSchema, defaultSpec, schemaById, specById, type TableMetadata } from "./table-metadata.ts";
import { tableWriteOptions, targetFileBytes } from "./table-writer-options.ts";
import type { Table } from "./table.ts";
import { schemaToParquetFields } from "./type-conversion.ts";

/** What writing needs. */
export interface TableWriterDeps {
  readonly store: ObjectStore;
  readonly bucket: string;
  readonly random: RandomSource;
}

/** How to write. */
export interface TableWriterOptions {
  /** The order the rows come in, when it is one of the table's. */
  readonly sortOrderId?: number;
  /** Default: the table's `write.target-file-size-bytes`, else 128 MiB. */
  readonly targetFileBytes?: number;
  /** A file is also closed at this many rows. */
  readonly rowsPerFile?: number;
  /** Encoded bytes a row is likely to take, when it is known from other files. */
  readonly rowBytes?: number;
  /** Batches have `_row_id` and `_last_updated_sequence_number` after the schema's columns; null inherits. */
  readonly rowLineage?: boolean;
  /** Default: the current schema and the default spec. */
  readonly schemaId?: number;
  readonly specId?: number;
  /**
   * Partitions written at once, each with a row group in the making; default 16. With 1 the rows of a partition have
   * to come together, or it gets many small files.
   */
  readonly openFiles?: number;
  /** Names of the files, distinct; default one random stem with a number. */
  readonly fileName?: (index: number) => string;
  /** Called before the first byte of a file is stored. */
  readonly onStart?: (index: number, location: string) => Promise<void>;
  /** Called when a file is complete. */
  readonly onFile?: (file: DataFile, metadata: ParquetMetadata) => void;
}

/** Writes rows; nothing is in the table until its files are committed. */
export interface TableWriter {
  /**
   * Takes rows in the schema's column order, each column in SQL's form or that of files. Errors: those of the store, of
   * the Parquet writer and of converting; the writer is then only good for {@link abort}.
   */
  write(batch: Batch): Promise<void>;
  /** Completes the open files and returns all files. */
  close(): Promise<readonly DataFile[]>;
  /** Deletes everything written; nothing may have been committed. Never throws: leftovers fall to orphan removal. */
  abort(): Promise<void>;
}

interface OpenFile {
  readonly path: string;
  readonly partition: readonly Scalar[];
  readonly location: string;
  readonly object: ObjectOutput;
  readonly writer: ParquetWriter;
  rows: number;
  /** Their size before encoding. */
  decodedBytes: number;
}

const DEFAULT_OPEN_FILES = 16;

/**
 * Memory that rows waiting for their row groups and bytes waiting for their parts may take over all open files; beyond
 * it the file that holds most is closed, however small.
 */
const MAX_HELD_BYTES = 24 * 1024 * 1024;

/** Encoded size of rows as a share of their decoded size, until a file has shown it. */
const ASSUMED_COMPRESSION = 0.3;

/** Rows between looks at a file's size; fewer where a row group or file takes fewer. */
const MAX_STEP_ROWS = 8192;
const MIN_STEP_ROWS = 64;

/** Starts writing. Cost: {@link MAX_HELD_BYTES} and one row group in the encoder. */
export function createTableWriter(
  deps: TableWriterDeps,
  target: Table | TableMetadata,
  options: TableWriterOptions = {},
): TableWriter {
  const metadata = "metadata" in target ? target.metadata : target;
  const schema = options.schemaId === undefined ? currentSchema(metadata) : schemaById(metadata, options.schemaId);
  const spec = options.specId === undefined ? defaultSpec(metadata) : specById(metadata, options.specId);
  const columns = [...schemaToParquetFields(schema), ...(options.rowLineage === true ? LINEAGE_COLUMNS : [])];
  const parquetOptions: ParquetWriteOptions = tableWriteOptions(metadata.properties, schema);
  const targetBytes = options.targetFileBytes ?? targetFileBytes(metadata.properties);
  const rowsPerFile = options.rowsPerFile ?? Number.POSITIVE_INFINITY;
  const maxOpen = Math.max(1, options.openFiles ?? DEFAULT_OPEN_FILES);
  const stem = deps.random.uuid();
  const fileName = options.fileName ?? ((index: number) => `${String(index).padStart(5, "0")}-${stem}.parquet`);

  /** Least recently written first. */
  const open = new Map<string, OpenFile>();
  let compression: number | undefined;
  const files: DataFile[] = [];
  const started: string[] = [];

  async function start(path: string, partition: readonly Scalar[]): Promise<OpenFile> {
    const index = started.length;
    const location = newDataFileLocation(metadata, fileName(index), path);
    started.push(location);
    await options.onStart?.(index, location);
    const object = createObjectOutput(deps.store, locationToKey(location, deps.bucket));
    const writer = createParquetWriter(columns, (bytes) => object.write(bytes), parquetOptions);
    return { path, partition, location, object, writer, rows: 0, decodedBytes: 0 };
  }

  async function finish(file: OpenFile): Promise<void> {
    const parquet = await file.writer.close();
    const fileSizeBytes = await file.object.complete();
    open.delete(file.path);
    if (file.decodedBytes > 0) compression = fileSizeBytes / file.decodedBytes;
    const dataFile = dataFileFromParquet({
      metadata: parquet,
      location: file.location,
      fileSizeBytes,
      schema,
      spec,
      partition: file.partition,
      properties: metadata.properties,
      ...(options.sortOrderId === undefined ? {} : { sortOrderId: options.sortOrderId }),
    });
    files.push(dataFile);
    options.onFile?.(dataFile, parquet);
  }

  /** The partition's open file, now the most recently written. */
  async function fileOf(path: string, partition: readonly Scalar[]): Promise<OpenFile> {
    const known = open.get(path);
    if (known !== undefined) {
      open.delete(path);
      open.set(path, known);
      return known;
    }
    while (open.size >= maxOpen) await finish(required([...open.values()][0], "an open file"));
    const file = await start(path, partition);
    open.set(path, file);
    return file;
  }

  /** Encoded bytes a file would have if it were closed now. */
  function expectedBytes({ writer }: OpenFile): number {
    return writer.writtenBytes + writer.bufferedBytes * (compression ?? ASSUMED_COMPRESSION);
  }

  async function writeToPartition(batch: Batch, path: string, partition: readonly Scalar[]): Promise<void> {
    const rowBytes = Math.max(1, batchByteSize(batch) / batch.rowCount);
    compression ??= options.rowBytes === undefined ? undefined : options.rowBytes / rowBytes;
    const fullBytes = Math.min(
      parquetOptions.rowGroupBytes ?? targetBytes,
      targetBytes / (compression ?? ASSUMED_COMPRESSION),
    );
    const stepRows = Math.max(MIN_STEP_ROWS, Math.min(MAX_STEP_ROWS, Math.floor(fullBytes / rowBytes)));
    let row = 0;
    while (row < batch.rowCount) {
      const file = await fileOf(path, partition);
      const end = Math.min(batch.rowCount, row + stepRows, row + rowsPerFile - file.rows);
      await file.writer.write(sliceBatch(batch, row, end));
      file.rows += end - row;
      file.decodedBytes += (end - row) * rowBytes;
      row = end;
      if (file.rows >= rowsPerFile || expectedBytes(file) >= targetBytes) await finish(file);
      await boundMemory();
    }
  }

  async function boundMemory(): Promise<void> {
    for (;;) {
      const byBytes = [...open.values()].toSorted((a, b) => heldBytes(b) - heldBytes(a));
      const held = byBytes.reduce((sum, file) => sum + heldBytes(file), 0);
      const [largest] = byBytes;
      // One file alone is bounded by its row group and its part.
      if (held <= MAX_HELD_BYTES || largest === undefined || byBytes.length === 1) return;
      await finish(largest);
    }
  }

  return {
    async write(given) {
      if (given.rowCount === 0) return;
      const batch = toStoredBatch(given, columns);
      const parts = splitByPartition(batch, schema, spec);
      // Partitions that are open go first: their rows continue the last batch.
      const byArrival = parts.toSorted((a, b) => Number(open.has(b.path)) - Number(open.has(a.path)));
      for (const { path, partition, rows } of byArrival) {
        const isWhole = rows.length === batch.rowCount;
        await writeToPartition(isWhole ? batch : gatherBatch(batch, rows), path, partition);
      }
    },
    async close() {
      for (const file of open.values()) await finish(file);
      return files;
    },
    async abort() {
      for (const file of open.values()) await file.object.abort();
      open.clear();
      const keys = started.map((location) => locationToKey(location, deps.bucket));
      await deps.store.delete(keys).catch(() => undefined);
    },
  };
}

function heldBytes({ writer, object }: OpenFile): number {
  return writer.bufferedBytes + object.pendingBytes;
}
