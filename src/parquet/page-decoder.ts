// The values of one chunk's pages: its dictionary and every encoding, as vectors of the type wanted.

import { LakeError } from "#core";
import { ByteCursor, corruptData, countHybrid, decodeHybrid, gatherHybrid } from "#codec";
import {
  constantVector,
  flattenVector,
  packedVector,
  pendingVector,
  decimalVector,
  isAsciiOnly,
  looseTextVector,
  textVector,
  type DataType,
  type FlatVector,
  type Vector,
  type VectorValues,
} from "#columnar";
import { PLAIN_GAP_BYTES, findPlain, plainStarts } from "./byte-arrays.ts";
import { ENCODING } from "./encodings.ts";
import type { ParquetColumn } from "./metadata.ts";
import { decodeValues } from "./page-values.ts";
import type { Page } from "./pages.ts";
import { pendingNumbers } from "./pending-numbers.ts";
import { decodePlain } from "./plain.ts";
import { promoteVector } from "./promote.ts";
import { scatterCodes, scatterValues } from "./scatter.ts";
import { decodeTextBlock, scatterBlock } from "./text-pages.ts";
import { wholeMicros } from "./whole-micros.ts";

const FILLERS: { readonly [kind in DataType["kind"]]?: unknown } = {
  string: "",
  json: "",
  uuid: "00000000-0000-0000-0000-000000000000",
  binary: new Uint8Array(0),
  decimal: Object.freeze({ unscaled: 0n, scale: 0 }),
};

/**
 * Decodes the pages of one chunk, in file order. Ownership: all dictionary vectors share one dictionary object.
 * Errors: `data_invalid`.
 */
export class PageDecoder {
  readonly #column: ParquetColumn;
  readonly #fileType: DataType;
  readonly #type: DataType;
  readonly #refusesWide: boolean;
  /** The type of microseconds that nanoseconds have to be whole ones of. */
  readonly #wholeMicros: DataType | undefined;
  /** Whether text is left as UTF-8. */
  readonly keepsText: boolean;
  #dictionary: FlatVector | undefined;
  #wanted: Uint8Array | undefined;
  /** Of the wanted text alone. */
  #wantedDictionary: FlatVector | undefined;
  /** The wanted text's only code in the dictionary; -1 when it is not there. */
  #wantedCode: number | undefined;
  /** Entries of the stored dictionary, where only the wanted one was kept. */
  #dictionaryLength = 0;

  /** `type` is what values shall be read as. */
  constructor(column: ParquetColumn, type: DataType | undefined, keep: Keep) {
    const { keepText = false, wideTimestamps = false, exactTimes = false } = keep;
    const stored = readAs(column, type);
    this.#wholeMicros = exactTimes && stored.conversion === "nanos" ? stored.type : undefined;
    const reading = this.#wholeMicros === undefined ? stored : readAs(column, INT64);
    if (reading.type === undefined) {
      throw corruptData(`the type of column "${column.path.join(".")}" is not supported`);
    }
    this.#column = reading;
    this.#fileType = reading.type;
    this.#type = type ?? stored.type ?? reading.type;
    this.#refusesWide = !wideTimestamps && reading.type.kind === "timestamp";
    this.keepsText =
      keepText &&
      column.physicalType === "byte_array" &&
      (reading.type.kind === "string" || reading.type.kind === "json");
  }

  /** The type that values come in. */
  get type(): DataType {
    return this.#type;
  }

  /**
   * States that only rows with this well-formed text matter. From here on a page without such a row comes as nulls,
   * undecoded. Has no effect unless text is kept.
   */
  wantOnly(text: Uint8Array): void {
    if (this.keepsText) this.#wanted = text;
  }

  /** Whether {@link wantOnly} has an effect. */
  get isSelective(): boolean {
    return this.#wanted !== undefined;
  }

  /** Takes the chunk's dictionary page. */
  setDictionary(page: Page): void {
    if (this.#dictionary !== undefined) throw corruptData("a column chunk has two dictionaries");
    if (page.encoding !== ENCODING.plain && page.encoding !== ENCODING.plainDictionary) {
      throw corruptData("a dictionary is not plain");
    }
    if (this.keepsText) {
      const wanted = this.#wanted;
      const [code = -1, ...others] = wanted === undefined ? [] : findPlain(page.values, page.valueCount, wanted);
      if (wanted !== undefined && others.length === 0) {
        this.#wantedCode = code;
        this.#dictionary = this.#wantedDictionary ??= oneText(this.#fileType, wanted);
        this.#dictionaryLength = page.valueCount;
        return;
      }
      this.#dictionary = decodeText(this.#fileType, ENCODING.plain, page.values, page.valueCount);
      return;
    }
    const values = decodePlain(page.values, this.#column, page.valueCount);
    this.#dictionary = flatVector(this.#fileType, page.valueCount, values, undefined);
  }

  /**
   * One value a row of the page; of a nested column's page only the present ones. What is wrong with values may show only
   * when they are read.
   */
  decode(page: Page): Vector {
    const isNested = page.definitionLevels !== undefined || page.repetitionLevels !== undefined;
    const rows = isNested ? { ...page, valueCount: page.presentCount } : page;
    const pending = isNested || this.#wholeMicros !== undefined ? undefined : this.#pending(page);
    if (pending !== undefined) return pending;
    return this.#finish(this.#decode(rows));
  }

  /** Values that need not be decoded before somebody reads them; undefined for others. */
  #pending(page: Page): FlatVector | undefined {
    const { validity, encoding, values, valueCount } = page;
    if (validity !== undefined || page.presentCount !== valueCount || valueCount === 0) return undefined;
    const decode = (): FlatVector => flattenVector(this.#finish(this.#decode(page)));
    if (this.keepsText) {
      // Looking for one text is cheaper than decoding, and tells at once whether the page has it.
      const isText = this.#wanted === undefined && encoding === ENCODING.plain;
      return isText ? pendingVector(this.#type, valueCount, { decode }) : undefined;
    }
    const numbers = pendingNumbers(encoding, values, this.#column, this.#type, valueCount, decode);
    return numbers === undefined ? undefined : pendingVector(this.#type, valueCount, numbers);
  }

  #finish(decoded: Vector): Vector {
    const micros = this.#wholeMicros;
    const vector = micros === undefined ? decoded : wholeMicros(decoded, micros, this.#column.path.join("."));
    if (this.#refusesWide) refuseWide(vector, this.#column);
    return promoteVector(vector, this.#type, this.#column.path.join("."));
  }

  #decode(page: Page): Vector {
    if (page.encoding === ENCODING.rleDictionary || page.encoding === ENCODING.plainDictionary) {
      if (this.#wantedCode === -1) return constantVector(this.#fileType, null, page.valueCount);
      return this.#decodeCodes(page);
    }
    const type = this.#fileType;
    const { validity, valueCount: length } = page;
    if (page.presentCount === 0 && length > 0) return this.#nullPage(length, validity);
    if (this.keepsText) {
      const wanted = this.#wanted;
      if (wanted !== undefined && page.encoding === ENCODING.plain) return this.#wantedTexts(page, wanted);
      if (validity === undefined) return decodeText(type, page.encoding, page.values, length);
      const block = decodeTextBlock(page.encoding, page.values, page.presentCount);
      return textVector(type, length, scatterBlock(block, validity), validity);
    }
    const values = decodeValues(page.encoding, page.values, this.#column, page.presentCount);
    const spread = validity === undefined ? values : scatterValues(values, validity, FILLERS[type.kind]);
    return flatVector(type, length, spread, validity);
  }

  #decodeCodes(page: Page): Vector {
    const dictionary = this.#dictionary;
    const { validity, valueCount: length, presentCount } = page;
    if (presentCount === 0) return this.#nullPage(length, validity);
    if (dictionary === undefined) throw corruptData("a page refers to a dictionary that is not there");
    if (this.#wantedCode !== undefined) {
      const codes = decodeCodes(page, this.#dictionaryLength);
      return this.#wantedRows(codes, this.#wantedCode, dictionary, page);
    }
    const packed = {
      decode(out: Int32Array): void {
        if (validity === undefined) decodeCodesInto(page, dictionary.length, out);
        else out.set(scatterCodes(decodeCodes(page, dictionary.length), validity));
      },
      pick: (rows: Int32Array) => (validity === undefined ? pickCodes(page, dictionary.length, rows) : undefined),
      count(counts: Int32Array): void {
        const cursor = new ByteCursor(page.values);
        countHybrid(cursor, cursor.readByte(), counts, presentCount);
      },
    };
    return packedVector(this.#fileType, length, packed, dictionary, validity);
  }

  /** Rows of a plain page with the wanted text; the others are null. */
  #wantedTexts({ values, presentCount, validity, valueCount: length }: Page, wanted: Uint8Array): Vector {
    const found = findPlain(values, presentCount, wanted);
    if (found.length === 0) return constantVector(this.#fileType, null, length);
    const isWanted = new Uint8Array(length);
    if (validity === undefined) for (const row of found) isWanted[row] = 1;
    else {
      for (let row = 0, k = 0, next = 0; row < length && next < found.length; row++) {
        if (validity[row] === 0) continue;
        if (k++ !== found[next]) continue;
        isWanted[row] = 1;
        next += 1;
      }
    }
    this.#wantedDictionary ??= oneText(this.#fileType, wanted);
    return {
      encoding: "dictionary",
      type: this.#fileType,
      length,
      codes: new Int32Array(length),
      dictionary: this.#wantedDictionary,
      validity: isWanted,
    };
  }

  /** Rows with the wanted code; the others are null. */
  #wantedRows(codes: Int32Array, wantedCode: number, dictionary: FlatVector, page: Page): Vector {
    const { validity, valueCount: length } = page;
    if (!codes.includes(wantedCode)) return constantVector(this.#fileType, null, length);
    const isWanted = new Uint8Array(length);
    for (let row = 0, k = 0; row < length; row++) {
      if (validity === undefined || validity[row] !== 0) isWanted[row] = codes[k++] === wantedCode ? 1 : 0;
    }
    return {
      encoding: "dictionary",
      type: this.#fileType,
      length,
      codes: new Int32Array(length),
      dictionary,
      validity: isWanted,
    };
  }

  /** Only nulls: codes into the chunk's dictionary where there is one, so that batches stay dictionary-encoded. */
  #nullPage(length: number, validity: Uint8Array | undefined): Vector {
    const dictionary = this.#dictionary;
    if (dictionary === undefined || dictionary.length === 0) return constantVector(this.#fileType, null, length);
    return {
      encoding: "dictionary",
      type: this.#fileType,
      length,
      codes: new Int32Array(length),
      dictionary,
      validity: validity ?? new Uint8Array(length),
    };
  }
}

/** Decoded values as a vector; decimals that came as numbers stay so. */
function flatVector(
  type: DataType,
  length: number,
  values: VectorValues,
  validity: Uint8Array | undefined,
): FlatVector {
  if (type.kind === "decimal" && values instanceof Float64Array) {
    return decimalVector(type, { unscaled: values, scale: type.scale ?? 0 }, validity);
  }
  return { encoding: "flat", type, length, values, validity };
}

/** Texts of a page without nulls; plain ASCII stays where it is. */
function decodeText(type: DataType, encoding: number, values: Uint8Array, count: number): FlatVector {
  if (encoding === ENCODING.plain && isAsciiOnly(values)) {
    return looseTextVector(type, count, { bytes: values, starts: plainStarts(values, count), gap: PLAIN_GAP_BYTES });
  }
  return textVector(type, count, decodeTextBlock(encoding, values, count), undefined);
}

function oneText(type: DataType, text: Uint8Array): FlatVector {
  return textVector(type, 1, { bytes: text, offsets: Int32Array.of(0, text.length) }, undefined);
}

/** What readers that move values on can do without having converted. */
export interface Keep {
  /** Leaves text as UTF-8. */
  readonly keepText?: boolean | undefined;
  /** Gives timestamps that are not exact as a double as 64-bit integers, which nobody else understands. */
  readonly wideTimestamps?: boolean | undefined;
  /** Refuses nanoseconds that are no whole microseconds. */
  readonly exactTimes?: boolean | undefined;
}

function refuseWide(vector: Vector, column: ParquetColumn): void {
  if (vector.encoding === "constant") return;
  const { values } = vector.encoding === "dictionary" ? vector.dictionary : vector;
  if (values instanceof BigInt64Array) {
    throw new LakeError(
      "numeric_out_of_range",
      `Column "${column.path.join(".")}" has a timestamp with fractions of a second so far from now that it cannot be computed with.`,
    );
  }
}

const INT64: DataType = { kind: "int64" };

/** Nanoseconds can be had as they are. The oldest timestamps, and nanoseconds of some writers, do not say their zone. */
function readAs(column: ParquetColumn, type: DataType | undefined): ParquetColumn {
  if (type?.kind === "int64" && column.conversion === "nanos") return { ...column, type, conversion: "none" };
  const saysNoZone = column.physicalType === "int96" || column.conversion === "nanos";
  return type?.kind === "timestamp" && saysNoZone ? { ...column, type } : column;
}

/** The codes of a page's present rows. */
function decodeCodes(page: Page, entries: number): Int32Array {
  const codes = new Int32Array(page.presentCount);
  decodeCodesInto(page, entries, codes);
  return codes;
}

/** The same at the start of `out`. */
function decodeCodesInto({ values, presentCount }: Page, entries: number, out: Int32Array): void {
  const cursor = new ByteCursor(values);
  const width = cursor.readByte();
  decodeHybrid(cursor, width, out, 0, presentCount);
  if (mayLeave(width, entries)) checkCodes(out, presentCount, entries);
}

/** Fewer rows than one in so many are picked one by one. */
const PICK_SHARE = 8;
const MAX_PICK_WIDTH = 25;

/** The codes of some of a page's rows, where none is null and they are few. */
function pickCodes({ values, presentCount }: Page, entries: number, rows: Int32Array): Int32Array | undefined {
  if (rows.length * PICK_SHARE > presentCount) return undefined;
  const cursor = new ByteCursor(values);
  const width = cursor.readByte();
  if (width > MAX_PICK_WIDTH) return undefined;
  const codes = new Int32Array(rows.length);
  gatherHybrid(cursor, width, rows, presentCount, codes);
  if (mayLeave(width, entries)) checkCodes(codes, codes.length, entries);
  return codes;
}

/** Whether codes of that width may be beyond the dictionary. */
function mayLeave(width: number, entries: number): boolean {
  return width >= 31 || 2 ** width > entries;
}

function checkCodes(codes: Int32Array, count: number, dictionaryLength: number): void {
  const last = dictionaryLength - 1;
  // The sign tells: of a code itself, which then was 2^31 or more, and of what is left up to the last one.
  let signs = 0;
  for (let i = 0; i < count; i++) signs |= (codes[i] as number) | (last - (codes[i] as number));
  if (signs < 0) throw corruptData("a dictionary code is out of range");
}
