// What all operations on files collect beside the files: branch, summary, properties, checks.

import type { SnapshotChange } from "./snapshot-producer.ts";
import { MAIN_BRANCH, type TableMetadata } from "./table-metadata.ts";
import type { SnapshotUpdate } from "./table.ts";

/** Options of a snapshot while they are collected. */
export interface SnapshotOptions {
  branch: string;
  readonly summary: Map<string, string>;
  readonly properties: Map<string, string>;
  readonly checks: ((base: TableMetadata) => string | undefined)[];
}

/** Main, and nothing else said. */
export function createSnapshotOptions(): SnapshotOptions {
  return { branch: MAIN_BRANCH, summary: new Map(), properties: new Map(), checks: [] };
}

/** The methods of {@link SnapshotUpdate}, but commit, for an operation that is returned by `self`. */
export function snapshotOptionMethods<Self>(
  options: SnapshotOptions,
  self: () => Self,
): Omit<SnapshotUpdate<Self>, "commit"> {
  return {
    set(key, value) {
      options.summary.set(key, value);
      return self();
    },
    toBranch(branch) {
      options.branch = branch;
      return self();
    },
    setProperty(key, value) {
      options.properties.set(key, value);
      return self();
    },
    validate(check) {
      options.checks.push(check);
      return self();
    },
  };
}

/** The options as a change has them. */
export function snapshotOptionsToChange(
  options: SnapshotOptions,
): Pick<SnapshotChange, "branch" | "summary" | "properties" | "checks"> {
  const { branch, summary, properties, checks } = options;
  return { branch, summary, properties, checks };
}
