// Statements that are not queries over tables: EXPLAIN and SHOW TABLES.

import { vectorFromScalars, type Batch, type ColumnSchema } from "#columnar";
import { LakeError } from "#core";
import type { Node } from "libpg-query";
import { stringOf } from "./bind/ast.ts";
import { sqlError } from "./bind/errors.ts";
import type { PreparedQuery } from "./engine.ts";
import { TEXT } from "./expressions.ts";
import type { ParsedStatement } from "./parser/parse.ts";
import { DESCRIBE_OPTION } from "./parser/show.ts";
import type { PlanDescription } from "./explain/describe.ts";
import { dataTypeToName } from "./values/index.ts";

function textBatch(lines: readonly string[]): Batch {
  return { rowCount: lines.length, columns: [vectorFromScalars(TEXT, lines)] };
}

interface ExplainOptions {
  readonly analyze: boolean;
  /** DESCRIBE: the columns of the rows, not how they are made. */
  readonly describe: boolean;
  readonly format: "text" | "json";
}

function readOptions(nodes: readonly Node[]): ExplainOptions {
  let analyze = false;
  let describe = false;
  let format: ExplainOptions["format"] = "text";
  for (const node of nodes) {
    if (!("DefElem" in node)) continue;
    const { defname: name = "", arg } = node.DefElem;
    const value = arg === undefined ? undefined : (stringOf(arg) ?? "true").toLowerCase();
    if (name === "analyze") analyze = value !== "false" && value !== "off";
    else if (name === DESCRIBE_OPTION && value === undefined) describe = true;
    else if (name === "format" && (value === "text" || value === "json")) format = value;
    else if (name === "format")
      throw sqlError("sql_unsupported", `EXPLAIN format ${value ?? ""} is not supported: use text or json.`);
    else if (!["verbose", "costs", "timing", "summary", "buffers", "settings"].includes(name)) {
      throw sqlError("sql_unsupported", `EXPLAIN option ${name} is not supported.`);
    }
  }
  return { analyze, describe, format };
}

/** A statement that answers with the plan of another; ANALYZE runs it first and drops its rows. */
export function explainStatement(inner: PreparedQuery, optionNodes: readonly Node[]): PreparedQuery {
  const options = readOptions(optionNodes);
  if (options.describe) return describeStatement(inner);
  const columns: ColumnSchema[] = [{ name: "QUERY PLAN", type: TEXT, nullable: false }];
  return {
    ...inner,
    columns,
    isDeterministic: false,
    cacheText: `explain ${inner.cacheText}`,
    async *execute(execution) {
      await inner.planScans();
      let rowCount = 0;
      const startMs = execution.clock.nowMs();
      if (options.analyze) {
        for await (const batch of inner.execute({ ...execution, profile: true })) rowCount += batch.rowCount;
      }
      const description = inner.explain();
      const elapsedMs = execution.clock.nowMs() - startMs;
      const summary = options.analyze ? [`Rows: ${rowCount}`, `Execution Time: ${elapsedMs.toFixed(3)} ms`] : [];
      yield textBatch(options.format === "json" ? [jsonOf(description)] : [...description.text, ...summary]);
    },
  };
}

const DESCRIBED: readonly ColumnSchema[] = ["column_name", "data_type", "is_nullable"].map((name) => ({
  name,
  type: TEXT,
  nullable: false,
}));

/** A statement that answers with the names and types of another's columns, and does not run it. */
function describeStatement(inner: PreparedQuery): PreparedQuery {
  const rows = inner.columns.map(({ name, type, nullable }) => [name, dataTypeToName(type), nullable ? "YES" : "NO"]);
  return {
    ...inner,
    columns: DESCRIBED,
    isDeterministic: false,
    cacheText: `describe ${inner.cacheText}`,
    predicates: [],
    planScans: () => Promise.resolve({ identity: "", statistics: [] }),
    async *execute({ signal }) {
      signal.throwIfAborted();
      const columns = DESCRIBED.map((_, i) =>
        vectorFromScalars(
          TEXT,
          rows.map((row) => row[i] ?? null),
        ),
      );
      yield await Promise.resolve({ rowCount: rows.length, columns });
    },
  };
}

function jsonOf({ plan, subqueries, rewrites }: PlanDescription): string {
  return JSON.stringify([{ plan, subqueries, rewrites }], undefined, 2);
}

/** The names of all tables, sorted. */
export function showTables(statement: ParsedStatement, names: readonly string[]): PreparedQuery {
  const sorted = [...names].toSorted();
  let isStarted = false;
  return {
    columns: [{ name: "table_name", type: TEXT, nullable: false }],
    pattern: statement.pattern,
    fingerprint: statement.fingerprint,
    // Whose names they are depends on who asks, as it does there.
    tables: ["information_schema.tables"],
    predicates: [],
    isDeterministic: false,
    isTimeDependent: false,
    cacheText: "show tables",
    explain() {
      const plan = { operator: "Show Tables", details: [], estimated_rows: sorted.length, children: [] };
      return { plan, subqueries: [], rewrites: [], text: ["Show Tables"] };
    },
    profile: () => [],
    memoryPeakBytes: () => 0,
    planScans: () => Promise.resolve({ identity: sorted.join(), statistics: [] }),
    async *execute({ signal }) {
      signal.throwIfAborted();
      if (isStarted) throw new LakeError("internal", "A prepared statement runs once.");
      isStarted = true;
      yield await Promise.resolve(textBatch(sorted));
    },
  };
}
