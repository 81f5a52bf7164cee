// A table as a few maps, and what each operation does to it when nobody else is about: the oracle of the tests that let
// several writers loose on one table.

/** A data file and the row-level deletes that name it. */
export interface ModelFile {
  /** Spec and partition, as text. */
  readonly place: string;
  readonly day: number;
  /** Data sequence number. */
  readonly number: bigint;
  readonly rows: number;
  readonly vector: string | undefined;
  readonly positions: readonly string[];
}

/** Deletes by value: of every older file in their place. */
export interface ModelEquality {
  readonly place: string;
  readonly number: bigint;
}

/** One snapshot. */
export interface ModelSnapshot {
  readonly parent: bigint | undefined;
  readonly number: bigint;
  /** Of the snapshot that this one publishes again. */
  readonly source: bigint | undefined;
  readonly files: ReadonlyMap<string, ModelFile>;
  readonly equality: ReadonlyMap<string, ModelEquality>;
}

/** A branch or tag. */
export interface ModelRef {
  readonly type: "branch" | "tag";
  readonly at: bigint;
}

/** The table. */
export interface TableModel {
  readonly snapshots: Map<bigint, ModelSnapshot>;
  readonly refs: Map<string, ModelRef>;
  readonly columns: string[];
  readonly specFields: string[];
  readonly properties: Map<string, string>;
  lastNumber: bigint;
}

/** Snapshots while one is being made. */
export interface SnapshotDraft {
  readonly files: Map<string, ModelFile>;
  readonly equality: Map<string, ModelEquality>;
  readonly number: bigint;
}

/** A table without rows. */
export function createTableModel(): TableModel {
  return {
    snapshots: new Map(),
    refs: new Map(),
    columns: ["id", "timestamp", "user_id"],
    specFields: ["timestamp_day"],
    properties: new Map(),
    lastNumber: 0n,
  };
}

/** The snapshot a commit to the branch follows. */
export function modelHead(model: TableModel, branch: string): bigint | undefined {
  return (model.refs.get(branch) ?? model.refs.get("main"))?.at;
}

/**
 * Makes a snapshot on the branch. `ids` gives those the table under test made, in order; `change` answers false when
 * there is nothing to change, and then there is no snapshot.
 */
export function addModelSnapshot(
  model: TableModel,
  branch: string,
  ids: bigint[],
  change: (draft: SnapshotDraft) => boolean,
  source?: bigint,
): void {
  const parent = modelHead(model, branch);
  const from = parent === undefined ? undefined : model.snapshots.get(parent);
  const draft: SnapshotDraft = {
    files: new Map(from?.files),
    equality: new Map(from?.equality),
    number: model.lastNumber + 1n,
  };
  if (!change(draft)) return;
  const id = ids.shift();
  if (id === undefined) throw new Error("the model made a snapshot that the table did not make");
  model.lastNumber = draft.number;
  model.snapshots.set(id, { parent, source, number: draft.number, files: draft.files, equality: draft.equality });
  model.refs.set(branch, { type: "branch", at: id });
}

/** The file, which has to be as it was when the change was planned: else a change was lost. */
export function expectUnchanged(draft: SnapshotDraft, name: string, planned: string): ModelFile {
  const file = draft.files.get(name);
  if (file === undefined) throw new Error(`${name} is gone, and yet a change planned on it was committed`);
  const now = describeFile(name, file, draft.equality);
  if (now !== planned) throw new Error(`planned on ${planned}, committed on ${now}`);
  return file;
}

function describeFile(name: string, file: ModelFile, equality: ReadonlyMap<string, ModelEquality>): string {
  const values = [...equality].filter(([, { place, number }]) => place === file.place && number > file.number);
  const deletes = [
    ...(file.vector === undefined ? file.positions : [file.vector]),
    ...values.map(([deleteName]) => deleteName),
  ];
  return fileText(name, deletes);
}

/** A file with its deletes as text. */
export function fileText(name: string, deletes: readonly string[]): string {
  return `${name}[${deletes.toSorted().join(" ")}]`;
}

/** Everything readers can tell of a table. */
export interface TableText {
  readonly snapshots: readonly (readonly [id: bigint, files: readonly string[]])[];
  readonly refs: readonly string[];
  readonly columns: readonly string[];
  readonly specFields: readonly string[];
  readonly properties: readonly string[];
  readonly lastNumber: bigint;
}

/** The model as readers would see it. */
export function describeModel(model: TableModel): TableText {
  return {
    snapshots: [...model.snapshots]
      .map(
        ([id, { files, equality }]) =>
          [id, [...files].map(([name, file]) => describeFile(name, file, equality)).toSorted()] as const,
      )
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    refs: [...model.refs].map(([name, { type, at }]) => `${type} ${name} ${at}`).toSorted(),
    columns: model.columns,
    specFields: model.specFields,
    properties: [...model.properties].map(([key, value]) => `${key}=${value}`).toSorted(),
    lastNumber: model.lastNumber,
  };
}
