// What a Parquet footer says, in our terms. Pure types; parse-footer.ts makes them.

import type { DataType, Scalar } from "#columnar";
import type { ThriftStruct } from "#codec";

/** Ranged access to one immutable file. Errors of `read` propagate to the caller of the scan. */
export interface RangeReader {
  readonly sizeBytes: number;
  /** Bytes [offset, offset + length); exactly `length` bytes. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A column to write. */
export interface ParquetField {
  readonly name: string;
  /** Iceberg field id, stored as the schema element's field_id. */
  readonly fieldId: number;
  readonly type: DataType;
  readonly nullable: boolean;
}

/** Parquet's physical types by their thrift number. */
export const PHYSICAL_TYPES = [
  "boolean",
  "int32",
  "int64",
  "int96",
  "float",
  "double",
  "byte_array",
  "fixed_len_byte_array",
] as const;

/** How a leaf's values are stored. */
export type PhysicalType = (typeof PHYSICAL_TYPES)[number];

/** How stored values become ours, beyond the plain reading of the physical type. */
export type ValueConversion = "none" | "unsigned" | "millis" | "nanos" | "float16";

/** A leaf column of the schema. */
export interface ParquetColumn {
  /** Index into every row group's `columns`. */
  readonly leafIndex: number;
  /** Names from the top-level field down. */
  readonly path: readonly string[];
  /** field_id of the leaf itself. */
  readonly fieldId: number | undefined;
  /** field_id of the top-level field; differs from `fieldId` only when nested. */
  readonly rootFieldId: number | undefined;
  /** Undefined when the annotation is not supported. */
  readonly type: DataType | undefined;
  readonly physicalType: PhysicalType;
  /** Width of fixed_len_byte_array, else 0. */
  readonly typeLength: number;
  readonly conversion: ValueConversion;
  /** Annotated as an integer of 8 bits, which only variants tell from one of 16. */
  readonly isByte?: boolean;
  readonly maxDefinitionLevel: number;
  readonly maxRepetitionLevel: number;
}

/** A field of the schema's tree. Levels count the field's own repetition. */
export interface ParquetNode {
  readonly name: string;
  readonly fieldId: number | undefined;
  readonly repetition: "required" | "optional" | "repeated";
  /** What a group stands for; undefined for leaves and plain groups. */
  readonly annotation: "list" | "map" | "variant" | undefined;
  readonly definitionLevel: number;
  readonly repetitionLevel: number;
  /** Empty for a leaf. */
  readonly children: readonly ParquetNode[];
  /** The leaf's column; undefined for a group. */
  readonly column: ParquetColumn | undefined;
}

/** Bytes of a file. */
export interface FileSlice {
  readonly offset: number;
  readonly length: number;
}

/** One column chunk: a leaf's values within one row group. */
export interface ParquetColumnChunk {
  /** First byte of the chunk: its dictionary page or first data page. */
  readonly offset: number;
  readonly dictionaryPageOffset: number | undefined;
  readonly compressedBytes: number;
  readonly uncompressedBytes: number;
  /** Parquet's CompressionCodec number. */
  readonly codec: number;
  /** Parquet's Encoding numbers. */
  readonly encodings: readonly number[];
  /** Values including nulls. */
  readonly valueCount: number;
  readonly nullCount: number | undefined;
  /** Known only for chunks that this process has just written; floating point columns. */
  readonly nanCount?: number;
  /** First byte of the chunk's bloom filter, where it has one. */
  readonly bloomFilterOffset?: number;
  /** Length of the filter, header included; older writers do not say. */
  readonly bloomFilterBytes?: number;
  /** Where the bounds of the chunk's pages are, where it has them. */
  readonly columnIndex?: FileSlice;
  /** Where the places of the chunk's pages are, where it has them. */
  readonly offsetIndex?: FileSlice;
  /**
   * Bounds from min_value and max_value; undefined when absent, not decodable or NaN. Strings are ordered by
   * UTF-8 bytes. `-0` and `+0` are widened: a zero minimum is -0, a zero maximum +0.
   */
  readonly min: Scalar | undefined;
  readonly max: Scalar | undefined;
  /** Of timestamps with nanoseconds, whose `min` and `max` are in microseconds and cut below: the bounds as stored. */
  readonly minNanos?: bigint;
  readonly maxNanos?: bigint;
  /** Whether the bound is a value of the chunk, as opposed to a bound that may be wider (truncated text). */
  readonly isMinExact: boolean;
  readonly isMaxExact: boolean;
}

/** A horizontal slice of the file. */
export interface ParquetRowGroup {
  readonly numRows: number;
  readonly fileOffset: number;
  readonly totalCompressedBytes: number;
  /** One for each leaf, in schema order. */
  readonly columns: readonly ParquetColumnChunk[];
}

/** A file's footer. */
export interface ParquetMetadata {
  readonly numRows: number;
  readonly rowGroups: readonly ParquetRowGroup[];
  /** Leaves in schema order. */
  readonly columns: readonly ParquetColumn[];
  /** Top-level fields in schema order. */
  readonly fields: readonly ParquetNode[];
  readonly createdBy: string | undefined;
  /** Length of the thrift footer, without the 8 bytes after it. */
  readonly footerBytes: number;
  readonly keyValueMetadata: Readonly<Record<string, string>>;
  /** Row group starts, for Iceberg's split_offsets. */
  readonly splitOffsets: readonly number[];
}

/** A parsed footer with the thrift it came from. */
export interface ParsedFooter {
  readonly metadata: ParquetMetadata;
  readonly thrift: ThriftStruct;
}
