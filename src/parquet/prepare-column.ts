// A batch's column as the writer takes it: of the field's type, with no null where none may be.

import { LakeError } from "#core";
import {
  constantVector,
  gather,
  isNullAt,
  scalarAt,
  vectorFromScalars,
  type DataType,
  type DictionaryVector,
  type FlatVector,
  type Scalar,
  type TypeKind,
  type Vector,
} from "#columnar";
import type { ParquetField } from "./metadata.ts";
import { promoteVector } from "./promote.ts";

/**
 * Prepares a column; a missing one is null in every row. Errors: `data_invalid` for a null in a required field at any
 * depth, `unsupported_operation` for types the writer does not take.
 */
export function prepareColumn(vector: Vector | undefined, field: ParquetField, rowCount: number): Vector {
  const { type } = field;
  requireWritable(type, field.name);
  const given = vector ?? constantVector(type, null, rowCount);
  const promoted = promoteVector(given, type, field.name);
  if (!field.nullable && hasNull(promoted)) {
    throw new LakeError("data_invalid", `Column "${field.name}" is required but a row has no value.`);
  }
  if (hasRequiredFields(type)) checkRequiredFields(promoted, field.name);
  if (promoted.encoding === "constant" && promoted.value !== null) {
    const dictionary = vectorFromScalars(type, [promoted.value]);
    const codes = new Int32Array(promoted.length);
    return { encoding: "dictionary", type, length: promoted.length, codes, dictionary, validity: undefined };
  }
  return promoted.encoding === "dictionary" ? withUsedEntries(promoted) : promoted;
}

/** The vector without the dictionary entries that no row uses: a dictionary may belong to many more rows than these. */
function withUsedEntries(vector: DictionaryVector): Vector {
  const { codes, dictionary, validity, length } = vector;
  if (dictionary.length * 4 < length) return vector;
  const renumbered = new Int32Array(dictionary.length);
  const used = new Int32Array(Math.min(length, dictionary.length));
  const compact = new Int32Array(length);
  let count = 0;
  for (let i = 0; i < length; i++) {
    if (validity?.[i] === 0) continue;
    const code = codes[i] as number;
    if (renumbered[code] === 0) {
      used[count++] = code;
      renumbered[code] = count;
    }
    compact[i] = (renumbered[code] as number) - 1;
  }
  if (count === dictionary.length || count === 0) return vector;
  return { ...vector, codes: compact, dictionary: gather(dictionary, used.subarray(0, count)) as FlatVector };
}

const UNWRITABLE: ReadonlySet<TypeKind> = new Set(["null", "interval"]);

/** Arrow's 128-bit decimals, and so Iceberg's, end here. */
const MAX_PRECISION = 38;

function requireWritable(type: DataType, path: string): void {
  const isDecimal = type.kind === "decimal";
  const fits = !isDecimal || ((type.precision ?? MAX_PRECISION + 1) <= MAX_PRECISION && type.scale !== undefined);
  if (UNWRITABLE.has(type.kind) || !fits || (type.kind === "struct" && type.fields.length === 0)) {
    throw new LakeError("unsupported_operation", `Column "${path}": ${type.kind} cannot be written to Parquet.`);
  }
  if (type.kind === "list") requireWritable(type.element, `${path}.element`);
  if (type.kind === "struct") for (const field of type.fields) requireWritable(field.type, `${path}.${field.name}`);
  if (type.kind === "map") {
    requireWritable(type.key, `${path}.key`);
    requireWritable(type.value, `${path}.value`);
  }
}

function hasNull(vector: Vector): boolean {
  if (vector.encoding === "constant") return vector.value === null && vector.length > 0;
  return vector.validity?.includes(0) ?? false;
}

/** Whether a null may be wrong somewhere below. */
function hasRequiredFields(type: DataType): boolean {
  if (type.kind === "list") return type.elementRequired === true || hasRequiredFields(type.element);
  if (type.kind === "struct")
    return type.fields.some((field) => field.required === true || hasRequiredFields(field.type));
  // Keys always are.
  return type.kind === "map";
}

function checkRequiredFields(vector: Vector, path: string): void {
  for (let i = 0; i < vector.length; i++) {
    if (!isNullAt(vector, i)) checkValue(vector.type, scalarAt(vector, i), path);
  }
}

function checkValue(type: DataType, value: Scalar, path: string): void {
  if (value === null) return;
  if (type.kind === "list") {
    for (const item of value as readonly Scalar[]) {
      checkField(type.element, item, type.elementRequired, `${path}.element`);
    }
  } else if (type.kind === "struct") {
    const record = value as { readonly [key: string]: Scalar };
    for (const field of type.fields) {
      checkField(field.type, record[field.name] ?? null, field.required, `${path}.${field.name}`);
    }
  } else if (type.kind === "map") {
    for (const [key = null, item = null] of value as readonly (readonly Scalar[])[]) {
      checkField(type.key, key, true, `${path}.key`);
      checkField(type.value, item, type.valueRequired, `${path}.value`);
    }
  }
}

function checkField(type: DataType, value: Scalar, required: boolean | undefined, path: string): void {
  if (value === null && required === true) {
    throw new LakeError("data_invalid", `Column "${path}" is required but a row has no value.`);
  }
  checkValue(type, value, path);
}
