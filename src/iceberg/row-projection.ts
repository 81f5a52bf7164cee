// The live rows of a data file as the table's columns: what the file lacks comes from its manifest entry or the schema,
// deleted rows are left out. Source: Iceberg table spec, "Column Projection" and "Row Lineage".

import { required } from "#core";
import {
  constantVector,
  gatherBatch,
  scalarAt,
  vectorFromScalars,
  type Batch,
  type DataType,
  type Scalar,
  type Vector,
} from "#columnar";
import type { ParquetMetadata, ScanBatch, ScanColumn } from "#parquet";
import { initialDefault } from "./default-value.ts";
import type { DataFile } from "./data-file.ts";
import type { RowDeletes } from "./row-deletes.ts";
import { isNanosecondType, nanosToMicrosBelow, nanosToMicrosExactly } from "./nanosecond-time.ts";
import { LAST_UPDATED_FIELD_ID, ROW_ID_FIELD_ID } from "./row-lineage.ts";
import { allFieldsById } from "./spec-tuple.ts";
import { specById, type TableMetadata } from "./table-metadata.ts";
import type { ScanFile } from "./table.ts";

/** A column wanted of a file, in SQL's form or that of files. */
export interface ProjectedColumn {
  readonly fieldId: number;
  readonly type: DataType;
}

/** What to read of a file. */
export interface FileProjectionRequest {
  readonly metadata: TableMetadata;
  readonly file: ScanFile;
  readonly parquet: ParquetMetadata;
  /** May name the row lineage columns, as int64. */
  readonly columns: readonly ProjectedColumn[];
  readonly deletes: RowDeletes | undefined;
  /** Refuses times with nanoseconds that a file lacks and SQL would round; the scan is to be told the same. */
  readonly exactTimes?: boolean;
}

/** Live rows of a batch. */
export interface LiveRows {
  readonly batch: Batch;
  /** Their rows in the scanned batch, ascending; undefined when all live. */
  readonly rows: Int32Array | undefined;
}

/** How the wanted columns come out of a scan of the file. */
export interface FileProjection {
  /** The columns to scan; the wanted ones come first, in order. */
  readonly scanColumns: readonly ScanColumn[];
  /** The live rows of one scanned batch. */
  project(batch: Pick<ScanBatch, "rowCount" | "columns" | "firstRow">): LiveRows;
}

/**
 * Plans a projection. Errors: `metadata_invalid` for a default value that is none of its type; those of project include
 * `numeric_out_of_range` when times have to be exact.
 */
export function createFileProjection(request: FileProjectionRequest): FileProjection {
  const { metadata, file, parquet, columns, deletes, exactTimes = false } = request;
  const present = new Set(parquet.columns.map((column) => column.rootFieldId));
  const constants = storedConstants(metadata, file.dataFile);
  const nanoseconds = nanosecondColumns(metadata);
  // Deletes compare values in a type of their own choosing.
  const extra = deletes?.columns ?? [];
  const scanColumns = [...columns, ...extra].map(({ fieldId, type }) => ({ fieldId, type }));

  /** What a column holds once the file's own values are there. */
  function complete({ fieldId, type }: ProjectedColumn, vector: Vector, firstRow: number): Vector {
    if (fieldId === ROW_ID_FIELD_ID) return inheritRowIds(vector, file.dataFile.firstRowId, firstRow);
    if (fieldId === LAST_UPDATED_FIELD_ID) return inheritSequence(vector, file.sequenceNumber);
    if (present.has(fieldId)) return vector;
    const value = constants.get(fieldId);
    if (value === undefined) return vector;
    // Constants are as they are stored.
    const path = type.kind === "timestamp" ? nanoseconds.get(fieldId) : undefined;
    if (path === undefined) return constantVector(type, value, vector.length);
    return constantVector(
      type,
      exactTimes ? nanosToMicrosExactly(value, path) : nanosToMicrosBelow(value),
      vector.length,
    );
  }

  return {
    scanColumns,
    project({ rowCount, columns: scanned, firstRow }) {
      const completed = [...columns, ...extra].map((column, index) =>
        complete(column, required(scanned[index], "a scanned column"), firstRow),
      );
      const batch = { rowCount, columns: completed.slice(0, columns.length) };
      const rows = deletes?.survivors(batch, firstRow, (fieldId) => {
        const index = extra.findIndex((column) => column.fieldId === fieldId);
        return required(completed[columns.length + index], "a column that deletes compare");
      });
      return { batch: rows === undefined ? batch : gatherBatch(batch, rows), rows };
    },
  };
}

/**
 * Values of columns that the file itself may lack: those of identity partition fields from the manifest, else the
 * initial defaults of fields added later. For ruling files out: nanoseconds are rounded down to microseconds.
 */
export function fileConstants(metadata: TableMetadata, file: DataFile): ReadonlyMap<number, Scalar> {
  const stored = storedConstants(metadata, file);
  const nanoseconds = nanosecondColumns(metadata);
  if (nanoseconds.size === 0) return stored;
  return new Map([...stored].map(([id, value]) => [id, nanoseconds.has(id) ? nanosToMicrosBelow(value) : value]));
}

const nanosecondsByMetadata = new WeakMap<TableMetadata, ReadonlyMap<number, string>>();

/** Paths of the fields with nanoseconds by their ids. */
function nanosecondColumns(metadata: TableMetadata): ReadonlyMap<number, string> {
  const known = nanosecondsByMetadata.get(metadata);
  if (known !== undefined) return known;
  const found = new Map<number, string>();
  for (const [fieldId, { field, path }] of allFieldsById(metadata)) {
    if (isNanosecondType(field.type)) found.set(fieldId, path);
  }
  nanosecondsByMetadata.set(metadata, found);
  return found;
}

/** As {@link fileConstants}, every value as it is stored. */
export function storedConstants(metadata: TableMetadata, file: DataFile): ReadonlyMap<number, Scalar> {
  const constants = new Map<number, Scalar>(initialDefaults(metadata));
  for (const [index, field] of specById(metadata, file.specId).fields.entries()) {
    if (field.transform === "identity") constants.set(field["source-id"], file.partition[index] ?? null);
  }
  return constants;
}

/** Metadata is immutable, and a scan asks for every file. */
const defaultsByMetadata = new WeakMap<TableMetadata, ReadonlyMap<number, Scalar>>();

function initialDefaults(metadata: TableMetadata): ReadonlyMap<number, Scalar> {
  const known = defaultsByMetadata.get(metadata);
  if (known !== undefined) return known;
  const defaults = new Map<number, Scalar>();
  for (const [fieldId, { field }] of allFieldsById(metadata)) {
    if (field["initial-default"] === undefined) continue;
    defaults.set(fieldId, initialDefault(field));
  }
  defaultsByMetadata.set(metadata, defaults);
  return defaults;
}

const INT64 = { kind: "int64" } as const;

function inheritRowIds(vector: Vector, firstRowId: bigint | undefined, firstRow: number): Vector {
  const values = Array.from({ length: vector.length }, (_, row): Scalar => {
    const own = scalarAt(vector, row);
    if (own !== null || firstRowId === undefined) return own;
    const inherited = firstRowId + BigInt(firstRow + row);
    return inherited <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(inherited) : inherited;
  });
  return vectorFromScalars(INT64, values);
}

function inheritSequence(vector: Vector, sequenceNumber: bigint): Vector {
  const inherited = Number(sequenceNumber);
  if (vector.encoding === "constant") return constantVector(INT64, vector.value ?? inherited, vector.length);
  const values = Array.from({ length: vector.length }, (_, row): Scalar => scalarAt(vector, row) ?? inherited);
  return vectorFromScalars(INT64, values);
}
