// Merging sorted inputs into one: a tournament of their first rows decides whose row is next; the rows that were
// decided on leave together, column by column.

import { BATCH_ROWS, concatBatches, gatherBatch, sliceBatch, type Batch } from "#columnar";
import { checkpoint, type ExecutionContext, type MemoryAccount } from "../context.ts";
import type { MergeComparator, MergeKeys } from "./merge-keys.ts";

/** How rows are compared. */
export interface MergeOrder {
  readonly keysOf: (batch: Batch) => MergeKeys;
  readonly compare: MergeComparator;
}

/** The rows at hand of one input. */
interface Head {
  readonly batch: Batch;
  readonly keys: MergeKeys;
  /** Rows before this one have left. */
  start: number;
  /** The next row that takes part. */
  row: number;
}

/**
 * Merges sorted inputs. Rows with equal keys come in the order of their inputs.
 *
 * Memory: a batch of each input and a batch on its way out, twice; `account` is told what is made here, not the
 * inputs' batches. Cost: about log2(inputs) comparisons a row. Errors: those of the inputs; `memory_limit_exceeded`.
 */
export async function* mergeSorted(
  inputs: readonly AsyncIterator<Batch>[],
  { keysOf, compare }: MergeOrder,
  outputRows: number,
  account: MemoryAccount,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const heads: (Head | undefined)[] = [];
  const nextHead = async (input: AsyncIterator<Batch> | undefined): Promise<Head | undefined> => {
    const step = await input?.next();
    if (step === undefined || step.done === true) return undefined;
    return { batch: step.value, keys: keysOf(step.value), start: 0, row: 0 };
  };
  for (const input of inputs) heads.push(await nextHead(input));
  const tournament = new Tournament(heads.length, (a, b) => {
    const left = heads[a];
    const right = heads[b];
    if (left === undefined || right === undefined) return left !== undefined;
    const order = compare(left.keys, left.row, right.keys, right.row);
    return order === 0 ? a < b : order < 0;
  });
  const limit = Math.max(1, Math.min(BATCH_ROWS, outputRows));
  const taken = new Int32Array(limit);
  for (;;) {
    checkpoint(context);
    account.resize(heads.reduce((sum, head) => sum + (head?.keys.byteSize ?? 0), taken.byteLength * 2));
    let count = 0;
    let winner = tournament.winner();
    let head = heads[winner];
    if (head === undefined) return;
    // Until an input's rows are used up: which row is next cannot be told without its next batch.
    while (count < limit) {
      taken[count++] = winner;
      head.row += 1;
      if (head.row === head.batch.rowCount) break;
      winner = tournament.replay(winner);
      head = heads[winner] as Head;
    }
    yield leave(heads, taken.subarray(0, count));
    if (head.row < head.batch.rowCount) continue;
    heads[winner] = await nextHead(inputs[winner]);
    tournament.replay(winner);
  }
}

/** The rows that were taken, by the number of their input: a slice of each input's batch, put in order. */
function leave(heads: readonly (Head | undefined)[], taken: Int32Array): Batch {
  const places = new Int32Array(heads.length);
  const slices: Batch[] = [];
  let total = 0;
  for (const [input, head] of heads.entries()) {
    if (head === undefined || head.row === head.start) continue;
    places[input] = total;
    slices.push(sliceBatch(head.batch, head.start, head.row));
    total += head.row - head.start;
    head.start = head.row;
  }
  const rows = concatBatches(slices);
  if (slices.length === 1) return rows;
  const order = new Int32Array(taken.length);
  for (let i = 0; i < taken.length; i++) {
    const input = taken[i] as number;
    const place = places[input] as number;
    order[i] = place;
    places[input] = place + 1;
  }
  return gatherBatch(rows, order);
}

/** A tree of losers over a fixed number of players: after the winner changed, one game a level finds the next. */
class Tournament {
  /** `losers[0]` is the winner, the others are who lost at each inner node; leaf i hangs below node (i + size) / 2. */
  readonly #losers: Int32Array;
  readonly #size: number;
  readonly #isBefore: (a: number, b: number) => boolean;

  constructor(size: number, isBefore: (a: number, b: number) => boolean) {
    this.#size = size;
    this.#isBefore = isBefore;
    this.#losers = new Int32Array(Math.max(1, size));
    if (size > 0) this.#losers[0] = this.#play(1);
  }

  #play(node: number): number {
    if (node >= this.#size) return node - this.#size;
    const left = this.#play(node * 2);
    const right = this.#play(node * 2 + 1);
    const isLeft = this.#isBefore(left, right);
    this.#losers[node] = isLeft ? right : left;
    return isLeft ? left : right;
  }

  winner(): number {
    return this.#losers[0] as number;
  }

  /** The winner after `player`, who was it, changed. */
  replay(player: number): number {
    const losers = this.#losers;
    let winner = player;
    for (let node = (player + this.#size) >> 1; node > 0; node >>= 1) {
      const other = losers[node] as number;
      if (!this.#isBefore(other, winner)) continue;
      losers[node] = winner;
      winner = other;
    }
    losers[0] = winner;
    return winner;
  }
}
