// Branches and tags: creating, moving and removing them, and what they retain. Source: Iceberg table spec, "Snapshot
// References"; Java's ManageSnapshots.

import { LakeError } from "#core";
import { createCherrypickPlan } from "./cherrypick.ts";
import type { CommitAttempt, CommitPlan } from "./commit-loop.ts";
import { baseRequirements, headRequirement } from "./snapshot-commit.ts";
import type { OperationContext, TableDeps } from "./table-deps.ts";
import { MAIN_BRANCH, findSnapshot, type Snapshot, type SnapshotRef, type TableMetadata } from "./table-metadata.ts";
import type { TableUpdate } from "./table-update.ts";
import type { ManageSnapshots, Table } from "./table.ts";

/** Refs while changes are made to them, with the table they are of. */
interface RefDraft {
  readonly refs: Map<string, SnapshotRef>;
  /** Refs that decided where others go: none of them may move before the commit. */
  readonly read: Set<string>;
  readonly base: TableMetadata;
  /** The snapshot of that id. Errors: `not_found`. */
  readonly snapshot: (snapshotId: bigint) => Promise<Snapshot>;
}

/** Gives the reason when the change cannot be made on this base though it could on another. */
type RefChange = (draft: RefDraft) => Promise<string | undefined>;

/** Starts a change of branches and tags. */
export function createManageSnapshots(context: OperationContext): ManageSnapshots {
  const { deps, table, submit } = context;
  const changes: RefChange[] = [];
  let picked: bigint | undefined;
  const add = (
    change: (draft: RefDraft) => Promise<string | undefined> | Promise<void> | undefined,
  ): ManageSnapshots => {
    changes.push(async (draft) => (await change(draft)) ?? undefined);
    return manage;
  };
  const manage: ManageSnapshots = {
    createBranch: (name, snapshotId) => add((draft) => createRef(draft, "branch", name, snapshotId)),
    createTag: (name, snapshotId) => add((draft) => createRef(draft, "tag", name, snapshotId)),
    removeBranch: (name) => add((draft) => removeRef(draft, "branch", name)),
    removeTag: (name) => add((draft) => removeRef(draft, "tag", name)),
    renameBranch: (name, newName) => add((draft) => renameBranch(draft, name, newName)),
    replaceBranch: (name, to) =>
      add(async (draft) => {
        const snapshotId = typeof to === "bigint" ? to : headOf(draft, to);
        await draft.snapshot(snapshotId);
        draft.refs.set(name, { ...requireRef(draft, name, "branch"), "snapshot-id": snapshotId });
      }),
    replaceTag: (name, snapshotId) =>
      add(async (draft) => {
        await draft.snapshot(snapshotId);
        draft.refs.set(name, { ...requireRef(draft, name, "tag"), "snapshot-id": snapshotId });
      }),
    fastForwardBranch: (name, to) => add((draft) => fastForward(draft, name, to)),
    rollbackTo: (snapshotId) => add((draft) => rollback(draft, snapshotId)),
    rollbackToTime: (timestampMs) => add((draft) => rollbackToTime(draft, timestampMs)),
    setCurrentSnapshot: (snapshotId) =>
      add(async (draft) => {
        await draft.snapshot(snapshotId);
        draft.refs.set(MAIN_BRANCH, { type: "branch", ...draft.refs.get(MAIN_BRANCH), "snapshot-id": snapshotId });
      }),
    cherrypick(snapshotId) {
      picked = snapshotId;
      return manage;
    },
    setMinSnapshotsToKeep: (branch, count) =>
      add(async (draft) => {
        requirePositive(count, "min-snapshots-to-keep");
        draft.refs.set(branch, { ...requireRef(draft, branch, "branch"), "min-snapshots-to-keep": count });
      }),
    setMaxSnapshotAgeMs: (branch, ageMs) =>
      add(async (draft) => {
        requirePositive(ageMs, "max-snapshot-age-ms");
        draft.refs.set(branch, { ...requireRef(draft, branch, "branch"), "max-snapshot-age-ms": ageMs });
      }),
    setMaxRefAgeMs: (ref, ageMs) =>
      add(async (draft) => {
        requirePositive(ageMs, "max-ref-age-ms");
        draft.refs.set(ref, { ...requireRef(draft, ref), "max-ref-age-ms": ageMs });
      }),
    async commit(options) {
      if (picked === undefined) return submit(refPlan(deps, table, changes), options);
      if (changes.length > 0) {
        throw new LakeError("invalid_option", "A cherry-pick is committed alone, not with other changes of refs.");
      }
      return submit(createCherrypickPlan(context, picked), options);
    },
  };
  return manage;
}

function requirePositive(value: number, name: string): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw new LakeError("invalid_option", `${name} has to be a whole number above 0.`);
}

function requireRef(draft: RefDraft, name: string, type?: SnapshotRef["type"]): SnapshotRef {
  const ref = draft.refs.get(name);
  if (ref === undefined) throw new LakeError("not_found", `The table has no branch or tag ${name}.`);
  if (type !== undefined && ref.type !== type) {
    throw new LakeError("invalid_option", `${name} is a ${ref.type}, not a ${type}.`);
  }
  return ref;
}

/** Where a ref is. Errors: `not_found`. */
function headOf(draft: RefDraft, name: string): bigint {
  draft.read.add(name);
  return requireRef(draft, name)["snapshot-id"];
}

async function createRef(
  draft: RefDraft,
  type: SnapshotRef["type"],
  name: string,
  wanted: bigint | undefined,
): Promise<undefined> {
  if (name === "") throw new LakeError("invalid_option", `A ${type} needs a name.`);
  if (draft.refs.has(name)) throw new LakeError("already_exists", `The table has a branch or tag ${name} already.`);
  if (wanted === undefined && !draft.refs.has(MAIN_BRANCH)) {
    throw new LakeError("invalid_option", `The table has no snapshot for ${name} to be at yet.`);
  }
  const snapshotId = wanted ?? headOf(draft, MAIN_BRANCH);
  await draft.snapshot(snapshotId);
  draft.refs.set(name, { type, "snapshot-id": snapshotId });
  return undefined;
}

async function removeRef(draft: RefDraft, type: SnapshotRef["type"], name: string): Promise<undefined> {
  if (name === MAIN_BRANCH) throw new LakeError("invalid_option", "The branch main cannot be removed.");
  requireRef(draft, name, type);
  draft.refs.delete(name);
  return undefined;
}

async function renameBranch(draft: RefDraft, name: string, newName: string): Promise<undefined> {
  if (name === MAIN_BRANCH) throw new LakeError("invalid_option", "The branch main cannot be renamed.");
  const ref = requireRef(draft, name, "branch");
  if (draft.refs.has(newName)) {
    throw new LakeError("already_exists", `The table has a branch or tag ${newName} already.`);
  }
  draft.refs.delete(name);
  draft.refs.set(newName, ref);
  return undefined;
}

async function fastForward(draft: RefDraft, name: string, to: string): Promise<string | undefined> {
  const target = headOf(draft, to);
  const ref = draft.refs.get(name);
  if (ref === undefined) return createRef(draft, "branch", name, target);
  const from = requireRef(draft, name, "branch")["snapshot-id"];
  if (from !== target && !(await ancestorIds(draft, target)).includes(from)) {
    return `the head of ${name} is no ancestor of ${to}: it cannot be fast-forwarded`;
  }
  draft.refs.set(name, { ...ref, "snapshot-id": target });
  return undefined;
}

async function rollback(draft: RefDraft, snapshotId: bigint): Promise<string | undefined> {
  const main = requireRef(draft, MAIN_BRANCH);
  await draft.snapshot(snapshotId);
  if (!(await ancestorIds(draft, main["snapshot-id"])).includes(snapshotId)) {
    throw new LakeError("invalid_option", `Snapshot ${snapshotId} is no ancestor of the current one.`);
  }
  draft.refs.set(MAIN_BRANCH, { ...main, "snapshot-id": snapshotId });
  return undefined;
}

async function rollbackToTime(draft: RefDraft, timestampMs: number): Promise<undefined> {
  const main = requireRef(draft, MAIN_BRANCH);
  for (const id of await ancestorIds(draft, main["snapshot-id"])) {
    const snapshot = await draft.snapshot(id);
    if (snapshot["timestamp-ms"] < timestampMs) {
      draft.refs.set(MAIN_BRANCH, { ...main, "snapshot-id": id });
      return undefined;
    }
  }
  throw new LakeError("not_found", "No known ancestor of the current snapshot is older than that time.");
}

/** The snapshot and its known ancestors, latest first. */
async function ancestorIds(draft: RefDraft, from: bigint): Promise<bigint[]> {
  const ids: bigint[] = [];
  let next: bigint | undefined = from;
  while (next !== undefined) {
    const id: bigint = next;
    // The oldest known snapshot may name a parent that is expired.
    const snapshot = await draft.snapshot(id).catch(() => undefined);
    if (snapshot === undefined) break;
    ids.push(id);
    next = snapshot["parent-snapshot-id"];
  }
  return ids;
}

function refPlan(deps: TableDeps, table: Table, changes: readonly RefChange[]): CommitPlan {
  let wanted: ReadonlyMap<string, SnapshotRef | undefined> = new Map();
  return {
    async prepare(base): Promise<CommitAttempt | { readonly conflict: string }> {
      const refs = new Map(Object.entries(base.refs));
      const draft = { refs, base, read: new Set<string>(), snapshot: createFind(deps, table, base) };
      for (const change of changes) {
        const conflict = await change(draft);
        if (conflict !== undefined) return { conflict };
      }
      const names = [...new Set([...refs.keys(), ...Object.keys(base.refs)])].filter(
        (name) => !isSameRef(refs.get(name), base.refs[name]),
      );
      wanted = new Map(names.map((name) => [name, refs.get(name)]));
      const pinned = [...new Set([...names, ...draft.read])];
      return {
        requirements: [...baseRequirements(base), ...pinned.map((name) => headRequirement(base, name))],
        updates: names.map((name): TableUpdate => {
          const ref = refs.get(name);
          return ref === undefined
            ? { action: "remove-snapshot-ref", "ref-name": name }
            : { action: "set-snapshot-ref", "ref-name": name, ...ref };
        }),
      };
    },
    isApplied: (metadata) => [...wanted].every(([name, ref]) => isSameRef(metadata.refs[name], ref)),
    discard: async () => {},
    finish: async () => {},
  };
}

function createFind(deps: TableDeps, table: Table, base: TableMetadata): RefDraft["snapshot"] {
  let full: TableMetadata | undefined;
  return async (snapshotId) => {
    const known = findSnapshot(base, snapshotId);
    if (known !== undefined) return known;
    full ??= await deps.loadHistory(table.identifier);
    const snapshot = findSnapshot(full, snapshotId);
    if (snapshot === undefined) throw new LakeError("not_found", `The table has no snapshot ${snapshotId}.`);
    return snapshot;
  };
}

function isSameRef(a: SnapshotRef | undefined, b: SnapshotRef | undefined): boolean {
  return (
    a?.type === b?.type &&
    a?.["snapshot-id"] === b?.["snapshot-id"] &&
    a?.["min-snapshots-to-keep"] === b?.["min-snapshots-to-keep"] &&
    a?.["max-snapshot-age-ms"] === b?.["max-snapshot-age-ms"] &&
    a?.["max-ref-age-ms"] === b?.["max-ref-age-ms"]
  );
}
