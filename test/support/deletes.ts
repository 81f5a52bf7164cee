// Data files and delete files of every kind, made by hand over a memory store, and a naive reading of both.

import { required, systemRandom } from "#core";
import { rowAt, vectorFromScalars, type Scalar } from "#columnar";
import {
  createFileProjection,
  createRowDeletesLoader,
  dataFileFromParquet,
  openStored,
  schemaToParquetFields,
  specById,
  type DataFile,
  type DeleteFile,
  type IcebergSchema,
  type ProjectedColumn,
  type RowDeletesLoader,
  type ScanFile,
  type TableMetadata,
} from "#iceberg";
import { encodeParquet, readParquetMetadata, scanParquet } from "#parquet";
import { createMemoryStore, locationToKey, type ObjectStore } from "#storage";
import { loadParquetWasm } from "./parquet-wasm.ts";

const BUCKET = "lake";

/** A row by column position. */
export type PlainRow = readonly Scalar[];

/** Files over one memory store. */
export interface DeleteWorld {
  readonly store: ObjectStore;
  readonly deps: { readonly store: ObjectStore; readonly bucket: string; readonly random: typeof systemRandom };
  readonly metadata: TableMetadata;
  writeData(rows: readonly PlainRow[], rowGroupRows?: number): Promise<DataFile>;
  /** A file of rows with some of the schema's columns. */
  writeEquality(fieldIds: readonly number[], rows: readonly PlainRow[]): Promise<DeleteFile>;
  /** A position delete file over any data files. */
  writePositions(rows: readonly (readonly [path: string, position: number])[]): Promise<DeleteFile>;
  loader(maxBytes?: number): RowDeletesLoader;
  /** Live rows of a file, as plain rows with their positions. */
  read(
    file: ScanFile,
    columns?: readonly ProjectedColumn[],
    loader?: RowDeletesLoader,
  ): Promise<{ readonly rows: PlainRow[]; readonly positions: number[] }>;
}

/** Creates the world of one unpartitioned table. */
export function createDeleteWorld(schema: IcebergSchema, overrides: Partial<TableMetadata> = {}): DeleteWorld {
  loadParquetWasm();
  const store = createMemoryStore();
  const spec = { "spec-id": 0, fields: [] };
  const metadata: TableMetadata = {
    "format-version": 2,
    "table-uuid": "5c2f7a3e-6f0a-4c43-9d6a-0d5a7a1f7f11",
    location: `s3://${BUCKET}/default/t`,
    "last-sequence-number": 9n,
    "last-updated-ms": 0,
    "last-column-id": 100,
    schemas: [schema],
    "current-schema-id": schema["schema-id"],
    "partition-specs": [spec],
    "default-spec-id": 0,
    "last-partition-id": 999,
    properties: {},
    "sort-orders": [{ "order-id": 0, fields: [] }],
    "default-sort-order-id": 0,
    snapshots: [],
    "snapshot-log": [],
    "metadata-log": [],
    refs: {},
    ...overrides,
  };
  const columns = schemaToParquetFields(schema);
  let files = 0;

  async function writeParquetFile(
    fields: typeof columns,
    rows: readonly PlainRow[],
    described: IcebergSchema,
    rowGroupRows = 1_000_000,
  ): Promise<DataFile> {
    const batch = {
      rowCount: rows.length,
      columns: fields.map(({ type }, index) =>
        vectorFromScalars(
          type,
          rows.map((row) => row[index] ?? null),
        ),
      ),
    };
    const { bytes, metadata: parquet } = encodeParquet(fields, [batch], { rowGroupRows });
    files += 1;
    const location = `${metadata.location}/data/${files}.parquet`;
    await store.put(locationToKey(location, BUCKET), bytes);
    return dataFileFromParquet({
      metadata: parquet,
      location,
      fileSizeBytes: bytes.length,
      schema: described,
      spec: specById(metadata, 0),
      partition: [],
    });
  }

  const deps = { store, bucket: BUCKET, random: systemRandom };
  const open = (location: string, sizeBytes: number) => openStored(deps, location, sizeBytes);
  const newLoader = (maxBytes?: number): RowDeletesLoader =>
    createRowDeletesLoader({ open, ...(maxBytes === undefined ? {} : { maxBytes }) }, metadata);

  return {
    store,
    deps,
    metadata,
    writeData: (rows, rowGroupRows) => writeParquetFile(columns, rows, schema, rowGroupRows),
    async writeEquality(fieldIds, rows) {
      const fields = fieldIds.map((id) =>
        required(
          columns.find((column) => column.fieldId === id),
          `column ${id}`,
        ),
      );
      const nullable = fields.map((field) => ({ ...field, nullable: true }));
      return { ...(await writeParquetFile(nullable, rows, schema)), content: 2, equalityIds: fieldIds };
    },
    async writePositions(rows) {
      const fields = [
        { name: "file_path", fieldId: 2_147_483_546, type: { kind: "string" }, nullable: false },
        { name: "pos", fieldId: 2_147_483_545, type: { kind: "int64" }, nullable: false },
      ] as const;
      return { ...(await writeParquetFile([...fields], rows, schema)), content: 1 };
    },
    loader: newLoader,
    async read(file, wanted = columns, loader = newLoader()) {
      const deletes = await loader.load(file);
      const reader = open(file.dataFile.filePath, file.dataFile.fileSizeBytes);
      const parquet = await readParquetMetadata(reader);
      const projection = createFileProjection({ metadata, file, parquet, columns: wanted, deletes });
      const rows: PlainRow[] = [];
      const positions: number[] = [];
      for await (const scanned of scanParquet(reader, parquet, { columns: projection.scanColumns, batchRows: 7 })) {
        const { batch, rows: live } = projection.project(scanned);
        for (let row = 0; row < batch.rowCount; row++) {
          rows.push(rowAt(batch, row));
          positions.push(scanned.firstRow + (live?.[row] ?? row));
        }
      }
      return { rows, positions };
    },
  };
}
