// Partition values of all specs of a table as one struct, as Iceberg's metadata tables show them.

import type { DataType, Scalar } from "#columnar";
import { icebergTypeToDataType, specTuple, type TableMetadata } from "#iceberg";

/** The struct and how a file's values fill it. */
export interface PartitionShape {
  /** Undefined when no spec ever had a field. */
  readonly type: (DataType & { readonly kind: "struct" }) | undefined;
  /** The values of a file of that spec; fields the spec lacks are null. */
  valuesOf(specId: number, partition: readonly Scalar[]): Scalar;
}

/** Fields of all specs, latest names first; one that was dropped and added again is one. */
export function partitionShape(metadata: TableMetadata): PartitionShape {
  const names = new Map<number, { readonly name: string; readonly type: DataType }>();
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
      names.set(fieldId, { name, type: icebergTypeToDataType(type) });
    }
  }
  const ordered = [...names].toSorted(([a], [b]) => a - b);
  return {
    type: ordered.length === 0 ? undefined : { kind: "struct", fields: ordered.map(([, field]) => field) },
    valuesOf(specId, partition) {
      const ids = fieldIds.get(specId) ?? [];
      return Object.fromEntries(ordered.map(([id, { name }]) => [name, partition[ids.indexOf(id)] ?? null]));
    },
  };
}
