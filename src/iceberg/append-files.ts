// Appending data files: one new manifest for each spec, everything else carried over.

import type { DataFile } from "./data-file.ts";
import { createSnapshotOptions, snapshotOptionMethods, snapshotOptionsToChange } from "./snapshot-options.ts";
import { NO_REMOVAL, createSnapshotPlan } from "./snapshot-producer.ts";
import { checkWritable } from "./snapshot-commit.ts";
import type { OperationContext } from "./table-deps.ts";
import type { AppendFiles } from "./table.ts";

/** Starts an append to the table. */
export function createAppend(context: OperationContext): AppendFiles {
  const { deps, table, submit } = context;
  const added: DataFile[] = [];
  const options = createSnapshotOptions();
  const append: AppendFiles = {
    ...snapshotOptionMethods(options, () => append),
    addFile(file) {
      added.push(file);
      return append;
    },
    addFiles(files) {
      added.push(...files);
      return append;
    },
    async commit(limits) {
      checkWritable(table.metadata);
      const plan = createSnapshotPlan(deps, table.metadata, {
        ...snapshotOptionsToChange(options),
        addedData: added,
        addedDeletes: [],
        removal: NO_REMOVAL,
        requireRemoved: false,
        operation: () => "append",
      });
      return submit(plan, limits);
    },
  };
  return append;
}
