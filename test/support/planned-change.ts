// What an operation of test/support/table-writers.ts is before it is committed.

import type { CommitOutcome, Table, TableOperations } from "#iceberg";
import type { ObjectStore } from "#storage";
import type { TableModel } from "./table-model.ts";

/** An operation as it is generated: what the numbers choose among depends on the table it meets. */
export interface OperationDraft<Kind = string> {
  readonly kind: Kind;
  readonly a: number;
  readonly b: number;
  readonly branch: string;
}

/** What a commit did to the table's snapshots. */
export interface CommitTrace {
  /** Snapshots it made, in order. */
  readonly made: bigint[];
  readonly gone: readonly bigint[];
}

/** A change that waits to be committed. */
export interface PlannedChange {
  readonly commit: () => Promise<CommitOutcome>;
  readonly apply: (model: TableModel, trace: CommitTrace) => void;
}

/** Where an operation is planned. */
export interface Planning {
  readonly store: ObjectStore;
  readonly table: Table;
  /** The table itself, or a transaction. */
  readonly on: TableOperations;
  /** Differs for every operation. */
  readonly name: string;
}

/** Plans an operation; undefined when there is nothing in the table for it. */
export type Plan = (planning: Planning, draft: OperationDraft) => Promise<PlannedChange | undefined>;

/** Attempts enough for every interleaving. */
export const LIMITS = { attempts: 12 } as const;

/** One of the items, whatever the number. */
export function pick<T>(items: readonly T[], number: number): T | undefined {
  return items[number % Math.max(1, items.length)];
}
