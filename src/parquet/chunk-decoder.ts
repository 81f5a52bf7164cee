// One flat column's chunk, page by page, handed out in pieces of any number of rows.

import { corruptData } from "#codec";
import {
  concatVectors,
  constantVector,
  sliceVector,
  textVector,
  type DataType,
  type DictionaryVector,
  type Vector,
} from "#columnar";
import type { ParquetColumn, ParquetColumnChunk } from "./metadata.ts";
import { PageDecoder, type Keep } from "./page-decoder.ts";
import { PageReader } from "./pages.ts";

/**
 * Decodes a flat column's chunk. Rows come in order through {@link ChunkDecoder.read}.
 *
 * Ownership: all dictionary vectors of the chunk share one dictionary object. Cost: keeps the chunk's bytes and one
 * decoded page. Errors: `data_invalid`.
 */
export class ChunkDecoder {
  readonly #pages: PageReader;
  readonly #decoder: PageDecoder;
  #page: Vector | undefined;
  #pagePosition = 0;
  #rowsLeft: number;
  #rowsToSkip = 0;

  /** `bytes` holds exactly the chunk, or pages of it with `valueCount` rows in all; `type` is what rows shall be read as. */
  constructor(
    bytes: Uint8Array,
    chunk: Pick<ParquetColumnChunk, "codec" | "valueCount">,
    column: ParquetColumn,
    type: DataType | undefined,
    keep: Keep = {},
  ) {
    this.#decoder = new PageDecoder(column, type, keep);
    this.#pages = new PageReader(bytes, chunk.codec, column);
    this.#rowsLeft = chunk.valueCount;
  }

  /** See {@link PageDecoder.wantOnly}. */
  wantOnly(text: Uint8Array): void {
    this.#decoder.wantOnly(text);
  }

  /** Passes over rows. Pages that lie in them wholly are not even decompressed. */
  skip(rows: number): void {
    this.#rowsToSkip += rows;
  }

  /**
   * Rows left of the current page, or of the next one where it is at its end; 0 at the end of the chunk. Decodes no page
   * but the one behind a dictionary and one that {@link ChunkDecoder.skip} ended in.
   */
  rowsAhead(): number {
    this.#passSkipped();
    const inPage = this.#page === undefined ? 0 : this.#page.length - this.#pagePosition;
    if (inPage > 0 || this.#rowsLeft === 0) return inPage;
    return this.#pages.peek() || this.#currentPage().length - this.#pagePosition;
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
    if (only === undefined) return constantVector(this.#decoder.type, null, 0);
    if (pieces.length === 1) return only;
    if (!this.#decoder.isSelective || pieces.every((piece) => piece.encoding === "constant")) {
      return concatVectors(pieces);
    }
    const coded = pieces.find((piece) => piece.encoding === "dictionary");
    return concatVectors(pieces.map((piece) => (coded === undefined ? withTextBlock(piece) : withCodes(piece, coded))));
  }

  #currentPage(): Vector {
    while (this.#page === undefined || this.#pagePosition >= this.#page.length) {
      const page = this.#pages.next();
      if (page === undefined) throw corruptData("a column chunk has fewer rows than its row group");
      if (page.kind === "dictionary") {
        this.#decoder.setDictionary(page);
        continue;
      }
      if (page.valueCount > this.#rowsLeft) throw corruptData("a column chunk has more rows than its row group");
      this.#rowsLeft -= page.valueCount;
      this.#page = this.#decoder.decode(page);
      this.#pagePosition = 0;
    }
    return this.#page;
  }
}

/** Nulls as codes into a dictionary that other rows have, so that joining them keeps it. */
function withCodes(vector: Vector, { dictionary }: DictionaryVector): Vector {
  if (vector.encoding !== "constant" || vector.value !== null) return vector;
  const { type, length } = vector;
  const validity = new Uint8Array(length);
  return { encoding: "dictionary", type, length, codes: new Int32Array(length), dictionary, validity };
}

/** Nulls as an empty block of text, so that joining them with text makes no strings. */
function withTextBlock(vector: Vector): Vector {
  if (vector.encoding !== "constant" || vector.value !== null) return vector;
  const { type, length } = vector;
  const block = { bytes: new Uint8Array(0), offsets: new Int32Array(length + 1) };
  return textVector(type, length, block, new Uint8Array(length));
}
