// Variants of which parts are columns of their own, put together again.
// Source: https://github.com/apache/parquet-format/blob/master/VariantShredding.md
//
// | value | typed_value | meaning |
// |---|---|---|
// | null | null | missing, which only fields of objects may be |
// | there | null | the value |
// | null | there | the value, of the column's type |
// | there | there | an object whose other fields are in `value` |

import { LakeError, compareBytes, stringToUtf8 } from "#core";
import { corruptData } from "#codec";
import type { DataType, Decimal, Scalar } from "#columnar";
import type { ParquetColumn } from "./metadata.ts";
import type { NestedShape, StructShape } from "./nested-shape.ts";
import { plainBytes } from "./plain-bytes.ts";
import {
  BASIC_TYPE,
  PRIMITIVE,
  basicTypeOf,
  readObject,
  readVariantNames,
  type Variant,
  type VariantField,
  type VariantNames,
} from "./variant-value.ts";
import {
  encodeArray,
  encodeDecimal,
  encodeDouble,
  encodeFloat,
  encodeObject,
  encodeSigned,
  encodeSized,
  encodeText,
  primitive,
} from "./variant-write.ts";

const VARIANT_NULL = primitive(PRIMITIVE.null);

/** What {@link variantReadType} reads of a group: `typed_value` as its own columns are. */
type Group = { readonly [name: string]: Scalar };

/** How a variant's group is read and put together. */
export interface VariantReading {
  /** To be read as: the group with all that is in it. */
  readonly type: DataType & { readonly kind: "struct" };
  /** Makes the variant of a group that is not null. Errors: `data_invalid`. */
  assemble(group: Scalar): Variant;
}

/**
 * Plans the reading of a variant. Errors: `data_invalid` for a group that is none, `unsupported_column_type` for a part
 * that is stored in a type no variant has.
 */
export function planVariant(shape: StructShape, path: string): VariantReading {
  const metadata = memberOf(shape, "metadata");
  const value = memberOf(shape, "value");
  const typed = memberOf(shape, "typed_value");
  if (!isBytes(metadata) || (value !== undefined && !isBytes(value)) || (value ?? typed) === undefined) {
    throw corruptData(`column "${path}" is not stored as a variant`);
  }
  if (typed !== undefined) requireVariantType(typed, `${path}.typed_value`);
  return {
    type: groupType(shape, ["metadata", "value", "typed_value"]),
    assemble(scalar) {
      const group = scalar as Group;
      const names = group["metadata"];
      if (!(names instanceof Uint8Array)) throw corruptData(`a variant of column "${path}" has no metadata`);
      const own = group["value"] ?? null;
      // Names are looked at only where a value is put together.
      if (typed === undefined || (group["typed_value"] ?? null) === null) {
        return { metadata: names, value: own instanceof Uint8Array ? own : VARIANT_NULL };
      }
      return { metadata: names, value: build(shape, group, readVariantNames(names)) ?? VARIANT_NULL };
    },
  };
}

function memberOf(shape: StructShape, name: string): NestedShape | undefined {
  return shape.fields.find((field) => field.name === name)?.shape;
}

function isBytes(shape: NestedShape | undefined): boolean {
  return shape?.kind === "leaf" && shape.column.physicalType === "byte_array";
}

/** A struct of those members that a shape has. */
function groupType(shape: StructShape, names?: readonly string[]): DataType & { readonly kind: "struct" } {
  const members = shape.fields.filter(({ name }) => names === undefined || names.includes(name));
  return { kind: "struct", fields: members.map(({ name, shape: member }) => ({ name, type: readType(member) })) };
}

function readType(shape: NestedShape): DataType {
  switch (shape.kind) {
    case "leaf":
      if (shape.column.conversion === "nanos") return { kind: "int64" };
      return shape.column.type ?? { kind: "null" };
    case "struct":
      return groupType(shape);
    case "list":
      return { kind: "list", element: readType(shape.element) };
    case "map":
      return { kind: "null" };
  }
}

/** Passes when all values of a `typed_value` have a form as variants. */
function requireVariantType(shape: NestedShape, path: string): void {
  switch (shape.kind) {
    case "leaf":
      encoderOf(shape.column, path);
      return;
    case "struct":
      for (const { name, shape: field } of shape.fields) requireVariantGroup(field, `${path}.${name}`);
      return;
    case "list":
      requireVariantGroup(shape.element, `${path}.element`);
      return;
    case "map":
      throw unsupported(path, "a map");
  }
}

function requireVariantGroup(shape: NestedShape, path: string): void {
  if (shape.kind !== "struct") throw corruptData(`"${path}" is not stored as a part of a variant`);
  const typed = memberOf(shape, "typed_value");
  if (typed !== undefined) requireVariantType(typed, `${path}.typed_value`);
}

/** The value of a group of `value` and `typed_value`; undefined when it is missing. */
function build(shape: StructShape, group: Group, names: VariantNames): Uint8Array | undefined {
  const value = group["value"] ?? null;
  const typed = group["typed_value"] ?? null;
  const own = value instanceof Uint8Array ? value : undefined;
  const typedShape = memberOf(shape, "typed_value");
  if (typed === null || typedShape === undefined) return own;
  if (typedShape.kind === "struct") return buildObject(typedShape, typed as Group, own, names);
  if (own !== undefined) throw corruptData("a variant has both a value and a typed one");
  if (typedShape.kind === "list") {
    const { element } = typedShape;
    if (element.kind !== "struct") throw corruptData("a variant's array has no elements");
    return encodeArray((typed as readonly Group[]).map((item) => build(element, item, names) ?? VARIANT_NULL));
  }
  if (typedShape.kind === "map") throw corruptData("a variant holds a map");
  return encoderOf(typedShape.column, "")(typed);
}

function buildObject(shape: StructShape, typed: Group, own: Uint8Array | undefined, names: VariantNames): Uint8Array {
  if (own !== undefined && basicTypeOf(own) !== BASIC_TYPE.object) {
    throw corruptData("a variant that is no object has fields");
  }
  const fields: (VariantField & { readonly name: Uint8Array })[] = [];
  const shredded = new Set<string>();
  for (const { name, shape: field } of shape.fields) {
    shredded.add(name);
    if (field.kind !== "struct") throw corruptData("a variant's field has no value");
    const value = build(field, (typed[name] ?? {}) as Group, names);
    if (value === undefined) continue;
    const id = names.idOf(name);
    if (id === undefined) throw corruptData("a variant's field has no name");
    fields.push({ id, value, name: stringToUtf8(name) });
  }
  for (const field of own === undefined ? [] : readObject(own)) {
    const name = names.nameOf(field.id);
    // Where a field is in both, its column counts.
    if (!shredded.has(name)) fields.push({ ...field, name: stringToUtf8(name) });
  }
  return encodeObject(fields.toSorted((a, b) => compareBytes(a.name, b.name)));
}

type Encoder = (value: Exclude<Scalar, null>) => Uint8Array;

function unsupported(path: string, what: string): LakeError {
  return new LakeError(
    "unsupported_column_type",
    `Firn cannot read the part "${path}" of a variant, stored as ${what}.`,
    {
      details: { column: path, column_type: what },
    },
  );
}

function integer(code: number, width: number): Encoder {
  return (value) => encodeSigned(code, value as number | bigint, width);
}

/** How values of a column become variants. Errors: `unsupported_column_type`. */
function encoderOf(column: ParquetColumn, path: string): Encoder {
  const { type, physicalType, conversion } = column;
  const isNanos = conversion === "nanos";
  if (conversion !== "unsigned" && conversion !== "float16") {
    switch (type?.kind) {
      case "boolean":
        return (value) => primitive(value === true ? PRIMITIVE.true : PRIMITIVE.false);
      case "int16":
        return column.isByte === true ? integer(PRIMITIVE.int8, 1) : integer(PRIMITIVE.int16, 2);
      case "int32":
        return integer(PRIMITIVE.int32, 4);
      case "int64":
        return integer(PRIMITIVE.int64, 8);
      case "float32":
        return (value) => encodeFloat(value as number);
      case "float64":
        return (value) => encodeDouble(value as number);
      case "decimal":
        return decimalEncoder(physicalType);
      case "date":
        return integer(PRIMITIVE.date, 4);
      case "time":
        if (isNanos) break;
        return integer(PRIMITIVE.time, 8);
      case "timestamp":
        if (physicalType === "int96") break;
        if (isNanos) return integer(type.utc ? PRIMITIVE.timestampNanos : PRIMITIVE.timestampNtzNanos, 8);
        return integer(type.utc ? PRIMITIVE.timestamp : PRIMITIVE.timestampNtz, 8);
      case "string":
        return (value) => encodeText(value as string);
      case "uuid":
        return (value) => primitive(PRIMITIVE.uuid, plainBytes(value, column) as Uint8Array);
      case "binary":
        if (physicalType !== "byte_array" || type.stored !== undefined) break;
        return (value) => encodeSized(PRIMITIVE.binary, value as Uint8Array);
      case undefined:
      case "null":
      case "json":
      case "interval":
      case "list":
      case "struct":
      case "map":
        break;
    }
  }
  throw unsupported(path, type?.kind ?? physicalType);
}

function decimalEncoder(physicalType: ParquetColumn["physicalType"]): Encoder {
  const byType: { readonly [name: string]: number } = { int32: PRIMITIVE.decimal4, int64: PRIMITIVE.decimal8 };
  const code = byType[physicalType] ?? PRIMITIVE.decimal16;
  return (value) => {
    const { unscaled, scale } = value as Decimal;
    return encodeDecimal(unscaled, scale, code);
  };
}
