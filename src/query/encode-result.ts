// Encodes result batches as they arrive, in one of five formats, with the payload's size bounded.
//
// JSON payloads are the members `"columns":[…],"rows":[…],"row_count":n` without the surrounding braces, so that a
// cached payload can be put into any envelope.

import { LakeError, concatBytes, stringToUtf8 } from "#core";
import { batchToArrowIpc, batchByteSize, scalarAt, type Batch, type ColumnSchema, type Vector } from "#columnar";
import { dataTypeToName } from "#sql";
import { encodeParquetResult } from "./encode-parquet-result.ts";
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

/** Collects a result. */
export interface ResultEncoder {
  /** Errors: `rows_limit_exceeded` when the payload would exceed its bound. */
  add(batch: Batch): void;
  /** The payload; call once. */
  finish(): Uint8Array<ArrayBuffer>;
  /** Bytes held so far; for arrow and parquet an estimate. */
  readonly sizeBytes: number;
}

/**
 * Creates an encoder for batches of `columns` whose payload stays within `maxBytes`.
 *
 * Cost: json, ndjson and csv hold only the encoded bytes; arrow and parquet hold the batches until the end. Parquet needs
 * parquet-wasm to be ready.
 */
export function createResultEncoder(
  format: ResultFormat,
  columns: readonly ColumnSchema[],
  maxBytes: number,
): ResultEncoder {
  const named = distinctColumns(columns);
  switch (format) {
    case "json":
      return jsonEncoder(named, maxBytes);
    case "ndjson":
      return textEncoder(maxBytes, "", (batch) => `${jsonRows(named, batch).join("\n")}\n`);
    case "csv":
      return textEncoder(maxBytes, csvLine(named.map((column) => csvCell(column.name))), (batch) =>
        csvRows(named, batch),
      );
    case "arrow":
      return batchEncoder(maxBytes, (batches) => batchToArrowIpc(named, batches));
    case "parquet":
      return batchEncoder(maxBytes, (batches) => encodeParquetResult(named, batches));
  }
}

function tooLarge(maxBytes: number): LakeError {
  return new LakeError("rows_limit_exceeded", `The result is larger than ${maxBytes} bytes; nothing was returned.`, {
    details: { max_bytes: maxBytes },
  });
}

function textEncoder(maxBytes: number, header: string, encode: (batch: Batch) => string): ResultEncoder {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  const push = (text: string): void => {
    const bytes = stringToUtf8(text);
    sizeBytes += bytes.length;
    if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
    parts.push(bytes);
  };
  if (header !== "") push(header);
  return {
    add(batch) {
      if (batch.rowCount > 0) push(encode(batch));
    },
    finish: () => concatBytes(parts),
    get sizeBytes() {
      return sizeBytes;
    },
  };
}

function jsonEncoder(columns: readonly ColumnSchema[], maxBytes: number): ResultEncoder {
  const described = columns.map(({ name, type }) => ({ name, type: dataTypeToName(type) }));
  let rowCount = 0;
  let first = true;
  const rows = textEncoder(maxBytes, `"columns":${JSON.stringify(described)},"rows":[`, (batch) => {
    const text = `${first ? "" : ","}${jsonRows(columns, batch).join(",")}`;
    first = false;
    return text;
  });
  return {
    add(batch) {
      rowCount += batch.rowCount;
      rows.add(batch);
    },
    finish: () => concatBytes([rows.finish(), stringToUtf8(`],"row_count":${rowCount}`)]),
    get sizeBytes() {
      return rows.sizeBytes;
    },
  };
}

/** Holds the batches and encodes them all at the end. */
function batchEncoder(maxBytes: number, encode: (batches: readonly Batch[]) => Uint8Array<ArrayBuffer>): ResultEncoder {
  const batches: Batch[] = [];
  let sizeBytes = 0;
  return {
    add(batch) {
      if (batch.rowCount === 0) return;
      sizeBytes += batchByteSize(batch);
      if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
      batches.push(batch);
    },
    finish() {
      const bytes = encode(batches);
      if (bytes.length > maxBytes) throw tooLarge(maxBytes);
      return bytes;
    },
    get sizeBytes() {
      return sizeBytes;
    },
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
