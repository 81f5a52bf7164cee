// What table operations need: files, time, and a way to the catalog.

import type { Clock, RandomSource, TableIdentifier } from "#core";
import type { CommitDeps } from "./commit-loop.ts";
import type { FileIO } from "./file-io.ts";
import type { Table } from "./table.ts";

/** Dependencies of a loaded table. */
export interface TableDeps {
  readonly io: FileIO;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly commitDeps: (table: TableIdentifier) => CommitDeps;
  readonly reload: (table: TableIdentifier) => Promise<Table>;
}
