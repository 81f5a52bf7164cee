// The footer's flattened schema tree to leaf columns with our types.
// Source: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift (SchemaElement)

import { utf8ToString } from "#core";
import type { DataType } from "#columnar";
import { corruptData, thriftBinary, thriftBoolean, thriftInteger, thriftStruct, type ThriftStruct } from "#codec";
import { PHYSICAL_TYPES, type ParquetColumn, type PhysicalType, type ValueConversion } from "./metadata.ts";

const REQUIRED = 0;
const REPEATED = 2;
const MAX_SCHEMA_DEPTH = 64;

/** The union members of LogicalType that we read. */
const LOGICAL = {
  string: 1,
  map: 2,
  list: 3,
  enum: 4,
  decimal: 5,
  date: 6,
  time: 7,
  timestamp: 8,
  integer: 10,
  null: 11,
  json: 12,
  bson: 13,
  uuid: 14,
  float16: 15,
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

/** Leaf columns of a schema in file order. Errors: `data_invalid` when the tree is malformed. */
export function schemaToColumns(elements: readonly ThriftStruct[]): ParquetColumn[] {
  const columns: ParquetColumn[] = [];
  let next = 0;

  function visit(path: readonly string[], definition: number, repetition: number, rootId: number | undefined): void {
    if (path.length > MAX_SCHEMA_DEPTH) throw corruptData("the schema nests too deep");
    const element = elements[next++];
    if (element === undefined) throw corruptData("the schema has too few elements");
    const name = utf8ToString(thriftBinary(element, 4) ?? new Uint8Array(0));
    const children = thriftInteger(element, 5) ?? 0;
    const isRoot = next === 1;
    const repetitionType = isRoot ? REQUIRED : (thriftInteger(element, 3) ?? REQUIRED);
    const maxDefinition = definition + (repetitionType === REQUIRED ? 0 : 1);
    const maxRepetition = repetition + (repetitionType === REPEATED ? 1 : 0);
    const ownPath = isRoot ? [] : [...path, name];
    const fieldId = thriftInteger(element, 9);
    const rootFieldId = path.length === 0 ? fieldId : rootId;
    if (children > 0 || isRoot) {
      if (children < 0 || children > elements.length) throw corruptData("a schema element's child count is false");
      for (let i = 0; i < children; i++) visit(ownPath, maxDefinition, maxRepetition, rootFieldId);
      return;
    }
    const physicalType = PHYSICAL_TYPES[thriftInteger(element, 1) ?? -1];
    if (physicalType === undefined) throw corruptData("a leaf has no physical type");
    const typeLength = thriftInteger(element, 2) ?? 0;
    if (physicalType === "fixed_len_byte_array" && typeLength < 0) throw corruptData("a fixed width is negative");
    const reading = readingOf(element, physicalType, typeLength);
    columns.push({
      leafIndex: columns.length,
      path: ownPath,
      fieldId,
      rootFieldId,
      type: reading?.type,
      physicalType,
      typeLength,
      conversion: reading?.conversion ?? "none",
      maxDefinitionLevel: maxDefinition,
      maxRepetitionLevel: maxRepetition,
    });
  }

  visit([], 0, 0, undefined);
  if (next !== elements.length) throw corruptData("the schema has elements outside its tree");
  return columns;
}

interface Reading {
  readonly type: DataType;
  readonly conversion: ValueConversion;
}

function plain(type: DataType): Reading {
  return { type, conversion: "none" };
}

function readingOf(element: ThriftStruct, physical: PhysicalType, typeLength: number): Reading | undefined {
  const logical = thriftStruct(element, 10);
  return (
    (logical === undefined ? undefined : logicalReading(logical, physical, typeLength)) ??
    convertedReading(element, physical) ??
    physicalReading(physical)
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
  if (signed) return plain({ kind: bits <= 16 ? "int16" : bits === 32 ? "int32" : "int64" });
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
    if (converted === CONVERTED.int8 || converted === CONVERTED.int16) return integerReading(16, true);
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

function physicalReading(physical: PhysicalType): Reading {
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
    case "fixed_len_byte_array":
      return plain({ kind: "binary" });
  }
}
