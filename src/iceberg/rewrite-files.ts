// Replacing files by others with the same rows: compaction's commit.
//
// Rules (Java's BaseRewriteFiles): every replaced file is live in the base of the attempt; new files take the data
// sequence number of the snapshot the rewrite was planned on, so that equality deletes committed since still apply to
// them; position deletes and deletion vectors committed since for a replaced file are a conflict; appends never are.

import { LakeError } from "#core";
import { createHistoryValidation, plannedOn, type PlannedOn } from "./change-history.ts";
import { checkNoAddedVectors, checkNoDeletesFor } from "./conflict-checks.ts";
import { isDeletionVector, type DataFile, type DeleteFile } from "./data-file.ts";
import { deleteFileKey } from "./file-removal.ts";
import { createSnapshotOptions, snapshotOptionMethods, snapshotOptionsToChange } from "./snapshot-options.ts";
import { createSnapshotPlan, type AddedDeleteFile } from "./snapshot-producer.ts";
import { checkWritable } from "./snapshot-commit.ts";
import type { OperationContext } from "./table-deps.ts";
import { findSnapshot, type TableMetadata } from "./table-metadata.ts";
import type { RewriteFiles } from "./table.ts";

/** Starts a rewrite planned on the head of the branch. */
export function createRewrite(context: OperationContext): RewriteFiles {
  const { deps, table, submit } = context;
  const data = new Map<string, DataFile>();
  const deletes = new Map<string, DeleteFile>();
  const added: DataFile[] = [];
  const addedDeletes: DeleteFile[] = [];
  const options = createSnapshotOptions();
  let sequenceNumber: bigint | undefined;
  let start: PlannedOn | undefined;
  let deletedRows = 0;

  /** The number the added files take: that of the snapshot whose rows they hold. */
  const startingNumber = (planned: bigint | undefined): bigint => {
    const snapshot = findSnapshot(table.metadata, planned);
    if (snapshot === undefined && start?.snapshotId !== undefined) {
      throw new LakeError("not_found", `The table has no snapshot ${start.snapshotId}.`);
    }
    return snapshot?.["sequence-number"] ?? 0n;
  };

  const rewrite: RewriteFiles = {
    ...snapshotOptionMethods(options, () => rewrite),
    deleteFiles(files) {
      for (const file of files) data.set(file.filePath, file);
      return rewrite;
    },
    addFiles(files) {
      added.push(...files);
      return rewrite;
    },
    deleteDeleteFiles(files) {
      for (const file of files) deletes.set(deleteFileKey(file), file);
      return rewrite;
    },
    addDeleteFiles(files) {
      addedDeletes.push(...files);
      return rewrite;
    },
    dataSequenceNumber(number) {
      sequenceNumber = number;
      return rewrite;
    },
    validateFromSnapshot(snapshotId) {
      start = { snapshotId };
      return rewrite;
    },
    deletedRows(rows) {
      deletedRows = rows;
      return rewrite;
    },
    async commit(limits) {
      checkWritable(table.metadata);
      checkRewrite({ data, deletes, added, addedDeletes, deletedRows });
      const planned = plannedOn(context, options.branch, start);
      const number = added.length === 0 ? undefined : (sequenceNumber ?? startingNumber(planned));
      if (planned !== undefined && context.isOwnSnapshot?.(planned) === true) {
        options.checks.push((base) => checkOwnNumber(base, planned, number));
      }
      const plan = createSnapshotPlan(deps, table.metadata, {
        ...snapshotOptionsToChange(options),
        addedData: added,
        dataSequenceNumber: number,
        addedDeletes: addedDeletes.map((file) => deleteWithNumber(file, sequenceNumber)),
        removal: { data, deletes, filters: [] },
        requireRemoved: true,
        operation: () => "replace",
        validate: createHistoryValidation(context, options.branch, start, [
          (history) => checkNoDeletesFor(deps.io, history, [...data.values()], true),
          (history) => checkNoAddedVectors(deps.io, history, addedDeletes.filter(isDeletionVector)),
        ]),
      });
      return submit(plan, limits);
    },
  };
  return rewrite;
}

/**
 * In a transaction the files may have been read from the snapshot of an earlier step. Should that get a later number,
 * because somebody else committed first, its deletes would reach the files that hold their effect already.
 */
function checkOwnNumber(base: TableMetadata, planned: bigint, number: bigint | undefined): string | undefined {
  if (number === undefined || findSnapshot(base, planned)?.["sequence-number"] === number) return undefined;
  return "the step before the rewrite no longer has the sequence number that the rewritten files were given";
}

/** Position deletes name their files, so a later number changes nothing; equality deletes would reach later rows. */
function deleteWithNumber(file: DeleteFile, sequenceNumber: bigint | undefined): AddedDeleteFile {
  if (file.content === 1) return { file };
  if (sequenceNumber === undefined) {
    throw new LakeError("data_invalid", "Equality deletes can be rewritten only under their data sequence number.");
  }
  return { file, sequenceNumber };
}

interface RewriteContent {
  readonly data: ReadonlyMap<string, DataFile>;
  readonly deletes: ReadonlyMap<string, DeleteFile>;
  readonly added: readonly DataFile[];
  readonly addedDeletes: readonly DeleteFile[];
  readonly deletedRows: number;
}

/** Errors: `data_invalid` for a rewrite that would lose or invent rows. */
function checkRewrite({ data, deletes, added, addedDeletes, deletedRows }: RewriteContent): void {
  if (data.size === 0 && deletes.size === 0) {
    throw new LakeError("data_invalid", "A rewrite has to replace at least one file.");
  }
  if (deletes.size === 0 && addedDeletes.length > 0) {
    throw new LakeError("data_invalid", "A rewrite that adds delete files has to replace some.");
  }
  if (!Number.isSafeInteger(deletedRows) || deletedRows < 0) {
    throw new LakeError("invalid_option", "The rows that deletes removed have to be a whole number.");
  }
  const before = [...data.values()].reduce((sum, file) => sum + file.recordCount, 0);
  const after = added.reduce((sum, file) => sum + file.recordCount, 0);
  if (before - deletedRows !== after) {
    throw new LakeError(
      "data_invalid",
      `The rewrite holds ${after} rows instead of ${before - deletedRows}; nothing was committed.`,
    );
  }
  const reused = added.find((file) => data.has(file.filePath));
  if (reused !== undefined) throw new LakeError("data_invalid", `The rewrite replaces ${reused.filePath} by itself.`);
}
