// Bound expressions and relational plan nodes: the language between the binder, the optimizer and the executor.

import type { ColumnSchema, DataType, Scalar } from "#columnar";
import type { ScanFact, ScanOrder, ScanPredicate, TableSource } from "./table-source.ts";

/** Where a piece of SQL text stands: offsets in UTF-16 units, end exclusive. */
export interface SourceSpan {
  readonly start: number;
  readonly end: number;
}

/**
 * An expression over the columns of its input node. Types are resolved and every implicit cast is an explicit
 * `cast`, so kernels see exactly the argument types of the function they implement.
 */
export type Expr =
  | { readonly kind: "column"; readonly index: number; readonly name: string; readonly type: DataType }
  /**
   * `source` names a value that depends on the statement's time, as SQL: `now() - interval '1 hour'`. `subquery` is
   * the index of the uncorrelated subquery that supplies the value; it is filled in before execution.
   */
  | {
      readonly kind: "literal";
      readonly value: Scalar;
      readonly type: DataType;
      readonly source?: string;
      readonly subquery?: number;
    }
  /** A scalar function or operator of the registry, by its resolved id. */
  | {
      readonly kind: "call";
      readonly function: string;
      readonly args: readonly Expr[];
      readonly type: DataType;
      readonly span?: SourceSpan;
    }
  /** `lenient` gives NULL where the text does not parse (TRY_CAST). */
  | {
      readonly kind: "cast";
      readonly arg: Expr;
      readonly type: DataType;
      readonly lenient?: boolean;
      readonly span?: SourceSpan;
    }
  /** Three-valued AND / OR over two or more arguments. */
  | { readonly kind: "and" | "or"; readonly args: readonly Expr[]; readonly type: DataType }
  | { readonly kind: "not"; readonly arg: Expr; readonly type: DataType }
  | { readonly kind: "is_null"; readonly arg: Expr; readonly negated: boolean; readonly type: DataType }
  /** `arg IN (list)` with three-valued logic; list items have the argument's type. */
  | {
      readonly kind: "in_list";
      readonly arg: Expr;
      readonly list: readonly Expr[];
      readonly negated: boolean;
      readonly type: DataType;
    }
  /** Searched CASE; branches have the result's type. A missing else is a NULL literal. */
  | {
      readonly kind: "case";
      readonly branches: readonly { readonly when: Expr; readonly then: Expr }[];
      readonly otherwise: Expr;
      readonly type: DataType;
    }
  | { readonly kind: "coalesce"; readonly args: readonly Expr[]; readonly type: DataType };

/** One aggregate call of an aggregate node. */
export interface AggregateCall {
  /** Registry id, such as count, sum_int64, percentile_cont. */
  readonly function: string;
  /** Value arguments over the input's columns; empty for count(*). */
  readonly args: readonly Expr[];
  readonly distinct: boolean;
  /** FILTER (WHERE …). */
  readonly filter: Expr | undefined;
  /** ORDER BY inside the call, or WITHIN GROUP for ordered-set aggregates. */
  readonly orderBy: readonly SortKey[];
  /** Direct arguments of ordered-set aggregates, such as the fraction; constants. */
  readonly directArgs: readonly Expr[];
  readonly type: DataType;
  readonly span?: SourceSpan;
}

/** PostgreSQL sorts NULLS LAST ascending and NULLS FIRST descending unless told. */
export interface SortKey {
  readonly expr: Expr;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/**
 * An edge of a window frame. `offset` counts rows, or peer groups in `groups` mode, and is constant. `value` is, for
 * RANGE with an offset, the outermost order value inside the frame of each row; its `offset` is constant too.
 */
export type FrameBound =
  | { readonly kind: "unbounded" }
  | { readonly kind: "current_row" }
  | { readonly kind: "offset"; readonly direction: "preceding" | "following"; readonly offset: Expr }
  | { readonly kind: "value"; readonly value: Expr; readonly offset: Expr };

/** Which rows of its partition a window call sees for each row. */
export interface WindowFrame {
  readonly mode: "rows" | "range" | "groups";
  readonly start: FrameBound;
  readonly end: FrameBound;
  /** The order value that `value` bounds are compared with. */
  readonly rangeKey: Expr | undefined;
  readonly exclude: "none" | "current_row" | "group" | "ties";
}

/** One call with OVER. */
export interface WindowCall {
  /** The aggregate, or a window function by its name (row_number, lag, …) in the same form. */
  readonly call: AggregateCall;
  readonly isAggregate: boolean;
  readonly frame: WindowFrame;
}

/** An equal pair: expressions over the left and over the right input. */
export interface JoinKey {
  readonly left: Expr;
  readonly right: Expr;
  /** NULL matches NULL. */
  readonly nullsEqual?: boolean;
}

/** One of several set-returning functions that run side by side. */
export interface FunctionPart {
  readonly function: string;
  readonly argCount: number;
  readonly columnCount: number;
}

/** A relational operator. `columns` is the output schema; expressions index the input's output columns. */
export type PlanNode =
  | {
      readonly kind: "scan";
      readonly source: TableSource;
      /** Source column indices, in output order. */
      readonly projection: readonly number[];
      readonly predicates: readonly ScanPredicate[];
      readonly limit: number | undefined;
      /** Conditions that operators above find while they run: by who finds them, on which of the source's columns. */
      readonly narrowedBy?: readonly { readonly by: symbol; readonly column: number }[];
      /** The first rows of an order are wanted. */
      readonly order?: ScanOrder;
      /** A LIMIT above is met by few rows. */
      readonly stopsEarly?: boolean;
      readonly columns: readonly ColumnSchema[];
    }
  /** Literal rows: VALUES, and the single empty row of a SELECT without FROM. */
  | { readonly kind: "values"; readonly rows: readonly (readonly Expr[])[]; readonly columns: readonly ColumnSchema[] }
  /**
   * generate_series and other set-returning functions. With an input, the function runs for each of its rows: the
   * arguments read them, and the output is the row's columns followed by the function's.
   */
  | {
      readonly kind: "function_scan";
      readonly input?: PlanNode;
      readonly function: string;
      readonly args: readonly Expr[];
      /**
       * Present: several functions side by side, the arguments of one after those of the other; where one has fewer rows
       * its columns are NULL.
       */
      readonly parts?: readonly FunctionPart[];
      /** The last column counts the rows of each call from 1. */
      readonly ordinality?: boolean;
      readonly columns: readonly ColumnSchema[];
    }
  | {
      readonly kind: "filter";
      readonly input: PlanNode;
      readonly condition: Expr;
      readonly columns: readonly ColumnSchema[];
    }
  | {
      readonly kind: "project";
      readonly input: PlanNode;
      readonly exprs: readonly Expr[];
      readonly columns: readonly ColumnSchema[];
    }
  /**
   * Output: group keys, then aggregates. No keys: exactly one row. With grouping sets, rows are grouped once for each
   * set by the keys it names by number; the other keys are NULL there.
   */
  | {
      readonly kind: "aggregate";
      readonly input: PlanNode;
      readonly keys: readonly Expr[];
      readonly groupingSets?: readonly (readonly number[])[];
      readonly aggregates: readonly AggregateCall[];
      /** What each call asks of the rows of the only scan below, whose predicates say exactly which rows come here. */
      readonly facts?: readonly ScanFact[];
      readonly columns: readonly ColumnSchema[];
    }
  /** Output: the input's columns, then one column for each call; rows come in the window's order. */
  | {
      readonly kind: "window";
      readonly input: PlanNode;
      readonly partitionBy: readonly Expr[];
      readonly orderBy: readonly SortKey[];
      readonly calls: readonly WindowCall[];
      readonly columns: readonly ColumnSchema[];
    }
  /** `limit` present makes it a top-N over offset + limit rows. Stable. */
  | {
      readonly kind: "sort";
      readonly input: PlanNode;
      readonly keys: readonly SortKey[];
      readonly topRows: number | undefined;
      /** Where the scans below find what the first key of the last row kept is. */
      readonly narrows?: symbol;
      readonly columns: readonly ColumnSchema[];
    }
  | {
      readonly kind: "limit";
      readonly input: PlanNode;
      readonly limit: number | undefined;
      readonly offset: number;
      readonly columns: readonly ColumnSchema[];
    }
  /** SELECT DISTINCT over all columns; NULLs equal each other. */
  | { readonly kind: "distinct"; readonly input: PlanNode; readonly columns: readonly ColumnSchema[] }
  /** Output: left columns then right columns (semi and anti: left only). Conditions index that concatenation. */
  | {
      readonly kind: "join";
      readonly joinType: "inner" | "left" | "right" | "full" | "cross" | "semi" | "anti";
      readonly left: PlanNode;
      readonly right: PlanNode;
      readonly equalKeys: readonly JoinKey[];
      /** The rest of the condition, over left ++ right. */
      readonly residual: Expr | undefined;
      /** Of a semi or anti join: the left input is held and the right one streams, the reverse of all others. */
      readonly holdsLeft?: boolean;
      /** Where scans below the streamed input find what the held input's keys are, by the number of the key. */
      readonly narrows?: readonly { readonly key: number; readonly to: symbol }[];
      readonly columns: readonly ColumnSchema[];
    }
  | {
      readonly kind: "set_operation";
      readonly operation: "union" | "intersect" | "except";
      readonly all: boolean;
      readonly left: PlanNode;
      readonly right: PlanNode;
      readonly columns: readonly ColumnSchema[];
    }
  /**
   * A recursive query: the rows of `left`, then those that `right` makes of the newest rows, until it makes none.
   * `right` reads the newest rows as the working table of the same number. Without `all`, no row comes twice.
   */
  | {
      readonly kind: "recursive";
      readonly id: number;
      readonly name: string;
      readonly all: boolean;
      readonly left: PlanNode;
      readonly right: PlanNode;
      readonly columns: readonly ColumnSchema[];
    }
  /** The newest rows of the recursive query of this number. */
  | {
      readonly kind: "working_table";
      readonly id: number;
      readonly name: string;
      readonly columns: readonly ColumnSchema[];
    }
  /** Rows that other places read too; what makes them is no input, and is planned once. */
  | { readonly kind: "shared"; readonly rows: SharedRows; readonly columns: readonly ColumnSchema[] };

/** Rows that several places of a statement read, and that are made once. */
export interface SharedRows {
  /** For people: the name of the WITH item; empty for parts of the plan that are alike. */
  readonly name: string;
  /** What makes the rows; the optimizer puts a better one in its place. */
  plan: PlanNode;
  /** Conditions stay above: the rows are those of the whole query, as PostgreSQL's MATERIALIZED has it. */
  readonly isFence: boolean;
  /** Places that read the rows. */
  readers: number;
  /** Columns that a reader wants; the others may be NULL. */
  readonly wanted: Set<number>;
}

/** A scalar function chosen by overload resolution. */
export interface ResolvedFunction {
  readonly id: string;
  /** Types the arguments must be cast to, one for each argument given. */
  readonly argTypes: readonly DataType[];
  readonly returnType: DataType;
  /** immutable: foldable; stable: one value a query (now()); volatile: evaluated each row. */
  readonly volatility: "immutable" | "stable" | "volatile";
}

/** An aggregate chosen by overload resolution. */
export interface ResolvedAggregate {
  readonly id: string;
  readonly argTypes: readonly DataType[];
  readonly returnType: DataType;
  /** True for WITHIN GROUP aggregates such as percentile_cont. */
  readonly orderedSet: boolean;
}

/**
 * The function registry as the binder uses it. Names are lower case; operators go by their symbol, unary minus by
 * "-" with one argument.
 */
export interface FunctionRegistry {
  resolveScalar(name: string, argTypes: readonly DataType[]): ResolvedFunction | undefined;
  resolveAggregate(name: string, argTypes: readonly DataType[]): ResolvedAggregate | undefined;
  isAggregate(name: string): boolean;
  /** Known names for "did you mean". */
  functionNames(): readonly string[];
  /** Whether a cast exists, and whether it may be applied without being written (PostgreSQL's implicit casts). */
  castKind(from: DataType, to: DataType): "implicit" | "assignment" | "explicit" | undefined;
}
