// Our column types as Arrow types and back. What Arrow cannot say goes into field metadata under TYPE_KEY.

import * as arrow from "apache-arrow";
import { LakeError, unreachable } from "#core";
import type { DataType } from "./data-type.ts";

/** Field metadata key that carries our exact type as JSON, so that our own streams come back unchanged. */
const TYPE_KEY = "firn:type";

/** Field metadata key that Parquet writers take a column's field_id from. */
export const FIELD_ID_KEY = "PARQUET:field_id";

const MAX_DECIMAL128_PRECISION = 38;

/**
 * The Arrow type that carries a column; unconstrained decimals travel as text. `stored` makes it the type of a file's
 * column: nested fields with their ids and nullability, named as Parquet names them, and binaries of fixed width.
 */
export function dataTypeToArrow(type: DataType, stored = false): arrow.DataType {
  switch (type.kind) {
    case "null":
      return new arrow.Null();
    case "boolean":
      return new arrow.Bool();
    case "int16":
      return new arrow.Int16();
    case "int32":
      return new arrow.Int32();
    case "int64":
      return stored && type.stored !== undefined
        ? new arrow.TimestampNanosecond(type.stored.utc ? "UTC" : null)
        : new arrow.Int64();
    case "float32":
      return new arrow.Float32();
    case "float64":
      return new arrow.Float64();
    case "decimal":
      return hasDecimal128(type) ? new arrow.Decimal(type.scale, type.precision, 128) : new arrow.Utf8();
    case "string":
    case "json":
      return new arrow.Utf8();
    case "uuid":
      return new arrow.FixedSizeBinary(16);
    case "binary":
      return stored && type.length !== undefined ? new arrow.FixedSizeBinary(type.length) : new arrow.Binary();
    case "date":
      return new arrow.DateDay();
    case "time":
      return new arrow.TimeMicrosecond();
    case "timestamp":
      return new arrow.TimestampMicrosecond(type.utc ? "UTC" : null);
    case "interval":
      return new arrow.Utf8();
    case "list":
      return new arrow.List(nestedField("element", type.element, type.elementId, type.elementRequired, stored));
    case "struct":
      return new arrow.Struct(
        type.fields.map((field) => nestedField(field.name, field.type, field.id, field.required, stored)),
      );
    case "map": {
      const entries = new arrow.Struct([
        arrowField("key", type.key, false, idMetadata(type.keyId, stored), stored),
        nestedField("value", type.value, type.valueId, type.valueRequired, stored),
      ]);
      return new arrow.Map_(new arrow.Field(stored ? "key_value" : "entries", entries as never, false));
    }
    default:
      return unreachable(type);
  }
}

function nestedField(
  name: string,
  type: DataType,
  id: number | undefined,
  required: boolean | undefined,
  stored: boolean,
): arrow.Field {
  return arrowField(name, type, !(stored && required === true), idMetadata(id, stored), stored);
}

function idMetadata(id: number | undefined, stored: boolean): ReadonlyMap<string, string> {
  return new Map(stored && id !== undefined ? [[FIELD_ID_KEY, String(id)]] : []);
}

/** Whether a decimal fits Arrow's 128-bit decimal; otherwise it travels as text. */
export function hasDecimal128(
  type: DataType,
): type is { readonly kind: "decimal"; readonly precision: number; readonly scale: number } {
  return (
    type.kind === "decimal" &&
    type.precision !== undefined &&
    type.scale !== undefined &&
    type.precision <= MAX_DECIMAL128_PRECISION
  );
}

/** An Arrow field with our type in its metadata; further metadata is added. `stored` as in {@link dataTypeToArrow}. */
export function arrowField(
  name: string,
  type: DataType,
  nullable: boolean,
  metadata: ReadonlyMap<string, string> = new Map(),
  stored = false,
): arrow.Field {
  const all = new Map(metadata);
  // Files keep no Arrow metadata, so there it would only cost.
  if (!stored) all.set(TYPE_KEY, JSON.stringify(type, withoutDefaults));
  if (type.kind === "uuid") all.set("ARROW:extension:name", "arrow.uuid").set("ARROW:extension:metadata", "");
  return new arrow.Field(name, dataTypeToArrow(type, stored), nullable, all);
}

/** Defaults matter to files alone, and not every scalar has a JSON form. */
function withoutDefaults(key: string, value: unknown): unknown {
  return key === "missing" ? undefined : value;
}

/** The column type of an Arrow field: ours when the field carries it, else the nearest. Errors: `data_invalid`. */
export function arrowFieldToDataType(field: arrow.Field): DataType {
  const own = field.metadata.get(TYPE_KEY);
  // Written by arrowField; a foreign writer has no reason to use the key.
  if (own !== undefined) return JSON.parse(own) as DataType;
  if (field.metadata.get("ARROW:extension:name") === "arrow.uuid") return { kind: "uuid" };
  return arrowToDataType(field.type);
}

function arrowToDataType(type: arrow.DataType): DataType {
  if (arrow.DataType.isDictionary(type)) return arrowToDataType(type.dictionary as arrow.DataType);
  if (arrow.DataType.isNull(type)) return { kind: "null" };
  if (arrow.DataType.isBool(type)) return { kind: "boolean" };
  if (arrow.DataType.isInt(type)) {
    const bits: number = type.bitWidth + (type.isSigned ? 0 : 1);
    if (bits <= 16) return { kind: "int16" };
    return bits <= 32 ? { kind: "int32" } : { kind: "int64" };
  }
  if (arrow.DataType.isFloat(type)) {
    return type.precision === arrow.Precision.DOUBLE ? { kind: "float64" } : { kind: "float32" };
  }
  if (arrow.DataType.isUtf8(type) || arrow.DataType.isLargeUtf8(type)) return { kind: "string" };
  if (arrow.DataType.isBinary(type) || arrow.DataType.isLargeBinary(type)) return { kind: "binary" };
  if (arrow.DataType.isFixedSizeBinary(type)) return { kind: "binary" };
  if (arrow.DataType.isDecimal(type)) return { kind: "decimal", precision: type.precision, scale: type.scale };
  if (arrow.DataType.isDate(type)) {
    return type.unit === arrow.DateUnit.DAY ? { kind: "date" } : { kind: "timestamp", utc: false };
  }
  if (arrow.DataType.isTime(type)) return { kind: "time" };
  if (arrow.DataType.isTimestamp(type)) return { kind: "timestamp", utc: Boolean(type.timezone) };
  if (arrow.DataType.isMap(type)) {
    const [key, value] = type.childType.children;
    if (key !== undefined && value !== undefined) {
      return { kind: "map", key: arrowFieldToDataType(key), value: arrowFieldToDataType(value) };
    }
  }
  if (arrow.DataType.isList(type)) return { kind: "list", element: arrowFieldToDataType(type.valueField) };
  if (arrow.DataType.isStruct(type)) {
    return {
      kind: "struct",
      fields: type.children.map((child) => ({ name: child.name, type: arrowFieldToDataType(child) })),
    };
  }
  throw new LakeError("data_invalid", `The Arrow type ${arrow.Type[type.typeId]} is not supported.`);
}
