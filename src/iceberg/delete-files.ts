// Removing whole data files, by name or by what all their rows fulfil.

import type { DataFile } from "./data-file.ts";
import { createSnapshotOptions, snapshotOptionMethods, snapshotOptionsToChange } from "./snapshot-options.ts";
import { createSnapshotPlan } from "./snapshot-producer.ts";
import { checkWritable } from "./snapshot-commit.ts";
import type { OperationContext } from "./table-deps.ts";
import type { DeleteFiles, IcebergPredicate } from "./table.ts";

/** Starts a removal of data files. */
export function createDelete(context: OperationContext): DeleteFiles {
  const { deps, table, submit } = context;
  const data = new Map<string, DataFile | undefined>();
  const filters: (readonly IcebergPredicate[])[] = [];
  const options = createSnapshotOptions();
  let requireRemoved = false;
  const removal: DeleteFiles = {
    ...snapshotOptionMethods(options, () => removal),
    deleteFile(file) {
      if (typeof file === "string") data.set(file, data.get(file));
      else data.set(file.filePath, file);
      return removal;
    },
    deleteFiles(files) {
      for (const file of files) removal.deleteFile(file);
      return removal;
    },
    deleteFromRowFilter(predicates) {
      filters.push(predicates);
      return removal;
    },
    validateFilesExist() {
      requireRemoved = true;
      return removal;
    },
    async commit(limits) {
      checkWritable(table.metadata);
      const plan = createSnapshotPlan(deps, table.metadata, {
        ...snapshotOptionsToChange(options),
        addedData: [],
        addedDeletes: [],
        removal: { data, deletes: new Map(), filters },
        requireRemoved,
        operation: () => "delete",
      });
      return submit(plan, limits);
    },
  };
  return removal;
}
