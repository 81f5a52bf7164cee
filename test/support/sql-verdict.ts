// One query as PostgreSQL answers it, and as ours does, optimized or not.

import type { PGlite } from "@electric-sql/pglite";
import type { TableCatalog } from "#sql";
import { askOracle, type OracleAnswer } from "./sql-oracle.ts";
import { runSql, type Answer, type TextRow } from "./sql-run.ts";

/** A query whose last ORDER BY is outside parentheses promises an order. */
function isOrdered(sql: string): boolean {
  return sql.lastIndexOf("ORDER BY") > sql.lastIndexOf(")") || /\bORDER BY\b[^()]*(\([^()]*\)[^()]*)*$/.test(sql);
}

/** The same rows in an order of their own. */
export function sortedRows(rows: readonly TextRow[]): readonly TextRow[] {
  return rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** Three answers; rows whose order the query leaves open are in one that can be compared. */
export interface Verdict {
  readonly expected: Omit<OracleAnswer, "rows"> & { readonly rows: readonly TextRow[] };
  readonly ours: Omit<Answer, "rows"> & { readonly rows: readonly TextRow[] };
  readonly plain: Omit<Answer, "rows"> & { readonly rows: readonly TextRow[] };
  /** PostgreSQL's types, ours where it has one of its own. */
  readonly types: readonly string[];
}

/** Runs a query in PostgreSQL and here. */
export async function verdictOn(
  db: PGlite,
  sql: string,
  catalogOf: (options?: { appliesPredicates?: boolean }) => TableCatalog,
): Promise<Verdict> {
  const expected = await askOracle(db, sql);
  const ours = await runSql(catalogOf({ appliesPredicates: true }), sql);
  const plain = await runSql(catalogOf(), sql, { optimize: false });
  const arranged = <T extends { readonly rows: readonly TextRow[] }>(answer: T): T => ({
    ...answer,
    rows: isOrdered(sql) ? answer.rows : sortedRows(answer.rows),
  });
  return {
    expected: arranged(expected),
    ours: arranged(ours),
    plain: arranged(plain),
    types: expected.types.map((type, i) => (type.startsWith("oid") ? (ours.types[i] ?? type) : type)),
  };
}
