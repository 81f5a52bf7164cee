// Commits that change a table's definition and no data: properties, partition spec, sort order, location, format version,
// statistics.

import { LakeError } from "#core";
import type { CommitAttempt, CommitPlan } from "./commit-loop.ts";
import { isEquivalentSpec } from "./metadata-layout-updates.ts";
import { fieldsById } from "./schema.ts";
import { baseRequirements } from "./snapshot-commit.ts";
import type { OperationContext } from "./table-deps.ts";
import {
  currentSchema,
  defaultSortOrder,
  defaultSpec,
  type SortField,
  type StatisticsFile,
  type TableMetadata,
} from "./table-metadata.ts";
import type { PartitionFieldRequest, PartitionSpecRequest, TableUpdate } from "./table-update.ts";
import type {
  PendingCommit,
  ReplaceSortOrder,
  UpdateLocation,
  UpdateProperties,
  UpdateSpec,
  UpdateStatistics,
} from "./table.ts";
import { parseTransform } from "./transform.ts";

/** A plan that writes no files. */
export function metadataPlan(
  prepare: (base: TableMetadata) => CommitAttempt | { readonly conflict: string },
  isApplied: (metadata: TableMetadata) => boolean,
): CommitPlan {
  return {
    prepare: async (base) => prepare(base),
    isApplied,
    discard: async () => {},
    finish: async () => {},
  };
}

/** Starts a change of table properties. The last writer of a key wins. */
export function createUpdateProperties({ submit }: OperationContext): UpdateProperties {
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
      return submit(plan, options);
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

interface SpecChanges {
  readonly added: readonly AddedPartitionField[];
  readonly removed: ReadonlySet<string>;
  /** Former names by the new ones they get. */
  readonly renamed: ReadonlyMap<string, string>;
}

/** Starts a change of the partition spec of future files; existing files keep theirs. */
export function createUpdateSpec({ table, submit }: OperationContext): UpdateSpec {
  const added: AddedPartitionField[] = [];
  const removed = new Set<string>();
  const renamed = new Map<string, string>();
  let isDefault = true;
  const nextSpec = (base: TableMetadata): PartitionSpecRequest => evolveSpec(base, { added, removed, renamed });
  const update: UpdateSpec = {
    addField(column, transform = "identity", name = partitionFieldName(column, transform)) {
      added.push({ column, transform, name });
      return update;
    },
    removeField(name) {
      removed.add(name);
      return update;
    },
    renameField(name, newName) {
      renamed.set(name, newName);
      return update;
    },
    addNonDefaultSpec() {
      isDefault = false;
      return update;
    },
    commit(options) {
      const target = nextSpec(table.metadata);
      const isApplied = (metadata: TableMetadata): boolean =>
        isDefault
          ? isEquivalentSpec(defaultSpec(metadata), target)
          : metadata["partition-specs"].some((spec) => isEquivalentSpec(spec, target));
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
            ...(isDefault ? [{ action: "set-default-spec", "spec-id": -1 } as const] : []),
          ],
        }),
        isApplied,
      );
      return submit(plan, options);
    },
  };
  return update;
}

function evolveSpec(base: TableMetadata, { added, removed, renamed }: SpecChanges): PartitionSpecRequest {
  const { fields } = defaultSpec(base);
  for (const name of [...removed, ...renamed.keys()]) {
    if (fields.every((field) => field.name !== name)) {
      throw new LakeError("invalid_option", `The table has no partition field ${name}.`);
    }
    if (removed.has(name) && renamed.has(name)) {
      throw new LakeError("invalid_option", `The partition field ${name} is both removed and renamed.`);
    }
  }
  const newNames = new Set(added.map(({ name }) => name));
  // Format version 1 finds partition values by position: a field that goes stays as one without values.
  const kept = fields.flatMap((field): PartitionFieldRequest[] => {
    const name = renamed.get(field.name) ?? field.name;
    if (!removed.has(field.name)) return [{ ...field, name }];
    if (base["format-version"] > 1) return [];
    return [{ ...field, name: newNames.has(name) ? `${name}_${field["field-id"]}` : name, transform: "void" }];
  });
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
  for (const [id, located] of fieldsById(currentSchema(base))) {
    if (located.path === column) return id;
  }
  throw new LakeError("undefined_column", `The table has no column ${column}.`);
}

/** Starts a replacement of the sort order of future files. */
export function createReplaceSortOrder({ submit }: OperationContext): ReplaceSortOrder {
  const keys: { readonly column: string; readonly field: Omit<SortField, "source-id"> }[] = [];
  const add = (
    column: string,
    direction: SortField["direction"],
    nullOrder: SortField["null-order"],
    transform: string,
  ): void => {
    keys.push({ column, field: { transform, direction, "null-order": nullOrder } });
  };
  const fieldsFor = (base: TableMetadata): SortField[] =>
    keys.map(({ column, field }) => ({ ...field, "source-id": columnId(base, column) }));
  const order: ReplaceSortOrder = {
    asc(column, nullOrder = "nulls-first", transform = "identity") {
      add(column, "asc", nullOrder, transform);
      return order;
    },
    desc(column, nullOrder = "nulls-last", transform = "identity") {
      add(column, "desc", nullOrder, transform);
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
      return submit(plan, options);
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

/** Starts a move of the table's future files. */
export function createUpdateLocation({ submit }: OperationContext): UpdateLocation {
  let location: string | undefined;
  const update: UpdateLocation = {
    setLocation(to) {
      location = to.replace(/\/+$/, "");
      return update;
    },
    async commit(options) {
      const to = location ?? "";
      if (to === "") throw new LakeError("invalid_option", "The table's location must not be empty.");
      const plan = metadataPlan(
        (base) => ({ requirements: baseRequirements(base), updates: [{ action: "set-location", location: to }] }),
        (metadata) => metadata.location === to,
      );
      return submit(plan, options);
    },
  };
  return update;
}

const FORMAT_VERSIONS: readonly number[] = [1, 2, 3];

/** Starts an upgrade of the table's format; see TableOperations. */
export function createUpgradeFormatVersion({ submit }: OperationContext, version: number): PendingCommit {
  return {
    async commit(options) {
      if (!FORMAT_VERSIONS.includes(version)) {
        throw new LakeError("invalid_option", `Format version ${version} is not supported.`);
      }
      const plan = metadataPlan(
        (base) => {
          const present = base["format-version"];
          if (present > version) {
            return { conflict: `the table has format version ${present}, which does not go down to ${version}` };
          }
          const updates: TableUpdate[] =
            present === version ? [] : [{ action: "upgrade-format-version", "format-version": version }];
          return { requirements: baseRequirements(base), updates };
        },
        (metadata) => metadata["format-version"] >= version,
      );
      return submit(plan, options);
    },
  };
}

/** Starts a change of the statistics files of snapshots. */
export function createUpdateStatistics({ submit }: OperationContext): UpdateStatistics {
  const ofTable = new Map<bigint, StatisticsFile | undefined>();
  const ofPartitions = new Map<bigint, StatisticsFile | undefined>();
  const update: UpdateStatistics = {
    setStatistics(file) {
      ofTable.set(file["snapshot-id"], file);
      return update;
    },
    removeStatistics(snapshotId) {
      ofTable.set(snapshotId, undefined);
      return update;
    },
    setPartitionStatistics(file) {
      ofPartitions.set(file["snapshot-id"], file);
      return update;
    },
    removePartitionStatistics(snapshotId) {
      ofPartitions.set(snapshotId, undefined);
      return update;
    },
    async commit(options) {
      const updates: TableUpdate[] = [
        ...[...ofTable].map(([snapshotId, statistics]): TableUpdate =>
          statistics === undefined
            ? { action: "remove-statistics", "snapshot-id": snapshotId }
            : { action: "set-statistics", statistics },
        ),
        ...[...ofPartitions].map(([snapshotId, file]): TableUpdate =>
          file === undefined
            ? { action: "remove-partition-statistics", "snapshot-id": snapshotId }
            : { action: "set-partition-statistics", "partition-statistics": file },
        ),
      ];
      const plan = metadataPlan(
        (base) => ({ requirements: baseRequirements(base), updates }),
        (metadata) =>
          hasStatistics(metadata.statistics, ofTable) && hasStatistics(metadata["partition-statistics"], ofPartitions),
      );
      return submit(plan, options);
    },
  };
  return update;
}

/** Statistics to set by snapshot, undefined for those to remove. */
type StatisticsChanges = ReadonlyMap<bigint, StatisticsFile | undefined>;

function hasStatistics(files: readonly StatisticsFile[] | undefined, changes: StatisticsChanges): boolean {
  return [...changes].every(([snapshotId, wanted]) => {
    const known = files?.find((file) => file["snapshot-id"] === snapshotId);
    return known?.["statistics-path"] === wanted?.["statistics-path"];
  });
}
