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

  /** The next `rows` rows. The chunk must have as many left. */
  read(rows: number): Vector {
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
    return pieces.length === 1 ? only : concatVectors(pieces);
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
      const block = decodeTextBlock(ENCODING.plain, page.values, page.valueCount);
      this.#dictionary = textVector(this.#fileType, page.valueCount, block, undefined);
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
      return this.#decodeCodes(page);
    }
    const type = this.#fileType;
    const { validity, valueCount: length } = page;
    if (page.presentCount === 0 && length > 0) return this.#nullPage(length, validity);
    if (this.#keepsText) {
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

function checkCodes(codes: Int32Array, dictionaryLength: number): void {
  let highest = 0;
  for (let i = 0; i < codes.length; i++) {
    const code = (codes[i] as number) >>> 0;
    if (code > highest) highest = code;
  }
  if (highest >= dictionaryLength) throw corruptData("a dictionary code is out of range");
}
