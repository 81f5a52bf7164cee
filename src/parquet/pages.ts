// Walking the pages of one column chunk.
//
// | page | bytes |
// |---|---|
// | header | PageHeader, thrift compact |
// | v1 data | compressed( repetition levels, definition levels: each 4-byte length then runs; values ) |
// | v2 data | repetition levels, definition levels (lengths in the header, never compressed), values |
// | dictionary | compressed( plain values ) |

import { crc32 } from "node:zlib";
import {
  ByteCursor,
  corruptData,
  decodeBitPacked,
  decodeHybrid,
  decodeValidity,
  decompressPage,
  readThriftStruct,
  thriftBoolean,
  thriftInteger,
  thriftStruct,
  type ThriftStruct,
} from "#codec";
import { ENCODING, PAGE_TYPE } from "./encodings.ts";
import type { ParquetColumn } from "./metadata.ts";

/** Values a page may claim. Writers stay below 2^20; an all-equal page of an old writer may be larger. */
const MAX_PAGE_VALUES = 1 << 24;

/** One page with its levels split off. */
export interface Page {
  readonly kind: "data" | "dictionary";
  /** Rows of a flat column, nulls included; entries of a dictionary. */
  readonly valueCount: number;
  /** Values that are stored, nulls excluded. */
  readonly presentCount: number;
  /** One byte a row, 0 where null; undefined when no row is and for nested columns. */
  readonly validity: Uint8Array | undefined;
  /** Of nested columns: one level for each of `valueCount` entries; undefined where all are 0 or at their maximum. */
  readonly repetitionLevels?: Int32Array | undefined;
  readonly definitionLevels?: Int32Array | undefined;
  readonly encoding: number;
  /** The stored values, decompressed. */
  readonly values: Uint8Array;
}

/** The pages of a column's chunk in file order. Errors: `data_invalid`. */
export class PageReader {
  readonly #cursor: ByteCursor;
  readonly #codec: number;
  readonly #maxDefinitionLevel: number;
  readonly #maxRepetitionLevel: number;
  /** Whether a definition level says no more than that a row is null. */
  readonly #isFlat: boolean;
  /** The header of the next page, when it was looked at already. */
  #header: ThriftStruct | undefined;

  /** `bytes` holds exactly the chunk. */
  constructor(bytes: Uint8Array, codec: number, column: ParquetColumn) {
    this.#cursor = new ByteCursor(bytes);
    this.#codec = codec;
    this.#maxDefinitionLevel = column.maxDefinitionLevel;
    this.#maxRepetitionLevel = column.maxRepetitionLevel;
    this.#isFlat = column.path.length === 1 && column.maxRepetitionLevel === 0;
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
      const checksum = thriftInteger(header, 4);
      if (checksum !== undefined && (crc32(body) | 0) !== checksum) throw corruptData("a page's checksum is wrong");
      const type = thriftInteger(header, 1);
      if (type === PAGE_TYPE.data) return this.#dataPage(required(header, 5), body, uncompressedBytes);
      if (type === PAGE_TYPE.dataV2) return this.#dataPageV2(required(header, 8), body, uncompressedBytes);
      if (type === PAGE_TYPE.dictionary) return this.#dictionaryPage(required(header, 7), body, uncompressedBytes);
      // Index pages, and kinds yet to be invented, are skipped as the format asks.
    }
    return undefined;
  }

  /** Rows of the next page if it holds data, which stays to be read; 0 otherwise. */
  peek(): number {
    const cursor = this.#cursor;
    if (this.#header === undefined && cursor.remaining === 0) return 0;
    const header = (this.#header ??= readThriftStruct(cursor));
    const type = thriftInteger(header, 1);
    if (type !== PAGE_TYPE.data && type !== PAGE_TYPE.dataV2) return 0;
    return countOf(required(header, type === PAGE_TYPE.data ? 5 : 8));
  }

  /** Passes over the next page, compressed as it is, if it holds data of at most `rows` rows; returns its rows or 0. */
  skip(rows: number): number {
    const count = this.peek();
    const compressedBytes = this.#header === undefined ? undefined : thriftInteger(this.#header, 3);
    if (count === 0 || count > rows || compressedBytes === undefined) return 0;
    this.#cursor.readBytes(compressedBytes);
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
    if (!this.#isFlat) {
      const cursor = new ByteCursor(bytes);
      const repetition = readLevels(cursor, thriftInteger(header, 4), this.#maxRepetitionLevel, valueCount);
      const definition = readLevels(cursor, thriftInteger(header, 3), this.#maxDefinitionLevel, valueCount);
      return this.#nestedPage(valueCount, repetition, definition, encoding, bytes.subarray(cursor.position));
    }
    if (this.#maxDefinitionLevel === 0) {
      return { kind: "data", valueCount, presentCount: valueCount, validity: undefined, encoding, values: bytes };
    }
    if (thriftInteger(header, 3) === ENCODING.bitPacked) {
      const cursor = new ByteCursor(bytes);
      const flags = readLevels(cursor, ENCODING.bitPacked, 1, valueCount);
      const validity = flags === undefined ? undefined : Uint8Array.from(flags);
      const presentCount = presentIn(validity, valueCount);
      return { kind: "data", valueCount, presentCount, validity, encoding, values: bytes.subarray(cursor.position) };
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

  #nestedPage(
    valueCount: number,
    repetitionLevels: Int32Array | undefined,
    definitionLevels: Int32Array | undefined,
    encoding: number,
    values: Uint8Array,
  ): Page {
    const max = this.#maxDefinitionLevel;
    let presentCount = valueCount;
    if (definitionLevels !== undefined) {
      presentCount = 0;
      for (let i = 0; i < valueCount; i++) if (definitionLevels[i] === max) presentCount += 1;
    }
    const levels = { repetitionLevels, definitionLevels };
    return { kind: "data", valueCount, presentCount, validity: undefined, ...levels, encoding, values };
  }

  #dataPageV2(header: ThriftStruct, body: Uint8Array, uncompressedBytes: number): Page {
    const valueCount = countOf(header);
    const definitionBytes = thriftInteger(header, 5) ?? 0;
    const repetitionBytes = thriftInteger(header, 6) ?? 0;
    const levelBytes = definitionBytes + repetitionBytes;
    if (definitionBytes < 0 || repetitionBytes < 0 || levelBytes > body.length) {
      throw corruptData("a page's levels are cut short");
    }
    const encoding = thriftInteger(header, 4) ?? ENCODING.plain;
    const stored = body.subarray(levelBytes);
    const isCompressed = thriftBoolean(header, 7) ?? true;
    // A page without values may have no compressed bytes at all.
    const values =
      isCompressed && stored.length > 0 ? decompressPage(this.#codec, stored, uncompressedBytes - levelBytes) : stored;
    if (!this.#isFlat) {
      const repetition = runLevels(new ByteCursor(body, 0, repetitionBytes), this.#maxRepetitionLevel, valueCount);
      const definition = runLevels(
        new ByteCursor(body, repetitionBytes, levelBytes),
        this.#maxDefinitionLevel,
        valueCount,
      );
      return this.#nestedPage(valueCount, repetition, definition, encoding, values);
    }
    const validity =
      this.#maxDefinitionLevel === 0 || (valueCount > 0 && definitionBytes === 0)
        ? undefined
        : decodeValidity(new ByteCursor(body, repetitionBytes, levelBytes), valueCount);
    const presentCount = presentIn(validity, valueCount);
    return { kind: "data", valueCount, presentCount, validity, encoding, values };
  }
}

/** Levels of a version 1 page, which precede the values; undefined when the column has only one. */
function readLevels(
  cursor: ByteCursor,
  encoding: number | undefined,
  maxLevel: number,
  count: number,
): Int32Array | undefined {
  if (maxLevel === 0) return undefined;
  if (encoding === ENCODING.bitPacked) {
    const levels = new Int32Array(count);
    decodeBitPacked(cursor, levelWidth(maxLevel), levels);
    return checkedLevels(levels, maxLevel);
  }
  const length = readUint32(cursor.readBytes(4));
  const runs = cursor.readBytes(length);
  return runLevels(new ByteCursor(runs), maxLevel, count);
}

function runLevels(cursor: ByteCursor, maxLevel: number, count: number): Int32Array | undefined {
  if (maxLevel === 0) return undefined;
  const levels = new Int32Array(count);
  decodeHybrid(cursor, levelWidth(maxLevel), levels, 0, count);
  return checkedLevels(levels, maxLevel);
}

function levelWidth(maxLevel: number): number {
  return 32 - Math.clz32(maxLevel);
}

function checkedLevels(levels: Int32Array, maxLevel: number): Int32Array {
  for (let i = 0; i < levels.length; i++) {
    if ((levels[i] as number) > maxLevel) throw corruptData("a level is too high");
  }
  return levels;
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
