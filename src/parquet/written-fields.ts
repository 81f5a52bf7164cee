// Columns of no type at all have only nulls, and files leave them out. Source: Iceberg table spec, Appendix A, "Parquet".

import type { Batch, DataType } from "#columnar";
import type { ParquetField } from "./metadata.ts";

/** The fields that files have, and batches of all fields narrowed to them. */
export interface WrittenFields {
  readonly fields: readonly ParquetField[];
  /** Ownership: shares vectors, and is the batch itself when nothing is left out. */
  readonly narrow: (batch: Batch) => Batch;
}

/** Leaves out fields without a type, at the top and inside structs. */
export function writtenFields(fields: readonly ParquetField[]): WrittenFields {
  const kept = fields.flatMap((field, index) =>
    field.type.kind === "null" ? [] : [{ index, field: { ...field, type: withoutUntyped(field.type) } }],
  );
  return {
    fields: kept.map(({ field }) => field),
    narrow(batch) {
      if (kept.length === fields.length) return batch;
      // A batch may lack trailing columns.
      const columns = kept.flatMap(({ index }) => batch.columns[index] ?? []);
      return { rowCount: batch.rowCount, columns };
    },
  };
}

function withoutUntyped(type: DataType): DataType {
  if (!hasUntyped(type)) return type;
  if (type.kind === "list") return { ...type, element: withoutUntyped(type.element) };
  if (type.kind === "map") return { ...type, key: withoutUntyped(type.key), value: withoutUntyped(type.value) };
  if (type.kind !== "struct") return type;
  return {
    ...type,
    fields: type.fields
      .filter((field) => field.type.kind !== "null")
      .map((field) => ({ ...field, type: withoutUntyped(field.type) })),
  };
}

function hasUntyped(type: DataType): boolean {
  if (type.kind === "list") return hasUntyped(type.element);
  if (type.kind === "map") return hasUntyped(type.key) || hasUntyped(type.value);
  return type.kind === "struct" ? type.fields.some((field) => hasUntyped(field.type)) : type.kind === "null";
}
