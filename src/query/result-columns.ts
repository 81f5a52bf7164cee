// Names of a result's columns as clients see them.

import type { ColumnSchema } from "#columnar";

/** A result column as the JSON body describes it. */
export interface ResultColumn {
  readonly name: string;
  /** PostgreSQL's name of the type. */
  readonly type: string;
}

/**
 * The columns with distinct names, so that rows as objects lose nothing: the second `a` becomes `a_1`, the third
 * `a_2`, skipping names that are taken.
 */
export function distinctColumns(columns: readonly ColumnSchema[]): ColumnSchema[] {
  const taken = new Set(columns.map((column) => column.name));
  const used = new Set<string>();
  return columns.map((column) => {
    let name = column.name;
    for (let suffix = 1; used.has(name); suffix++) {
      const candidate = `${column.name}_${suffix}`;
      if (!taken.has(candidate)) name = candidate;
    }
    used.add(name);
    taken.add(name);
    return { ...column, name };
  });
}
