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
  /** Rows of row groups that were read, left out because the bounds of their pages rule them out. */
  rowsSkipped: number;
  /** Pages of wanted columns that were not read for it. */
  pagesSkipped: number;
  /** Rows that came from the ingest log, acknowledged but not yet in a snapshot. */
  freshRows: number;
  /** Files of metadata that planning needed, and those of them that were in memory; absent where there are none. */
  readonly metadata?: { readonly files: number; readonly cached: number };
  /** One line for each reason files or row groups were skipped, for EXPLAIN. */
  pruning: { readonly reason: string; readonly files: number; readonly rowGroups: number }[];
}

/** Statistics of a scan that has read nothing: what a source without files keeps. */
export function emptyScanStatistics(table: string): ScanStatistics {
  return {
    table,
    filesTotal: 0,
    filesScanned: 0,
    rowGroupsTotal: 0,
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
}

/** A condition on one column that turned up while a query runs: every wanted row fulfils it. Advisory, as all are. */
export interface RuntimePredicate extends ScanPredicate {
  /** Rows whose column is NULL are wanted too. */
  readonly keepsNulls: boolean;
  /** What it comes from, for EXPLAIN: `top-N bound`, `join keys`. */
  readonly reason: string;
}

/** The first rows of an order are wanted: what lies behind enough better ones need not be read. */
export interface ScanOrder {
  /** Index into the source's columns. NaN is above every number. */
  readonly column: number;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
  /** How many rows are wanted; of those that are equal in the column any. */
  readonly rows: number;
  /** Whether each row that fulfils the scan's predicates is wanted if it comes early enough. */
  readonly countsAll: boolean;
}

/** What the operators above a scan tell it while it runs. */
export interface ScanNarrowing {
  /** The conditions known by now; each call may give narrower ones. */
  predicates(): readonly RuntimePredicate[];
  /** Rows may then come in any order, best first where bounds tell. */
  readonly order?: ScanOrder;
  /** Few rows will do: reading far ahead is waste. */
  readonly stopsEarly: boolean;
}

/** What an aggregate without keys asks of a scan's rows. Columns are indices into the source's. */
export type ScanFact =
  /** How many there are. */
  | { readonly kind: "rows" }
  /** How many have a value in a column; the least or greatest of these values. */
  | { readonly kind: "values" | "min" | "max"; readonly column: number };

/** What metadata tells of some of a scan's rows, and the others. */
export interface ScanFacts {
  /** One value for each fact asked for; the least and greatest of no values are null. */
  readonly values: readonly Scalar[];
  /** Streams the rows that metadata does not tell of; may be called once, instead of `open` of the scan. */
  open(signal: AbortSignal): AsyncIterable<Batch>;
}

/** What metadata tells of single files all of whose rows are wanted. */
export interface FileFacts {
  readonly files: readonly {
    /** Values that those of each column asked for lie between, inclusive; none is null. */
    readonly bounds: readonly { readonly low: Scalar; readonly high: Scalar }[];
    /** One for each fact asked for. */
    readonly counts: readonly number[];
  }[];
  /** Streams the scan's rows but those of some of these files, by their places; instead of `open` of the scan. */
  open(but: ReadonlySet<number>, signal: AbortSignal): AsyncIterable<Batch>;
}

/**
 * A place where a scan's rows are parted by a column of integers: from the first row on whose value is above `after`,
 * no row has one below `below`.
 */
export interface ScanCut {
  readonly after: number;
  /** At least `after`. */
  readonly below: number;
}

/** A scan whose surviving files are known. */
export interface PlannedScan {
  /** Equal identities mean equal rows: surviving immutable files plus the ingest log's state. */
  readonly identity: string;
  readonly statistics: ScanStatistics;
  /** Streams batches; may be called once. Stops reading when the iterator is returned or the signal aborts. */
  open(signal: AbortSignal, narrowing?: ScanNarrowing): AsyncIterable<Batch>;
  /**
   * Has `open` give the rows file by file in the order of a column, by its index in the source, and tells where files
   * part them, by ascending `below`, each once; undefined where they do not, or where the column may be NULL. To be called before `open`, which
   * must then be told no order.
   */
  clusterBy?(column: number): readonly ScanCut[] | undefined;
  /**
   * What metadata proves of rows that fulfil the request's predicates; undefined when nothing. To be called only where
   * these predicates say exactly which rows are wanted.
   */
  facts?(facts: readonly ScanFact[], signal: AbortSignal): Promise<ScanFacts | undefined>;
  /**
   * What manifests prove of single files: bounds of columns, and counts. Undefined when nothing; reads nothing. To be
   * called only where the request's predicates say exactly which rows are wanted.
   */
  fileFacts?(columns: readonly number[], counts: readonly ScanFact[]): FileFacts | undefined;
  /** The same rows in pieces; absent when the source has no immutable ones. Instead of `open`. */
  pieces?(): Promise<ScanPieces>;
}

/** A scan's rows as pieces that never change, and the rest. */
export interface ScanPieces {
  readonly pieces: readonly ScanPiece[];
  /**
   * Streams the batches of some pieces, given by their indices, in the given order; `place` is the piece's place in
   * that list. May be called once.
   */
  open(
    indices: readonly number[],
    signal: AbortSignal,
  ): AsyncIterable<{ readonly place: number; readonly batch: Batch }>;
  /** Streams the rows that belong to no piece; may be called once. */
  openRest(signal: AbortSignal): AsyncIterable<Batch>;
}

/** Rows of a scan that never change. */
export interface ScanPiece {
  /** Equal identities mean equal rows. */
  readonly identity: string;
  readonly files: number;
  /** Whether metadata proves that all rows of the piece fulfil a predicate. */
  provesAll(predicate: ScanPredicate): boolean;
}

/** A table as the engine sees it. */
export interface TableSource {
  /** Fully qualified, such as default.events. */
  readonly name: string;
  readonly columns: readonly ColumnSchema[];
  /** Rows the table has, when its metadata says so; for planning only. */
  readonly estimatedRows?: number;
  planScan(request: ScanRequest): Promise<PlannedScan>;
  /** Present when rows of the table can be changed. */
  readonly changes?: ChangeableTable;
}

/** What a change wants of the table whose rows it changes. */
export interface ChangeScanRequest extends ScanRequest {
  /**
   * True when a row is deleted exactly if it fulfils all predicates: files all of whose rows provably do may be
   * removed without being read, and are then left out of the scan.
   */
  readonly removesMatches: boolean;
}

/** A table whose rows can be changed. */
export interface ChangeableTable {
  /** What an INSERT puts into a column it leaves out, by column; absent: NULL. */
  readonly defaults: ReadonlyMap<number, Scalar>;
  /**
   * Scans committed rows with their place. Two more columns may be asked for after the table's own: the file's number
   * within the scan and the row's position in the file, both int32. Files come one after the other in the order of
   * their numbers, rows in the order of their positions.
   */
  planScan(request: ChangeScanRequest): Promise<ChangeScan>;
  /** Scans the same committed rows for a condition over them; same columns as {@link planScan}, and no effects. */
  planReading(request: ScanRequest): Promise<PlannedScan>;
  /** How changed rows are written, for EXPLAIN: lines such as `Mode: copy-on-write`. */
  describe(operation: "insert" | "update" | "delete" | "merge"): readonly string[];
}

/** A scan of rows that may change. */
export interface ChangeScan extends PlannedScan {
  /** Rows of the files that are removed without being read. */
  readonly rowsRemoved: number;
}

/** How some rows of one file change. */
export interface FileChange {
  /** Rows that are deleted or updated: distinct positions, ascending. */
  readonly positions: Int32Array;
  /** For each of them 1 when it is updated, 0 when it is deleted. */
  readonly isUpdate: Uint8Array;
  readonly updates: number;
  /** By column that is assigned: the columns of the table that its new values are computed from. */
  readonly reads: ReadonlyMap<number, ReadonlySet<number>>;
  /**
   * The new rows of some updated ones, in the same order, with all columns of the table. `rows` are their rows in
   * `batch`, which holds all columns of the table; `changes` their indices in `positions`.
   */
  update(batch: Batch, rows: Int32Array, changes: Int32Array): Batch;
}

/** Takes a change's effects; nothing is visible before whoever made it commits. */
export interface ChangeSink {
  /** New rows, all columns of the table in order. */
  insert(batch: Batch): Promise<void>;
  /** Some rows of a file of the scan; each file once, in the scan's order. */
  change(file: number, change: FileChange): Promise<void>;
}

/** Which state of a table is meant. */
export type TableVersion =
  /** The state that was current at a time, microseconds since 1970. */
  | { readonly kind: "timestamp"; readonly micros: number | bigint }
  | { readonly kind: "snapshot"; readonly id: bigint }
  /** A branch or tag. */
  | { readonly kind: "ref"; readonly name: string };

/** A stored query that stands for a table. */
export interface ViewSource {
  /** Fully qualified. */
  readonly name: string;
  /** Its text in one or more engines' languages. */
  readonly representations: readonly { readonly dialect: string; readonly sql: string }[];
  /** The names of its columns, in order. */
  readonly columnNames: readonly string[];
  /** Where names without a namespace are found; and the catalog that names may begin with. */
  readonly namespace: readonly string[];
  readonly catalog: string | undefined;
  /** Changes with every version of the view. */
  readonly identity: string;
}

/** Where the binder finds tables. */
export interface TableCatalog {
  /**
   * `path` has one to three parts as written in SQL, already case-folded. Undefined when there is no such table.
   *
   * Errors: `undefined_snapshot` when the table has no such version, with the nearest name in the details.
   */
  findTable(path: readonly string[], version?: TableVersion): Promise<TableSource | undefined>;
  /**
   * The view of a name that is no table's; undefined when there is none. A catalog without views has no such method.
   *
   * Errors: `forbidden`.
   */
  findView?(path: readonly string[]): Promise<ViewSource | undefined>;
  /** Names of tables and views, for "did you mean". */
  tableNames(): Promise<readonly string[]>;
}
