// Writing a stream of batches into data files of about the target size, one partition at a time.

import { required } from "#core";
import { gatherBatch, sliceBatch, type Batch, type Scalar } from "#columnar";
import {
  dataFileFromParquet,
  newDataFileLocation,
  splitByPartition,
  type DataFile,
  type IcebergColumn,
  type IcebergSchema,
  type PartitionSpec,
  type Table,
} from "#iceberg";
import { createParquetWriter, type ParquetMetadata, type ParquetWriteOptions } from "#parquet";
import { createObjectOutput, locationToKey, type ObjectOutput, type ObjectStore } from "#storage";
import { outputFileName, type JobFiles } from "./job-files.ts";

/** How the output is cut and named. */
export interface OutputPlan {
  readonly table: Table;
  readonly schema: IcebergSchema;
  readonly spec: PartitionSpec;
  readonly columns: readonly IcebergColumn[];
  readonly jobId: string;
  readonly group: number;
  /** Rows after which a file is closed; chosen so that files come out even. */
  readonly rowsPerFile: number;
  /** A file is closed early when this much of it is encoded: rows were wider than expected. */
  readonly maxFileBytes: number;
  readonly sortOrderId: number | undefined;
}

/** What writing needs and tells. */
export interface OutputDeps {
  readonly store: ObjectStore;
  readonly bucket: string;
  readonly jobFiles: JobFiles;
  onFile(file: DataFile, metadata: ParquetMetadata): void;
}

/** Files being written; rows of one partition must arrive together. */
export interface OutputFiles {
  write(batch: Batch): Promise<void>;
  /** Completes the last file and returns all of them. */
  close(): Promise<readonly DataFile[]>;
  /** Drops the unfinished file. Finished ones stay until the job is cleaned up. */
  abort(): Promise<void>;
}

interface OpenFile {
  readonly path: string;
  readonly partition: readonly Scalar[];
  readonly location: string;
  readonly object: ObjectOutput;
  readonly writer: ReturnType<typeof createParquetWriter>;
  rows: number;
}

/**
 * Decoded bytes of a row group. Encoding holds a row group about five times over, and an isolate has 128 MB for
 * everything.
 */
const ROW_GROUP_BYTES = 10 * 1024 * 1024;

/** Parquet compression of the table's property, zstd by default; codecs we cannot write become zstd. */
function writeOptions(table: Table): ParquetWriteOptions {
  const codec = table.metadata.properties["write.parquet.compression-codec"]?.toLowerCase();
  const isKnown = codec === "snappy" || codec === "uncompressed" || codec === "gzip";
  return { compression: isKnown ? codec : "zstd", rowGroupBytes: ROW_GROUP_BYTES };
}

/**
 * Starts writing. Cost: one row group and one multipart part of memory. Errors: as the store and the writer.
 */
export function createOutputFiles(deps: OutputDeps, plan: OutputPlan): OutputFiles {
  const files: DataFile[] = [];
  const options = writeOptions(plan.table);
  let open: OpenFile | undefined;

  async function start(path: string, partition: readonly Scalar[]): Promise<OpenFile> {
    const name = outputFileName(plan.jobId, plan.group, files.length);
    const location = newDataFileLocation(plan.table.metadata, name, path);
    await deps.jobFiles.announceOutput(plan.group, files.length, location);
    const object = createObjectOutput(deps.store, locationToKey(location, deps.bucket));
    const writer = createParquetWriter(plan.columns, (bytes) => object.write(bytes), options);
    return { path, partition, location, object, writer, rows: 0 };
  }

  async function finish(file: OpenFile): Promise<void> {
    const metadata = await file.writer.close();
    const fileSizeBytes = await file.object.complete();
    open = undefined;
    const dataFile = dataFileFromParquet({
      metadata,
      location: file.location,
      fileSizeBytes,
      schema: plan.schema,
      spec: plan.spec,
      partition: file.partition,
      ...(plan.sortOrderId === undefined ? {} : { sortOrderId: plan.sortOrderId }),
    });
    files.push(dataFile);
    deps.onFile(dataFile, metadata);
  }

  async function writeToPartition(batch: Batch, path: string, partition: readonly Scalar[]): Promise<void> {
    let row = 0;
    while (row < batch.rowCount) {
      if (open !== undefined && open.path !== path) await finish(open);
      open ??= await start(path, partition);
      const end = Math.min(batch.rowCount, row + plan.rowsPerFile - open.rows);
      await open.writer.write(sliceBatch(batch, row, end));
      open.rows += end - row;
      row = end;
      if (open.rows >= plan.rowsPerFile || open.writer.writtenBytes >= plan.maxFileBytes) await finish(open);
    }
  }

  return {
    async write(batch) {
      if (batch.rowCount === 0) return;
      const parts = splitByPartition(batch, plan.schema, plan.spec);
      if (parts.length === 1) {
        const { path, partition } = required(parts[0], "the batch's partition");
        await writeToPartition(batch, path, partition);
        return;
      }
      // The open file's partition goes first: its rows continue the last batch.
      const byArrival = parts.toSorted((a, b) => Number(b.path === open?.path) - Number(a.path === open?.path));
      for (const { path, partition, rows } of byArrival) {
        await writeToPartition(gatherBatch(batch, rows), path, partition);
      }
    },
    async close() {
      if (open !== undefined) await finish(open);
      return files;
    },
    async abort() {
      await open?.object.abort();
      open = undefined;
    },
  };
}
