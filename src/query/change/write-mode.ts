// How a table wants its rows changed, by its properties. Names and defaults: Iceberg's table properties.

import type { TableMetadata } from "#iceberg";
import type { ChangeOperation } from "#sql";

/** copy-on-write replaces files; merge-on-read adds deletion vectors and new rows. */
export type WriteMode = "copy-on-write" | "merge-on-read";

/** Whether rows that others add while a statement runs may fulfil its condition. */
export type Isolation = "serializable" | "snapshot";

/** Deletion vectors are of format version 3; tables of earlier versions are changed by copying. */
const VECTOR_VERSION = 3;

/** The mode of an operation. */
export function writeMode(metadata: TableMetadata, operation: ChangeOperation): WriteMode {
  const wanted = metadata.properties[`write.${operation}.mode`];
  return wanted === "merge-on-read" && metadata["format-version"] >= VECTOR_VERSION ? "merge-on-read" : "copy-on-write";
}

/** The isolation of an operation; serializable unless the table says otherwise. */
export function isolationOf(metadata: TableMetadata, operation: ChangeOperation): Isolation {
  return metadata.properties[`write.${operation}.isolation-level`] === "snapshot" ? "snapshot" : "serializable";
}
