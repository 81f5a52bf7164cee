// Reads manifest entries in place: one pass finds where everything lies, and only what is asked for is decoded. Built
// once for each manifest from the schema its writer left in it.
// Source: Iceberg table spec, "Manifests": fields are found by id, or by name where a writer left the ids out.

import {
  avroError,
  compileAvroFieldDecoders,
  compileAvroSkipper,
  createAvroCursor,
  readAvroCount,
  readAvroLong,
  type AvroCursor,
  type AvroDecoder,
  type AvroField,
  type AvroSchema,
  type AvroSkipper,
} from "#codec";
import { LakeError, compareBytes, required } from "#core";
import type { Scalar } from "#columnar";
import { sanitizeAvroName, type PartitionTupleField } from "./manifest-schema.ts";
import { skipBounds, skipCounts } from "./metric-map.ts";
import { bytesToBigint, bytesToUuid } from "./single-value.ts";
import { parseDecimalType } from "./type-names.ts";

/** Where the parts of one entry lie in its block; offsets are -1 for what is null or absent. */
export interface EntrySlots {
  start: number;
  end: number;
  status: number;
  snapshotId: number | bigint | null;
  sequenceNumber: number | bigint | null;
  fileSequenceNumber: number | bigint | null;
  content: number;
  recordCount: number;
  fileSizeBytes: number;
  firstRowId: number | bigint | null;
  sortOrderId: number;
  contentOffset: number;
  contentSizeBytes: number;
  partition: readonly Scalar[];
  filePathAt: number;
  fileFormatAt: number;
  columnSizesAt: number;
  valueCountsAt: number;
  nullValueCountsAt: number;
  nanValueCountsAt: number;
  lowerBoundsAt: number;
  upperBoundsAt: number;
  keyMetadataAt: number;
  splitOffsetsAt: number;
  equalityIdsAt: number;
  referencedDataFileAt: number;
}

/** Moves the cursor over one entry and notes what it found. */
export type EntryReader = (cursor: AvroCursor, slots: EntrySlots) => void;

type OffsetSlot = {
  [K in keyof EntrySlots]: K extends `${string}At` ? K : never;
}[keyof EntrySlots];
type NumberSlot =
  | "status"
  | "content"
  | "recordCount"
  | "fileSizeBytes"
  | "sortOrderId"
  | "contentOffset"
  | "contentSizeBytes";
type LongSlot = "snapshotId" | "sequenceNumber" | "fileSequenceNumber" | "firstRowId";

/** An entry of nothing. */
export function createEntrySlots(): EntrySlots {
  return {
    start: 0,
    end: 0,
    status: -1,
    snapshotId: null,
    sequenceNumber: null,
    fileSequenceNumber: null,
    content: 0,
    recordCount: -1,
    fileSizeBytes: -1,
    firstRowId: null,
    sortOrderId: -1,
    contentOffset: -1,
    contentSizeBytes: -1,
    partition: [],
    filePathAt: -1,
    fileFormatAt: -1,
    columnSizesAt: -1,
    valueCountsAt: -1,
    nullValueCountsAt: -1,
    nanValueCountsAt: -1,
    lowerBoundsAt: -1,
    upperBoundsAt: -1,
    keyMetadataAt: -1,
    splitOffsetsAt: -1,
    equalityIdsAt: -1,
    referencedDataFileAt: -1,
  };
}

/** Forgets all that an entry may lack. */
function clearSlots(slots: EntrySlots): void {
  slots.status = -1;
  slots.snapshotId = null;
  slots.sequenceNumber = null;
  slots.fileSequenceNumber = null;
  slots.content = 0;
  slots.recordCount = -1;
  slots.fileSizeBytes = -1;
  slots.firstRowId = null;
  slots.sortOrderId = -1;
  slots.contentOffset = -1;
  slots.contentSizeBytes = -1;
  slots.filePathAt = -1;
  slots.fileFormatAt = -1;
  slots.columnSizesAt = -1;
  slots.valueCountsAt = -1;
  slots.nullValueCountsAt = -1;
  slots.nanValueCountsAt = -1;
  slots.lowerBoundsAt = -1;
  slots.upperBoundsAt = -1;
  slots.keyMetadataAt = -1;
  slots.splitOffsetsAt = -1;
  slots.equalityIdsAt = -1;
  slots.referencedDataFileAt = -1;
}

type SlotReader = (cursor: AvroCursor, slots: EntrySlots) => void;

interface KnownField {
  readonly id: number;
  readonly name: string;
  /** The only Avro type the field is read as; other integers are read as long. */
  readonly shape: "long" | "string" | "bytes" | "counts" | "bounds" | "longs";
  readonly reader: (skip: AvroSkipper) => SlotReader;
}

function readNumber(slot: NumberSlot): KnownField["reader"] {
  return () => (cursor, slots) => {
    slots[slot] = readAvroCount(cursor);
  };
}

function readLong(slot: LongSlot): KnownField["reader"] {
  return () => (cursor, slots) => {
    slots[slot] = readAvroLong(cursor);
  };
}

function noteOffset(slot: OffsetSlot): KnownField["reader"] {
  return (skip) => (cursor, slots) => {
    slots[slot] = cursor.offset;
    skip(cursor);
  };
}

const ENTRY_FIELDS: readonly KnownField[] = [
  { id: 0, name: "status", shape: "long", reader: readNumber("status") },
  { id: 1, name: "snapshot_id", shape: "long", reader: readLong("snapshotId") },
  { id: 3, name: "sequence_number", shape: "long", reader: readLong("sequenceNumber") },
  { id: 4, name: "file_sequence_number", shape: "long", reader: readLong("fileSequenceNumber") },
];

const DATA_FILE_ID = 2;
const PARTITION_ID = 102;

const FILE_FIELDS: readonly KnownField[] = [
  { id: 134, name: "content", shape: "long", reader: readNumber("content") },
  { id: 100, name: "file_path", shape: "string", reader: noteOffset("filePathAt") },
  { id: 101, name: "file_format", shape: "string", reader: noteOffset("fileFormatAt") },
  { id: 103, name: "record_count", shape: "long", reader: readNumber("recordCount") },
  { id: 104, name: "file_size_in_bytes", shape: "long", reader: readNumber("fileSizeBytes") },
  { id: 108, name: "column_sizes", shape: "counts", reader: noteOffset("columnSizesAt") },
  { id: 109, name: "value_counts", shape: "counts", reader: noteOffset("valueCountsAt") },
  { id: 110, name: "null_value_counts", shape: "counts", reader: noteOffset("nullValueCountsAt") },
  { id: 137, name: "nan_value_counts", shape: "counts", reader: noteOffset("nanValueCountsAt") },
  { id: 125, name: "lower_bounds", shape: "bounds", reader: noteOffset("lowerBoundsAt") },
  { id: 128, name: "upper_bounds", shape: "bounds", reader: noteOffset("upperBoundsAt") },
  { id: 131, name: "key_metadata", shape: "bytes", reader: noteOffset("keyMetadataAt") },
  { id: 132, name: "split_offsets", shape: "longs", reader: noteOffset("splitOffsetsAt") },
  { id: 135, name: "equality_ids", shape: "longs", reader: noteOffset("equalityIdsAt") },
  { id: 140, name: "sort_order_id", shape: "long", reader: readNumber("sortOrderId") },
  { id: 142, name: "first_row_id", shape: "long", reader: readLong("firstRowId") },
  { id: 143, name: "referenced_data_file", shape: "string", reader: noteOffset("referencedDataFileAt") },
  { id: 144, name: "content_offset", shape: "long", reader: readNumber("contentOffset") },
  { id: 145, name: "content_size_in_bytes", shape: "long", reader: readNumber("contentSizeBytes") },
];

/** Builds the reader of a manifest's entries. Errors: `metadata_invalid` for a schema that is not a manifest's. */
export function compileEntryReader(schema: AvroSchema, tuple: readonly PartitionTupleField[]): EntryReader {
  const readFile = (type: AvroSchema): SlotReader =>
    compileRecord(type, (field) =>
      isField(field, PARTITION_ID, "partition")
        ? compilePartition(field.type, tuple)
        : compileField(field, FILE_FIELDS),
    );
  const readEntry = compileRecord(schema, (field) =>
    isField(field, DATA_FILE_ID, "data_file") ? readFile(field.type) : compileField(field, ENTRY_FIELDS),
  );
  return (cursor, slots) => {
    clearSlots(slots);
    slots.start = cursor.offset;
    readEntry(cursor, slots);
    slots.end = cursor.offset;
    if (slots.end > cursor.bytes.length) throw avroError("the data ends inside an entry.");
  };
}

function isField(field: AvroField, id: number, name: string): boolean {
  return field["field-id"] === undefined ? field.name === name : field["field-id"] === id;
}

function compileRecord(schema: AvroSchema, compileMember: (field: AvroField) => SlotReader): SlotReader {
  const readers = recordFields(schema).map(compileMember);
  return (cursor, slots) => {
    for (let i = 0; i < readers.length; i++) (readers[i] as SlotReader)(cursor, slots);
  };
}

function recordFields(schema: AvroSchema): readonly AvroField[] {
  const fields = typeof schema === "object" && "fields" in schema ? schema.fields : undefined;
  if (Array.isArray(fields)) return fields as readonly AvroField[];
  throw new LakeError("metadata_invalid", "A manifest's schema is not that of manifest entries.");
}

function compileField(field: AvroField, known: readonly KnownField[]): SlotReader {
  const match = known.find(({ id, name }) => isField(field, id, name));
  if (match === undefined) return compileAvroSkipper(field.type);
  return compileOptional(field.type, (type) => {
    if (!hasShape(type, match.shape)) {
      // Metrics in another form are as good as none.
      if (match.shape === "counts" || match.shape === "bounds") return compileAvroSkipper(type);
      throw new LakeError("metadata_invalid", `A manifest's ${match.name} has a type it cannot have.`);
    }
    return match.reader(compileSkipper(type, match.shape));
  });
}

function compileSkipper(type: AvroSchema, shape: KnownField["shape"]): AvroSkipper {
  if (shape === "counts") return skipCounts;
  return shape === "bounds" ? skipBounds : compileAvroSkipper(type);
}

/** Null leaves what the slots hold of an entry of nothing. */
function compileOptional(type: AvroSchema, compileValue: (type: AvroSchema) => SlotReader): SlotReader {
  if (!Array.isArray(type)) return compileValue(type);
  const branches = (type as readonly AvroSchema[]).map((branch) =>
    branch === "null" ? undefined : compileValue(branch),
  );
  return (cursor, slots) => {
    const index = readAvroCount(cursor);
    if (index < 0 || index >= branches.length) throw avroError("a union names a branch it does not have.");
    branches[index]?.(cursor, slots);
  };
}

function typeName(type: AvroSchema): unknown {
  return typeof type === "object" && !Array.isArray(type) ? (type as { readonly type: unknown }).type : type;
}

function hasShape(type: AvroSchema, shape: KnownField["shape"]): boolean {
  const name = typeName(type);
  switch (shape) {
    case "long":
      return name === "int" || name === "long";
    case "string":
    case "bytes":
      return name === shape;
    case "longs":
      return name === "array" && hasShape((type as { readonly items: AvroSchema }).items, "long");
    case "counts":
      return isIntMap(type, "long");
    case "bounds":
      return isIntMap(type, "bytes");
  }
}

function isIntMap(type: AvroSchema, value: "long" | "bytes"): boolean {
  if (typeName(type) !== "array") return false;
  const { items } = type as { readonly items: AvroSchema };
  // A record that is only named here was declared, and read, before.
  if (typeName(items) !== "record") return false;
  const [key, second, ...more] = recordFields(items);
  return (
    key?.name === "key" &&
    second !== undefined &&
    more.length === 0 &&
    hasShape(key.type, "long") &&
    hasShape(second.type, value)
  );
}

/** A value of the partition record: where it goes in the tuple, and how it becomes a scalar. */
interface PartitionMember {
  readonly decode: AvroDecoder;
  readonly targets: readonly { readonly index: number; readonly convert: (value: unknown) => Scalar }[];
}

/** Neighbours mostly share their partition: equal bytes give the same array again. */
function compilePartition(type: AvroSchema, tuple: readonly PartitionTupleField[]): SlotReader {
  const skip = compileAvroSkipper(type);
  const written = recordFields(type);
  const decoders = compileAvroFieldDecoders(written);
  const members = written.map((member, at): PartitionMember => ({
    decode: required(decoders[at], "the decoder of a partition field"),
    targets: tuple.flatMap((field, index) =>
      writtenField(written, field) === member ? [{ index, convert: partitionConverter(field) }] : [],
    ),
  }));
  let lastBytes = new Uint8Array(0);
  let last: readonly Scalar[] | undefined;
  return (cursor, slots) => {
    const start = cursor.offset;
    skip(cursor);
    if (cursor.offset > cursor.bytes.length) throw avroError("the data ends inside a partition.");
    const bytes = cursor.bytes.subarray(start, cursor.offset);
    if (last === undefined || compareBytes(bytes, lastBytes) !== 0) {
      last = decodePartition(bytes, members, tuple.length);
      lastBytes = bytes.slice();
    }
    slots.partition = last;
  };
}

function writtenField(written: readonly AvroField[], field: PartitionTupleField): AvroField | undefined {
  return (
    written.find((candidate) => candidate["field-id"] === field.fieldId) ??
    written.find((candidate) => candidate.name === sanitizeAvroName(field.name))
  );
}

function decodePartition(bytes: Uint8Array, members: readonly PartitionMember[], length: number): readonly Scalar[] {
  const cursor = createAvroCursor(bytes);
  const values: Scalar[] = Array.from({ length }, () => null);
  for (const { decode, targets } of members) {
    const value = decode(cursor);
    for (const { index, convert } of targets) values[index] = convert(value);
  }
  return values;
}

function partitionConverter({ name, type }: PartitionTupleField): (value: unknown) => Scalar {
  const decimal = typeof type === "string" ? parseDecimalType(type) : undefined;
  const fits = formOf(type);
  return (value) => {
    if (value === null || value === undefined) return null;
    // A value of another form would be compared as nothing it is, and files be passed over for it.
    if (!fits(value)) throw new LakeError("metadata_invalid", `A manifest's partition ${name} has a false type.`);
    if (!(value instanceof Uint8Array)) return value as Scalar;
    if (type === "uuid") return bytesToUuid(value);
    return decimal === undefined ? value.slice() : { unscaled: bytesToBigint(value), scale: decimal.scale };
  };
}

const UUID_BYTES = 16;

/** Tells decoded values that can be of the type. */
function formOf(type: PartitionTupleField["type"]): (value: unknown) => boolean {
  switch (type) {
    case "boolean":
      return (value) => typeof value === "boolean";
    case "float":
    case "double":
      return (value) => typeof value === "number";
    case "string":
      // Results of transforms that are not known here count as text, whatever they are.
      return (value) => typeof value !== "object" || value instanceof Uint8Array;
    case "uuid":
      return (value) => typeof value === "string" || (value instanceof Uint8Array && value.length === UUID_BYTES);
    case "int":
    case "long":
    case "date":
    case "time":
    case "timestamp":
    case "timestamptz":
    case "timestamp_ns":
    case "timestamptz_ns":
      return (value) => typeof value === "number" || typeof value === "bigint";
    default:
      return (value) => value instanceof Uint8Array;
  }
}
