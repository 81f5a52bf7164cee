// Annotations of a schema's elements to our types.
// Source: https://github.com/apache/parquet-format/blob/master/LogicalTypes.md

import type { DataType } from "#columnar";
import { thriftBoolean, thriftInteger, thriftStruct, type ThriftStruct } from "#codec";
import { readShapes } from "./shape-types.ts";
import type { PhysicalType, ValueConversion } from "./metadata.ts";

/** The union members of LogicalType that we read. */
const LOGICAL = {
  string: 1,
  enum: 4,
  decimal: 5,
  date: 6,
  time: 7,
  timestamp: 8,
  integer: 10,
  null: 11,
  json: 12,
  uuid: 14,
  float16: 15,
  geometry: 17,
  geography: 18,
} as const;

/** ConvertedType numbers of files older than LogicalType. */
const CONVERTED = {
  utf8: 0,
  enum: 4,
  decimal: 5,
  date: 6,
  timeMillis: 7,
  timeMicros: 8,
  timestampMillis: 9,
  timestampMicros: 10,
  uint8: 11,
  uint16: 12,
  uint32: 13,
  uint64: 14,
  int8: 15,
  int16: 16,
  json: 19,
} as const;

/** How stored values of a leaf become ours. */
export interface Reading {
  readonly type: DataType;
  readonly conversion: ValueConversion;
  /** See ParquetColumn. */
  readonly isByte?: boolean;
}

function plain(type: DataType): Reading {
  return { type, conversion: "none" };
}

/** The reading of a leaf; undefined when its annotation has none. */
export function readingOf(element: ThriftStruct, physical: PhysicalType, typeLength: number): Reading | undefined {
  const logical = thriftStruct(element, 10);
  return (
    (logical === undefined ? undefined : logicalReading(logical, physical, typeLength)) ??
    convertedReading(element, physical) ??
    physicalReading(physical, typeLength)
  );
}

function logicalReading(logical: ThriftStruct, physical: PhysicalType, typeLength: number): Reading | undefined {
  const [[member = 0] = []] = logical;
  const detail = thriftStruct(logical, member);
  if (detail === undefined) return undefined;
  const isBytes = physical === "byte_array";
  const isInteger = physical === "int32" || physical === "int64";
  if (isBytes && (member === LOGICAL.string || member === LOGICAL.enum)) return plain({ kind: "string" });
  if (isBytes && member === LOGICAL.json) return plain({ kind: "json" });
  if (isBytes && member === LOGICAL.geometry) return plain({ kind: "binary", stored: readShapes("geometry", detail) });
  if (isBytes && member === LOGICAL.geography) {
    return plain({ kind: "binary", stored: readShapes("geography", detail) });
  }
  if (member === LOGICAL.decimal) return decimalReading(thriftInteger(detail, 2), thriftInteger(detail, 1), physical);
  if (member === LOGICAL.date && physical === "int32") return plain({ kind: "date" });
  if (member === LOGICAL.time && isInteger) return { type: { kind: "time" }, conversion: unitOf(detail) };
  if (member === LOGICAL.timestamp && physical === "int64") {
    return { type: { kind: "timestamp", utc: thriftBoolean(detail, 1) ?? false }, conversion: unitOf(detail) };
  }
  if (member === LOGICAL.integer && isInteger) {
    return integerReading(thriftInteger(detail, 1) ?? 64, thriftBoolean(detail, 2) ?? true);
  }
  if (member === LOGICAL.uuid && physical === "fixed_len_byte_array" && typeLength === 16) {
    return plain({ kind: "uuid" });
  }
  if (member === LOGICAL.float16 && physical === "fixed_len_byte_array" && typeLength === 2) {
    return { type: { kind: "float32" }, conversion: "float16" };
  }
  return undefined;
}

/** TimeUnit is a union: 1 millis, 2 micros, 3 nanos. */
function unitOf(detail: ThriftStruct): ValueConversion {
  const unit = thriftStruct(detail, 2);
  if (unit?.has(1) === true) return "millis";
  return unit?.has(3) === true ? "nanos" : "none";
}

function integerReading(bits: number, signed: boolean): Reading {
  if (signed && bits <= 8) return { ...plain({ kind: "int16" }), isByte: true };
  if (signed) return plain({ kind: bits === 16 ? "int16" : bits === 32 ? "int32" : "int64" });
  if (bits <= 8) return plain({ kind: "int16" });
  if (bits === 16) return plain({ kind: "int32" });
  if (bits === 32) return { type: { kind: "int64" }, conversion: "unsigned" };
  return { type: { kind: "decimal", precision: 20, scale: 0 }, conversion: "unsigned" };
}

function decimalReading(
  precision: number | undefined,
  scale: number | undefined,
  physical: PhysicalType,
): Reading | undefined {
  if (precision === undefined || precision < 1 || (scale ?? 0) < 0) return undefined;
  if (physical === "boolean" || physical === "float" || physical === "double" || physical === "int96") return undefined;
  return plain({ kind: "decimal", precision, scale: scale ?? 0 });
}

function convertedReading(element: ThriftStruct, physical: PhysicalType): Reading | undefined {
  const converted = thriftInteger(element, 6);
  if (converted === undefined) return undefined;
  if (converted === CONVERTED.decimal) {
    return decimalReading(thriftInteger(element, 8), thriftInteger(element, 7), physical);
  }
  if (physical === "byte_array") {
    if (converted === CONVERTED.utf8 || converted === CONVERTED.enum) return plain({ kind: "string" });
    return converted === CONVERTED.json ? plain({ kind: "json" }) : undefined;
  }
  if (physical === "int32") {
    if (converted === CONVERTED.date) return plain({ kind: "date" });
    if (converted === CONVERTED.timeMillis) return { type: { kind: "time" }, conversion: "millis" };
    if (converted === CONVERTED.int8) return integerReading(8, true);
    if (converted === CONVERTED.int16) return integerReading(16, true);
    if (converted === CONVERTED.uint8) return integerReading(8, false);
    if (converted === CONVERTED.uint16) return integerReading(16, false);
    if (converted === CONVERTED.uint32) return integerReading(32, false);
  }
  if (physical === "int64") {
    if (converted === CONVERTED.timeMicros) return plain({ kind: "time" });
    if (converted === CONVERTED.timestampMillis) {
      return { type: { kind: "timestamp", utc: true }, conversion: "millis" };
    }
    if (converted === CONVERTED.timestampMicros) return plain({ kind: "timestamp", utc: true });
    if (converted === CONVERTED.uint64) return integerReading(64, false);
  }
  return undefined;
}

function physicalReading(physical: PhysicalType, typeLength: number): Reading {
  switch (physical) {
    case "boolean":
      return plain({ kind: "boolean" });
    case "int32":
      return plain({ kind: "int32" });
    case "int64":
      return plain({ kind: "int64" });
    case "int96":
      return plain({ kind: "timestamp", utc: true });
    case "float":
      return plain({ kind: "float32" });
    case "double":
      return plain({ kind: "float64" });
    case "byte_array":
      return plain({ kind: "binary" });
    case "fixed_len_byte_array":
      return plain({ kind: "binary", length: typeLength });
  }
}
