// Commits that change a table's definition and no data: properties, partition spec, sort order.

import { LakeError } from "#core";
import { runCommit, type CommitAttempt, type CommitPlan } from "./commit-loop.ts";
import { isEquivalentSpec } from "./metadata-layout-updates.ts";
import { findColumn } from "./schema.ts";
import { baseRequirements } from "./snapshot-commit.ts";
import type { TableDeps } from "./table-deps.ts";
import { currentSchema, defaultSortOrder, defaultSpec, type SortField, type TableMetadata } from "./table-metadata.ts";
import type { PartitionFieldRequest, PartitionSpecRequest, TableUpdate } from "./table-update.ts";
import type { CommitOptions, CommitOutcome, ReplaceSortOrder, Table, UpdateProperties, UpdateSpec } from "./table.ts";
import { parseTransform } from "./transform.ts";

/** A plan that writes no files. */
function metadataPlan(
  prepare: (base: TableMetadata) => CommitAttempt,
  isApplied: (metadata: TableMetadata) => boolean,
): CommitPlan {
  return {
    prepare: async (base) => prepare(base),
    isApplied,
    discard: async () => {},
    finish: async () => {},
  };
}

function commitPlan(deps: TableDeps, table: Table, plan: CommitPlan, options?: CommitOptions): Promise<CommitOutcome> {
  return runCommit(deps.commitDeps(table.identifier), table, plan, options?.attempts);
}

/** Starts a change of table properties. The last writer of a key wins. */
export function createUpdateProperties(deps: TableDeps, table: Table): UpdateProperties {
  /** Undefined for keys to remove. */
  const changes = new Map<string, string | undefined>();
  const update: UpdateProperties = {
    set(key, value) {
      changes.set(key, value);
      return update;
    },
    remove(key) {
      changes.set(key, undefined);
      return update;
    },
    commit(options) {
      const sets = [...changes].filter((entry): entry is [string, string] => entry[1] !== undefined);
      const removals = [...changes].filter(([, value]) => value === undefined).map(([key]) => key);
      const updates: TableUpdate[] = [
        ...(sets.length === 0 ? [] : [{ action: "set-properties" as const, updates: Object.fromEntries(sets) }]),
        ...(removals.length === 0 ? [] : [{ action: "remove-properties" as const, removals }]),
      ];
      const isApplied = (metadata: TableMetadata): boolean =>
        [...changes].every(([key, value]) => metadata.properties[key] === value);
      const plan = metadataPlan((base) => ({ requirements: baseRequirements(base), updates }), isApplied);
      return commitPlan(deps, table, plan, options);
    },
  };
  return update;
}

interface AddedPartitionField {
  readonly column: string;
  readonly transform: string;
  readonly name: string;
}

/** The name Iceberg's engines give a partition field: the column's for identity, else column_transform. */
export function partitionFieldName(column: string, transform: string): string {
  const parsed = parseTransform(transform);
  switch (parsed.kind) {
    case "identity":
      return column;
    case "bucket":
      return `${column}_bucket_${parsed.buckets}`;
    case "truncate":
      return `${column}_trunc_${parsed.width}`;
    case "void":
      return `${column}_null`;
    case "year":
    case "month":
    case "day":
    case "hour":
      return `${column}_${parsed.kind}`;
    case "unknown":
      throw new LakeError("invalid_option", `"${transform}" is no partition transform.`);
  }
}

/** Starts a change of the partition spec of future files; existing files keep theirs. */
export function createUpdateSpec(deps: TableDeps, table: Table): UpdateSpec {
  const added: AddedPartitionField[] = [];
  const removed = new Set<string>();
  const nextSpec = (base: TableMetadata): PartitionSpecRequest => evolveSpec(base, added, removed);
  const update: UpdateSpec = {
    addField(column, transform = "identity", name = partitionFieldName(column, transform)) {
      added.push({ column, transform, name });
      return update;
    },
    removeField(name) {
      removed.add(name);
      return update;
    },
    commit(options) {
      const target = nextSpec(table.metadata);
      const plan = metadataPlan(
        (base) => ({
          requirements: [
            ...baseRequirements(base),
            { type: "assert-current-schema-id", "current-schema-id": base["current-schema-id"] },
            { type: "assert-default-spec-id", "default-spec-id": base["default-spec-id"] },
            { type: "assert-last-assigned-partition-id", "last-assigned-partition-id": base["last-partition-id"] },
          ],
          updates: [
            { action: "add-spec", spec: isApplied(base) ? target : nextSpec(base) },
            { action: "set-default-spec", "spec-id": -1 },
          ],
        }),
        isApplied,
      );
      return commitPlan(deps, table, plan, options);

      function isApplied(metadata: TableMetadata): boolean {
        return isEquivalentSpec(defaultSpec(metadata), target);
      }
    },
  };
  return update;
}

function evolveSpec(
  base: TableMetadata,
  added: readonly AddedPartitionField[],
  removed: ReadonlySet<string>,
): PartitionSpecRequest {
  const { fields } = defaultSpec(base);
  for (const name of removed) {
    if (fields.every((field) => field.name !== name)) {
      throw new LakeError("invalid_option", `The table has no partition field ${name}.`);
    }
  }
  const kept: PartitionFieldRequest[] = fields.filter((field) => !removed.has(field.name));
  const appended = added.map(({ column, transform, name }): PartitionFieldRequest => {
    if (parseTransform(transform).kind === "unknown") {
      throw new LakeError("invalid_option", `"${transform}" is no partition transform.`);
    }
    return { "source-id": columnId(base, column), name, transform };
  });
  const next = { fields: [...kept, ...appended] };
  const names = new Set(next.fields.map((field) => field.name));
  if (names.size !== next.fields.length) {
    throw new LakeError("invalid_option", "Two partition fields would have the same name.");
  }
  return next;
}

function columnId(base: TableMetadata, column: string): number {
  const field = findColumn(currentSchema(base), column);
  if (field === undefined) throw new LakeError("undefined_column", `The table has no column ${column}.`);
  return field.id;
}

/** Starts a replacement of the sort order of future files. */
export function createReplaceSortOrder(deps: TableDeps, table: Table): ReplaceSortOrder {
  const keys: { readonly column: string; readonly field: Omit<SortField, "source-id"> }[] = [];
  const add = (column: string, direction: SortField["direction"], nullOrder: SortField["null-order"]): void => {
    keys.push({ column, field: { transform: "identity", direction, "null-order": nullOrder } });
  };
  const fieldsFor = (base: TableMetadata): SortField[] =>
    keys.map(({ column, field }) => ({ ...field, "source-id": columnId(base, column) }));
  const order: ReplaceSortOrder = {
    asc(column, nullOrder = "nulls-first") {
      add(column, "asc", nullOrder);
      return order;
    },
    desc(column, nullOrder = "nulls-last") {
      add(column, "desc", nullOrder);
      return order;
    },
    commit(options) {
      const plan = metadataPlan(
        (base) => ({
          requirements: [
            ...baseRequirements(base),
            { type: "assert-current-schema-id", "current-schema-id": base["current-schema-id"] },
            { type: "assert-default-sort-order-id", "default-sort-order-id": base["default-sort-order-id"] },
          ],
          updates: [
            {
              action: "add-sort-order",
              "sort-order": { "order-id": keys.length === 0 ? 0 : 1, fields: fieldsFor(base) },
            },
            { action: "set-default-sort-order", "sort-order-id": -1 },
          ],
        }),
        (metadata) => areEqualOrders(defaultSortOrder(metadata).fields, fieldsFor(metadata)),
      );
      return commitPlan(deps, table, plan, options);
    },
  };
  return order;
}

function areEqualOrders(a: readonly SortField[], b: readonly SortField[]): boolean {
  return (
    a.length === b.length &&
    a.every((field, index) => {
      const other = b[index];
      return (
        other !== undefined &&
        field["source-id"] === other["source-id"] &&
        field.transform === other.transform &&
        field.direction === other.direction &&
        field["null-order"] === other["null-order"]
      );
    })
  );
}
