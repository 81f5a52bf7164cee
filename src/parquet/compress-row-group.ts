// A row group that parquet-wasm wrote uncompressed, with its pages compressed and every size and offset corrected.

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
import { compressPages, type CompressedChunk, type PagePlace } from "./compress-pages.ts";
import type { EncodedRowGroup } from "./encode-row-group.ts";

/** Field ids of parquet.thrift that hold sizes or positions. */
const FILE_ROW_GROUPS = 4;
const GROUP = { columns: 1, totalByteSize: 2, totalCompressedSize: 6 } as const;
const CHUNK = {
  fileOffset: 2,
  metadata: 3,
  offsetIndexOffset: 4,
  offsetIndexLength: 5,
  columnIndexOffset: 6,
  columnIndexLength: 7,
} as const;
const CHUNK_METADATA = {
  codec: 4,
  uncompressedSize: 6,
  compressedSize: 7,
  dataPageOffset: 9,
  dictionaryPageOffset: 11,
} as const;
const OFFSET_INDEX_LOCATIONS = 1;
const LOCATION = { offset: 1, compressedPageSize: 2 } as const;

/**
 * Compresses every chunk that zstd shrinks. Ownership: rewrites and keeps the given thrift; the bytes are new.
 */
export function compressRowGroup(encoded: EncodedRowGroup): EncodedRowGroup {
  const [group] = thriftStructs(encoded.thrift, FILE_ROW_GROUPS);
  if (group === undefined) return encoded;
  const parts: Uint8Array[] = [stringToUtf8("PAR1")];
  let position = 4;
  let uncompressedTotal = 0;
  const chunks = thriftStructs(group, GROUP.columns);
  const compressedChunks = chunks.map((chunk) => {
    const metadata = required(thriftStruct(chunk, CHUNK.metadata));
    const dataOffset = required(thriftInteger(metadata, CHUNK_METADATA.dataPageOffset));
    const start = thriftInteger(metadata, CHUNK_METADATA.dictionaryPageOffset) ?? dataOffset;
    const length = required(thriftInteger(metadata, CHUNK_METADATA.compressedSize));
    const bytes = encoded.bytes.subarray(start, start + length);
    const compressed = compressPages(bytes);
    if (compressed === undefined) moveChunk(metadata, position - start);
    else describeChunk(metadata, compressed, position);
    setThriftI64(chunk, CHUNK.fileOffset, 0);
    const placed = { chunk, compressed, shift: position - start, start: position };
    const stored = compressed?.bytes ?? bytes;
    parts.push(stored);
    position += stored.length;
    uncompressedTotal += required(thriftInteger(metadata, CHUNK_METADATA.uncompressedSize));
    return placed;
  });
  const dataEnd = position;
  setThriftI64(group, GROUP.totalByteSize, uncompressedTotal);
  setThriftI64(group, GROUP.totalCompressedSize, dataEnd - 4);
  const place = (chunk: ThriftStruct, bytes: Uint8Array, offsetId: number, lengthId: number): void => {
    setThriftI64(chunk, offsetId, position);
    chunk.set(lengthId, { type: THRIFT_TYPE.i32, value: bytes.length });
    parts.push(bytes);
    position += bytes.length;
  };
  for (const { chunk, compressed, shift, start } of compressedChunks) {
    const columnIndex = indexBytes(chunk, encoded.bytes, CHUNK.columnIndexOffset, CHUNK.columnIndexLength);
    if (columnIndex !== undefined) place(chunk, columnIndex, CHUNK.columnIndexOffset, CHUNK.columnIndexLength);
    const offsetIndex = indexBytes(chunk, encoded.bytes, CHUNK.offsetIndexOffset, CHUNK.offsetIndexLength);
    if (offsetIndex === undefined) continue;
    const moved = moveLocations(offsetIndex, compressed, shift, start);
    place(chunk, moved, CHUNK.offsetIndexOffset, CHUNK.offsetIndexLength);
  }
  return { ...encoded, bytes: concatBytes(parts), dataEnd };
}

function required<T>(value: T | undefined): T {
  invariant(value !== undefined, "a written chunk is fully described");
  return value;
}

function moveChunk(metadata: ThriftStruct, shift: number): void {
  for (const id of [CHUNK_METADATA.dataPageOffset, CHUNK_METADATA.dictionaryPageOffset]) {
    const offset = thriftInteger(metadata, id);
    if (offset !== undefined) setThriftI64(metadata, id, offset + shift);
  }
}

function describeChunk(metadata: ThriftStruct, chunk: CompressedChunk, start: number): void {
  const firstData = chunk.pages.find((page) => !page.isDictionary);
  metadata.set(CHUNK_METADATA.codec, { type: THRIFT_TYPE.i32, value: chunk.codec });
  setThriftI64(metadata, CHUNK_METADATA.uncompressedSize, chunk.uncompressedBytes);
  setThriftI64(metadata, CHUNK_METADATA.compressedSize, chunk.bytes.length);
  setThriftI64(metadata, CHUNK_METADATA.dataPageOffset, start + required(firstData).offset);
  if (metadata.has(CHUNK_METADATA.dictionaryPageOffset)) {
    setThriftI64(metadata, CHUNK_METADATA.dictionaryPageOffset, start);
  }
}

function indexBytes(
  chunk: ThriftStruct,
  bytes: Uint8Array,
  offsetId: number,
  lengthId: number,
): Uint8Array | undefined {
  const offset = thriftInteger(chunk, offsetId);
  const length = thriftInteger(chunk, lengthId);
  return offset === undefined || length === undefined ? undefined : bytes.subarray(offset, offset + length);
}

/** An OffsetIndex lists data pages only, in order. */
function moveLocations(
  offsetIndex: Uint8Array,
  chunk: CompressedChunk | undefined,
  shift: number,
  start: number,
): Uint8Array {
  const struct = readThriftStruct(new ByteCursor(offsetIndex));
  const locations = thriftStructs(struct, OFFSET_INDEX_LOCATIONS);
  const pages = chunk?.pages.filter((page) => !page.isDictionary);
  invariant(pages === undefined || pages.length === locations.length, "every data page has a location");
  for (const [index, location] of locations.entries()) {
    const page: PagePlace | undefined = pages?.[index];
    const offset =
      page === undefined ? required(thriftInteger(location, LOCATION.offset)) + shift : start + page.offset;
    setThriftI64(location, LOCATION.offset, offset);
    if (page === undefined) continue;
    location.set(LOCATION.compressedPageSize, { type: THRIFT_TYPE.i32, value: page.length });
  }
  return thriftStructToBytes(struct);
}
