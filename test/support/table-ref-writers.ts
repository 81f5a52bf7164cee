// Operations on branches, tags and old snapshots; see table-writers.ts.

import { LIMITS, pick, type Plan } from "./planned-change.ts";
import { addModelSnapshot, modelHead, type ModelFile, type TableModel } from "./table-model.ts";

const createRef: Plan = async ({ on, table, name }, { a, b }) => {
  const type = a % 2 === 0 ? "branch" : "tag";
  const ref = type === "branch" ? "dev" : `t-${name}`;
  const wanted = b % 2 === 0 ? undefined : pick(table.metadata.snapshots, b)?.["snapshot-id"];
  return {
    commit: () => {
      const manage = on.manageSnapshots();
      return (type === "branch" ? manage.createBranch(ref, wanted) : manage.createTag(ref, wanted)).commit(LIMITS);
    },
    apply: (model) => {
      if (model.refs.has(ref)) throw new Error(`${ref} was created twice`);
      if (wanted !== undefined && !model.snapshots.has(wanted)) throw new Error(`${ref} names an expired snapshot`);
      model.refs.set(ref, { type, at: wanted ?? modelHead(model, "main") ?? 0n });
    },
  };
};

const dropRef: Plan = async ({ on, table }, { a }) => {
  const found = pick(
    Object.entries(table.metadata.refs).filter(([name]) => name !== "main"),
    a,
  );
  if (found === undefined) return undefined;
  const [name, { type }] = found;
  return {
    commit: () => {
      const manage = on.manageSnapshots();
      return (type === "branch" ? manage.removeBranch(name) : manage.removeTag(name)).commit(LIMITS);
    },
    apply: (model) => {
      if (!model.refs.delete(name)) throw new Error(`${name} was removed twice`);
    },
  };
};

const rollback: Plan = async ({ on, table }) => {
  const to = table.currentSnapshot()?.["parent-snapshot-id"];
  if (to === undefined) return undefined;
  return {
    commit: () => on.manageSnapshots().rollbackTo(to).commit(LIMITS),
    apply: (model) => moveMain(model, to),
  };
};

const setCurrent: Plan = async ({ on, table }, { a }) => {
  const to = pick(table.metadata.snapshots, a)?.["snapshot-id"];
  if (to === undefined) return undefined;
  return {
    commit: () => on.manageSnapshots().setCurrentSnapshot(to).commit(LIMITS),
    apply: (model) => moveMain(model, to),
  };
};

function moveMain(model: TableModel, to: bigint): void {
  if (!model.snapshots.has(to)) throw new Error(`main was moved to snapshot ${to}, which was expired`);
  model.refs.set("main", { type: "branch", at: to });
}

const fastForward: Plan = async ({ on, table }) => {
  if (table.metadata.refs["dev"] === undefined) return undefined;
  return {
    commit: () => on.manageSnapshots().fastForwardBranch("main", "dev").commit(LIMITS),
    apply: (model) => moveMain(model, model.refs.get("dev")?.at ?? 0n),
  };
};

const replaceBranch: Plan = async ({ on, table }) => {
  if (table.metadata.refs["dev"] === undefined) return undefined;
  return {
    commit: () => on.manageSnapshots().replaceBranch("dev", "main").commit(LIMITS),
    apply: (model) => void model.refs.set("dev", { type: "branch", at: modelHead(model, "main") ?? 0n }),
  };
};

const cherrypick: Plan = async ({ on, table }, { a }) => {
  const appends = table.metadata.snapshots.filter(({ summary }) => summary.operation === "append");
  const picked = pick(appends.toReversed(), a)?.["snapshot-id"];
  if (picked === undefined) return undefined;
  return {
    commit: () => on.manageSnapshots().cherrypick(picked).commit(LIMITS),
    apply: (model, { made }) => {
      if (made.length === 0) return moveMain(model, picked);
      const source = model.snapshots.get(picked);
      if (source === undefined) throw new Error(`snapshot ${picked} was picked after it was expired`);
      const before = source.parent === undefined ? undefined : model.snapshots.get(source.parent);
      const change = (draft: { files: Map<string, ModelFile>; number: bigint }): boolean => {
        for (const [name, file] of source.files) {
          if (file.number !== source.number || before?.files.has(name) === true) continue;
          if (draft.files.has(name)) throw new Error(`${name} was published twice`);
          draft.files.set(name, { ...file, number: draft.number, vector: undefined, positions: [] });
        }
        return true;
      };
      return addModelSnapshot(model, "main", made, change, picked);
    },
  };
};

const expire: Plan = async ({ table }, { a, b }) => ({
  async commit() {
    const expiry = table
      .expireSnapshots()
      .expireOlderThan(Number.MAX_SAFE_INTEGER)
      .retainLast(1 + (a % 3));
    if (b % 2 === 0) expiry.maxSnapshots(1 + (b % 3));
    return (await expiry.commit(LIMITS)).outcome;
  },
  apply(model, { gone }) {
    for (const id of gone) {
      if ([...model.refs.values()].some(({ at }) => at === id)) throw new Error(`the head ${id} was expired`);
      model.snapshots.delete(id);
    }
  },
});

/** By kind. */
export const REF_PLANS = {
  createRef,
  dropRef,
  rollback,
  setCurrent,
  fastForward,
  replaceBranch,
  cherrypick,
  expire,
} satisfies Record<string, Plan>;
