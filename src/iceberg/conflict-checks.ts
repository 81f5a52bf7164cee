// Conflict validation: whether what others committed since a change was planned breaks it. Each check gives a reason or
// undefined. Source: Iceberg's Java library, MergingSnapshotProducer.validate* and its subclasses.

import type { ContentFile, DataFile, DeleteFile } from "./data-file.ts";
import { isDeletionVector } from "./data-file.ts";
import { createDeleteIndex } from "./delete-index.ts";
import type { FileIO } from "./file-io.ts";
import { createSpecFilter, excludingColumn, excludingPartitionField } from "./partition-pruning.ts";
import { dataFilesAdded, dataFilesRemoved, deleteFilesAdded, type SnapshotHistory } from "./snapshot-history.ts";
import { allFieldsById, specTuple } from "./spec-tuple.ts";
import { specById, type TableMetadata } from "./table-metadata.ts";
import type { IcebergPredicate } from "./table.ts";

/** Whether a file may hold, or its deletes apply to, rows that fulfil all predicates. */
function createFileFilter(
  base: TableMetadata,
  predicates: readonly IcebergPredicate[],
): (file: ContentFile) => boolean {
  if (predicates.length === 0) return () => true;
  const fields = allFieldsById(base);
  return (file) => {
    const { spec, tuple } = specTuple(base, file.specId);
    const filter = createSpecFilter(spec, tuple, fields, predicates);
    if (excludingPartitionField(filter, file) !== undefined) return false;
    // The columns of position delete files are paths and positions.
    return file.content === 1 || excludingColumn(file, fields, predicates) === undefined;
  };
}

/** No data file was added that may hold matching rows. */
export async function checkNoAddedData(
  io: FileIO,
  history: SnapshotHistory,
  predicates: readonly IcebergPredicate[],
): Promise<string | undefined> {
  const found = (await dataFilesAdded(io, history)).find(createFileFilter(history.base, predicates));
  return found === undefined ? undefined : `the file ${found.filePath}, added meanwhile, may hold matching rows`;
}

/** No data file that may hold matching rows was removed. */
export async function checkNoRemovedData(
  io: FileIO,
  history: SnapshotHistory,
  predicates: readonly IcebergPredicate[],
): Promise<string | undefined> {
  const found = (await dataFilesRemoved(io, history, true)).find(createFileFilter(history.base, predicates));
  return found === undefined ? undefined : `the file ${found.filePath} was removed meanwhile`;
}

/** No deletes were added that may apply to matching rows. */
export async function checkNoAddedDeletes(
  io: FileIO,
  history: SnapshotHistory,
  predicates: readonly IcebergPredicate[],
): Promise<string | undefined> {
  const mightMatch = createFileFilter(history.base, predicates);
  const found = (await deleteFilesAdded(io, history, false)).find(({ deleteFile }) => mightMatch(deleteFile));
  return found === undefined
    ? undefined
    : `the deletes of ${found.deleteFile.filePath}, added meanwhile, may apply to matching rows`;
}

/**
 * No deletes were added that apply to the files as they were at the start. `ignoreEquality`: the new files keep the
 * sequence number of the start, so that equality deletes since apply to them too.
 */
export async function checkNoDeletesFor(
  io: FileIO,
  history: SnapshotHistory,
  files: readonly DataFile[],
  ignoreEquality: boolean,
): Promise<string | undefined> {
  if (files.length === 0) return undefined;
  const added = await deleteFilesAdded(io, history, false);
  const relevant = ignoreEquality ? added.filter(({ deleteFile }) => deleteFile.content === 1) : added;
  const paths = new Set(files.map((file) => file.filePath));
  const vector = relevant.find(
    ({ deleteFile }) => isDeletionVector(deleteFile) && paths.has(deleteFile.referencedDataFile ?? ""),
  );
  if (vector !== undefined) {
    return `rows of ${vector.deleteFile.referencedDataFile ?? ""} were deleted meanwhile`;
  }
  const index = createDeleteIndex(
    relevant.filter(({ deleteFile }) => !isDeletionVector(deleteFile)),
    allFieldsById(history.base),
    (specId) => specById(history.base, specId).fields.length === 0,
  );
  const hit = files.find(
    (dataFile) => index.deletesOf({ dataFile, sequenceNumber: history.startingNumber }).length > 0,
  );
  return hit === undefined ? undefined : `rows of ${hit.filePath} were deleted meanwhile`;
}

/** The data files that deletes refer to were not removed; plain deletes count `withDeletes` only. */
export async function checkDataFilesExist(
  io: FileIO,
  history: SnapshotHistory,
  paths: ReadonlySet<string>,
  withDeletes: boolean,
): Promise<string | undefined> {
  if (paths.size === 0) return undefined;
  const found = (await dataFilesRemoved(io, history, withDeletes)).find((file) => paths.has(file.filePath));
  return found === undefined
    ? undefined
    : `the file ${found.filePath}, which the deletes are about, was removed meanwhile`;
}

/** No other commit added a deletion vector to one of the data files. */
export async function checkNoAddedVectors(
  io: FileIO,
  history: SnapshotHistory,
  vectors: readonly DeleteFile[],
): Promise<string | undefined> {
  if (vectors.length === 0) return undefined;
  const paths = new Set(vectors.map((file) => file.referencedDataFile));
  const found = (await deleteFilesAdded(io, history, true)).find(
    ({ deleteFile }) => isDeletionVector(deleteFile) && paths.has(deleteFile.referencedDataFile),
  );
  return found === undefined
    ? undefined
    : `rows of ${found.deleteFile.referencedDataFile ?? ""} were deleted meanwhile`;
}
