// Rows on their way out of memory and back: batches collected into pieces of a size worth a request.

import { concatBytes } from "#core";
import type { Batch, DataType } from "#columnar";
import { checkpoint, type ExecutionContext, type MemoryAccount } from "../context.ts";
import { batchToBytes, bytesToBatch } from "./batch-bytes.ts";
import type { SpillSpace } from "./store.ts";

/** Bytes of a piece at most, but for single batches that are larger. */
const MAX_PIECE_BYTES = 4 * 1024 * 1024;
/** Pieces are this part of the memory budget, where that is less. */
const PIECE_SHARE = 1 / 64;
/** Pieces that leave sooner are at least this part of others. */
const HASTY_SHARE = 1 / 8;

/** Bytes that a writer of spilled rows gathers before it writes, at most. */
export function pieceBytes({ memory }: ExecutionContext): number {
  return Math.max(1024, Math.min(MAX_PIECE_BYTES, memory.limitBytes * PIECE_SHARE));
}

/** One piece: batches one after the other. */
interface StoredPiece {
  readonly piece: number;
  /** Length of each batch's bytes. */
  readonly lengths: readonly number[];
}

/** Rows that were put aside, in the order they came. */
export interface SpilledRows {
  readonly rowCount: number;
  readonly bytes: number;
  /** Bytes of the largest piece: what reading holds. */
  readonly pieceBytes: number;
  /** Gives the rows back, once: pieces are removed as they are passed. */
  read(): AsyncIterable<Batch>;
  /** Gives the rows back and keeps them. */
  again(): AsyncIterable<Batch>;
}

/** Puts rows of the given column types aside. */
export class RowSpiller {
  readonly #space: SpillSpace;
  readonly #context: ExecutionContext;
  readonly #operator: string;
  readonly #account: MemoryAccount;
  readonly #types: readonly DataType[];
  readonly #pieces: StoredPiece[] = [];
  #parts: Uint8Array[] = [];
  #held = 0;
  #bytes = 0;
  #largest = 0;
  #rowCount = 0;

  constructor(space: SpillSpace, types: readonly DataType[], operator: string, context: ExecutionContext) {
    this.#space = space;
    this.#types = types;
    this.#context = context;
    this.#operator = operator;
    this.#account = context.memory.open(operator);
  }

  /** Rows put aside so far. */
  get rowCount(): number {
    return this.#rowCount;
  }

  /** Takes a batch. Errors: those of the store. */
  async add(batch: Batch): Promise<void> {
    if (batch.rowCount === 0) return;
    const bytes = batchToBytes(batch);
    this.#parts.push(bytes);
    this.#held += bytes.length;
    this.#rowCount += batch.rowCount;
    const most = pieceBytes(this.#context);
    // Where memory is nearly used up, what is worth a request leaves sooner.
    if (this.#held >= most || (this.#held >= most * HASTY_SHARE && this.#account.crowds(this.#held))) {
      await this.#flush();
    } else this.#account.resize(this.#held);
  }

  async #flush(): Promise<void> {
    if (this.#parts.length === 0) return;
    const lengths = this.#parts.map(({ length }) => length);
    const bytes = concatBytes(this.#parts);
    this.#parts = [];
    this.#held = 0;
    this.#account.resize(bytes.length);
    this.#bytes += bytes.length;
    this.#largest = Math.max(this.#largest, bytes.length);
    this.#pieces.push({ piece: await this.#space.put(bytes), lengths });
    this.#account.resize(0);
  }

  /** Gives up what was not written; called when writing goes wrong. May follow {@link RowSpiller.finish}. */
  close(): void {
    this.#parts = [];
    this.#account.close();
  }

  /** Ends writing. */
  async finish(): Promise<SpilledRows> {
    await this.#flush();
    this.close();
    const pieces = this.#pieces;
    return {
      rowCount: this.#rowCount,
      bytes: this.#bytes,
      pieceBytes: this.#largest,
      read: () => this.#read(pieces, true),
      again: () => this.#read(pieces, false),
    };
  }

  async *#read(pieces: readonly StoredPiece[], drops: boolean): AsyncGenerator<Batch> {
    const account = this.#context.memory.open(this.#operator);
    try {
      for (const { piece, lengths } of pieces) {
        checkpoint(this.#context);
        account.resize(lengths.reduce((sum, length) => sum + length, 0));
        const stored = await this.#space.get(piece);
        // Arrays are read in place, which takes a start they may have.
        const bytes = stored.byteOffset % Float64Array.BYTES_PER_ELEMENT === 0 ? stored : stored.slice();
        let offset = 0;
        for (const length of lengths) {
          yield bytesToBatch(bytes.subarray(offset, offset + length), this.#types);
          offset += length;
        }
        if (drops) await this.#space.drop([piece]);
      }
    } finally {
      account.close();
    }
  }
}
