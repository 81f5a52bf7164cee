// What table operations need: files, time, and a way to the catalog.

import type { Clock, RandomSource, TableIdentifier } from "#core";
import type { CommitDeps, CommitPlan } from "./commit-loop.ts";
import type { FileIO } from "./file-io.ts";
import type { TableMetadata } from "./table-metadata.ts";
import type { CommitOptions, CommitOutcome, Table } from "./table.ts";

/** Dependencies of a loaded table. */
export interface TableDeps {
  readonly io: FileIO;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly commit: CommitDeps;
  readonly reload: (table: TableIdentifier) => Promise<Table>;
  /** The metadata with all snapshots, also for a client that loads tables without their history. */
  readonly loadHistory: (table: TableIdentifier) => Promise<TableMetadata>;
  /** Whether tables are loaded with the snapshots of their refs alone. */
  readonly refsOnly?: boolean;
  /** All snapshots of the table at hand; absent where its metadata has them. */
  readonly wholeHistory?: () => Promise<TableMetadata>;
}

/** Where an operation starts and what becomes of its plan: a commit, or a step of a transaction. */
export interface OperationContext {
  readonly deps: TableDeps;
  readonly table: Table;
  readonly submit: (plan: CommitPlan, options?: CommitOptions) => Promise<CommitOutcome>;
  /** Whether a snapshot is that of an earlier step of the same transaction. */
  readonly isOwnSnapshot?: (snapshotId: bigint) => boolean;
}
