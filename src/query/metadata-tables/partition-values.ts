// Partition values of all specs of a table as one struct, as Iceberg's metadata tables show them.

import { stringifyJson } from "#core";
import type { DataType, Scalar } from "#columnar";
import { specTuple, type TableMetadata } from "#iceberg";
import { shownType, type ShownType } from "./shown-type.ts";

/** The struct and how a file's values fill it. */
export interface PartitionShape {
  /** Undefined when no spec ever had a field. */
  readonly type: (DataType & { readonly kind: "struct" }) | undefined;
  /** The values of a file of that spec; fields the spec lacks are null. */
  valuesOf(specId: number, partition: readonly Scalar[]): Scalar;
}

/** Types that no partition should have. */
const AS_TEXT: ShownType = {
  type: { kind: "string" },
  show: (value) => (value === null ? null : stringifyJson(value)),
};

/** Fields of all specs, latest names first; one that was dropped and added again is one. */
export function partitionShape(metadata: TableMetadata): PartitionShape {
  const names = new Map<number, { readonly name: string } & ShownType>();
  const fieldIds = new Map<number, readonly number[]>();
  const specs = [...metadata["partition-specs"]].toSorted((a, b) => b["spec-id"] - a["spec-id"]);
  for (const spec of specs) {
    const { tuple } = specTuple(metadata, spec["spec-id"]);
    fieldIds.set(
      spec["spec-id"],
      tuple.map(({ fieldId }) => fieldId),
    );
    for (const [index, { fieldId, name, type }] of tuple.entries()) {
      if (spec.fields[index]?.transform === "void" || names.has(fieldId)) continue;
      names.set(fieldId, { name, ...(shownType(type) ?? AS_TEXT) });
    }
  }
  const ordered = [...names].toSorted(([a], [b]) => a - b);
  return {
    type:
      ordered.length === 0
        ? undefined
        : { kind: "struct", fields: ordered.map(([, { name, type }]) => ({ name, type })) },
    valuesOf(specId, partition) {
      const ids = fieldIds.get(specId) ?? [];
      return Object.fromEntries(
        ordered.map(([id, { name, show }]) => [name, show(partition[ids.indexOf(id)] ?? null)]),
      );
    },
  };
}
