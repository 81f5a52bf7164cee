// Adding rows and row-level deletes in one snapshot: the commit of merge-on-read. Conflict rules: Java's BaseRowDelta.

import { createHistoryValidation, type HistoryCheck, type PlannedOn } from "./change-history.ts";
import {
  checkDataFilesExist,
  checkNoAddedData,
  checkNoAddedDeletes,
  checkNoAddedVectors,
  checkNoDeletesFor,
} from "./conflict-checks.ts";
import { isDeletionVector, type DataFile, type DeleteFile } from "./data-file.ts";
import { deleteFileKey } from "./file-removal.ts";
import { createSnapshotOptions, snapshotOptionMethods, snapshotOptionsToChange } from "./snapshot-options.ts";
import { createSnapshotPlan } from "./snapshot-producer.ts";
import { checkWritable } from "./snapshot-commit.ts";
import type { FileChanges } from "./snapshot-summary.ts";
import type { OperationContext } from "./table-deps.ts";
import type { SnapshotSummary } from "./table-metadata.ts";
import type { IcebergPredicate, RowDelta } from "./table.ts";

/** Starts a row delta. */
export function createRowDelta(context: OperationContext): RowDelta {
  const { deps, table, submit } = context;
  const rows: DataFile[] = [];
  const addedDeletes: DeleteFile[] = [];
  const removedRows = new Map<string, DataFile>();
  const removedDeletes = new Map<string, DeleteFile>();
  const referenced = new Set<string>();
  const options = createSnapshotOptions();
  let conflictFilter: readonly IcebergPredicate[] = [];
  let start: PlannedOn | undefined;
  let checksDeleted = false;
  let checksData = false;
  let checksDeletes = false;

  const historyChecks = (): HistoryCheck[] => {
    const checks: HistoryCheck[] = [
      (history) => checkDataFilesExist(deps.io, history, referenced, checksDeleted),
      (history) => checkNoAddedVectors(deps.io, history, addedDeletes.filter(isDeletionVector)),
      (history) => checkNoDeletesFor(deps.io, history, [...removedRows.values()], false),
    ];
    if (checksData) checks.push((history) => checkNoAddedData(deps.io, history, conflictFilter));
    if (checksDeletes) checks.push((history) => checkNoAddedDeletes(deps.io, history, conflictFilter));
    return checks;
  };

  const delta: RowDelta = {
    ...snapshotOptionMethods(options, () => delta),
    addRows(files) {
      rows.push(...files);
      return delta;
    },
    addDeletes(files) {
      addedDeletes.push(...files);
      for (const { referencedDataFile } of files) {
        if (referencedDataFile !== undefined) referenced.add(referencedDataFile);
      }
      return delta;
    },
    removeRows(files) {
      for (const file of files) removedRows.set(file.filePath, file);
      return delta;
    },
    removeDeletes(files) {
      for (const file of files) removedDeletes.set(deleteFileKey(file), file);
      return delta;
    },
    validateFromSnapshot(snapshotId) {
      start = { snapshotId };
      return delta;
    },
    conflictDetectionFilter(predicates) {
      conflictFilter = predicates;
      return delta;
    },
    validateDataFilesExist(paths) {
      for (const path of paths) referenced.add(path);
      return delta;
    },
    validateDeletedFiles() {
      checksDeleted = true;
      return delta;
    },
    validateNoConflictingDataFiles() {
      checksData = true;
      return delta;
    },
    validateNoConflictingDeleteFiles() {
      checksDeletes = true;
      return delta;
    },
    async commit(limits) {
      checkWritable(table.metadata);
      const plan = createSnapshotPlan(deps, table.metadata, {
        ...snapshotOptionsToChange(options),
        addedData: rows,
        addedDeletes: addedDeletes.map((file) => ({ file })),
        removal: { data: removedRows, deletes: removedDeletes, filters: [] },
        requireRemoved: true,
        operation: deltaOperation,
        validate: createHistoryValidation(context, options.branch, start, historyChecks()),
      });
      return submit(plan, limits);
    },
  };
  return delta;
}

function deltaOperation(changes: FileChanges): SnapshotSummary["operation"] {
  const addsRows = changes.addedData.length > 0;
  const addsDeletes = changes.addedDeletes.length > 0;
  if (addsRows && !addsDeletes && changes.removedData.length === 0) return "append";
  return addsDeletes && !addsRows ? "delete" : "overwrite";
}
