// Types of partition values across schema changes.

import { partitionTuple, type PartitionTupleField } from "./manifest-schema.ts";
import { fieldsById, type LocatedField } from "./schema.ts";
import { currentSchema, specById, type PartitionSpec, type TableMetadata } from "./table-metadata.ts";

/** Every field any schema of the table has had; a field the current schema has is as it is there. */
export function allFieldsById(metadata: TableMetadata): ReadonlyMap<number, LocatedField> {
  const found = new Map<number, LocatedField>();
  for (const schema of [...metadata.schemas, currentSchema(metadata)]) {
    for (const [id, field] of fieldsById(schema)) found.set(id, field);
  }
  return found;
}

/** A spec of the table with the types of its partition values. Errors: `metadata_invalid`. */
export function specTuple(
  metadata: TableMetadata,
  specId: number,
): { readonly spec: PartitionSpec; readonly tuple: readonly PartitionTupleField[] } {
  const spec = specById(metadata, specId);
  return { spec, tuple: partitionTuple(spec, allFieldsById(metadata)) };
}
