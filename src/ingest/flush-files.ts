// The Parquet files of one flush: one a partition, rows sorted by time, names that only the plan decides, so that a
// repeated attempt overwrites its own files and leaves none behind. Part of the name is random to the plan: tables that
// share a folder (dropped and made again, registered twice) never overwrite each other's files.

import { required } from "#core";
import { flattenVector, gatherBatch, type Batch, type DataType } from "#columnar";
import {
  dataFileFromParquet,
  dataFileToJson,
  newDataFileLocation,
  schemaById,
  schemaToParquetFields,
  specById,
  splitByPartition,
  tableWriteOptions,
  type DataFileJson,
  type FileIO,
  type IcebergSchema,
  type TableMetadata,
} from "#iceberg";
import { encodeParquet } from "#parquet";
import { decodeRows, rowsToBatch, type RowChunk } from "./row-chunk.ts";
import type { FlushPlan } from "./shard-storage.ts";
import { TIME_COLUMN_PROPERTY } from "./tables.ts";

/** Files being stored at once: a Worker may await six connections' headers. */
const CONCURRENT_WRITES = 4;
/** Digits of a plan's random id in its files' names. */
const BATCH_ID_DIGITS = 8;

/** The files of a flush, encoded one at a time. */
export interface FlushFiles {
  readonly partitions: number;
  /** Encodes and stores every file. Errors: `storage_unavailable`; files stored so far stay and are overwritten. */
  write(io: Pick<FileIO, "write">): Promise<readonly DataFileJson[]>;
}

/**
 * Decodes a plan's rows and splits them by partition; nothing is written yet.
 *
 * Cost: the decoded rows are held until the last file is encoded.
 */
export function prepareFlushFiles(
  plan: FlushPlan,
  shardIndex: number,
  chunks: readonly RowChunk[],
  metadata: TableMetadata,
): FlushFiles {
  const schema = schemaById(metadata, plan.schemaId);
  const spec = specById(metadata, plan.specId);
  const batch = rowsToBatch(chunks.map(decodeRows), schema);
  const partitions = splitByPartition(batch, schema, spec);
  // Nested columns hold nothing but null, and a column that a file lacks reads as null.
  const written = schema.fields.flatMap((field, position) => (typeof field.type === "string" ? [position] : []));
  const allFields = schemaToParquetFields(schema);
  const fields = written.map((position) => required(allFields[position], "column"));
  const times = timeValues(batch, schema, metadata.properties[TIME_COLUMN_PROPERTY] ?? "timestamp");
  const options = tableWriteOptions(metadata.properties, schema);
  const stem = `${shardIndex}-${plan.firstSequence}-${plan.lastSequence}-${plan.batchId.slice(0, BATCH_ID_DIGITS)}`;

  async function writePartition(io: Pick<FileIO, "write">, position: number): Promise<DataFileJson | undefined> {
    const part = partitions[position];
    if (part === undefined) return undefined;
    const rows = times === undefined ? part.rows : sortedByTime(part.rows, times);
    const { columns, rowCount } = gatherBatch(batch, rows);
    const writable = { rowCount, columns: written.map((position) => required(columns[position], "column")) };
    const { bytes, metadata: parquet } = encodeParquet(fields, [writable], options);
    const name = partitions.length === 1 ? `${stem}.parquet` : `${stem}-p${position}.parquet`;
    const location = newDataFileLocation(metadata, name, part.path);
    await io.write(location, bytes);
    return dataFileToJson(
      dataFileFromParquet({
        metadata: parquet,
        location,
        fileSizeBytes: bytes.length,
        schema,
        spec,
        partition: part.partition,
        properties: metadata.properties,
      }),
    );
  }

  return {
    partitions: partitions.length,
    async write(io) {
      const files: (DataFileJson | undefined)[] = [];
      let next = 0;
      const worker = async (): Promise<void> => {
        while (next < partitions.length) {
          const position = next++;
          files[position] = await writePartition(io, position);
        }
      };
      await Promise.all(Array.from({ length: CONCURRENT_WRITES }, worker));
      return files.filter((file) => file !== undefined);
    },
  };
}

function timeValues(batch: Batch, schema: IcebergSchema, column: string): Float64Array | undefined {
  const position = schema.fields.findIndex((field) => field.name === column);
  const vector = batch.columns[position];
  if (vector === undefined || !isTime(vector.type)) return undefined;
  const { values } = flattenVector(vector);
  if (values instanceof Float64Array) return values;
  // Nanoseconds: the order of those that share a microsecond does not matter.
  return values instanceof BigInt64Array ? Float64Array.from(values, Number) : undefined;
}

function isTime(type: DataType): boolean {
  return type.kind === "timestamp" || (type.kind === "int64" && type.stored !== undefined);
}

function sortedByTime(rows: Int32Array, times: Float64Array): Int32Array {
  return rows.toSorted((a, b) => (times[a] as number) - (times[b] as number) || a - b);
}
