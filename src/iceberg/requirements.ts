// Checks a commit's requirements against the metadata it would be applied to.

import { LakeError } from "#core";
import type { TableMetadata } from "./table-metadata.ts";
import type { TableRequirement } from "./table-update.ts";

/**
 * Why the requirements do not hold for the base, or undefined when all do. `base` undefined means that there is no
 * table, which only `assert-create` accepts.
 *
 * Errors: `table_not_found` when there is no table and the commit is not a create.
 */
export function failedRequirement(
  base: TableMetadata | undefined,
  requirements: readonly TableRequirement[],
): string | undefined {
  if (base === undefined) {
    if (requirements.some((requirement) => requirement.type === "assert-create")) return undefined;
    throw new LakeError("table_not_found", "Table does not exist.");
  }
  for (const requirement of requirements) {
    const reason = failure(base, requirement);
    if (reason !== undefined) return `Requirement failed: ${reason}`;
  }
  return undefined;
}

function failure(base: TableMetadata, requirement: TableRequirement): string | undefined {
  switch (requirement.type) {
    case "assert-create":
      return "table already exists";
    case "assert-table-uuid":
      return differs("UUID does not match", requirement.uuid.toLowerCase(), base["table-uuid"].toLowerCase());
    case "assert-ref-snapshot-id":
      return refFailure(base, requirement.ref, requirement["snapshot-id"]);
    case "assert-last-assigned-field-id":
      return differs("last assigned field id changed", requirement["last-assigned-field-id"], base["last-column-id"]);
    case "assert-current-schema-id":
      return differs("current schema changed", requirement["current-schema-id"], base["current-schema-id"]);
    case "assert-last-assigned-partition-id":
      return differs(
        "last assigned partition id changed",
        requirement["last-assigned-partition-id"],
        base["last-partition-id"],
      );
    case "assert-default-spec-id":
      return differs("default partition spec changed", requirement["default-spec-id"], base["default-spec-id"]);
    case "assert-default-sort-order-id":
      return differs("default sort order changed", requirement["default-sort-order-id"], base["default-sort-order-id"]);
  }
}

function differs<T extends string | number>(what: string, expected: T, actual: T): string | undefined {
  return expected === actual ? undefined : `${what}: expected id ${expected} != ${actual}`;
}

function refFailure(base: TableMetadata, name: string, expected: bigint | null): string | undefined {
  const ref = base.refs[name];
  if (ref === undefined)
    return expected === null ? undefined : `branch or tag ${name} is missing, expected ${expected}`;
  const kind = ref.type;
  if (expected === null) return `${kind} ${name} was created concurrently`;
  const actual = ref["snapshot-id"];
  if (actual === expected) return undefined;
  return `${kind} ${name} has changed: expected id ${expected} != ${actual}${changesSince(base, expected, actual)}`;
}

/** Commits a message names at most; the newest ones. */
const NAMED_COMMITS = 5;

/** What was committed between two snapshots, newest first, as the message of a conflict names it. */
function changesSince(base: TableMetadata, expected: bigint, actual: bigint): string {
  const byId = new Map(base.snapshots.map((snapshot) => [snapshot["snapshot-id"], snapshot]));
  const commits: string[] = [];
  for (let at: bigint | undefined = actual; at !== undefined && at !== expected && commits.length < NAMED_COMMITS;) {
    const snapshot = byId.get(at);
    if (snapshot === undefined) break;
    const { operation, "engine-name": engine } = snapshot.summary;
    commits.push(`${operation} ${at}${engine === undefined ? "" : ` by ${engine}`}`);
    at = snapshot["parent-snapshot-id"];
  }
  return commits.length === 0 ? "" : ` (committed since: ${commits.join(", ")})`;
}
