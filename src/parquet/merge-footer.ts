// Many one-row-group files into one: column chunks are appended as they are, only offsets in the thrift change.
//
// | section | content |
// |---|---|
// | "PAR1" | |
// | row groups | each one's column chunks, back to back, then its bloom filters |
// | column indexes | ColumnIndex structs, row group by row group |
// | offset indexes | OffsetIndex structs, page offsets rebased |
// | footer | FileMetaData, its length, "PAR1" |

import { concatBytes, invariant, stringToUtf8 } from "#core";
import {
  ByteCursor,
  THRIFT_TYPE,
  readThriftStruct,
  setThriftI64,
  thriftInteger,
  thriftStruct,
  thriftStructToBytes,
  thriftStructs,
  type ThriftStruct,
} from "#codec";
import type { EncodedRowGroup } from "./encode-row-group.ts";
import { parseFooter } from "./footer.ts";
import type { ParquetField, ParquetMetadata } from "./metadata.ts";
import { correctSchema, leafPaths, unorderedLeaves } from "./written-schema.ts";

const MAGIC = stringToUtf8("PAR1");

/** What readers see as the writing application. */
const CREATED_BY = "firn version 0.1.0 (build parquet-wasm-0.8.0)";

/** Field ids of parquet.thrift that hold positions or are replaced. */
const FILE = { schema: 2, numRows: 3, rowGroups: 4, keyValues: 5, createdBy: 6 } as const;
const ROW_GROUP = { columns: 1, numRows: 3, fileOffset: 5, ordinal: 7 } as const;
const CHUNK = {
  fileOffset: 2,
  metadata: 3,
  offsetIndexOffset: 4,
  offsetIndexLength: 5,
  columnIndexOffset: 6,
  columnIndexLength: 7,
} as const;
const CHUNK_METADATA = {
  path: 3,
  dataPageOffset: 9,
  indexPageOffset: 10,
  dictionaryPageOffset: 11,
  statistics: 12,
  bloomFilterOffset: 14,
  bloomFilterLength: 15,
} as const;
/** RowGroup.ordinal is an i16. */
const MAX_ORDINAL = 32_767;
/** Statistics' bounds: the older pair, the newer one, and whether they are exact. */
const STATISTICS_BOUNDS = [1, 2, 5, 6, 7, 8] as const;

interface PageIndexes {
  readonly chunk: ThriftStruct;
  readonly columnIndex: Uint8Array | undefined;
  readonly offsetIndex: Uint8Array | undefined;
}

/** Collects row groups and says which bytes to write. Cost: keeps thrift and page indexes, not data. */
export interface FooterMerger {
  /** The file's first bytes, before any row group. */
  readonly header: Uint8Array;
  /** Takes one encoded row group that starts at `fileOffset`; returns the bytes to append there. */
  append(encoded: EncodedRowGroup, fileOffset: number): Uint8Array;
  /** Everything after the last row group, which ends at `fileOffset`; and the footer as readers will see it. */
  finish(fileOffset: number): { readonly bytes: Uint8Array; readonly metadata: ParquetMetadata };
}

/** Starts a merged file. `empty` encodes the schema when no row group ever arrives. */
export function createFooterMerger(
  fields: readonly ParquetField[],
  keyValueMetadata: Readonly<Record<string, string>>,
  empty: () => EncodedRowGroup,
): FooterMerger {
  let base: ThriftStruct | undefined;
  let numRows = 0;
  const rowGroups: ThriftStruct[] = [];
  const nanCounts: (readonly (number | undefined)[])[] = [];
  const pageIndexes: PageIndexes[] = [];
  const paths = leafPaths(fields);
  const unordered = unorderedLeaves(fields);

  return {
    header: MAGIC,
    append(encoded, fileOffset) {
      base ??= encoded.thrift;
      const groups = thriftStructs(encoded.thrift, FILE.rowGroups);
      const [group] = groups;
      invariant(group !== undefined && groups.length === 1, "one row group was encoded");
      const shift = fileOffset - MAGIC.length;
      for (const [leafIndex, chunk] of thriftStructs(group, ROW_GROUP.columns).entries()) {
        const indexes = takePageIndexes(chunk, encoded.bytes, shift);
        if (unordered[leafIndex] === true) dropBounds(chunk);
        pageIndexes.push(unordered[leafIndex] === true ? { ...indexes, columnIndex: undefined } : indexes);
        rebaseChunk(chunk, shift);
        if (paths !== undefined) setPath(chunk, paths[leafIndex] ?? []);
      }
      setThriftI64(group, ROW_GROUP.fileOffset, fileOffset);
      if (rowGroups.length <= MAX_ORDINAL) {
        group.set(ROW_GROUP.ordinal, { type: THRIFT_TYPE.i16, value: rowGroups.length });
      } else group.delete(ROW_GROUP.ordinal);
      numRows += encoded.numRows;
      rowGroups.push(group);
      nanCounts.push(encoded.nanCounts);
      const data = encoded.bytes.subarray(MAGIC.length, encoded.dataEnd);
      return encoded.bloomFilters.length === 0 ? data : withBloomFilters(data, encoded, group, fileOffset);
    },
    finish(fileOffset) {
      const footer = base ?? empty().thrift;
      const indexBytes = placePageIndexes(pageIndexes, fileOffset);
      correctSchema(thriftStructs(footer, FILE.schema), fields);
      setThriftI64(footer, FILE.numRows, numRows);
      footer.set(FILE.rowGroups, {
        type: THRIFT_TYPE.list,
        value: { elementType: THRIFT_TYPE.struct, items: rowGroups },
      });
      footer.set(FILE.createdBy, { type: THRIFT_TYPE.binary, value: stringToUtf8(CREATED_BY) });
      setKeyValues(footer, keyValueMetadata);
      const footerBytes = thriftStructToBytes(footer);
      const trailer = new Uint8Array(8);
      new DataView(trailer.buffer).setUint32(0, footerBytes.length, true);
      trailer.set(MAGIC, 4);
      const bytes = concatBytes([...indexBytes, footerBytes, trailer]);
      const { metadata } = parseFooter(footerBytes, fileOffset + bytes.length);
      return { bytes, metadata: withNanCounts(metadata, nanCounts) };
    },
  };
}

/** The row group's bytes with its filters after them, where a file written as a stream does not have to keep them. */
function withBloomFilters(
  data: Uint8Array,
  { bloomFilters }: EncodedRowGroup,
  group: ThriftStruct,
  fileOffset: number,
): Uint8Array {
  const chunks = thriftStructs(group, ROW_GROUP.columns);
  let position = fileOffset + data.length;
  for (const { leafIndex, bytes } of bloomFilters) {
    const metadata = thriftStruct(chunks[leafIndex] ?? new Map(), CHUNK.metadata);
    invariant(metadata !== undefined, "a written chunk has metadata");
    setThriftI64(metadata, CHUNK_METADATA.bloomFilterOffset, position);
    metadata.set(CHUNK_METADATA.bloomFilterLength, { type: THRIFT_TYPE.i32, value: bytes.length });
    position += bytes.length;
  }
  return concatBytes([data, ...bloomFilters.map(({ bytes }) => bytes)]);
}

function dropBounds(chunk: ThriftStruct): void {
  const statistics = thriftStruct(thriftStruct(chunk, CHUNK.metadata) ?? new Map(), CHUNK_METADATA.statistics);
  for (const field of STATISTICS_BOUNDS) statistics?.delete(field);
}

function setPath(chunk: ThriftStruct, path: readonly string[]): void {
  const items = path.map((name) => stringToUtf8(name));
  thriftStruct(chunk, CHUNK.metadata)?.set(CHUNK_METADATA.path, {
    type: THRIFT_TYPE.list,
    value: { elementType: THRIFT_TYPE.binary, items },
  });
}

function rebaseChunk(chunk: ThriftStruct, shift: number): void {
  const fileOffset = thriftInteger(chunk, CHUNK.fileOffset);
  // Writers put 0 here when they have nothing to say.
  if (fileOffset !== undefined && fileOffset > 0) setThriftI64(chunk, CHUNK.fileOffset, fileOffset + shift);
  const metadata = thriftStruct(chunk, CHUNK.metadata);
  invariant(metadata !== undefined, "a written chunk has metadata");
  for (const id of [
    CHUNK_METADATA.dataPageOffset,
    CHUNK_METADATA.indexPageOffset,
    CHUNK_METADATA.dictionaryPageOffset,
  ]) {
    const offset = thriftInteger(metadata, id);
    if (offset !== undefined) setThriftI64(metadata, id, offset + shift);
  }
}

function takePageIndexes(chunk: ThriftStruct, bytes: Uint8Array, shift: number): PageIndexes {
  const columnIndex = sliceOf(chunk, bytes, CHUNK.columnIndexOffset, CHUNK.columnIndexLength);
  const offsetIndex = sliceOf(chunk, bytes, CHUNK.offsetIndexOffset, CHUNK.offsetIndexLength);
  let rebased: Uint8Array | undefined;
  if (offsetIndex !== undefined) {
    const struct = readThriftStruct(new ByteCursor(offsetIndex));
    for (const location of thriftStructs(struct, 1)) {
      setThriftI64(location, 1, (thriftInteger(location, 1) ?? 0) + shift);
    }
    rebased = thriftStructToBytes(struct);
  }
  // A copy: the slice would keep the whole encoded row group in memory until the file is closed.
  return { chunk, columnIndex: columnIndex?.slice(), offsetIndex: rebased };
}

function sliceOf(chunk: ThriftStruct, bytes: Uint8Array, offsetId: number, lengthId: number): Uint8Array | undefined {
  const offset = thriftInteger(chunk, offsetId);
  const length = thriftInteger(chunk, lengthId);
  chunk.delete(offsetId);
  chunk.delete(lengthId);
  return offset === undefined || length === undefined ? undefined : bytes.subarray(offset, offset + length);
}

function placePageIndexes(pageIndexes: readonly PageIndexes[], start: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let position = start;
  const place = (chunk: ThriftStruct, part: Uint8Array | undefined, offsetId: number, lengthId: number): void => {
    if (part === undefined) return;
    setThriftI64(chunk, offsetId, position);
    chunk.set(lengthId, { type: THRIFT_TYPE.i32, value: part.length });
    parts.push(part);
    position += part.length;
  };
  for (const { chunk, columnIndex } of pageIndexes) {
    place(chunk, columnIndex, CHUNK.columnIndexOffset, CHUNK.columnIndexLength);
  }
  for (const { chunk, offsetIndex } of pageIndexes) {
    place(chunk, offsetIndex, CHUNK.offsetIndexOffset, CHUNK.offsetIndexLength);
  }
  return parts;
}

/** Replaces the writer's own pairs: its serialized Arrow schema would make Arrow readers see dictionaries. */
function setKeyValues(footer: ThriftStruct, pairs: Readonly<Record<string, string>>): void {
  const items = Object.entries(pairs).map(
    ([key, value]): ThriftStruct =>
      new Map([
        [1, { type: THRIFT_TYPE.binary, value: stringToUtf8(key) }],
        [2, { type: THRIFT_TYPE.binary, value: stringToUtf8(value) }],
      ]),
  );
  if (items.length === 0) footer.delete(FILE.keyValues);
  else footer.set(FILE.keyValues, { type: THRIFT_TYPE.list, value: { elementType: THRIFT_TYPE.struct, items } });
}

function withNanCounts(
  metadata: ParquetMetadata,
  nanCounts: readonly (readonly (number | undefined)[])[],
): ParquetMetadata {
  const rowGroups = metadata.rowGroups.map((group, groupIndex) => ({
    ...group,
    columns: group.columns.map((chunk, index) => {
      const nanCount = nanCounts[groupIndex]?.[index];
      return nanCount === undefined ? chunk : { ...chunk, nanCount };
    }),
  }));
  return { ...metadata, rowGroups };
}
