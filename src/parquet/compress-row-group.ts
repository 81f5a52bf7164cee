// A row group that parquet-wasm wrote, with its pages compressed and checksummed and every size and offset corrected.

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
import { finishPages, type FinishedChunk, type PageCodec } from "./compress-pages.ts";
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
 * Finishes every chunk; see {@link finishPages}. Ownership: rewrites and keeps the given thrift; the bytes are new.
 */
export function finishRowGroup(encoded: EncodedRowGroup, codec: PageCodec | undefined): EncodedRowGroup {
  const [group] = thriftStructs(encoded.thrift, FILE_ROW_GROUPS);
  if (group === undefined) return encoded;
  const parts: Uint8Array[] = [stringToUtf8("PAR1")];
  let position = 4;
  let uncompressedTotal = 0;
  const chunks = thriftStructs(group, GROUP.columns).map((chunk) => {
    const metadata = required(thriftStruct(chunk, CHUNK.metadata));
    const dataOffset = required(thriftInteger(metadata, CHUNK_METADATA.dataPageOffset));
    const offset = thriftInteger(metadata, CHUNK_METADATA.dictionaryPageOffset) ?? dataOffset;
    const length = required(thriftInteger(metadata, CHUNK_METADATA.compressedSize));
    const storedCodec = required(thriftInteger(metadata, CHUNK_METADATA.codec));
    const finished = finishPages(encoded.bytes.subarray(offset, offset + length), codec, storedCodec);
    describeChunk(metadata, finished, position);
    setThriftI64(chunk, CHUNK.fileOffset, 0);
    const placed = { chunk, finished, start: position };
    parts.push(finished.bytes);
    position += finished.bytes.length;
    uncompressedTotal += finished.uncompressedBytes;
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
  for (const { chunk, finished, start } of chunks) {
    const columnIndex = indexBytes(chunk, encoded.bytes, CHUNK.columnIndexOffset, CHUNK.columnIndexLength);
    if (columnIndex !== undefined) place(chunk, columnIndex, CHUNK.columnIndexOffset, CHUNK.columnIndexLength);
    const offsetIndex = indexBytes(chunk, encoded.bytes, CHUNK.offsetIndexOffset, CHUNK.offsetIndexLength);
    if (offsetIndex === undefined) continue;
    const moved = moveLocations(offsetIndex, finished, start);
    place(chunk, moved, CHUNK.offsetIndexOffset, CHUNK.offsetIndexLength);
  }
  return { ...encoded, bytes: concatBytes(parts), dataEnd };
}

function required<T>(value: T | undefined): T {
  invariant(value !== undefined, "a written chunk is fully described");
  return value;
}

function describeChunk(metadata: ThriftStruct, chunk: FinishedChunk, start: number): void {
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
function moveLocations(offsetIndex: Uint8Array, finished: FinishedChunk, start: number): Uint8Array {
  const struct = readThriftStruct(new ByteCursor(offsetIndex));
  const locations = thriftStructs(struct, OFFSET_INDEX_LOCATIONS);
  const pages = finished.pages.filter((page) => !page.isDictionary);
  invariant(pages.length === locations.length, "every data page has a location");
  for (const [index, location] of locations.entries()) {
    const page = required(pages[index]);
    setThriftI64(location, LOCATION.offset, start + page.offset);
    location.set(LOCATION.compressedPageSize, { type: THRIFT_TYPE.i32, value: page.length });
  }
  return thriftStructToBytes(struct);
}
