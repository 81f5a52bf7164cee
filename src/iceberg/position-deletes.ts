// Position delete files: Parquet files of data file paths and row positions.
// Source: Iceberg table spec, "Position Delete Files".

import { compareBytes, stringToUtf8 } from "#core";
import { scalarAt, vectorFromScalars, type Vector } from "#columnar";
import { corruptData } from "#codec";
import { encodeParquet, readParquetMetadata, scanParquet, type ParquetField, type RangeReader } from "#parquet";
import { locationToKey } from "#storage";
import { dataFileFromParquet } from "./data-file-metrics.ts";
import type { DataFile, DeleteFile } from "./data-file.ts";
import type { DeleteWriterDeps, FileDeletions } from "./deletion-vector-file.ts";
import { requireParquetDeletes } from "./equality-deletes.ts";
import { newDataFileLocation, partitionPath } from "./partition-batch.ts";
import { createPositionBitmap, type PositionBitmap } from "./roaring.ts";
import type { IcebergSchema } from "./schema.ts";
import { currentSchema, specById, type TableMetadata } from "./table-metadata.ts";
import { tableWriteOptions } from "./table-writer-options.ts";

/** Field id of `file_path` in a position delete file. */
export const DELETE_PATH_FIELD_ID = 2_147_483_546;
/** Field id of `pos`. */
export const DELETE_POSITION_FIELD_ID = 2_147_483_545;

const PATH_TYPE = { kind: "string" } as const;
const POSITION_TYPE = { kind: "int64" } as const;

const FIELDS: readonly ParquetField[] = [
  { name: "file_path", fieldId: DELETE_PATH_FIELD_ID, type: PATH_TYPE, nullable: false },
  { name: "pos", fieldId: DELETE_POSITION_FIELD_ID, type: POSITION_TYPE, nullable: false },
];

/** The file's columns as a schema, for its metrics. */
const DELETE_SCHEMA: IcebergSchema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: DELETE_PATH_FIELD_ID, name: "file_path", required: true, type: "string" },
    { id: DELETE_POSITION_FIELD_ID, name: "pos", required: true, type: "long" },
  ],
};

/** Paths are compared whole, so their bounds are kept whole. */
const DELETE_METRICS = { "write.metadata.metrics.default": "full" };

/** Rows taken at once from a sorted file into memory before encoding. */
const ROWS_A_BATCH = 65_536;

/**
 * The deleted positions by data file path. Cost: memory as {@link PositionBitmap}; the file is read once.
 * Errors: `data_invalid`, `unsupported_operation` for another format than Parquet.
 */
export async function readPositionDeletes(
  reader: RangeReader,
  file: DeleteFile,
): Promise<ReadonlyMap<string, PositionBitmap>> {
  requireParquetDeletes(file);
  const metadata = await readParquetMetadata(reader);
  const columns = [
    { fieldId: DELETE_PATH_FIELD_ID, type: PATH_TYPE },
    { fieldId: DELETE_POSITION_FIELD_ID, type: POSITION_TYPE },
  ];
  const byPath = new Map<string, PositionBitmap>();
  for await (const { columns: read, rowCount } of scanParquet(reader, metadata, { columns })) {
    const [paths, positions] = read;
    if (paths === undefined || positions === undefined) throw corruptData("a position delete file lacks a column");
    addRows(byPath, paths, positions, rowCount);
  }
  return byPath;
}

function addRows(byPath: Map<string, PositionBitmap>, paths: Vector, positions: Vector, rowCount: number): void {
  let lastPath: string | undefined;
  let bitmap: PositionBitmap | undefined;
  for (let row = 0; row < rowCount; row++) {
    const path = scalarAt(paths, row);
    const position = scalarAt(positions, row);
    if (typeof path !== "string" || typeof position !== "number" || position < 0) {
      throw corruptData("a position delete file has a row without a path or position");
    }
    if (path !== lastPath || bitmap === undefined) {
      bitmap = byPath.get(path);
      if (bitmap === undefined) {
        bitmap = createPositionBitmap();
        byPath.set(path, bitmap);
      }
      lastPath = path;
    }
    bitmap.add(position);
  }
}

/**
 * Writes one position delete file for each data file, for tables of format version 2. Nothing is committed.
 * Errors: `storage_unavailable`.
 */
export async function writePositionDeleteFiles(
  deps: DeleteWriterDeps,
  metadata: TableMetadata,
  deletions: readonly FileDeletions[],
): Promise<readonly DeleteFile[]> {
  const stem = deps.random.uuid();
  const files: DeleteFile[] = [];
  for (const { file, positions } of deletions) {
    if (positions.cardinality === 0) continue;
    files.push(await writeOne(deps, metadata, file, positions, `${stem}-${files.length}-deletes.parquet`));
  }
  return files;
}

async function writeOne(
  deps: DeleteWriterDeps,
  metadata: TableMetadata,
  file: DataFile,
  positions: PositionBitmap,
  name: string,
): Promise<DeleteFile> {
  const schema = currentSchema(metadata);
  const spec = specById(metadata, file.specId);
  const { compression } = tableWriteOptions(metadata.properties, schema);
  const { bytes, metadata: parquet } = encodeParquet(FIELDS, [...toBatches(file.filePath, positions)], {
    compression: compression ?? "zstd",
  });
  const location = newDataFileLocation(metadata, name, partitionPath(schema, spec, file.partition));
  await deps.store.put(locationToKey(location, deps.bucket), bytes);
  const described = dataFileFromParquet({
    metadata: parquet,
    location,
    fileSizeBytes: bytes.length,
    schema: DELETE_SCHEMA,
    spec,
    partition: file.partition,
    properties: DELETE_METRICS,
  });
  return { ...described, content: 1, referencedDataFile: file.filePath };
}

function* toBatches(path: string, positions: PositionBitmap) {
  let rows: number[] = [];
  const toBatch = () => ({
    rowCount: rows.length,
    columns: [
      { encoding: "constant", type: PATH_TYPE, length: rows.length, value: path } as const,
      vectorFromScalars(POSITION_TYPE, rows),
    ],
  });
  for (const position of positions.positions()) {
    rows.push(position);
    if (rows.length < ROWS_A_BATCH) continue;
    yield toBatch();
    rows = [];
  }
  if (rows.length > 0) yield toBatch();
}

/** Whether position deletes are about no other data file than this one, so that a new vector of it replaces them. */
export function isOnlyAbout(deletes: DeleteFile, dataFile: DataFile): boolean {
  if (deletes.referencedDataFile !== undefined) return deletes.referencedDataFile === dataFile.filePath;
  const path = stringToUtf8(dataFile.filePath);
  const lower = deletes.lowerBounds.get(DELETE_PATH_FIELD_ID);
  const upper = deletes.upperBounds.get(DELETE_PATH_FIELD_ID);
  return (
    lower !== undefined && upper !== undefined && compareBytes(lower, path) === 0 && compareBytes(upper, path) === 0
  );
}
