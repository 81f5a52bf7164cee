// Tables for executor tests: columns in every encoding, batches of odd sizes, and the same rows in PostgreSQL.

import type { PGlite } from "@electric-sql/pglite";
import {
  gather,
  vectorFromScalars,
  type Batch,
  type ColumnSchema,
  type DataType,
  type Scalar,
  type Vector,
} from "#columnar";
import type { PlanNode } from "../../../src/sql/plan.ts";
import { emptyScanStatistics, type PlannedScan, type TableSource } from "../../../src/sql/table-source.ts";
import { createMemoryBudget, executePlan, type ExecutionContext } from "../../../src/sql/execute/index.ts";
import { scalarToText } from "../../../src/sql/values/index.ts";
import { scalarAt } from "#columnar";
import { toTextBlock } from "../../support/text-blocks.ts";

/** Rows of scalars in column order. */
export type Rows = readonly (readonly Scalar[])[];

/** How columns are encoded. */
export type Encoding = "flat" | "dictionary" | "mixed" | "text block";

function dictionaryVector(type: DataType, values: readonly Scalar[]): Vector {
  const entries: Scalar[] = [];
  const validity = new Uint8Array(values.length).fill(1);
  const codes = new Int32Array(values.length);
  for (const [i, value] of values.entries()) {
    if (value === null) {
      validity[i] = 0;
      continue;
    }
    // An entry no row uses, and now and then a repeated one, as real files have.
    let code = entries.findIndex((entry) => entry === value);
    if (code < 0 || i % 7 === 6) {
      code = entries.length;
      entries.push(value);
    }
    codes[i] = code;
  }
  if (entries.length === 0) return vectorFromScalars(type, values);
  const dictionary = vectorFromScalars(type, entries);
  const hasNull = values.includes(null);
  return {
    encoding: "dictionary",
    type,
    length: values.length,
    codes,
    dictionary,
    validity: hasNull ? validity : undefined,
  };
}

function encode(type: DataType, values: readonly Scalar[], encoding: Encoding, part: number): Vector {
  if (values.length > 0 && values.every((value) => value === values[0]) && encoding !== "flat") {
    return { encoding: "constant", type, length: values.length, value: values[0] ?? null };
  }
  if (encoding === "text block" && (type.kind === "string" || type.kind === "json"))
    return textBlock(type, values, part);
  if (encoding === "dictionary" || (encoding === "mixed" && part % 2 === 0)) return dictionaryVector(type, values);
  return vectorFromScalars(type, values);
}

/** Text as bytes, flat and as dictionaries in turn. */
function textBlock(type: DataType, values: readonly Scalar[], part: number): Vector {
  const vector = part % 2 === 0 ? vectorFromScalars(type, values) : dictionaryVector(type, values);
  if (vector.encoding === "dictionary") return { ...vector, dictionary: toTextBlock(vector.dictionary) };
  return vector.encoding === "flat" ? toTextBlock(vector) : vector;
}

/** Batches of the rows, cut into the given size. */
export function toBatches(
  columns: readonly ColumnSchema[],
  rows: Rows,
  encoding: Encoding,
  batchRows: number,
): Batch[] {
  const batches: Batch[] = [];
  for (let start = 0; start < rows.length; start += batchRows) {
    const part = rows.slice(start, start + batchRows);
    batches.push({
      rowCount: part.length,
      columns: columns.map((column, c) =>
        encode(
          column.type,
          part.map((row) => row[c] ?? null),
          encoding,
          batches.length,
        ),
      ),
    });
  }
  return batches;
}

/** A table source over batches. */
export function batchTable(name: string, columns: readonly ColumnSchema[], batches: readonly Batch[]): TableSource {
  return {
    name,
    columns,
    planScan: ({ columns: projection }) => Promise.resolve(planned(batches, projection)),
  };
}

function planned(batches: readonly Batch[], projection: readonly number[]): PlannedScan {
  return {
    identity: "test",
    statistics: emptyScanStatistics("test"),
    async *open() {
      for (const batch of batches) {
        yield await Promise.resolve({
          rowCount: batch.rowCount,
          columns: projection.map((index) => gather(batch.columns[index] as Vector, identity(batch.rowCount))),
        });
      }
    },
  };
}

function identity(length: number): Int32Array {
  return Int32Array.from({ length }, (_, i) => i);
}

/** A scan of all columns of some batches. */
export function scanOf(columns: readonly ColumnSchema[], batches: readonly Batch[]): PlanNode {
  return {
    kind: "scan",
    source: batchTable("test", columns, batches),
    projection: columns.map((_, i) => i),
    predicates: [],
    limit: undefined,
    columns,
  };
}

/** A context that plans scans made by {@link scanOf}. */
export function testContext(
  batchesOf: ReadonlyMap<PlanNode, readonly Batch[]>,
  limitBytes = 2 ** 26,
): ExecutionContext {
  return {
    planScan: (node) => planned(batchesOf.get(node) ?? [], node.projection),
    signal: new AbortController().signal,
    memory: createMemoryBudget(limitBytes),
    statementTimeMicros: Date.UTC(2024, 0, 15) * 1000,
  };
}

/** A scan and its batches, ready for a context. */
export interface TestInput {
  readonly node: PlanNode;
  readonly batches: readonly Batch[];
}

/** An input of rows. */
export function inputOf(
  columns: readonly ColumnSchema[],
  rows: Rows,
  encoding: Encoding = "mixed",
  batchRows = 5,
): TestInput {
  const batches = toBatches(columns, rows, encoding, batchRows);
  return { node: scanOf(columns, batches), batches };
}

/** Runs a plan over inputs and gives its rows. */
export async function runPlan(
  plan: PlanNode,
  inputs: readonly TestInput[],
  context?: Partial<ExecutionContext>,
): Promise<Scalar[][]> {
  const base = testContext(new Map(inputs.map((input) => [input.node, input.batches])));
  const rows: Scalar[][] = [];
  for await (const batch of executePlan(plan, { ...base, ...context })) {
    for (let i = 0; i < batch.rowCount; i++) rows.push(batch.columns.map((column) => scalarAt(column, i)));
  }
  return rows;
}

/** Makes the same table in PostgreSQL. */
export async function copyToPostgres(
  postgres: PGlite,
  name: string,
  columns: readonly (ColumnSchema & { readonly sqlType: string })[],
  rows: Rows,
): Promise<void> {
  await postgres.exec(`CREATE TABLE ${name} (${columns.map((c) => `${c.name} ${c.sqlType}`).join(", ")})`);
  for (const row of rows) {
    const values = columns.map((column, i) => {
      const value = row[i] ?? null;
      return value === null ? "NULL" : `'${scalarToText(value, column.type).replaceAll("'", "''")}'`;
    });
    await postgres.exec(`INSERT INTO ${name} VALUES (${values.join(", ")})`);
  }
}
