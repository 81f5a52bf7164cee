// Replacing rows: files go, by name or filter, and others come, in one snapshot. Conflict rules: Java's
// BaseOverwriteFiles.

import { LakeError } from "#core";
import { createHistoryValidation, type HistoryCheck, type PlannedOn } from "./change-history.ts";
import { checkNoAddedData, checkNoAddedDeletes, checkNoDeletesFor, checkNoRemovedData } from "./conflict-checks.ts";
import type { DataFile, DeleteFile } from "./data-file.ts";
import { deleteFileKey } from "./file-removal.ts";
import { createSnapshotOptions, snapshotOptionMethods, snapshotOptionsToChange } from "./snapshot-options.ts";
import { createSnapshotPlan } from "./snapshot-producer.ts";
import { checkWritable } from "./snapshot-commit.ts";
import type { FileChanges } from "./snapshot-summary.ts";
import { allFieldsById } from "./spec-tuple.ts";
import { allRowsMatch } from "./strict-match.ts";
import type { OperationContext } from "./table-deps.ts";
import { specById, type SnapshotSummary, type TableMetadata } from "./table-metadata.ts";
import type { IcebergPredicate, OverwriteFiles } from "./table.ts";

/** Starts an overwrite. */
export function createOverwrite(context: OperationContext): OverwriteFiles {
  const { deps, table, submit } = context;
  const added: DataFile[] = [];
  const data = new Map<string, DataFile>();
  const deletes = new Map<string, DeleteFile>();
  const options = createSnapshotOptions();
  let rowFilter: readonly IcebergPredicate[] | undefined;
  let conflictFilter: readonly IcebergPredicate[] | undefined;
  let start: PlannedOn | undefined;
  let checksData = false;
  let checksDeletes = false;
  let checksAdded = false;

  const historyChecks = (): HistoryCheck[] => {
    const checks: HistoryCheck[] = [];
    if (checksData) {
      const predicates = conflictFilter ?? (data.size === 0 ? rowFilter : undefined) ?? [];
      checks.push((history) => checkNoAddedData(deps.io, history, predicates));
    }
    if (checksDeletes && rowFilter !== undefined) {
      const predicates = conflictFilter ?? rowFilter;
      checks.push(
        (history) => checkNoAddedDeletes(deps.io, history, predicates),
        (history) => checkNoRemovedData(deps.io, history, predicates),
      );
    }
    if (checksDeletes) checks.push((history) => checkNoDeletesFor(deps.io, history, [...data.values()], false));
    return checks;
  };

  const overwrite: OverwriteFiles = {
    ...snapshotOptionMethods(options, () => overwrite),
    addFile(file) {
      added.push(file);
      return overwrite;
    },
    addFiles(files) {
      added.push(...files);
      return overwrite;
    },
    deleteFile(file) {
      data.set(file.filePath, file);
      return overwrite;
    },
    deleteFiles(files) {
      for (const file of files) data.set(file.filePath, file);
      return overwrite;
    },
    deleteDeleteFiles(files) {
      for (const file of files) deletes.set(deleteFileKey(file), file);
      return overwrite;
    },
    overwriteByRowFilter(predicates) {
      rowFilter = predicates;
      return overwrite;
    },
    validateAddedFilesMatchOverwriteFilter() {
      checksAdded = true;
      return overwrite;
    },
    validateFromSnapshot(snapshotId) {
      start = { snapshotId };
      return overwrite;
    },
    conflictDetectionFilter(predicates) {
      conflictFilter = predicates;
      return overwrite;
    },
    validateNoConflictingData() {
      checksData = true;
      return overwrite;
    },
    validateNoConflictingDeletes() {
      checksDeletes = true;
      return overwrite;
    },
    async commit(limits) {
      checkWritable(table.metadata);
      if (checksAdded) checkAddedMatch(table.metadata, added, rowFilter ?? []);
      const plan = createSnapshotPlan(deps, table.metadata, {
        ...snapshotOptionsToChange(options),
        addedData: added,
        addedDeletes: [],
        removal: { data, deletes, filters: rowFilter === undefined ? [] : [rowFilter] },
        requireRemoved: true,
        operation: overwriteOperation,
        validate: createHistoryValidation(context, options.branch, start, historyChecks()),
      });
      return submit(plan, limits);
    },
  };
  return overwrite;
}

function overwriteOperation(changes: FileChanges): SnapshotSummary["operation"] {
  if (changes.addedData.length === 0) return "delete";
  return changes.removedData.length === 0 ? "append" : "overwrite";
}

/** Errors: `data_invalid` for a file that might hold rows the filter does not cover. */
function checkAddedMatch(base: TableMetadata, added: readonly DataFile[], filter: readonly IcebergPredicate[]): void {
  const fields = allFieldsById(base);
  const other = added.find((file) => !allRowsMatch(file, specById(base, file.specId), fields, filter));
  if (other === undefined) return;
  throw new LakeError("data_invalid", `The file ${other.filePath} may hold rows outside the filter it replaces.`);
}
