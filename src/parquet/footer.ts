// Finding, reading and parsing a file's footer.
//
// | bytes from the end | content |
// |---|---|
// | n + 8 | FileMetaData, thrift compact |
// | 8 | n, little-endian |
// | 4 | "PAR1" ("PARE" when the footer is encrypted) |

import { utf8ToString } from "#core";
import {
  ByteCursor,
  corruptData,
  readThriftStruct,
  thriftBinary,
  thriftInteger,
  thriftList,
  thriftStruct,
  thriftStructs,
  type ThriftStruct,
} from "#codec";
import type {
  FileSlice,
  ParquetColumn,
  ParquetColumnChunk,
  ParquetMetadata,
  ParquetRowGroup,
  ParsedFooter,
  RangeReader,
} from "./metadata.ts";
import { parseSchema } from "./schema.ts";
import { readStatistics } from "./statistics.ts";

/**
 * First read from a file's end, bytes: a 64th of the file within these. Footers of files with tens of columns and row
 * groups fit, and a small file's footer costs little beside its columns.
 */
const MIN_TAIL_BYTES = 16 * 1024;
const MAX_TAIL_BYTES = 64 * 1024;
const FILE_BYTES_PER_TAIL_BYTE = 64;
const TRAILER_BYTES = 8;
const MAGIC_BYTES = 4;

/** Largest footer taken, bytes; larger ones would not fit an isolate's memory once parsed. */
const MAX_FOOTER_BYTES = 32 * 1024 * 1024;

/** Until 1.2.8 parquet-mr left a dictionary page's header out of its chunk's size (IMPALA-694). */
const FORGETFUL_WRITERS = /^parquet-mr(?:$| version (?:0\.|1\.[01]\.|1\.2\.[0-8](?!\d)))/;
/** A dictionary page's header takes less. */
const DICTIONARY_HEADER_BYTES = 100;

/**
 * Reads a file's footer. Cost: one read of the last 16 to 64 KiB, a second only when the footer is larger.
 * Errors: `data_invalid` when the file is not Parquet, is encrypted or corrupt.
 */
export async function readParquetMetadata(reader: RangeReader): Promise<ParquetMetadata> {
  const { sizeBytes } = reader;
  if (sizeBytes < TRAILER_BYTES + MAGIC_BYTES) throw corruptData("the file is too short to be Parquet");
  const share = Math.ceil(sizeBytes / FILE_BYTES_PER_TAIL_BYTE);
  const tailBytes = Math.min(sizeBytes, Math.max(MIN_TAIL_BYTES, Math.min(MAX_TAIL_BYTES, share)));
  let tail = await reader.read(sizeBytes - tailBytes, tailBytes);
  const footerBytes = footerLength(tail, sizeBytes);
  const needed = footerBytes + TRAILER_BYTES;
  if (needed > tail.length) tail = await reader.read(sizeBytes - needed, needed);
  if (tail.length < needed) throw corruptData("a read returned too few bytes");
  const footer = new Uint8Array(tail.buffer, tail.byteOffset + tail.length - needed, footerBytes);
  return parseFooter(footer, sizeBytes).metadata;
}

/** Length of the footer that ends in these bytes. Errors: as {@link readParquetMetadata}. */
export function footerLength(tail: Uint8Array, sizeBytes: number): number {
  if (tail.length < TRAILER_BYTES) throw corruptData("the file is too short to be Parquet");
  const magic = utf8ToString(tail.subarray(tail.length - MAGIC_BYTES));
  if (magic === "PARE") throw corruptData("the file's footer is encrypted, which is not supported");
  if (magic !== "PAR1") throw corruptData("the file does not end like Parquet");
  const view = new DataView(tail.buffer, tail.byteOffset + tail.length - TRAILER_BYTES, 4);
  const length = view.getUint32(0, true);
  if (length > sizeBytes - TRAILER_BYTES - MAGIC_BYTES || length > MAX_FOOTER_BYTES) {
    throw corruptData("the footer's length is false");
  }
  return length;
}

/**
 * Parses the thrift of a footer. `sizeBytes` bounds every offset. Ownership: the result's thrift holds views of
 * `bytes`. Errors: `data_invalid`.
 */
export function parseFooter(bytes: Uint8Array, sizeBytes: number): ParsedFooter {
  const thrift = readThriftStruct(new ByteCursor(bytes));
  if (thrift.has(8)) throw corruptData("the file is encrypted, which is not supported");
  const { fields, columns } = parseSchema(thriftStructs(thrift, 2));
  const writer = thriftBinary(thrift, 6);
  const createdBy = writer === undefined ? undefined : utf8ToString(writer);
  const dataEnd = sizeBytes - bytes.length - TRAILER_BYTES;
  const slackBytes = FORGETFUL_WRITERS.test(createdBy ?? "") ? DICTIONARY_HEADER_BYTES : 0;
  const place = { sizeBytes, dataEnd, slackBytes };
  const rowGroups = thriftStructs(thrift, 4).map((group) => parseRowGroup(group, columns, place));
  const numRows = rowGroups.reduce((sum, group) => sum + group.numRows, 0);
  if ((thriftInteger(thrift, 3) ?? numRows) !== numRows) throw corruptData("the footer's row counts disagree");
  const keyValueMetadata: Record<string, string> = {};
  for (const pair of thriftStructs(thrift, 5)) {
    const key = utf8ToString(thriftBinary(pair, 1) ?? new Uint8Array(0));
    Object.defineProperty(keyValueMetadata, key, {
      value: utf8ToString(thriftBinary(pair, 2) ?? new Uint8Array(0)),
      enumerable: true,
      configurable: true,
    });
  }
  const metadata = {
    numRows,
    rowGroups,
    columns,
    fields,
    createdBy,
    footerBytes: bytes.length,
    keyValueMetadata,
    splitOffsets: rowGroups.map((group) => group.fileOffset),
  };
  return { metadata, thrift };
}

/** What bounds a file's chunks. */
interface FilePlace {
  readonly sizeBytes: number;
  /** Where the footer starts. */
  readonly dataEnd: number;
  /** Bytes that chunks may be longer than they say. */
  readonly slackBytes: number;
}

function parseRowGroup(group: ThriftStruct, columns: readonly ParquetColumn[], place: FilePlace): ParquetRowGroup {
  const numRows = thriftInteger(group, 3);
  if (numRows === undefined || numRows < 0) throw corruptData("a row group has no row count");
  const structs = thriftStructs(group, 1);
  if (structs.length !== columns.length) throw corruptData("a row group has another number of columns");
  const chunks = structs.map((struct, index) => parseChunk(struct, columns[index] as ParquetColumn, place));
  for (const [index, chunk] of chunks.entries()) {
    if (columns[index]?.maxRepetitionLevel === 0 && chunk.valueCount !== numRows) {
      throw corruptData("a column chunk has another number of rows than its row group");
    }
  }
  const offsets = chunks.map((chunk) => chunk.offset);
  return {
    numRows,
    fileOffset: offsets.length === 0 ? (thriftInteger(group, 5) ?? MAGIC_BYTES) : Math.min(...offsets),
    totalCompressedBytes: chunks.reduce((sum, chunk) => sum + chunk.compressedBytes, 0),
    columns: chunks,
  };
}

function parseChunk(
  struct: ThriftStruct,
  column: ParquetColumn,
  { sizeBytes, dataEnd, slackBytes }: FilePlace,
): ParquetColumnChunk {
  const meta = thriftStruct(struct, 3);
  if (meta === undefined || thriftBinary(struct, 1) !== undefined) {
    throw corruptData("a column chunk is encrypted or in another file, which is not supported");
  }
  const dataOffset = thriftInteger(meta, 9);
  const statedBytes = thriftInteger(meta, 7);
  const valueCount = thriftInteger(meta, 5);
  if (dataOffset === undefined || statedBytes === undefined || valueCount === undefined) {
    throw corruptData("a column chunk lacks its position");
  }
  const dictionaryOffset = thriftInteger(meta, 11);
  // Some writers store 0 for "no dictionary page".
  const hasDictionary = dictionaryOffset !== undefined && dictionaryOffset > 0 && dictionaryOffset < dataOffset;
  const offset = hasDictionary ? dictionaryOffset : dataOffset;
  if (offset < 0 || statedBytes < 0 || valueCount < 0 || offset + statedBytes > sizeBytes) {
    throw corruptData("a column chunk lies outside the file");
  }
  const compressedBytes = statedBytes + Math.max(0, Math.min(slackBytes, dataEnd - offset - statedBytes));
  const encodings = (thriftList(meta, 2)?.items ?? []).map(Number);
  const statistics = readStatistics(thriftStruct(meta, 12), column);
  const filterOffset = integerOrZero(meta, 14);
  const filterBytes = integerOrZero(meta, 15);
  const hasFilter = filterOffset > 0 && filterBytes >= 0 && filterOffset + filterBytes < sizeBytes;
  const columnIndex = sliceAt(struct, 6, dataEnd);
  const offsetIndex = sliceAt(struct, 4, dataEnd);
  return {
    offset,
    dictionaryPageOffset: hasDictionary ? dictionaryOffset : undefined,
    compressedBytes,
    uncompressedBytes: thriftInteger(meta, 6) ?? 0,
    codec: thriftInteger(meta, 4) ?? 0,
    encodings,
    valueCount,
    ...(hasFilter ? { bloomFilterOffset: filterOffset } : {}),
    ...(hasFilter && filterBytes > 0 ? { bloomFilterBytes: filterBytes } : {}),
    ...(columnIndex === undefined ? {} : { columnIndex }),
    ...(offsetIndex === undefined ? {} : { offsetIndex }),
    ...statistics,
  };
}

/** An index's place: its offset in a field and its length in the next; undefined when there is none before `end`. */
function sliceAt(struct: ThriftStruct, id: number, end: number): FileSlice | undefined {
  const offset = integerOrZero(struct, id);
  const length = integerOrZero(struct, id + 1);
  return offset > 0 && length > 0 && offset + length <= end ? { offset, length } : undefined;
}

/** Fields that were given a number after some writers had used it for something else. */
function integerOrZero(struct: ThriftStruct, id: number): number {
  const value = struct.get(id)?.value;
  return typeof value === "number" ? value : 0;
}
