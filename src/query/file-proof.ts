// What a manifest entry proves of all rows of its file.

import {
  allFieldsById,
  allRowsMatch,
  specById,
  toStoredPredicates,
  type IcebergSchema,
  type ScanFile,
  type TableMetadata,
} from "#iceberg";
import type { FieldPredicate } from "./field-predicate.ts";

/** Whether every row of a data file fulfils the predicates, by its manifest entry. Deletes are not looked at. */
export function createFileProof(
  metadata: TableMetadata,
  schema: IcebergSchema,
  predicates: readonly FieldPredicate[],
): (file: ScanFile) => boolean {
  const fields = allFieldsById(metadata);
  const stored = toStoredPredicates(schema, predicates);
  // The engine cuts nanoseconds, so what holds for them need not hold for what it compares.
  const isProvable = predicates.every(({ fieldId }) => !isNanoseconds(fields.get(fieldId)?.field.type));
  return ({ dataFile }) => isProvable && allRowsMatch(dataFile, specById(metadata, dataFile.specId), fields, stored);
}

/** Whether a stored type counts what the engine cuts. */
export function isNanoseconds(icebergType: unknown): boolean {
  return icebergType === "timestamp_ns" || icebergType === "timestamptz_ns";
}
