// One leaf of a nested column, entry by entry: its levels and its values.

import { corruptData } from "#codec";
import { scalarAt, type DataType, type Scalar, type Vector } from "#columnar";
import type { ParquetColumn, ParquetColumnChunk } from "./metadata.ts";
import { PageDecoder, type Keep } from "./page-decoder.ts";
import { PageReader } from "./pages.ts";

/**
 * Walks a chunk's entries in order. An entry is a value, or a null or empty list on the way to it.
 *
 * Cost: keeps the chunk's bytes and one decoded page. Errors: `data_invalid`.
 */
export class LeafCursor {
  readonly #pages: PageReader;
  readonly #decoder: PageDecoder;
  readonly #maxDefinition: number;
  #repetitionLevels: Int32Array | undefined;
  #definitionLevels: Int32Array | undefined;
  #values: Vector | undefined;
  #entries = 0;
  #entry = 0;
  #value = 0;
  #entriesLeft: number;

  /** `bytes` holds exactly the chunk; `type` is what values shall be read as. */
  constructor(
    bytes: Uint8Array,
    chunk: ParquetColumnChunk,
    column: ParquetColumn,
    type: DataType | undefined,
    keep: Keep = {},
  ) {
    this.#pages = new PageReader(bytes, chunk.codec, column);
    this.#decoder = new PageDecoder(column, type, { ...keep, keepText: false });
    this.#maxDefinition = column.maxDefinitionLevel;
    this.#entriesLeft = chunk.valueCount;
  }

  /** Repetition level of the next entry; 0 at the end of the chunk, as if a row started there. */
  get repetitionLevel(): number {
    if (this.#entry >= this.#entries && !this.#nextPage()) return 0;
    return this.#repetitionLevels === undefined ? 0 : (this.#repetitionLevels[this.#entry] as number);
  }

  /** Definition level of the next entry. */
  get definitionLevel(): number {
    this.#need();
    return this.#definitionLevels === undefined ? this.#maxDefinition : (this.#definitionLevels[this.#entry] as number);
  }

  /** Passes over the next entry and returns its value, null where it is none. */
  take(): Scalar {
    const isValue = this.definitionLevel === this.#maxDefinition;
    this.#entry += 1;
    return isValue && this.#values !== undefined ? scalarAt(this.#values, this.#value++) : null;
  }

  #need(): void {
    if (this.#entry >= this.#entries && !this.#nextPage()) {
      throw corruptData("a column chunk has fewer rows than its row group");
    }
  }

  #nextPage(): boolean {
    while (this.#entry >= this.#entries) {
      if (this.#entriesLeft === 0) return false;
      const page = this.#pages.next();
      if (page === undefined) throw corruptData("a column chunk has fewer values than it says");
      if (page.kind === "dictionary") {
        this.#decoder.setDictionary(page);
        continue;
      }
      if (page.valueCount > this.#entriesLeft) throw corruptData("a column chunk has more values than it says");
      this.#entriesLeft -= page.valueCount;
      this.#repetitionLevels = page.repetitionLevels;
      this.#definitionLevels = page.definitionLevels;
      this.#values = this.#decoder.decode(page);
      this.#entries = page.valueCount;
      this.#entry = 0;
      this.#value = 0;
    }
    return true;
  }
}
