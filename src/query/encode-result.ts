// Encodes result batches as they arrive, in one of five formats.
//
// JSON payloads are the members `"columns":[…],"rows":[…],"row_count":n` without the surrounding braces, so that a
// cached payload can be put into any envelope.

import { stringToUtf8 } from "#core";
import {
  batchToArrowIpc,
  batchByteSize,
  scalarAt,
  sliceBatch,
  type Batch,
  type ColumnSchema,
  type Vector,
} from "#columnar";
import { dataTypeToName } from "#sql";
import { createParquetResultEncoder } from "./encode-parquet-result.ts";
import { distinctColumns } from "./result-columns.ts";
import { jsonWriter, plainWriter } from "./value-text.ts";

/** The formats of a result. */
export const RESULT_FORMATS = ["json", "ndjson", "csv", "arrow", "parquet"] as const;

/** A format of a result. */
export type ResultFormat = (typeof RESULT_FORMATS)[number];

/** Media types of the formats. */
export const CONTENT_TYPES: Readonly<Record<ResultFormat, string>> = {
  json: "application/json",
  ndjson: "application/x-ndjson",
  csv: "text/csv; charset=utf-8; header=present",
  arrow: "application/vnd.apache.arrow.stream",
  parquet: "application/vnd.apache.parquet",
};

/** Encodes a result batch by batch. What it makes goes to the `emit` it was created with, in order. */
export interface ResultEncoder {
  add(batch: Batch): void | Promise<void>;
  /** Emits what is left; call once. */
  finish(): void | Promise<void>;
}

/** Takes the payload's next bytes. Ownership: theirs. */
export type Emit = (bytes: Uint8Array<ArrayBuffer>) => void;

/**
 * Creates an encoder for batches of `columns`.
 *
 * Cost: each batch is encoded as it comes; parquet holds the rows of one row group. Parquet needs parquet-wasm to be
 * ready.
 */
export function createResultEncoder(format: ResultFormat, columns: readonly ColumnSchema[], emit: Emit): ResultEncoder {
  const named = distinctColumns(columns);
  switch (format) {
    case "json":
      return jsonEncoder(named, emit);
    case "ndjson":
      return textEncoder(emit, "", (batch) => `${jsonRows(named, batch).join("\n")}\n`);
    case "csv":
      return textEncoder(emit, csvLine(named.map((column) => csvCell(column.name))), (batch) => csvRows(named, batch));
    case "arrow":
      return arrowEncoder(named, emit);
    case "parquet":
      return createParquetResultEncoder(named, emit);
  }
}

/** Rows that are written as one text: values may have megabytes. */
const MAX_TEXT_BYTES = 4 * 1024 * 1024;

function textEncoder(emit: Emit, header: string, encode: (batch: Batch) => string): ResultEncoder {
  if (header !== "") emit(stringToUtf8(header));
  return {
    add(batch) {
      for (const part of partsOf(batch)) emit(stringToUtf8(encode(part)));
    },
    finish() {},
  };
}

/** The batch in parts whose texts are no burden. */
function* partsOf(batch: Batch): Generator<Batch> {
  if (batch.rowCount === 0) return;
  const parts = Math.min(batch.rowCount, Math.ceil(batchByteSize(batch) / MAX_TEXT_BYTES));
  if (parts <= 1) {
    yield batch;
    return;
  }
  const rows = Math.ceil(batch.rowCount / parts);
  for (let start = 0; start < batch.rowCount; start += rows) {
    yield sliceBatch(batch, start, Math.min(batch.rowCount, start + rows));
  }
}

function jsonEncoder(columns: readonly ColumnSchema[], emit: Emit): ResultEncoder {
  const described = columns.map(({ name, type }) => ({ name, type: dataTypeToName(type) }));
  let rowCount = 0;
  let first = true;
  const rows = textEncoder(emit, `"columns":${JSON.stringify(described)},"rows":[`, (batch) => {
    const text = `${first ? "" : ","}${jsonRows(columns, batch).join(",")}`;
    first = false;
    return text;
  });
  return {
    add(batch) {
      rowCount += batch.rowCount;
      return rows.add(batch);
    },
    finish: () => emit(stringToUtf8(`],"row_count":${rowCount}`)),
  };
}

/** The mark at an Arrow stream's end: a continuation and a length of zero. */
const ARROW_END_BYTES = 8;

/** A stream of one message for the schema and one for each batch, which are cut out of streams of their own. */
function arrowEncoder(columns: readonly ColumnSchema[], emit: Emit): ResultEncoder {
  const empty = batchToArrowIpc(columns, []);
  const schemaBytes = empty.length - ARROW_END_BYTES;
  emit(empty.slice(0, schemaBytes));
  return {
    add(batch) {
      if (batch.rowCount === 0) return;
      const bytes = batchToArrowIpc(columns, [batch]);
      emit(bytes.subarray(schemaBytes, bytes.length - ARROW_END_BYTES));
    },
    finish: () => emit(empty.slice(schemaBytes)),
  };
}

/** Texts of a column's rows; a dictionary's entries and a constant are written once. */
function columnTexts(vector: Vector, write: (vector: Vector, index: number) => string): string[] {
  const { length } = vector;
  const texts: string[] = Array.from({ length });
  switch (vector.encoding) {
    case "constant":
      return length === 0 ? texts : texts.fill(write(vector, 0));
    case "dictionary": {
      const entries: (string | undefined)[] = Array.from({ length: vector.dictionary.length });
      for (let i = 0; i < length; i++) {
        if (vector.validity?.[i] === 0) texts[i] = write(vector, i);
        else {
          const code = vector.codes[i] as number;
          texts[i] = entries[code] ??= write(vector, i);
        }
      }
      return texts;
    }
    case "flat":
      for (let i = 0; i < length; i++) texts[i] = write(vector, i);
      return texts;
  }
}

function jsonRows(columns: readonly ColumnSchema[], batch: Batch): string[] {
  const parts = columns.map((column, index) => {
    const write = jsonWriter(column.type);
    const vector = batch.columns[index] as Vector;
    return {
      key: `${index === 0 ? "" : ","}${JSON.stringify(column.name)}:`,
      texts: columnTexts(vector, (vector, row) => write(scalarAt(vector, row))),
    };
  });
  return Array.from({ length: batch.rowCount }, (_, row) => {
    let text = "{";
    for (const { key, texts } of parts) text += key + (texts[row] as string);
    return `${text}}`;
  });
}

function csvRows(columns: readonly ColumnSchema[], batch: Batch): string {
  const parts = columns.map((column, index) => {
    const write = plainWriter(column.type);
    return columnTexts(batch.columns[index] as Vector, (vector, row) => {
      const value = scalarAt(vector, row);
      return value === null ? "" : csvCell(write(value));
    });
  });
  let text = "";
  for (let row = 0; row < batch.rowCount; row++) text += csvLine(parts.map((texts) => texts[row] as string));
  return text;
}

/** RFC 4180; an empty string is quoted so that it differs from NULL, which is an empty cell. */
function csvCell(text: string): string {
  return text === "" || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvLine(cells: readonly string[]): string {
  return `${cells.join(",")}\r\n`;
}
