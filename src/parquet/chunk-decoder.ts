// One column chunk, page by page, handed out in pieces of any number of rows.

import { ByteCursor, corruptData, decodeHybrid } from "#codec";
import {
  concatVectors,
  constantVector,
  sliceVector,
  textVector,
  type DataType,
  type FlatVector,
  type Vector,
} from "#columnar";
import { plainHolds } from "./byte-arrays.ts";
import { ENCODING } from "./encodings.ts";
import type { ParquetColumn, ParquetColumnChunk } from "./metadata.ts";
import { decodeValues } from "./page-values.ts";
import { PageReader, type Page } from "./pages.ts";
import { decodePlain } from "./plain.ts";
import { promoteVector } from "./promote.ts";
import { scatterCodes, scatterValues } from "./scatter.ts";
import { decodeTextBlock, scatterBlock } from "./text-pages.ts";

const FILLERS: { readonly [kind in DataType["kind"]]?: unknown } = {
  string: "",
  json: "",
  uuid: "00000000-0000-0000-0000-000000000000",
  binary: new Uint8Array(0),
  decimal: Object.freeze({ unscaled: 0n, scale: 0 }),
};

/**
 * Decodes a flat column's chunk. Rows come in order through {@link ChunkDecoder.read}.
 *
 * Ownership: all dictionary vectors of the chunk share one dictionary object. Cost: keeps the chunk's bytes and one
 * decoded page. Errors: `data_invalid`.
 */
export class ChunkDecoder {
  readonly #pages: PageReader;
  readonly #column: ParquetColumn;
  readonly #fileType: DataType;
  readonly #type: DataType;
  readonly #keepsText: boolean;
  #dictionary: FlatVector | undefined;
  #page: Vector | undefined;
  #pagePosition = 0;
  #rowsLeft: number;
  #rowsToSkip = 0;
  #wanted: Uint8Array | undefined;
  #dictionaryHoldsWanted = true;

  /** `bytes` holds exactly the chunk; `type` is what rows shall be read as; `keepText` leaves text as UTF-8. */
  constructor(
    bytes: Uint8Array,
    chunk: ParquetColumnChunk,
    column: ParquetColumn,
    type: DataType | undefined,
    keepText = false,
  ) {
    if (column.type === undefined) {
      throw corruptData(`the type of column "${column.path.join(".")}" is not supported`);
    }
    this.#pages = new PageReader(bytes, chunk.codec, column.maxDefinitionLevel);
    this.#column = column;
    this.#fileType = column.type;
    this.#type = type ?? column.type;
    this.#keepsText =
      keepText &&
      column.physicalType === "byte_array" &&
      (column.type.kind === "string" || column.type.kind === "json");
    this.#rowsLeft = chunk.valueCount;
  }

  /**
   * States that only rows with this well-formed text matter. From here on a page without such a row comes as nulls,
   * undecoded. Has no effect unless text is kept.
   */
  wantOnly(text: Uint8Array): void {
    if (this.#keepsText) this.#wanted = text;
  }

  /** Passes over rows. Pages that lie in them wholly are not even decompressed. */
  skip(rows: number): void {
    this.#rowsToSkip += rows;
  }

  #passSkipped(): void {
    while (this.#rowsToSkip > 0) {
      const inPage = this.#page === undefined ? 0 : this.#page.length - this.#pagePosition;
      if (inPage > 0) {
        const passed = Math.min(inPage, this.#rowsToSkip);
        this.#pagePosition += passed;
        this.#rowsToSkip -= passed;
        continue;
      }
      const passed = this.#pages.skip(this.#rowsToSkip);
      if (passed > this.#rowsLeft) throw corruptData("a column chunk has more rows than its row group");
      this.#rowsLeft -= passed;
      this.#rowsToSkip -= passed;
      if (passed === 0) this.#currentPage();
    }
  }

  /** The next `rows` rows. The chunk must have as many left. */
  read(rows: number): Vector {
    this.#passSkipped();
    const pieces: Vector[] = [];
    let missing = rows;
    while (missing > 0) {
      const page = this.#currentPage();
      const take = Math.min(missing, page.length - this.#pagePosition);
      pieces.push(sliceVector(page, this.#pagePosition, this.#pagePosition + take));
      this.#pagePosition += take;
      missing -= take;
    }
    const [only] = pieces;
    if (only === undefined) return constantVector(this.#type, null, 0);
    if (pieces.length === 1) return only;
    const isMixed = this.#wanted !== undefined && pieces.some((piece) => piece.encoding !== "constant");
    return concatVectors(isMixed ? pieces.map(withTextBlock) : pieces);
  }

  #currentPage(): Vector {
    while (this.#page === undefined || this.#pagePosition >= this.#page.length) {
      const page = this.#pages.next();
      if (page === undefined) throw corruptData("a column chunk has fewer rows than its row group");
      if (page.kind === "dictionary") {
        this.#setDictionary(page);
        continue;
      }
      if (page.valueCount > this.#rowsLeft) throw corruptData("a column chunk has more rows than its row group");
      this.#rowsLeft -= page.valueCount;
      this.#page = promoteVector(this.#decode(page), this.#type, this.#column.path.join("."));
      this.#pagePosition = 0;
    }
    return this.#page;
  }

  #setDictionary(page: Page): void {
    if (this.#dictionary !== undefined) throw corruptData("a column chunk has two dictionaries");
    if (page.encoding !== ENCODING.plain && page.encoding !== ENCODING.plainDictionary) {
      throw corruptData("a dictionary is not plain");
    }
    if (this.#keepsText) {
      const wanted = this.#wanted;
      this.#dictionaryHoldsWanted = wanted === undefined || plainHolds(page.values, page.valueCount, wanted);
      const length = this.#dictionaryHoldsWanted ? page.valueCount : 0;
      const stored = this.#dictionaryHoldsWanted ? page.values : page.values.subarray(0, 0);
      const block = decodeTextBlock(ENCODING.plain, stored, length);
      this.#dictionary = textVector(this.#fileType, length, block, undefined);
      return;
    }
    this.#dictionary = {
      encoding: "flat",
      type: this.#fileType,
      length: page.valueCount,
      values: decodePlain(page.values, this.#column, page.valueCount),
      validity: undefined,
    };
  }

  #decode(page: Page): Vector {
    if (page.encoding === ENCODING.rleDictionary || page.encoding === ENCODING.plainDictionary) {
      if (!this.#dictionaryHoldsWanted) return constantVector(this.#fileType, null, page.valueCount);
      return this.#decodeCodes(page);
    }
    const type = this.#fileType;
    const { validity, valueCount: length } = page;
    if (page.presentCount === 0 && length > 0) return this.#nullPage(length, validity);
    if (this.#keepsText) {
      const wanted = this.#wanted;
      if (wanted !== undefined && page.encoding === ENCODING.plain) {
        if (!plainHolds(page.values, page.presentCount, wanted)) return constantVector(type, null, length);
      }
      const block = decodeTextBlock(page.encoding, page.values, page.presentCount);
      return textVector(type, length, validity === undefined ? block : scatterBlock(block, validity), validity);
    }
    const values = decodeValues(page.encoding, page.values, this.#column, page.presentCount);
    return {
      encoding: "flat",
      type,
      length,
      values: validity === undefined ? values : scatterValues(values, validity, FILLERS[type.kind]),
      validity,
    };
  }

  #decodeCodes(page: Page): Vector {
    const dictionary = this.#dictionary;
    const { validity, valueCount: length, presentCount } = page;
    if (presentCount === 0) return this.#nullPage(length, validity);
    if (dictionary === undefined) throw corruptData("a page refers to a dictionary that is not there");
    const cursor = new ByteCursor(page.values);
    const width = cursor.readByte();
    let codes = new Int32Array(presentCount);
    decodeHybrid(cursor, width, codes, 0, presentCount);
    if (width >= 31 || 2 ** width > dictionary.length) checkCodes(codes, dictionary.length);
    if (validity !== undefined) codes = scatterCodes(codes, validity) as Int32Array<ArrayBuffer>;
    return { encoding: "dictionary", type: this.#fileType, length, codes, dictionary, validity };
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

/** Nulls as an empty block of text, so that joining them with text makes no strings. */
function withTextBlock(vector: Vector): Vector {
  if (vector.encoding !== "constant" || vector.value !== null) return vector;
  const { type, length } = vector;
  const block = { bytes: new Uint8Array(0), offsets: new Int32Array(length + 1) };
  return textVector(type, length, block, new Uint8Array(length));
}

function checkCodes(codes: Int32Array, dictionaryLength: number): void {
  let highest = 0;
  for (let i = 0; i < codes.length; i++) {
    const code = (codes[i] as number) >>> 0;
    if (code > highest) highest = code;
  }
  if (highest >= dictionaryLength) throw corruptData("a dictionary code is out of range");
}
