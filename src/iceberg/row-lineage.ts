// The row lineage columns of format version 3. Source: Iceberg table spec, "Row Lineage" and "Reserved Field IDs".

import type { IcebergColumn } from "./type-conversion.ts";

/** Field id of `_row_id`: null or absent in a file means first row id + position. */
export const ROW_ID_FIELD_ID = 2_147_483_540;

/** Field id of `_last_updated_sequence_number`: null or absent in a file means the file's data sequence number. */
export const LAST_UPDATED_FIELD_ID = 2_147_483_539;

/** The columns that files with copied rows have after the table's own. */
export const LINEAGE_COLUMNS: readonly IcebergColumn[] = [
  { name: "_row_id", fieldId: ROW_ID_FIELD_ID, type: { kind: "int64" }, nullable: true },
  { name: "_last_updated_sequence_number", fieldId: LAST_UPDATED_FIELD_ID, type: { kind: "int64" }, nullable: true },
];
