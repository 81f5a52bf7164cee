// A table in memory: rows as objects, read in small batches so that operators meet batch borders.

import { vectorFromScalars, type Batch, type ColumnSchema, type DataType, type Scalar } from "#columnar";
import type { PlannedScan, ScanPredicate, ScanRequest, ScanStatistics, TableCatalog, TableSource } from "#sql";
import { scalarComparator } from "../../src/sql/values/index.ts";

/** A row as scalars by column name; missing columns are null. */
export type MemoryRow = Readonly<Record<string, Scalar>>;

/** What a test may want to see of a table's use. */
export interface MemoryTable extends TableSource {
  /** The requests so far. */
  readonly requests: ScanRequest[];
}

const BATCH = 3;

/** A column that may be null. */
export function column(name: string, type: DataType): ColumnSchema {
  return { name, type, nullable: true };
}

/** How a table treats what scans ask. */
export interface MemoryTableOptions {
  /**
   * Drops every row that a predicate allows to drop. NaN fulfils no comparison, as file bounds leave it out.
   * Without it predicates are ignored, as a source may.
   */
  readonly appliesPredicates?: boolean;
}

/** A table of rows; `limit` is honoured. */
export function memoryTable(
  name: string,
  columns: readonly ColumnSchema[],
  rows: readonly MemoryRow[],
  options: MemoryTableOptions = {},
): MemoryTable {
  const requests: ScanRequest[] = [];
  return {
    name,
    columns,
    estimatedRows: rows.length,
    requests,
    planScan(request) {
      requests.push(request);
      const kept =
        options.appliesPredicates === true
          ? rows.filter((row) => request.predicates.every((predicate) => fulfils(row, predicate, columns)))
          : rows;
      return Promise.resolve(plannedScan(name, columns, kept, request));
    },
  };
}

/** Whether a row fulfils a predicate, NaN none. */
export function fulfils(
  row: MemoryRow,
  { column: index, operator, values }: ScanPredicate,
  columns: readonly ColumnSchema[],
): boolean {
  const schema = columns[index];
  const value = schema === undefined ? null : (row[schema.name] ?? null);
  if (operator === "is_null") return value === null;
  if (operator === "is_not_null") return value !== null;
  if (schema === undefined || value === null || Number.isNaN(value)) return false;
  const compare = scalarComparator(schema.type);
  const orders = values.map((other) => compare(value, other));
  const [order = 0] = orders;
  switch (operator) {
    case "=":
    case "in":
      return orders.includes(0);
    case "<>":
      return order !== 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
    case "starts_with":
      return typeof value === "string" && typeof values[0] === "string" && value.startsWith(values[0]);
  }
}

/** A scan of rows at hand. */
export function plannedScan(
  name: string,
  columns: readonly ColumnSchema[],
  rows: readonly MemoryRow[],
  request: ScanRequest,
): PlannedScan {
  const statistics: ScanStatistics = {
    table: name,
    filesTotal: 1,
    filesScanned: 0,
    rowGroupsTotal: 1,
    rowGroupsScanned: 0,
    bytesTotal: 0,
    bytesScanned: 0,
    rowsScanned: 0,
    storageReads: 0,
    rowsSkipped: 0,
    pagesSkipped: 0,
    freshRows: 0,
    pruning: [],
  };
  return {
    identity: `${rows.length}`,
    statistics,
    async *open(signal) {
      statistics.filesScanned = 1;
      const wanted = rows.slice(0, request.limit ?? rows.length);
      for (let start = 0; start < wanted.length; start += BATCH) {
        signal.throwIfAborted();
        const part = wanted.slice(start, start + BATCH);
        statistics.rowsScanned += part.length;
        yield await Promise.resolve(toBatch(columns, part, request.columns));
      }
    },
  };
}

function toBatch(columns: readonly ColumnSchema[], rows: readonly MemoryRow[], projection: readonly number[]): Batch {
  return {
    rowCount: rows.length,
    columns: projection.flatMap((index) => {
      const schema = columns[index];
      if (schema === undefined) return [];
      return [
        vectorFromScalars(
          schema.type,
          rows.map((row) => row[schema.name] ?? null),
        ),
      ];
    }),
  };
}

/** A catalog of tables; unqualified names resolve in `default`. */
export function memoryCatalog(tables: readonly TableSource[]): TableCatalog {
  return {
    findTable: (path) => {
      const name = path.join(".");
      return Promise.resolve(tables.find((table) => table.name === name || table.name === `default.${name}`));
    },
    tableNames: () => Promise.resolve(tables.map((table) => table.name)),
  };
}
