// Verdicts on single events from the table's own schema. Nothing here throws for what a client sent: a refused
// event is a value, and its neighbours are not affected.

import { LakeError, nearestName, tableNameToString, type TableIdentifier } from "#core";
import { icebergTypeToDataType, type IcebergField, type IcebergSchema } from "#iceberg";
import {
  converterFor,
  isRefusal,
  microsToNanosCell,
  type Cell,
  type Converter,
  type JsonMode,
  type RejectionCode,
} from "./column-converters.ts";
import {
  ID_COLUMN_PROPERTY,
  JSON_COLUMNS_PROPERTY,
  JSON_OBJECT_COLUMNS_PROPERTY,
  RECEIVED_COLUMN_PROPERTY,
  TIME_COLUMN_PROPERTY,
} from "./tables.ts";

/** What ingest needs to know of a table. */
export interface IngestTable {
  readonly identifier: TableIdentifier;
  /** Tells a table from a later one of the same name. */
  readonly tableUuid: string;
  readonly schema: IcebergSchema;
  readonly properties: Readonly<Record<string, string>>;
}

/** A row as it will be stored: one cell for each schema column, in order. */
export interface ValidRow {
  readonly ok: true;
  readonly cells: Cell[];
  /** As the client gave it; undefined when it is for us to make up. */
  readonly eventId: string | undefined;
}

/** Why a row was refused, and where. */
export interface Rejection {
  readonly ok: false;
  readonly code: RejectionCode;
  /** JSON pointer (RFC 6901) into the event: empty for the event itself, else `/` and the escaped column name. */
  readonly pointer: string;
  readonly message: string;
}

/** The verdict on one event. */
export type RowVerdict = ValidRow | Rejection;

/** Checks events against one table's schema; compiled once, used for every event. */
export interface RowValidator {
  /** Position of the column that holds the event's id, or undefined when the table has none. */
  readonly idPosition: number | undefined;
  /** `receivedMicros` fills the received column always, and the time column when the event leaves it out. */
  validate(event: unknown, receivedMicros: number): RowVerdict;
}

/** Longest id, in UTF-16 units: it is a key of the deduplication index. */
export const MAX_EVENT_ID_LENGTH = 256;
/** Largest stored event, UTF-8 bytes of its values. */
export const MAX_EVENT_BYTES = 256 * 1024;

interface CompiledColumn {
  readonly name: string;
  readonly position: number;
  /** Times of the column are counted in nanoseconds. */
  readonly isNanoseconds: boolean;
  readonly required: boolean;
  /** Undefined when values of the column's type cannot be ingested. */
  readonly convert: Converter | undefined;
}

/**
 * Compiles a table's schema and ingest properties. Errors: `unsupported_operation` for a required nested column, and
 * for a column of a type that could not be read back.
 */
export function createRowValidator(table: IngestTable): RowValidator {
  const columns = table.schema.fields.map((field, position) => compileColumn(table, field, position));
  const byName = new Map(columns.map((column) => [column.name, column]));
  const idColumn = byName.get(table.properties[ID_COLUMN_PROPERTY] ?? "event_id");
  const receivedColumn = timestampColumn(table, byName, table.properties[RECEIVED_COLUMN_PROPERTY] ?? "received_at");
  const timeColumn = timestampColumn(table, byName, table.properties[TIME_COLUMN_PROPERTY] ?? "timestamp");
  const idPosition = idColumn !== undefined && holdsText(table, idColumn.position) ? idColumn.position : undefined;
  const emptyRow: readonly Cell[] = columns.map(() => null);
  const requiredColumns = columns.filter((column) => column.required && column.position !== idPosition);

  function validate(event: unknown, receivedMicros: number): RowVerdict {
    if (typeof event !== "object" || event === null || Array.isArray(event)) {
      return reject("not_an_object", "", "An event is a JSON object.");
    }
    const cells: Cell[] = emptyRow.slice();
    const members = event as Readonly<Record<string, unknown>>;
    for (const name of Object.keys(members)) {
      const column = byName.get(name);
      if (column === undefined) return rejectUnknown(name, byName.keys());
      const value = members[name];
      if (value === null || value === undefined || column === receivedColumn) continue;
      if (column.convert === undefined) {
        return reject("wrong_type", pointerTo(name), `Column ${name} has a type that cannot be ingested.`);
      }
      const cell = column.convert(value);
      if (isRefusal(cell)) return reject(cell.refused, pointerTo(name), `${name}: ${cell.message}`);
      cells[column.position] = cell;
    }
    if (receivedColumn !== undefined) cells[receivedColumn.position] = timeCell(receivedColumn, receivedMicros);
    if (timeColumn !== undefined) cells[timeColumn.position] ??= timeCell(timeColumn, receivedMicros);
    for (const column of requiredColumns) {
      if (cells[column.position] === null) {
        return reject("missing_field", pointerTo(column.name), `The required field ${column.name} is missing.`);
      }
    }
    return checkSizes(cells, idPosition, idColumn?.name ?? "");
  }

  return { idPosition, validate };
}

/**
 * The verdict on each row in order; a compiled validator serves many calls better.
 *
 * Units/ranges: `receivedMicros` is microseconds since the epoch.
 */
export function validateEvents(
  rows: readonly unknown[],
  table: IngestTable,
  context: { readonly receivedMicros: number },
): RowVerdict[] {
  const validator = createRowValidator(table);
  return rows.map((row) => validator.validate(row, context.receivedMicros));
}

/** Escapes one segment of a JSON pointer (RFC 6901, section 3). */
export function pointerTo(segment: string): string {
  return `/${segment.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function compileColumn(table: IngestTable, field: IcebergField, position: number): CompiledColumn {
  icebergTypeToDataType(field.type);
  const convert = converterFor(field.type, jsonMode(table, field.name));
  if (convert === undefined && field.required) {
    throw new LakeError(
      "unsupported_operation",
      `The required column ${field.name} of ${tableNameToString(table.identifier)} has a type that cannot be ingested.`,
    );
  }
  const isNanoseconds = field.type === "timestamp_ns" || field.type === "timestamptz_ns";
  return { name: field.name, position, isNanoseconds, required: field.required, convert };
}

function timeCell({ isNanoseconds }: CompiledColumn, micros: number): Cell {
  return isNanoseconds ? microsToNanosCell(micros) : micros;
}

function jsonMode(table: IngestTable, column: string): JsonMode {
  if (listed(table.properties[JSON_OBJECT_COLUMNS_PROPERTY], column)) return "object";
  return listed(table.properties[JSON_COLUMNS_PROPERTY], column) ? "any" : "none";
}

function listed(list: string | undefined, name: string): boolean {
  return list?.split(",").some((item) => item.trim() === name) ?? false;
}

function timestampColumn(
  table: IngestTable,
  byName: ReadonlyMap<string, CompiledColumn>,
  name: string,
): CompiledColumn | undefined {
  const column = byName.get(name);
  const type = column === undefined ? undefined : table.schema.fields[column.position]?.type;
  return typeof type === "string" && type.startsWith("timestamp") ? column : undefined;
}

function holdsText(table: IngestTable, position: number): boolean {
  const type = table.schema.fields[position]?.type;
  return type === "string" || type === "uuid";
}

function reject(code: RejectionCode, pointer: string, message: string): Rejection {
  return { ok: false, code, pointer, message };
}

/** Names in messages are cut: a client may send megabytes as a key. */
const SHOWN_NAME_LENGTH = 64;

function rejectUnknown(name: string, known: Iterable<string>): Rejection {
  const shown = name.length > SHOWN_NAME_LENGTH ? `${name.slice(0, SHOWN_NAME_LENGTH).toWellFormed()}…` : name;
  const nearest = nearestName(name, known);
  const suggestion = nearest === undefined ? "" : ` Did you mean ${nearest}?`;
  return reject("unknown_field", pointerTo(shown.toWellFormed()), `The table has no column ${shown}.${suggestion}`);
}

function checkSizes(cells: Cell[], idPosition: number | undefined, idName: string): RowVerdict {
  const id = idPosition === undefined ? undefined : cells[idPosition];
  const eventId = typeof id === "string" ? id : undefined;
  // SQLite ends text at a NUL: two ids that differ only after one would be taken for duplicates.
  if (eventId === "" || (eventId?.length ?? 0) > MAX_EVENT_ID_LENGTH || eventId?.includes("\0") === true) {
    const message = `${idName}: Expected 1 to ${MAX_EVENT_ID_LENGTH} characters, none of them NUL.`;
    return reject("out_of_range", pointerTo(idName), message);
  }
  let units = 0;
  for (const cell of cells) units += typeof cell === "string" ? cell.length : 8;
  // UTF-8 takes at most three bytes for each UTF-16 unit; only rows near the limit are measured exactly.
  if (units * 3 > MAX_EVENT_BYTES && exactBytes(cells) > MAX_EVENT_BYTES) {
    return reject("too_large", "", `The event is over ${MAX_EVENT_BYTES} bytes.`);
  }
  return { ok: true, cells, eventId };
}

function exactBytes(cells: readonly Cell[]): number {
  let bytes = 0;
  for (const cell of cells) bytes += typeof cell === "string" ? new TextEncoder().encode(cell).length : 8;
  return bytes;
}
