// A plan as people read it: a tree with what each operator does, and PostgreSQL-like lines of it.

import type { ColumnSchema } from "#columnar";
import type { OperatorProfile, ScanNode } from "../execute/context.ts";
import { estimateRows, inputsOf, type Rewrite } from "../optimize/index.ts";
import type { PlanNode, SharedRows } from "../plan.ts";
import type { PlannedScan, ScanPredicate, ScanStatistics } from "../table-source.ts";
import { aggregateToText, expressionToText, scalarToSql, sortKeyToText, windowCallToText } from "./expression-text.ts";

/** One operator. Field names are those of the JSON answer. */
export interface OperatorDescription {
  readonly operator: string;
  /** Lines such as `Filter: (user_id = 'u1')`. */
  readonly details: readonly string[];
  readonly estimated_rows: number;
  /** After execution with a profile. */
  readonly actual_rows?: number;
  readonly batches?: number;
  /** Wall time of the operator with everything below it, milliseconds. */
  readonly elapsed_ms?: number;
  readonly children: readonly OperatorDescription[];
}

/** A query's plan. */
export interface PlanDescription {
  readonly plan: OperatorDescription;
  /** Subqueries that run before the main plan. */
  readonly subqueries: readonly OperatorDescription[];
  /** What the optimizer rewrote, by rule. */
  readonly rewrites: readonly Rewrite[];
  /** The same as indented lines. */
  readonly text: readonly string[];
}

/** What is known of operators beside the plan. */
export interface DescribeSources {
  scanOf(node: ScanNode): PlannedScan | undefined;
  profileOf(node: PlanNode): OperatorProfile | undefined;
  /** What makes shared rows; undefined when it was told already. */
  sharedPlanOf?(rows: SharedRows): PlanNode | undefined;
}

function predicateToText(predicate: ScanPredicate, columns: readonly ColumnSchema[]): string {
  const column = columns[predicate.column];
  const name = column?.name ?? `column ${predicate.column}`;
  const values = predicate.values.map((value) => scalarToSql(value, column?.type ?? { kind: "null" }));
  switch (predicate.operator) {
    case "is_null":
      return `${name} IS NULL`;
    case "is_not_null":
      return `${name} IS NOT NULL`;
    case "in":
      return `${name} IN (${values.length > 8 ? `${values.slice(0, 8).join(", ")}, …` : values.join(", ")})`;
    case "starts_with":
      return `${name} starts with ${values.join()}`;
    case "=":
    case "<>":
    case "<":
    case "<=":
    case ">":
    case ">=":
      return `${name} ${predicate.operator} ${values.join()}`;
  }
}

function scanDetails(node: ScanNode, statistics: ScanStatistics | undefined): string[] {
  const details = [`Columns: ${node.columns.map((column) => column.name).join(", ") || "none"}`];
  if (node.predicates.length > 0) {
    const predicates = node.predicates.map((predicate) => predicateToText(predicate, node.source.columns));
    details.push(`Skip by: ${predicates.join(" AND ")}`);
  }
  details.push(...narrowingDetails(node));
  if (node.limit !== undefined) details.push(`Limit: ${node.limit}`);
  if (statistics === undefined) return details;
  const { filesTotal, filesScanned, rowGroupsTotal, rowGroupsScanned, bytesScanned, bytesTotal, freshRows } =
    statistics;
  const { metadata } = statistics;
  if (metadata !== undefined) details.push(`Metadata: ${metadata.files} files, ${metadata.cached} of them in memory`);
  const skipped = statistics.pruning.reduce((sum, item) => sum + item.files, 0);
  details.push(`Files: ${filesTotal - skipped} of ${filesTotal} to read`);
  for (const { reason, files, rowGroups } of statistics.pruning) {
    details.push(`Skipped: ${files} files, ${rowGroups} row groups (${reason})`);
  }
  if (statistics.rowsSkipped > 0) {
    details.push(`Skipped: ${statistics.pagesSkipped} pages, ${statistics.rowsSkipped} rows (page index)`);
  }
  if (filesScanned > 0 || bytesScanned > 0) {
    details.push(
      `Read: ${filesScanned} files, ${rowGroupsScanned} of ${rowGroupsTotal} row groups, ${bytesScanned} of ${bytesTotal} bytes`,
    );
  }
  if (freshRows > 0) details.push(`Fresh rows: ${freshRows}`);
  return details;
}

/** What the scan is told while it runs. */
function narrowingDetails({ order, narrowedBy = [], stopsEarly, source }: ScanNode): string[] {
  const nameOf = (column: number): string => source.columns[column]?.name ?? `column ${column}`;
  const details: string[] = [];
  if (order !== undefined) {
    const direction = order.descending ? " DESC" : "";
    details.push(`Read in order: ${nameOf(order.column)}${direction}, until ${order.rows} rows are before the rest`);
  }
  const filters = narrowedBy.filter(({ by }) => by.description === "join keys").map(({ column }) => nameOf(column));
  if (filters.length > 0) details.push(`Runtime filter: ${[...new Set(filters)].join(", ")} by the keys of a join`);
  if (stopsEarly === true) details.push("Stops early: a LIMIT above");
  return details;
}

const JOIN_NAMES = {
  inner: "Hash Join",
  left: "Hash Left Join",
  right: "Hash Right Join",
  full: "Hash Full Join",
  semi: "Hash Semi Join",
  anti: "Hash Anti Join",
  cross: "Cross Join",
} as const;

function describeOperator(
  node: PlanNode,
  sources: DescribeSources,
): readonly [name: string, details: readonly string[]] {
  switch (node.kind) {
    case "scan":
      return [`Scan on ${node.source.name}`, scanDetails(node, sources.scanOf(node)?.statistics)];
    case "values":
      return ["Values", [`Rows: ${node.rows.length}`]];
    case "function_scan":
      return [
        `Function Scan on ${(node.parts ?? [node]).map((part) => part.function).join(", ")}`,
        [`Arguments: ${node.args.map((arg) => expressionToText(arg)).join(", ")}`],
      ];
    case "filter":
      return ["Filter", [`Condition: ${expressionToText(node.condition)}`]];
    case "project":
      return ["Project", [`Output: ${node.exprs.map((expr) => expressionToText(expr)).join(", ")}`]];
    case "aggregate": {
      const details =
        node.keys.length === 0 ? [] : [`Group Key: ${node.keys.map((key) => expressionToText(key)).join(", ")}`];
      if (node.groupingSets !== undefined) {
        const sets = node.groupingSets.map((set) => `(${set.map((key) => node.columns[key]?.name ?? key).join(", ")})`);
        details.push(`Grouping Sets: ${sets.join(", ")}`);
      }
      if (node.aggregates.length > 0) {
        details.push(`Aggregates: ${node.aggregates.map((call) => aggregateToText(call)).join(", ")}`);
      }
      if (node.facts !== undefined) details.push("From metadata: files all of whose rows count; others are read");
      return [node.keys.length === 0 ? "Aggregate" : "Hash Aggregate", details];
    }
    case "window": {
      const details: string[] = [];
      if (node.partitionBy.length > 0) {
        details.push(`Partition By: ${node.partitionBy.map((expr) => expressionToText(expr)).join(", ")}`);
      }
      if (node.orderBy.length > 0) {
        details.push(`Order By: ${node.orderBy.map((key) => sortKeyToText(key)).join(", ")}`);
      }
      details.push(`Calls: ${node.calls.map((window) => windowCallToText(window)).join(", ")}`);
      return ["Window", details];
    }
    case "sort": {
      const details = [`Sort Key: ${node.keys.map((key) => sortKeyToText(key)).join(", ")}`];
      return node.topRows === undefined
        ? ["Sort", details]
        : ["Top-N Sort", [...details, `Rows Kept: ${node.topRows}`]];
    }
    case "limit": {
      const details = node.limit === undefined ? [] : [`Limit: ${node.limit}`];
      return ["Limit", node.offset === 0 ? details : [...details, `Offset: ${node.offset}`]];
    }
    case "distinct":
      return ["Distinct", []];
    case "join": {
      const keys = node.equalKeys.map(({ left, right, nullsEqual }) => {
        const operator = nullsEqual === true ? "IS NOT DISTINCT FROM" : "=";
        return `${expressionToText(left)} ${operator} ${expressionToText(right)}`;
      });
      const details = keys.length === 0 ? [] : [`Hash Condition: ${keys.join(" AND ")}`];
      if (node.residual !== undefined) details.push(`Join Filter: ${expressionToText(node.residual)}`);
      if (node.holdsLeft === true) details.push("Held: left input");
      const name = JOIN_NAMES[node.joinType];
      return [keys.length === 0 ? name.replace("Hash", "Nested Loop") : name, details];
    }
    case "recursive":
      return [`Recursive Union${node.all ? " All" : ""} ${node.name}`, []];
    case "shared": {
      const { name, readers } = node.rows;
      return [`Shared Scan${name === "" ? "" : ` on ${name}`}`, [`Made once for ${readers} readers`]];
    }
    case "working_table":
      return [`Working Table Scan on ${node.name}`, []];
    case "set_operation":
      return [`${node.operation.charAt(0).toUpperCase()}${node.operation.slice(1)}${node.all ? " All" : ""}`, []];
  }
}

/** The inputs of an operator; what makes shared rows is shown where they are first read. */
function childrenOf(node: PlanNode, sources: DescribeSources): readonly PlanNode[] {
  if (node.kind !== "shared") return inputsOf(node);
  const plan = sources.sharedPlanOf?.(node.rows);
  return plan === undefined ? [] : [plan];
}

/** Describes an operator with everything below it. */
export function describePlan(node: PlanNode, sources: DescribeSources): OperatorDescription {
  const [operator, details] = describeOperator(node, sources);
  const profile = sources.profileOf(node);
  const spilledBytes = profile?.spilledBytes ?? 0;
  return {
    operator,
    details: spilledBytes === 0 ? details : [...details, `Spilled: ${spilledBytes} bytes`],
    estimated_rows: estimateRows(node),
    ...(profile === undefined
      ? {}
      : { actual_rows: profile.rows, batches: profile.batches, elapsed_ms: Number(profile.elapsedMs.toFixed(3)) }),
    children: childrenOf(node, sources).map((input) => describePlan(input, sources)),
  };
}

/** The lines of EXPLAIN. */
export function planToLines(
  plan: OperatorDescription,
  subqueries: readonly OperatorDescription[],
  rewrites: readonly Rewrite[],
): string[] {
  const lines: string[] = [];
  const write = (node: OperatorDescription, depth: number): void => {
    const indent = depth === 0 ? "" : `${"  ".repeat(depth * 2 - 1)}->  `;
    const actual =
      node.actual_rows === undefined
        ? ""
        : ` (actual rows=${node.actual_rows} batches=${node.batches ?? 0} time=${(node.elapsed_ms ?? 0).toFixed(3)} ms)`;
    lines.push(`${indent}${node.operator}  (rows=${node.estimated_rows})${actual}`);
    const detailIndent = " ".repeat(depth * 4 + 2);
    for (const detail of node.details) lines.push(`${detailIndent}${detail}`);
    for (const child of node.children) write(child, depth + 1);
  };
  write(plan, 0);
  for (const [i, subquery] of subqueries.entries()) {
    lines.push(`Subquery ${i + 1}`);
    write(subquery, 1);
  }
  for (const { rule, before, after } of rewrites) lines.push(`Rewrite: ${rule}: ${before} => ${after}`);
  return lines;
}
