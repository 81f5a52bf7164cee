// Tables as values: metadata with the operations that start from it.

import type { TableIdentifier } from "#core";
import { createAppend } from "./append-files.ts";
import { runCommit } from "./commit-loop.ts";
import { createDelete } from "./delete-files.ts";
import { createExpireSnapshots } from "./expire-snapshots.ts";
import { createManageSnapshots } from "./manage-snapshots.ts";
import { createOverwrite } from "./overwrite-files.ts";
import { createRemoveOrphanFiles } from "./remove-orphan-files.ts";
import { createRewrite } from "./rewrite-files.ts";
import { createRewriteManifests } from "./rewrite-manifests.ts";
import { createRowDelta } from "./row-delta.ts";
import { planTableScan } from "./scan-plan.ts";
import {
  createReplaceSortOrder,
  createUpdateLocation,
  createUpdateProperties,
  createUpdateSpec,
  createUpdateStatistics,
  createUpgradeFormatVersion,
} from "./table-changes.ts";
import type { OperationContext, TableDeps } from "./table-deps.ts";
import {
  currentSchema,
  currentSnapshot,
  defaultSortOrder,
  defaultSpec,
  type Snapshot,
  type TableMetadata,
} from "./table-metadata.ts";
import type { IcebergSchema } from "./schema.ts";
import type { Table, TableOperations } from "./table.ts";
import { createTransaction } from "./transaction.ts";
import { createUpdateSchema } from "./update-schema.ts";

/** Every operation in a context that is asked for when one is started. */
export function tableOperations(context: () => OperationContext): TableOperations {
  return {
    newAppend: () => createAppend(context()),
    newDelete: () => createDelete(context()),
    newOverwrite: () => createOverwrite(context()),
    newRowDelta: () => createRowDelta(context()),
    newRewrite: () => createRewrite(context()),
    rewriteManifests: () => createRewriteManifests(context()),
    updateSchema: () => createUpdateSchema(context()),
    updateSpec: () => createUpdateSpec(context()),
    replaceSortOrder: () => createReplaceSortOrder(context()),
    updateProperties: () => createUpdateProperties(context()),
    updateLocation: () => createUpdateLocation(context()),
    upgradeFormatVersion: (version) => createUpgradeFormatVersion(context(), version),
    manageSnapshots: () => createManageSnapshots(context()),
    updateStatistics: () => createUpdateStatistics(context()),
  };
}

/** Where the operations of a transaction's table go. */
export type TransactionSteps = Pick<OperationContext, "submit" | "isOwnSnapshot">;

/**
 * A table whose operations commit to the catalog, or become steps of a transaction.
 */
export function createTable(
  clientDeps: TableDeps,
  identifier: TableIdentifier,
  metadata: TableMetadata,
  metadataLocation: string,
  steps?: TransactionSteps,
): Table {
  const deps: TableDeps =
    clientDeps.refsOnly === true
      ? { ...clientDeps, wholeHistory: () => clientDeps.loadHistory(identifier) }
      : clientDeps;
  const commit: OperationContext["submit"] = (plan, options) => runCommit(deps.commit, table, plan, options?.attempts);
  const context = (): OperationContext => ({ deps, table, ...(steps ?? { submit: commit }) });
  const table: Table = {
    identifier,
    metadata,
    metadataLocation,
    schema: (): IcebergSchema => currentSchema(metadata),
    spec: () => defaultSpec(metadata),
    sortOrder: () => defaultSortOrder(metadata),
    currentSnapshot: (): Snapshot | undefined => currentSnapshot(metadata),
    refresh: () => deps.reload(identifier),
    ...tableOperations(context),
    newTransaction: () => createTransaction(deps, table, tableOperations, createTable),
    expireSnapshots: () => createExpireSnapshots(context()),
    removeOrphanFiles: () => createRemoveOrphanFiles(context()),
    planScan: (options) => planTableScan(deps.io, metadata, options),
  };
  return table;
}
