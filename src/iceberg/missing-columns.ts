// Values of columns a data file does not hold. Source: Iceberg table spec, "Column Projection".

import type { Scalar } from "#columnar";
import { initialDefault } from "./default-value.ts";
import type { IcebergSchema } from "./schema.ts";
import type { PartitionSpec } from "./table-metadata.ts";

/**
 * What every row of a file has in the schema's top-level columns when the file lacks them, null left out: the value of
 * an identity partition, else the column's initial default. A name mapping comes between the two: a column that is
 * found through it is not lacking.
 */
export function missingColumnValues(
  schema: IcebergSchema,
  spec: PartitionSpec,
  partition: readonly Scalar[],
): ReadonlyMap<number, Scalar> {
  const values = new Map<number, Scalar>();
  for (const field of schema.fields) {
    if (field["initial-default"] !== undefined) values.set(field.id, initialDefault(field));
  }
  const columns = new Set(schema.fields.map((field) => field.id));
  for (const [index, field] of spec.fields.entries()) {
    const value = partition[index];
    if (field.transform !== "identity" || !columns.has(field["source-id"])) continue;
    if (value !== undefined && value !== null) values.set(field["source-id"], value);
  }
  return values;
}
