// Values between the form that SQL has of them and that of files; see type-conversion.ts for the two.

import { LakeError } from "#core";
import {
  constantVector,
  scalarAt,
  vectorFromScalars,
  type Batch,
  type DataType,
  type FlatVector,
  type Scalar,
  type Vector,
} from "#columnar";
import { jsonToVariant, variantToJson, type Variant } from "#parquet";
import { microsToNanos, nanosToMicrosBelow, nanosToMicrosExactly } from "./nanosecond-time.ts";
import type { IcebergColumn } from "./type-conversion.ts";

type Convert = (value: Scalar) => Scalar;

/**
 * The batch as files hold it: columns in SQL's form are converted, those in the form of files stay as they are. Further
 * columns of the batch are passed on.
 *
 * Errors: `numeric_out_of_range` for times that no 64 bits of nanoseconds hold, `data_invalid` for text that is no JSON.
 */
export function toStoredBatch(batch: Batch, columns: readonly IcebergColumn[]): Batch {
  let changed = false;
  const stored = batch.columns.map((vector, index) => {
    const column = columns[index];
    const converted = column === undefined ? vector : toStoredVector(vector, column.type, column.name);
    if (converted !== vector) changed = true;
    return converted;
  });
  return changed ? { rowCount: batch.rowCount, columns: stored } : batch;
}

/** A column as files hold it. Errors: as {@link toStoredBatch}. */
export function toStoredVector(vector: Vector, type: DataType, column: string): Vector {
  const convert = toStored(vector.type, type, column);
  return convert === undefined ? vector : mapVector(vector, type, convert, true);
}

/**
 * A column of files as SQL sees it. `exact` refuses times that SQL would round. Errors: `numeric_out_of_range` then,
 * `data_invalid` for a variant that is none.
 */
export function fromStoredVector(vector: Vector, type: DataType, column: string, exact: boolean): Vector {
  const convert = fromStored(vector.type, type, column, exact);
  return convert === undefined ? vector : mapVector(vector, type, convert, exact);
}

/** How values become those of files; undefined when they are. */
function toStored(from: DataType, to: DataType, column: string): Convert | undefined {
  if (to.kind === "int64" && to.stored !== undefined) {
    return from.kind === "timestamp" ? (value) => microsToNanos(value, column) : undefined;
  }
  if (to.kind === "struct" && to.stored === "variant") {
    return from.kind === "json" || from.kind === "string" ? (value) => textToVariant(value, column) : undefined;
  }
  return convertInside(from, to, (inner, target) => toStored(inner, target, column));
}

function textToVariant(value: Scalar, column: string): Scalar {
  if (typeof value !== "string") return null;
  try {
    const { metadata, value: bytes } = jsonToVariant(value);
    return { metadata, value: bytes };
  } catch (error) {
    if (!(error instanceof LakeError)) throw error;
    throw new LakeError(error.code, `Column "${column}": ${error.message}`, { cause: error, details: { column } });
  }
}

/** How values of files become SQL's; undefined when they are. */
function fromStored(from: DataType, to: DataType, column: string, exact: boolean): Convert | undefined {
  if (from.kind === "int64" && from.stored !== undefined) {
    if (to.kind !== "timestamp") return undefined;
    return exact ? (value) => nanosToMicrosExactly(value, column) : nanosToMicrosBelow;
  }
  if (from.kind === "struct" && from.stored === "variant") {
    return to.kind === "json" ? (value) => variantToText(value) : undefined;
  }
  return convertInside(from, to, (inner, target) => fromStored(inner, target, column, exact));
}

function variantToText(value: Scalar): Scalar {
  return value === null ? null : variantToJson(value as unknown as Variant);
}

/** The conversion of nested values by that of what is in them; undefined when nothing in them is converted. */
function convertInside(
  from: DataType,
  to: DataType,
  conversionOf: (from: DataType, to: DataType) => Convert | undefined,
): Convert | undefined {
  if (from.kind === "list" && to.kind === "list") {
    const element = conversionOf(from.element, to.element);
    if (element === undefined) return undefined;
    return unlessNull((value) => (value as readonly Scalar[]).map(unlessNull(element)));
  }
  if (from.kind === "map" && to.kind === "map") {
    const keyOf = conversionOf(from.key, to.key);
    const valueOf = conversionOf(from.value, to.value);
    if (keyOf === undefined && valueOf === undefined) return undefined;
    const key = unlessNull(keyOf ?? same);
    const item = unlessNull(valueOf ?? same);
    return unlessNull((value) =>
      (value as readonly (readonly Scalar[])[]).map(([k = null, v = null]) => [key(k), item(v)]),
    );
  }
  if (from.kind === "struct" && to.kind === "struct") {
    const fields = to.fields.flatMap((target) => {
      const source = from.fields.find(({ name }) => name === target.name);
      const convert = source === undefined ? undefined : conversionOf(source.type, target.type);
      return convert === undefined ? [] : [[target.name, unlessNull(convert)] as const];
    });
    if (fields.length === 0) return undefined;
    return unlessNull((value) => {
      const record = value as { readonly [name: string]: Scalar };
      const converted = fields.map(([name, convert]) => [name, convert(record[name] ?? null)] as const);
      return { ...record, ...Object.fromEntries(converted) };
    });
  }
  return undefined;
}

function same(value: Scalar): Scalar {
  return value;
}

function unlessNull(convert: Convert): Convert {
  return (value) => (value === null ? null : convert(value));
}

/** Dictionaries are shared by all batches of a chunk, and so are their converted forms. */
const convertedDictionaries = new WeakMap<FlatVector, { readonly dictionary: FlatVector; readonly exact: boolean }>();

function mapVector(vector: Vector, type: DataType, convert: Convert, exact: boolean): Vector {
  if (vector.encoding === "constant") {
    return constantVector(type, vector.value === null ? null : convert(vector.value), vector.length);
  }
  if (vector.encoding === "flat") return mapFlat(vector, type, convert);
  const known = convertedDictionaries.get(vector.dictionary);
  if (known?.dictionary.type === type && known.exact === exact)
    return { ...vector, type, dictionary: known.dictionary };
  const dictionary = mapFlat(vector.dictionary, type, convert);
  convertedDictionaries.set(vector.dictionary, { dictionary, exact });
  return { ...vector, type, dictionary };
}

function mapFlat(vector: FlatVector, type: DataType, convert: Convert): FlatVector {
  const values = Array.from({ length: vector.length }, (_, row): Scalar => {
    const value = scalarAt(vector, row);
    return value === null ? null : convert(value);
  });
  return vectorFromScalars(type, values);
}
