// Operations on a table of events that a generator picks: each reads the table, plans on what it sees, and tells what it
// does to the model of table-model.ts at the place in history that its commit gets.

import type { DataFile, DeleteFile, ScanFile, Table } from "#iceberg";
import { locationToKey, type ObjectStore } from "#storage";
import { deletionVector, equalityDeletes, positionDeletes } from "./iceberg-files.ts";
import { LAKE_BUCKET, eventsFile } from "./iceberg-lake.ts";
import { LIMITS, pick, type OperationDraft, type Plan, type PlannedChange, type Planning } from "./planned-change.ts";
import { addModelSnapshot, expectUnchanged, fileText, type ModelFile } from "./table-model.ts";
import { REF_PLANS } from "./table-ref-writers.ts";

export const DAY = 19_700;
const MICROS_A_DAY = 86_400_000_000;

function place(file: { readonly specId: number; readonly partition: DataFile["partition"] }): string {
  return JSON.stringify([file.specId, file.partition]);
}

function nameOf(file: { readonly filePath: string }): string {
  return file.filePath.split("/").at(-1) ?? "";
}

function dayOf(file: DataFile): number {
  return Number(file.partition[0]);
}

async function stored<F extends DataFile | DeleteFile>(store: ObjectStore, file: F): Promise<F> {
  await store.put(locationToKey(file.filePath, LAKE_BUCKET), new Uint8Array(1));
  return file;
}

function inSpecOf(table: Table, day: number): { readonly specId: number; readonly partition: readonly number[] } {
  const { "spec-id": specId, fields } = table.spec();
  return { specId, partition: fields.map((_, index) => (index === 0 ? day : 0)) };
}

function freshFile({ store, table, name }: Planning, day: number): Promise<DataFile> {
  return stored(store, { ...eventsFile(`${name}.parquet`, day), ...inSpecOf(table, day) });
}

function modelFile(file: DataFile, number: bigint): ModelFile {
  return { place: place(file), day: dayOf(file), number, rows: file.recordCount, vector: undefined, positions: [] };
}

/** A live file as text. */
export function describeScanFile(file: ScanFile): string {
  return fileText(
    nameOf(file.dataFile),
    file.deletes.map(({ deleteFile }) => nameOf(deleteFile)),
  );
}

async function liveFiles(table: Table, branch: string): Promise<readonly ScanFile[]> {
  const plan = await table.planScan(table.metadata.refs[branch] === undefined ? {} : { ref: branch });
  return plan.files.toSorted((x, y) => (nameOf(x.dataFile) < nameOf(y.dataFile) ? -1 : 1));
}

/** Branch of a commit: a tag's name is no branch. */
function headNumber(table: Table, branch: string): bigint {
  const id = table.metadata.refs[branch]?.["snapshot-id"] ?? table.currentSnapshot()?.["snapshot-id"];
  return table.metadata.snapshots.find((snapshot) => snapshot["snapshot-id"] === id)?.["sequence-number"] ?? 0n;
}

const append: Plan = async (planning, { a, branch }) => {
  const file = await freshFile(planning, DAY + (a % 3));
  return {
    commit: () => planning.on.newAppend().addFile(file).toBranch(branch).commit(LIMITS),
    apply: (model, { made }) =>
      addModelSnapshot(model, branch, made, (draft) => {
        draft.files.set(nameOf(file), modelFile(file, draft.number));
        return true;
      }),
  };
};

const deleteByFilter: Plan = async ({ on }, { a, branch }) => {
  const day = DAY + (a % 3);
  return {
    commit: () =>
      on
        .newDelete()
        .deleteFromRowFilter([{ fieldId: 2, operator: "<", values: [day * MICROS_A_DAY] }])
        .toBranch(branch)
        .commit(LIMITS),
    apply: (model, { made }) =>
      addModelSnapshot(model, branch, made, ({ files }) => {
        const gone = [...files].filter(([, file]) => file.day < day);
        for (const [name] of gone) files.delete(name);
        // Delete files of the days that go may be all that is left of them.
        return gone.length > 0 || made.length > 0;
      }),
  };
};

const deleteFile: Plan = async ({ on, table }, { a, branch }) => {
  const target = pick(await liveFiles(table, branch), a);
  if (target === undefined) return undefined;
  return {
    commit: () => on.newDelete().deleteFile(target.dataFile.filePath).toBranch(branch).commit(LIMITS),
    apply: (model, { made }) =>
      addModelSnapshot(model, branch, made, ({ files }) => files.delete(nameOf(target.dataFile))),
  };
};

const overwriteByFilter: Plan = async (planning, { a, branch }) => {
  const day = DAY + (a % 3);
  const file = await freshFile(planning, day);
  return {
    commit: () =>
      planning.on
        .newOverwrite()
        .overwriteByRowFilter([
          { fieldId: 2, operator: ">=", values: [day * MICROS_A_DAY] },
          { fieldId: 2, operator: "<", values: [(day + 1) * MICROS_A_DAY] },
        ])
        .addFile(file)
        .toBranch(branch)
        .commit(LIMITS),
    apply: (model, { made }) =>
      addModelSnapshot(model, branch, made, ({ files, number }) => {
        for (const [name, old] of files) if (old.day === day) files.delete(name);
        files.set(nameOf(file), modelFile(file, number));
        return true;
      }),
  };
};

const copyOnWrite: Plan = async (planning, { a, branch }) => {
  const target = pick(await liveFiles(planning.table, branch), a);
  if (target === undefined) return undefined;
  const planned = describeScanFile(target);
  const file = await freshFile(planning, dayOf(target.dataFile));
  return {
    commit: () =>
      planning.on
        .newOverwrite()
        .deleteFile(target.dataFile)
        .addFile(file)
        .validateNoConflictingDeletes()
        .toBranch(branch)
        .commit(LIMITS),
    apply: (model, { made }) =>
      addModelSnapshot(model, branch, made, (draft) => {
        expectUnchanged(draft, nameOf(target.dataFile), planned);
        draft.files.delete(nameOf(target.dataFile));
        draft.files.set(nameOf(file), modelFile(file, draft.number));
        return true;
      }),
  };
};

const deleteRows: Plan = async ({ on, table, store, name }, { a, b, branch }) => {
  const target = pick(await liveFiles(table, branch), a);
  if (target === undefined) return undefined;
  const { dataFile } = target;
  const isVector = table.metadata["format-version"] >= 3;
  const former = target.deletes.map(({ deleteFile: file }) => file).filter((file) => file.fileFormat === "PUFFIN");
  const made = isVector
    ? deletionVector(`${name}.puffin`, dataFile, 1 + former.length)
    : { ...positionDeletes(`${name}.deletes`, 0, dataFile), specId: dataFile.specId, partition: dataFile.partition };
  const deletes = await stored(store, made);
  const strict = b % 2 === 0;
  return {
    commit: () => {
      const delta = on.newRowDelta().addDeletes([deletes]).removeDeletes(former).toBranch(branch);
      return (strict ? delta.validateDeletedFiles() : delta).commit(LIMITS);
    },
    apply: (model, trace) =>
      addModelSnapshot(model, branch, trace.made, ({ files }) => {
        const file = files.get(nameOf(dataFile));
        if (file === undefined) {
          // A file that was removed whole has no rows left to delete.
          if (strict) throw new Error(`${nameOf(dataFile)} is gone, and yet its rows were deleted`);
          return true;
        }
        if (isVector && file.vector !== (former[0] === undefined ? undefined : nameOf(former[0]))) {
          throw new Error(`the vector ${file.vector ?? "none"} was lost`);
        }
        const next = isVector ? { vector: nameOf(deletes) } : { positions: [...file.positions, nameOf(deletes)] };
        files.set(nameOf(dataFile), { ...file, ...next });
        return true;
      }),
  };
};

const deleteByValue: Plan = async ({ on, table, store, name }, { a, branch }) => {
  const day = DAY + (a % 3);
  const file = await stored(store, { ...equalityDeletes(`${name}.equality`, day), ...inSpecOf(table, day) });
  return {
    commit: () => on.newRowDelta().addDeletes([file]).toBranch(branch).commit(LIMITS),
    apply: (model, { made }) =>
      addModelSnapshot(model, branch, made, ({ equality, number }) => {
        equality.set(nameOf(file), { place: place(file), number });
        return true;
      }),
  };
};

const rewrite: Plan = async (planning, { a, b, branch }) => {
  const live = await liveFiles(planning.table, branch);
  const first = pick(live, a);
  if (first === undefined) return undefined;
  const neighbours = live.filter(({ dataFile }) => place(dataFile) === place(first.dataFile));
  const targets = b % 3 === 0 ? [first] : neighbours.slice(0, 3);
  const rows = targets.reduce((sum, { dataFile }) => sum + dataFile.recordCount, 0);
  const deletedRows = targets.some(({ deletes }) => deletes.length > 0) ? 1 : 0;
  const file = await stored(planning.store, {
    ...eventsFile(`${planning.name}.parquet`, dayOf(first.dataFile), { rows: rows - deletedRows }),
    specId: first.dataFile.specId,
    partition: first.dataFile.partition,
  });
  const number = headNumber(planning.table, branch);
  const planned = targets.map((target) => [nameOf(target.dataFile), describeScanFile(target)] as const);
  return {
    commit: () =>
      planning.on
        .newRewrite()
        .deleteFiles(targets.map(({ dataFile }) => dataFile))
        .addFiles([file])
        .deletedRows(deletedRows)
        .toBranch(branch)
        .commit(LIMITS),
    apply: (model, { made }) =>
      addModelSnapshot(model, branch, made, (draft) => {
        // Deletes by value that came since reach the file that stands in.
        const since = new Map([...draft.equality].filter(([, deletes]) => deletes.number <= number));
        for (const [name, text] of planned) {
          expectUnchanged({ ...draft, equality: since }, name, text);
          draft.files.delete(name);
        }
        draft.files.set(nameOf(file), modelFile(file, number));
        return true;
      }),
  };
};

const rewriteManifests: Plan = async ({ on }, { a, branch }) => {
  const make = () => on.rewriteManifests().toBranch(branch);
  return {
    commit: () =>
      (a % 2 === 0
        ? make()
        : make()
            .clusterBy((file) => file.filePath)
            .targetSizeBytes(2000)
      ).commit(LIMITS),
    apply: (model, { made }) => {
      if (made.length > 0) addModelSnapshot(model, branch, made, () => true);
    },
  };
};

const addColumn: Plan = async ({ on, name }) => ({
  commit: () => on.updateSchema().addColumn(name, "string").commit(LIMITS),
  apply: (model) => void model.columns.push(name),
});

const dropColumn: Plan = async ({ on, table }, { a }) => {
  const name = pick(table.schema().fields.slice(3), a)?.name;
  if (name === undefined) return undefined;
  return {
    commit: () => on.updateSchema().deleteColumn(name).commit(LIMITS),
    apply: (model) => removeOnce(model.columns, name),
  };
};

const addSpecField: Plan = async ({ on, name }, { a }) => ({
  commit: () =>
    on
      .updateSpec()
      .addField("user_id", `bucket[${2 + (a % 4)}]`, name)
      .commit(LIMITS),
  apply: (model) => void model.specFields.push(name),
});

const removeSpecField: Plan = async ({ on, table }, { a }) => {
  const name = pick(table.spec().fields.slice(1), a)?.name;
  if (name === undefined) return undefined;
  return {
    commit: () => on.updateSpec().removeField(name).commit(LIMITS),
    apply: (model) => removeOnce(model.specFields, name),
  };
};

function removeOnce(list: string[], name: string): void {
  const at = list.indexOf(name);
  if (at < 0) throw new Error(`${name} was removed twice`);
  list.splice(at, 1);
}

const setProperty: Plan = async ({ on, name }, { a }) => ({
  commit: () =>
    on
      .updateProperties()
      .set(`p${a % 2}`, name)
      .commit(LIMITS),
  apply: (model) => void model.properties.set(`p${a % 2}`, name),
});

const PLANS = {
  append,
  deleteByFilter,
  deleteFile,
  overwriteByFilter,
  copyOnWrite,
  deleteRows,
  deleteByValue,
  rewrite,
  rewriteManifests,
  addColumn,
  dropColumn,
  addSpecField,
  removeSpecField,
  setProperty,
  ...REF_PLANS,
} satisfies Record<string, Plan>;

/** What can be drawn. */
export type OperationKind = keyof typeof PLANS;
export const OPERATION_KINDS = Object.keys(PLANS) as OperationKind[];
/** Operations whose effect in a transaction is told by the snapshots they make. */
export const TRANSACTION_KINDS: readonly OperationKind[] = [
  "append",
  "copyOnWrite",
  "deleteRows",
  "rewrite",
  "addColumn",
  "setProperty",
];

/** Plans an operation; undefined when there is nothing in the table for it. */
export function planOperation(
  planning: Planning,
  draft: OperationDraft<OperationKind>,
): Promise<PlannedChange | undefined> {
  return PLANS[draft.kind](planning, draft);
}
