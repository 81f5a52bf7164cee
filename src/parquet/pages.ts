// Walking the pages of one column chunk.
//
// | page | bytes |
// |---|---|
// | header | PageHeader, thrift compact |
// | v1 data | compressed( repetition levels, definition levels: each 4-byte length then runs; values ) |
// | v2 data | repetition levels, definition levels (lengths in the header, never compressed), values |
// | dictionary | compressed( plain values ) |

import {
  ByteCursor,
  corruptData,
  decodeValidity,
  decompressPage,
  readThriftStruct,
  thriftBoolean,
  thriftInteger,
  thriftStruct,
  type ThriftStruct,
} from "#codec";
import { ENCODING, PAGE_TYPE } from "./encodings.ts";

/** Values a page may claim. Writers stay below 2^20; an all-equal page of an old writer may be larger. */
const MAX_PAGE_VALUES = 1 << 24;

/** One page with its levels split off. */
export interface Page {
  readonly kind: "data" | "dictionary";
  /** Rows of a flat column, nulls included; entries of a dictionary. */
  readonly valueCount: number;
  /** Values that are stored, nulls excluded. */
  readonly presentCount: number;
  /** One byte a row, 0 where null; undefined when no row is. */
  readonly validity: Uint8Array | undefined;
  readonly encoding: number;
  /** The stored values, decompressed. */
  readonly values: Uint8Array;
}

/** The pages of a flat column's chunk in file order. Errors: `data_invalid`. */
export class PageReader {
  readonly #cursor: ByteCursor;
  readonly #codec: number;
  readonly #maxDefinitionLevel: number;
  /** The header of the next page, when it was looked at already. */
  #header: ThriftStruct | undefined;

  /** `bytes` holds exactly the chunk. */
  constructor(bytes: Uint8Array, codec: number, maxDefinitionLevel: number) {
    this.#cursor = new ByteCursor(bytes);
    this.#codec = codec;
    this.#maxDefinitionLevel = maxDefinitionLevel;
  }

  /** The next data or dictionary page; undefined at the end of the chunk. */
  next(): Page | undefined {
    const cursor = this.#cursor;
    while (this.#header !== undefined || cursor.remaining > 0) {
      const header = this.#header ?? readThriftStruct(cursor);
      this.#header = undefined;
      const uncompressedBytes = thriftInteger(header, 2);
      const compressedBytes = thriftInteger(header, 3);
      if (uncompressedBytes === undefined || compressedBytes === undefined) throw corruptData("a page has no size");
      const body = cursor.readBytes(compressedBytes);
      const type = thriftInteger(header, 1);
      if (type === PAGE_TYPE.data) return this.#dataPage(required(header, 5), body, uncompressedBytes);
      if (type === PAGE_TYPE.dataV2) return this.#dataPageV2(required(header, 8), body, uncompressedBytes);
      if (type === PAGE_TYPE.dictionary) return this.#dictionaryPage(required(header, 7), body, uncompressedBytes);
      // Index pages, and kinds yet to be invented, are skipped as the format asks.
    }
    return undefined;
  }

  /** Passes over the next page, compressed as it is, if it holds data of at most `rows` rows; returns its rows or 0. */
  skip(rows: number): number {
    const cursor = this.#cursor;
    if (this.#header === undefined && cursor.remaining === 0) return 0;
    const header = (this.#header ??= readThriftStruct(cursor));
    const type = thriftInteger(header, 1);
    if (type !== PAGE_TYPE.data && type !== PAGE_TYPE.dataV2) return 0;
    const count = countOf(required(header, type === PAGE_TYPE.data ? 5 : 8));
    const compressedBytes = thriftInteger(header, 3);
    if (count > rows || compressedBytes === undefined) return 0;
    cursor.readBytes(compressedBytes);
    this.#header = undefined;
    return count;
  }

  #dictionaryPage(header: ThriftStruct, body: Uint8Array, uncompressedBytes: number): Page {
    const valueCount = countOf(header);
    return {
      kind: "dictionary",
      valueCount,
      presentCount: valueCount,
      validity: undefined,
      encoding: thriftInteger(header, 2) ?? ENCODING.plain,
      values: decompressPage(this.#codec, body, uncompressedBytes),
    };
  }

  #dataPage(header: ThriftStruct, body: Uint8Array, uncompressedBytes: number): Page {
    const valueCount = countOf(header);
    const bytes = decompressPage(this.#codec, body, uncompressedBytes);
    const encoding = thriftInteger(header, 2) ?? ENCODING.plain;
    if (this.#maxDefinitionLevel === 0) {
      return { kind: "data", valueCount, presentCount: valueCount, validity: undefined, encoding, values: bytes };
    }
    if ((thriftInteger(header, 3) ?? ENCODING.rle) !== ENCODING.rle) {
      throw corruptData("levels are bit-packed in the way Parquet gave up in 2013, which is not supported");
    }
    if (bytes.length < 4) throw corruptData("a page's levels are cut short");
    const length = readUint32(bytes);
    if (length > bytes.length - 4) throw corruptData("a page's levels are cut short");
    const validity = decodeValidity(new ByteCursor(bytes, 4, 4 + length), valueCount);
    return {
      kind: "data",
      valueCount,
      presentCount: presentIn(validity, valueCount),
      validity,
      encoding,
      values: bytes.subarray(4 + length),
    };
  }

  #dataPageV2(header: ThriftStruct, body: Uint8Array, uncompressedBytes: number): Page {
    const valueCount = countOf(header);
    const definitionBytes = thriftInteger(header, 5) ?? 0;
    const repetitionBytes = thriftInteger(header, 6) ?? 0;
    const levelBytes = definitionBytes + repetitionBytes;
    if (definitionBytes < 0 || repetitionBytes < 0 || levelBytes > body.length) {
      throw corruptData("a page's levels are cut short");
    }
    const validity =
      this.#maxDefinitionLevel === 0 || (valueCount > 0 && definitionBytes === 0)
        ? undefined
        : decodeValidity(new ByteCursor(body, repetitionBytes, levelBytes), valueCount);
    const stored = body.subarray(levelBytes);
    const isCompressed = thriftBoolean(header, 7) ?? true;
    return {
      kind: "data",
      valueCount,
      presentCount: presentIn(validity, valueCount),
      validity,
      encoding: thriftInteger(header, 4) ?? ENCODING.plain,
      // A page without values may have no compressed bytes at all.
      values:
        isCompressed && stored.length > 0
          ? decompressPage(this.#codec, stored, uncompressedBytes - levelBytes)
          : stored,
    };
  }
}

function required(header: ThriftStruct, id: number): ThriftStruct {
  const struct = thriftStruct(header, id);
  if (struct === undefined) throw corruptData("a page has no header of its kind");
  return struct;
}

function countOf(header: ThriftStruct): number {
  const count = thriftInteger(header, 1);
  if (count === undefined || count < 0 || count > MAX_PAGE_VALUES) throw corruptData("a page's value count is false");
  return count;
}

function presentIn(validity: Uint8Array | undefined, valueCount: number): number {
  if (validity === undefined) return valueCount;
  let present = 0;
  for (let i = 0; i < valueCount; i++) present += validity[i] as number;
  return present;
}

function readUint32(bytes: Uint8Array): number {
  return (
    ((bytes[0] as number) |
      ((bytes[1] as number) << 8) |
      ((bytes[2] as number) << 16) |
      ((bytes[3] as number) << 24)) >>>
    0
  );
}
