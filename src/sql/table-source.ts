// What the SQL engine needs of a table. The engine knows neither Iceberg nor object storage.

import type { Batch, ColumnSchema, Scalar } from "#columnar";

/**
 * A condition on one column that every wanted row fulfils. Conjuncts only; `values` has one entry but for `in`
 * (one or more) and the null tests (none). Values have the column's physical form. NULL never matches a
 * comparison. Advisory: a source may use it to skip data and may still return rows that do not match.
 */
export interface ScanPredicate {
  /** Index into the source's columns. */
  readonly column: number;
  readonly operator: "=" | "<>" | "<" | "<=" | ">" | ">=" | "in" | "is_null" | "is_not_null" | "starts_with";
  readonly values: readonly Scalar[];
}

/** What a query wants of one table. */
export interface ScanRequest {
  /** Indices into the source's columns, in the order the batches shall have; may be empty for count(*). */
  readonly columns: readonly number[];
  readonly predicates: readonly ScanPredicate[];
  /** Upper bound of rows wanted after predicates, when the plan proves one. */
  readonly limit?: number;
}

/** What a scan skipped and read. Totals are known after planning; scanned counts grow while batches flow. */
export interface ScanStatistics {
  readonly table: string;
  filesTotal: number;
  filesScanned: number;
  rowGroupsTotal: number;
  rowGroupsScanned: number;
  /** Bytes of all files of the table's snapshot. */
  bytesTotal: number;
  /** Bytes fetched from storage for data. */
  bytesScanned: number;
  /** Rows decoded before the engine's own filter. */
  rowsScanned: number;
  storageReads: number;
  /** Rows that came from the ingest log, acknowledged but not yet in a snapshot. */
  freshRows: number;
  /** One line for each reason files or row groups were skipped, for EXPLAIN. */
  pruning: { readonly reason: string; readonly files: number; readonly rowGroups: number }[];
}

/** A scan whose surviving files are known. */
export interface PlannedScan {
  /** Equal identities mean equal rows: surviving immutable files plus the ingest log's state. */
  readonly identity: string;
  readonly statistics: ScanStatistics;
  /** Streams batches; may be called once. Stops reading when the iterator is returned or the signal aborts. */
  open(signal: AbortSignal): AsyncIterable<Batch>;
}

/** A table as the engine sees it. */
export interface TableSource {
  /** Fully qualified, such as default.events. */
  readonly name: string;
  readonly columns: readonly ColumnSchema[];
  /** Rows the table has, when its metadata says so; for planning only. */
  readonly estimatedRows?: number;
  planScan(request: ScanRequest): Promise<PlannedScan>;
}

/** Which state of a table is meant. */
export type TableVersion =
  /** The state that was current at a time, microseconds since 1970. */
  | { readonly kind: "timestamp"; readonly micros: number | bigint }
  | { readonly kind: "snapshot"; readonly id: bigint }
  /** A branch or tag. */
  | { readonly kind: "ref"; readonly name: string };

/** Where the binder finds tables. */
export interface TableCatalog {
  /**
   * `path` has one to three parts as written in SQL, already case-folded. Undefined when there is no such table.
   *
   * Errors: `undefined_snapshot` when the table has no such version, with the nearest name in the details.
   */
  findTable(path: readonly string[], version?: TableVersion): Promise<TableSource | undefined>;
  /** Names for "did you mean". */
  tableNames(): Promise<readonly string[]>;
}
