// A store that fails on purpose: before a write took effect, after it did, or from then on for good, like a process
// that was killed. Seeded, so that a failing run can be repeated.

import { LakeError, type RandomSource } from "#core";
import type { ObjectStore } from "#storage";

/** When an operation fails: having done nothing, or having done everything but say so. */
export type FaultMoment = "before" | "after";

/** Decides whether a write or delete fails; `index` counts them from 0. */
export type FaultPlan = (operation: {
  readonly index: number;
  readonly kind: "put" | "delete";
  readonly key: string;
}) => FaultMoment | undefined;

/** A store with faults. */
export interface FaultStore extends ObjectStore {
  /** Writes and deletes so far, failed ones included. */
  readonly operations: number;
}

function fault(key: string): LakeError {
  return new LakeError("storage_unavailable", `Injected fault at ${key}.`);
}

/** Wraps a store; reads never fail unless the process is dead. */
export function createFaultStore(inner: ObjectStore, plan: FaultPlan): FaultStore {
  let operations = 0;
  const run = async <T>(kind: "put" | "delete", key: string, apply: () => Promise<T>): Promise<T> => {
    const moment = plan({ index: operations, kind, key });
    operations += 1;
    if (moment === "before") throw fault(key);
    const result = await apply();
    if (moment === "after") throw fault(key);
    return result;
  };
  return {
    ...inner,
    get operations() {
      return operations;
    },
    put: (key, bytes, options) => run("put", key, () => inner.put(key, bytes, options)),
    delete: (keys) => run("delete", keys[0] ?? "", () => inner.delete(keys)),
  };
}

/** Fails the operation with that index and every later one: what was done stays done, nothing more happens. */
export function crashAt(index: number, moment: FaultMoment): FaultPlan {
  return (operation) => {
    if (operation.index < index) return undefined;
    return operation.index === index ? moment : "before";
  };
}

/** Fails each operation with that probability, before or after it took effect with equal chance. */
export function randomFaults(random: RandomSource, probability: number): FaultPlan {
  return () => {
    if (random.nextUnit() >= probability) return undefined;
    return random.nextUnit() < 0.5 ? "before" : "after";
  };
}
