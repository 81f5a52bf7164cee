// State of aggregates that grows with rows rather than with groups: where it crowds the memory it is put aside as rows,
// sorted by group and value, and read once at the end.

import { batchByteSize, constantVector, type Batch, type ColumnSchema, type DataType, type Vector } from "#columnar";
import type { Expr, PlanNode } from "../../plan.ts";
import { noteSpilled, type ExecutionContext, type MemoryAccount } from "../context.ts";
import { RunWriter } from "../external-sort.ts";
import { compileKeys } from "../sort.ts";
import type { Accumulator } from "./accumulator.ts";

type SortNode = Extract<PlanNode, { kind: "sort" }>;

/** What an accumulator keeps of rows, as rows. */
export interface RowState {
  /** Types of what is kept of a row. */
  readonly types: readonly DataType[];
  readonly descending: boolean;
  readonly byteSize: number;
  /** Bytes of the rows that would be taken, about. */
  readonly takenBytes: number;
  /** Takes what is kept out of memory: the group's number, then the values. Undefined when there is nothing. */
  takeRows(): Batch | undefined;
  /** The groups' results from all that was taken, ordered by group and values. */
  finishSorted(groupCount: number, sorted: AsyncIterable<Batch>): Promise<Vector>;
}

/** Less than this part of the budget is not worth a run. */
const WORTH_SHARE = 1 / 64;
const GROUP: ColumnSchema = { name: "group", type: { kind: "int32" }, nullable: false };

/** The groups of rows as a column; rows of one group share its number. */
export function groupVector(groups: Int32Array, areSeveral: boolean): Vector {
  if (!areSeveral) return constantVector(GROUP.type, 0, groups.length);
  return { encoding: "flat", type: GROUP.type, length: groups.length, values: groups, validity: undefined };
}

/** The row states of some accumulators, and what of them is aside. */
export class RowStates {
  readonly #node: PlanNode;
  readonly #context: ExecutionContext;
  readonly #states: ReadonlyMap<Accumulator, RowState>;
  readonly #aside = new Map<Accumulator, RunWriter>();
  /** Rows that are aside are read once. */
  readonly #finished = new Map<Accumulator, Vector>();

  /** `node` is who is said to have put rows aside. */
  constructor(node: PlanNode, accumulators: readonly Accumulator[], context: ExecutionContext) {
    this.#node = node;
    this.#context = context;
    this.#states = new Map(
      accumulators.flatMap((accumulator) => {
        return accumulator.rowState === undefined ? [] : [[accumulator, accumulator.rowState]];
      }),
    );
  }

  /**
   * Puts states aside that crowd the memory, of which everything takes `bytes`. Returns whether it did. Errors: those of
   * the store; `memory_limit_exceeded`.
   */
  async relieve(bytes: number, account: MemoryAccount): Promise<boolean> {
    if (this.#context.spill === undefined || this.#states.size === 0) return false;
    let own = 0;
    for (const state of this.#states.values()) own += state.byteSize;
    if (own < bytes / 2 || own < this.#context.memory.limitBytes * WORTH_SHARE) return false;
    if (!account.crowds(bytes)) return false;
    let held = bytes;
    for (const [accumulator, state] of this.#states) {
      const { byteSize } = state;
      account.resize(held + state.takenBytes);
      const rows = state.takeRows();
      held += state.byteSize - byteSize;
      account.resize(held);
      await this.#putAside(accumulator, state, rows);
    }
    return true;
  }

  async #putAside(accumulator: Accumulator, state: RowState, rows: Batch | undefined): Promise<RunWriter | undefined> {
    const { spill } = this.#context;
    let runs = this.#aside.get(accumulator);
    if (rows === undefined || spill === undefined) return runs;
    if (runs === undefined) {
      const sorting = sortOf(state);
      runs = new RunWriter(sorting, compileKeys(sorting.keys, this.#context), spill, this.#context);
      this.#aside.set(accumulator, runs);
    }
    const account = this.#context.memory.open("aggregate");
    try {
      await runs.addInParts(rows, batchByteSize(rows), account);
    } finally {
      account.close();
    }
    return runs;
  }

  /** An accumulator's results; several calls may share it. */
  async finish(accumulator: Accumulator, groupCount: number): Promise<Vector> {
    const state = this.#states.get(accumulator);
    if (state === undefined || !this.#aside.has(accumulator)) return accumulator.finish(groupCount);
    const runs = await this.#putAside(accumulator, state, state.takeRows());
    if (runs === undefined) return accumulator.finish(groupCount);
    const known = this.#finished.get(accumulator);
    if (known !== undefined) return known;
    const result = await state.finishSorted(groupCount, runs.merged());
    this.#finished.set(accumulator, result);
    noteSpilled(this.#context, this.#node, runs.spilledBytes);
    return result;
  }
}

/** Rows of a state in the order of their groups and values. */
function sortOf({ types, descending }: RowState): SortNode {
  const columns = [GROUP, ...types.map((type, i): ColumnSchema => ({ name: `value${i}`, type, nullable: true }))];
  const key = (index: number): Expr => {
    const { name, type } = columns[index] as ColumnSchema;
    return { kind: "column", index, name, type };
  };
  return {
    kind: "sort",
    input: { kind: "values", rows: [], columns },
    keys: columns.map((_, index) => ({ expr: key(index), descending: index > 0 && descending, nullsFirst: false })),
    topRows: undefined,
    columns,
  };
}
