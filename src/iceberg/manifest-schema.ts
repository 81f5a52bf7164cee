// Avro schemas of manifests and manifest lists, format versions 1 to 3. Source: Iceberg table spec, "Manifests",
// "Manifest Lists" and Appendix A for the types of partition values.

import { LakeError } from "#core";
import type { AvroField, AvroSchema } from "#codec";
import type { IcebergType, LocatedField } from "./schema.ts";
import type { PartitionSpec } from "./table-metadata.ts";
import { fieldTransform, transformResultType } from "./transform.ts";
import { parseDecimalType, parseFixedType } from "./type-names.ts";

/** A field of a partition tuple with the type of its values. */
export interface PartitionTupleField {
  readonly fieldId: number;
  readonly name: string;
  readonly type: IcebergType;
}

/**
 * The tuple type of a spec. `fields` should hold dropped columns too: values of a source that is not there are taken
 * for strings.
 */
export function partitionTuple(spec: PartitionSpec, fields: ReadonlyMap<number, LocatedField>): PartitionTupleField[] {
  return spec.fields.map((field) => ({
    fieldId: field["field-id"],
    name: field.name,
    type: transformResultType(fieldTransform(field), fields.get(field["source-id"])?.field.type ?? "string"),
  }));
}

const AVRO_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A name Avro accepts, made as Iceberg's Java writer does: other characters become _x and their code. */
export function sanitizeAvroName(name: string): string {
  if (AVRO_NAME.test(name)) return name;
  return Array.from(name, (char, index) => {
    if (/[A-Za-z_]/.test(char) || (index > 0 && /\d/.test(char))) return char;
    return /\d/.test(char) ? `_${char}` : `_x${(char.codePointAt(0) as number).toString(16).toUpperCase()}`;
  }).join("");
}

/** Bytes of the shortest two's complement that holds every decimal of that precision. */
export function decimalByteLength(precision: number): number {
  const limit = 10n ** BigInt(precision);
  let length = 1;
  while (1n << BigInt(length * 8 - 1) < limit) length += 1;
  return length;
}

function partitionAvroType(type: IcebergType): AvroSchema {
  if (typeof type !== "string") throw new LakeError("metadata_invalid", "A partition value cannot be nested.");
  switch (type) {
    case "boolean":
    case "int":
    case "long":
    case "float":
    case "double":
    case "string":
      return type;
    case "binary":
      return "bytes";
    case "date":
      return { type: "int", logicalType: "date" };
    case "time":
      return { type: "long", logicalType: "time-micros" };
    case "timestamp":
      return { type: "long", logicalType: "timestamp-micros", "adjust-to-utc": false };
    case "timestamptz":
      return { type: "long", logicalType: "timestamp-micros", "adjust-to-utc": true };
    case "timestamp_ns":
      return { type: "long", logicalType: "timestamp-nanos", "adjust-to-utc": false };
    case "timestamptz_ns":
      return { type: "long", logicalType: "timestamp-nanos", "adjust-to-utc": true };
    case "uuid":
      return { type: "fixed", name: "uuid_fixed", size: 16, logicalType: "uuid" };
    default: {
      const size = parseFixedType(type);
      if (size !== undefined) return { type: "fixed", name: `fixed_${size}`, size };
      const decimal = parseDecimalType(type);
      if (decimal === undefined) throw new LakeError("unsupported_operation", `Cannot partition by a ${type}.`);
      const { precision, scale } = decimal;
      const name = `decimal_${precision}_${scale}`;
      return { type: "fixed", name, size: decimalByteLength(precision), logicalType: "decimal", precision, scale };
    }
  }
}

function required(id: number, name: string, type: AvroSchema): AvroField {
  return { name, type, "field-id": id };
}

function optional(id: number, name: string, type: AvroSchema): AvroField {
  return { name, type: ["null", type], default: null, "field-id": id };
}

function intMap(keyId: number, valueId: number, valueType: AvroSchema): AvroSchema {
  return {
    type: "array",
    logicalType: "map",
    items: {
      type: "record",
      name: `k${keyId}_v${valueId}`,
      fields: [required(keyId, "key", "int"), required(valueId, "value", valueType)],
    },
  };
}

/** Named Avro types may be declared once only; later uses are the name. */
function referRepeatedNames(fields: readonly AvroField[]): AvroField[] {
  const seen = new Set<string>();
  return fields.map((field) => {
    const [, type] = field.type as readonly [unknown, AvroSchema];
    const name = typeof type === "object" && "name" in type ? type.name : undefined;
    if (typeof name !== "string") return field;
    if (seen.has(name)) return { ...field, type: ["null", name] };
    seen.add(name);
    return field;
  });
}

/** The Avro schema of a manifest whose files are partitioned by the tuple. */
export function manifestEntrySchema(tuple: readonly PartitionTupleField[], formatVersion: number): AvroSchema {
  const partition: AvroSchema = {
    type: "record",
    name: "r102",
    fields: referRepeatedNames(
      tuple.map((field) => optional(field.fieldId, sanitizeAvroName(field.name), partitionAvroType(field.type))),
    ),
  };
  const dataFile: AvroSchema = {
    type: "record",
    name: "r2",
    fields: [
      ...(formatVersion === 1 ? [] : [required(134, "content", "int")]),
      required(100, "file_path", "string"),
      required(101, "file_format", "string"),
      required(102, "partition", partition),
      required(103, "record_count", "long"),
      required(104, "file_size_in_bytes", "long"),
      ...(formatVersion === 1 ? [required(105, "block_size_in_bytes", "long")] : []),
      optional(108, "column_sizes", intMap(117, 118, "long")),
      optional(109, "value_counts", intMap(119, 120, "long")),
      optional(110, "null_value_counts", intMap(121, 122, "long")),
      optional(137, "nan_value_counts", intMap(138, 139, "long")),
      optional(125, "lower_bounds", intMap(126, 127, "bytes")),
      optional(128, "upper_bounds", intMap(129, 130, "bytes")),
      optional(131, "key_metadata", "bytes"),
      optional(132, "split_offsets", { type: "array", items: "long", "element-id": 133 }),
      ...(formatVersion === 1
        ? []
        : [optional(135, "equality_ids", { type: "array", items: "int", "element-id": 136 })]),
      optional(140, "sort_order_id", "int"),
      ...(formatVersion < 3 ? [] : [optional(142, "first_row_id", "long")]),
      ...(formatVersion === 1 ? [] : [optional(143, "referenced_data_file", "string")]),
      ...(formatVersion < 3
        ? []
        : [optional(144, "content_offset", "long"), optional(145, "content_size_in_bytes", "long")]),
    ],
  };
  return {
    type: "record",
    name: "manifest_entry",
    fields: [
      required(0, "status", "int"),
      ...(formatVersion === 1
        ? [required(1, "snapshot_id", "long")]
        : [
            optional(1, "snapshot_id", "long"),
            optional(3, "sequence_number", "long"),
            optional(4, "file_sequence_number", "long"),
          ]),
      required(2, "data_file", dataFile),
    ],
  };
}

/** The Avro schema of a manifest list. */
export function manifestListSchema(formatVersion: number): AvroSchema {
  const fields =
    formatVersion === 1
      ? MANIFEST_FILE_FIELDS.filter(({ name }) => !LATER_MANIFEST_FIELDS.has(name))
      : [...MANIFEST_FILE_FIELDS, ...(formatVersion < 3 ? [] : [FIRST_ROW_ID_FIELD])];
  return { type: "record", name: "manifest_file", fields };
}

/** Fields that format version 1 does not know. */
const LATER_MANIFEST_FIELDS = new Set(["content", "sequence_number", "min_sequence_number"]);

const FIRST_ROW_ID_FIELD = optional(520, "first_row_id", "long");

const MANIFEST_FILE_FIELDS: readonly AvroField[] = [
  required(500, "manifest_path", "string"),
  required(501, "manifest_length", "long"),
  required(502, "partition_spec_id", "int"),
  required(517, "content", "int"),
  required(515, "sequence_number", "long"),
  required(516, "min_sequence_number", "long"),
  required(503, "added_snapshot_id", "long"),
  required(504, "added_files_count", "int"),
  required(505, "existing_files_count", "int"),
  required(506, "deleted_files_count", "int"),
  required(512, "added_rows_count", "long"),
  required(513, "existing_rows_count", "long"),
  required(514, "deleted_rows_count", "long"),
  optional(507, "partitions", {
    type: "array",
    "element-id": 508,
    items: {
      type: "record",
      name: "r508",
      fields: [
        required(509, "contains_null", "boolean"),
        optional(518, "contains_nan", "boolean"),
        optional(510, "lower_bound", "bytes"),
        optional(511, "upper_bound", "bytes"),
      ],
    },
  }),
  optional(519, "key_metadata", "bytes"),
];
