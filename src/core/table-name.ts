// Table identifiers as every part of Firn passes them.

import { LakeError } from "./errors.ts";

/** A table in the catalog. `namespace` has at least one level. */
export interface TableIdentifier {
  readonly namespace: readonly string[];
  readonly name: string;
}

const DEFAULT_NAMESPACE = "default";

/**
 * Parses `table`, `namespace.table` or `a.b.table`; an unqualified name is in `default`.
 *
 * Errors: `invalid_request` for an empty name or level.
 */
export function parseTableName(text: string): TableIdentifier {
  const parts = text.split(".");
  const name = parts.pop() ?? "";
  const namespace = parts.length === 0 ? [DEFAULT_NAMESPACE] : parts;
  if (name === "" || namespace.includes("")) {
    throw new LakeError("invalid_request", `"${text}" is not a table name such as events or system.query_logs.`);
  }
  return { namespace, name };
}

/** The dotted form, the inverse of {@link parseTableName}. */
export function tableNameToString(table: TableIdentifier): string {
  return [...table.namespace, table.name].join(".");
}
