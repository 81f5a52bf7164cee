// Rows as a shard keeps them until they are in the table: column-major JSON, because the engine's own JSON parser
// then yields whole columns, an order of magnitude faster than building rows.
//
// | member | content |
// |---|---|
// | f | field ids, one a column |
// | c | columns: arrays of cells (see column-converters.ts), all of the row count's length |

import { LakeError, required, stringToUtf8, utf8ToString } from "#core";
import type { Batch, DataType, Decimal, FlatVector, Vector } from "#columnar";
import { icebergTypeToStoredType, schemaToParquetFields, toStoredBatch, type IcebergSchema } from "#iceberg";
import type { Cell } from "./column-converters.ts";

/** Rows under construction, column-major. */
export interface RowColumns {
  readonly fieldIds: readonly number[];
  readonly columns: readonly (readonly Cell[])[];
  readonly rowCount: number;
}

/** An encoded chunk. */
export interface RowChunk {
  readonly rowCount: number;
  readonly body: Uint8Array;
}

/** Chunks aim below this: a Durable Object's row holds 2 MB at most. One event is at most a quarter of it. */
export const MAX_CHUNK_BYTES = 1024 * 1024;

/** Encodes rows in order as one or more chunks of at most {@link MAX_CHUNK_BYTES}; a single row is never split. */
export function encodeRows(rows: RowColumns): RowChunk[] {
  const body = stringToUtf8(JSON.stringify({ f: rows.fieldIds, c: rows.columns }));
  if (body.length <= MAX_CHUNK_BYTES || rows.rowCount <= 1) return [{ rowCount: rows.rowCount, body }];
  const parts = Math.min(rows.rowCount, Math.ceil(body.length / (MAX_CHUNK_BYTES * 0.75)));
  const step = Math.ceil(rows.rowCount / parts);
  const chunks: RowChunk[] = [];
  for (let start = 0; start < rows.rowCount; start += step) {
    chunks.push(...encodeRows(sliceRows(rows, start, Math.min(rows.rowCount, start + step))));
  }
  return chunks;
}

/** Decodes a chunk. Errors: `data_invalid` when the bytes are not one. */
export function decodeRows(chunk: RowChunk): RowColumns {
  const { f, c } = JSON.parse(utf8ToString(chunk.body)) as { f: number[]; c: Cell[][] };
  if (f.length !== c.length || c.some((column) => column.length !== chunk.rowCount)) {
    throw new LakeError("data_invalid", "A stored row chunk is inconsistent.");
  }
  return { fieldIds: f, columns: c, rowCount: chunk.rowCount };
}

/** Rows [start, end). */
export function sliceRows(rows: RowColumns, start: number, end: number): RowColumns {
  return {
    fieldIds: rows.fieldIds,
    columns: rows.columns.map((column) => column.slice(start, end)),
    rowCount: end - start,
  };
}

/** The rows whose positions are not in `dropped`. */
export function dropRows(rows: RowColumns, dropped: ReadonlySet<number>): RowColumns {
  return {
    fieldIds: rows.fieldIds,
    columns: rows.columns.map((column) => column.filter((_, position) => !dropped.has(position))),
    rowCount: rows.rowCount - dropped.size,
  };
}

/**
 * Decoded rows as one batch in the column order of `schema`, as files hold them. Columns are found by field id, so rows written before a
 * column was added, renamed or widened fit; columns since dropped are left out.
 */
export function rowsToBatch(parts: readonly RowColumns[], schema: IcebergSchema): Batch {
  const rowCount = parts.reduce((sum, part) => sum + part.rowCount, 0);
  const columns = schema.fields.map((field): Vector => {
    const cells = parts.map((part) => part.columns[part.fieldIds.indexOf(field.id)]);
    // Variants are kept as their JSON.
    const type = field.type === "variant" ? JSON_TYPE : icebergTypeToStoredType(field.type);
    return cellsToVector(type, cells, parts, rowCount);
  });
  return toStoredBatch({ rowCount, columns }, schemaToParquetFields(schema));
}

const JSON_TYPE: DataType = { kind: "json" };

type CellParts = readonly (readonly Cell[] | undefined)[];

function cellsToVector(type: DataType, parts: CellParts, rows: readonly RowColumns[], length: number): Vector {
  if (parts.every((part) => part === undefined)) return { encoding: "constant", type, length, value: null };
  const flat: Cell[] = [];
  for (const [index, part] of parts.entries()) {
    const source = part ?? Array.from({ length: required(rows[index], "rows").rowCount }, () => null);
    for (const cell of source) flat.push(cell);
  }
  const validity = validityOf(flat);
  const vector = (values: FlatVector["values"]): FlatVector => ({ encoding: "flat", type, length, values, validity });
  switch (type.kind) {
    case "boolean":
      return vector(Uint8Array.from(flat, (cell) => (cell === true ? 1 : 0)));
    case "int16":
    case "int32":
    case "date":
      return vector(Int32Array.from(flat as number[]));
    case "int64":
      return vector(longValues(flat));
    case "float32":
    case "float64":
    case "time":
    case "timestamp":
      return vector(Float64Array.from(flat as number[]));
    case "string":
    case "json":
    case "uuid":
      return vector(validity === undefined ? (flat as string[]) : flat.map((cell) => (cell ?? "") as string));
    case "decimal": {
      const scale = type.scale ?? 0;
      return vector(flat.map((cell): Decimal => ({ unscaled: BigInt((cell ?? 0) as string | number), scale })));
    }
    case "binary":
      return vector(flat.map((cell) => base64ToBytes((cell ?? "") as string)));
    case "null":
    case "interval":
    case "list":
    case "struct":
    case "map":
      // Nothing but null is accepted into these columns.
      return { encoding: "constant", type, length, value: null };
  }
}

function validityOf(cells: readonly Cell[]): Uint8Array | undefined {
  if (!cells.includes(null)) return undefined;
  return Uint8Array.from(cells, (cell) => (cell === null ? 0 : 1));
}

/** Doubles while they are exact, 64-bit integers as soon as one cell needs them. */
function longValues(cells: readonly Cell[]): Float64Array | BigInt64Array {
  if (!cells.some((cell) => typeof cell === "string")) return Float64Array.from(cells as number[]);
  return BigInt64Array.from(cells, (cell) => BigInt((cell ?? 0) as string | number));
}

function base64ToBytes(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
