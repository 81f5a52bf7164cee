// Set-returning functions in FROM.

import { LakeError } from "#core";
import {
  BATCH_ROWS,
  gather,
  vectorFromScalars,
  type Batch,
  type DataType,
  type Decimal,
  type Interval,
  type Scalar,
} from "#columnar";
import { addIntervalToTimestamp } from "../functions/arithmetic.ts";
import { chooseOverload } from "../functions/resolve.ts";
import { parseSignature, typeOf, type Signature } from "../functions/definition.ts";
import { inputErrorInfo } from "../functions/input-check.ts";
import { queryJsonPath } from "../functions/json-path.ts";
import { jsonTableRows } from "../functions/sql-json.ts";
import { addInZone } from "../functions/zoned-time.ts";
import { regexpMatches, regexpSplit } from "../functions/matching.ts";
import type { FunctionPart, PlanNode } from "../plan.ts";
import { addDecimals, compareDecimals, integerToDecimal } from "../values/decimal.ts";
import { intervalToMicros } from "../values/interval.ts";
import { jsonElementTexts, jsonMemberTexts, jsonTextToPlain } from "../values/json-scan.ts";
import { bigintToInt64 } from "../values/number-text.ts";
import { breathe, type ExecutionContext } from "./context.ts";
import { rowReader } from "./build.ts";
import { compileExpr, evaluateConstant } from "./expression.ts";

type FunctionScanNode = Extract<PlanNode, { kind: "function_scan" }>;
type RowsOf = (args: readonly Scalar[]) => Iterable<readonly Scalar[]>;

function zeroStep(): LakeError {
  return new LakeError("sql_runtime_error", "step size cannot equal zero");
}

function* integerSeries([start, stop, step = 1]: readonly Scalar[]): Iterable<readonly Scalar[]> {
  const by = BigInt(step as number | bigint);
  const end = BigInt(stop as number | bigint);
  if (by === 0n) throw zeroStep();
  for (let value = BigInt(start as number | bigint); by > 0n ? value <= end : value >= end; value += by) {
    yield [bigintToInt64(value)];
  }
}

function* decimalSeries([start, stop, step]: readonly Scalar[]): Iterable<readonly Scalar[]> {
  const by = (step ?? integerToDecimal(1)) as Decimal;
  const end = stop as Decimal;
  if (by.unscaled === 0n) throw zeroStep();
  for (
    let value = start as Decimal;
    by.unscaled > 0n ? compareDecimals(value, end) <= 0 : compareDecimals(value, end) >= 0;
    value = addDecimals(value, by)
  ) {
    yield [value];
  }
}

function* timestampSeries([start, stop, step, zone]: readonly Scalar[]): Iterable<readonly Scalar[]> {
  const by = step as Interval;
  const end = stop as number;
  const direction = intervalToMicros(by);
  if (direction === 0) throw zeroStep();
  for (
    let value = start as number;
    direction > 0 ? value <= end : value >= end;
    value = typeof zone === "string" ? addInZone(value, by, zone) : addIntervalToTimestamp(value, by)
  ) {
    yield [value];
  }
}

function* jsonElements(text: Scalar, asText: boolean): Iterable<readonly Scalar[]> {
  const items = jsonElementTexts(text as string);
  if (items === undefined) throw new LakeError("sql_runtime_error", "cannot extract elements from a non-array");
  for (const item of items) yield [asText ? jsonTextToPlain(item) : item];
}

function* jsonMembers(text: Scalar, asText: boolean): Iterable<readonly Scalar[]> {
  const members = jsonMemberTexts(text as string);
  if (members === undefined) {
    throw new LakeError("sql_runtime_error", "cannot deconstruct a value that is not an object");
  }
  for (const [key, item] of members) yield [key, asText ? jsonTextToPlain(item) : item];
}

interface TableFunctionOverload extends Signature {
  readonly names: readonly string[];
  readonly types: readonly DataType[];
  readonly rows: RowsOf;
}

const overloads = new Map<string, TableFunctionOverload[]>();

function define(
  name: string,
  signature: string,
  rows: RowsOf,
  names: readonly string[] = [name],
  extra: readonly DataType[] = [],
): void {
  const parsed = parseSignature(signature);
  const list = overloads.get(name) ?? [];
  overloads.set(name, list);
  list.push({ ...parsed, names, types: [parsed.returnType, ...extra], rows });
}

for (const type of ["int4", "int8"]) {
  define("generate_series", `${type}, ${type} -> ${type}`, integerSeries);
  define("generate_series", `${type}, ${type}, ${type} -> ${type}`, integerSeries);
}
define("generate_series", "numeric, numeric -> numeric", decimalSeries);
define("generate_series", "numeric, numeric, numeric -> numeric", decimalSeries);
define("generate_series", "timestamp, timestamp, interval -> timestamp", timestampSeries);
define("generate_series", "timestamptz, timestamptz, interval -> timestamptz", timestampSeries);
define("generate_series", "timestamptz, timestamptz, interval, text -> timestamptz", timestampSeries);
const TEXT: DataType = { kind: "string" };
for (const prefix of ["json", "jsonb"] as const) {
  define(`${prefix}_array_elements`, `${prefix} -> ${prefix}`, ([text]) => jsonElements(text ?? null, false), [
    "value",
  ]);
  define(`${prefix}_array_elements_text`, `${prefix} -> text`, ([text]) => jsonElements(text ?? null, true), ["value"]);
  define(
    `${prefix}_each`,
    `${prefix} -> text`,
    ([text]) => jsonMembers(text ?? null, false),
    ["key", "value"],
    [typeOf(prefix)],
  );
  define(
    `${prefix}_each_text`,
    `${prefix} -> text`,
    ([text]) => jsonMembers(text ?? null, true),
    ["key", "value"],
    [TEXT],
  );
  define(`${prefix}_object_keys`, `${prefix} -> text`, function* keys([text]) {
    for (const [key] of jsonMembers(text ?? null, false)) yield [key ?? null];
  });
}
define("regexp_matches", "text, text -> text[]", ([text, pattern]) =>
  regexpMatches(text as string, pattern as string, ""),
);
define("regexp_matches", "text, text, text -> text[]", ([text, pattern, flags]) =>
  regexpMatches(text as string, pattern as string, flags as string),
);
define("regexp_split_to_table", "text, text, text -> text", ([text, pattern, flags]) =>
  regexpSplit(text as string, pattern as string, flags as string).map((part) => [part]),
);
for (const rest of ["", ", jsonb", ", jsonb, bool"]) {
  for (const name of ["jsonb_path_query", "jsonb_path_query_tz"]) {
    define(name, `jsonb, text${rest} -> jsonb`, ([text, path, variables, silent]) =>
      queryJsonPath(
        text as string,
        path as string,
        (variables ?? "{}") as string,
        silent === true,
        name.endsWith("_tz"),
      ).map((item) => [item]),
    );
  }
}
define(
  "pg_input_error_info",
  "text, text -> text",
  ([text, type]) => [inputErrorInfo(text as string, type as string)],
  ["message", "detail", "hint", "sql_error_code"],
  [TEXT, TEXT, TEXT],
);
define("string_to_table", "text, text, text -> text", ([text, delimiter, none]) =>
  (text as string).split(delimiter as string).map((part) => [part === none ? null : part]),
);
define("string_to_table", "text, text -> text", ([text, delimiter]) =>
  (text as string).split(delimiter as string).map((part) => [part]),
);
define("regexp_split_to_table", "text, text -> text", ([text, pattern]) =>
  regexpSplit(text as string, pattern as string).map((part) => [part]),
);

/** A set-returning function chosen by overload resolution. */
export interface ResolvedTableFunction {
  readonly id: string;
  readonly argTypes: readonly DataType[];
  /** Default column names and their types. */
  readonly columns: readonly { readonly name: string; readonly type: DataType }[];
}

/** Chooses a set-returning function; untyped literals have kind "null". Undefined when there is none such. */
export function resolveTableFunction(name: string, argTypes: readonly DataType[]): ResolvedTableFunction | undefined {
  if (name === "unnest") {
    const [list, ...rest] = argTypes;
    if (list?.kind !== "list" || rest.length > 0) return undefined;
    const element = list.element.kind === "list" ? list.element.element : list.element;
    return { id: name, argTypes, columns: [{ name, type: element }] };
  }
  const chosen = chooseOverload(overloads.get(name) ?? [], argTypes);
  if (chosen === undefined) return undefined;
  const { names, types } = chosen.item;
  const columns = names.map((column, i) => ({ name: column, type: types[i] ?? TEXT }));
  return { id: name, argTypes: chosen.argTypes, columns };
}

/** The signatures of the set-returning functions by name. */
export function tableFunctionSignatures(): ReadonlyMap<string, readonly Signature[]> {
  return overloads;
}

/** Names of the set-returning functions. */
export function tableFunctionNames(): readonly string[] {
  return [...overloads.keys(), "unnest"];
}

/** The rows of one function; none for a null argument. */
function rowsOfFunction(name: string, types: readonly DataType[]): RowsOf {
  const rows = findRows(name, types);
  return (args) => (args.includes(null) ? [] : rows(args));
}

function findRows(name: string, types: readonly DataType[]): RowsOf {
  if (name === "unnest") {
    return ([list]) => ((list as readonly unknown[]).flat(6) as Scalar[]).map((item) => [item]);
  }
  if (name === "json table") return jsonTableRows;
  const chosen = chooseOverload(overloads.get(name) ?? [], types);
  if (chosen === undefined) throw new LakeError("undefined_function", `function ${name} does not exist`);
  return chosen.item.rows;
}

function rowsOf(node: FunctionScanNode): RowsOf {
  const types = node.args.map((arg) => arg.type);
  const { parts } = node;
  const rows = parts === undefined ? rowsOfFunction(node.function, types) : sideBySide(parts, types);
  return node.ordinality === true ? (args) => numbered(rows(args)) : rows;
}

function* numbered(rows: Iterable<readonly Scalar[]>): Iterable<readonly Scalar[]> {
  let number = 0;
  for (const row of rows) yield [...row, ++number];
}

/** Several functions in step; one that has ended gives nulls until all have. */
function sideBySide(parts: readonly FunctionPart[], types: readonly DataType[]): RowsOf {
  let first = 0;
  const placed = parts.map((part) => {
    const start = first;
    first += part.argCount;
    return { ...part, start, rows: rowsOfFunction(part.function, types.slice(start, first)) };
  });
  return function* rows(args) {
    const iterators = placed.map(({ start, argCount, rows: rowsOfPart }) =>
      rowsOfPart(args.slice(start, start + argCount))[Symbol.iterator](),
    );
    for (;;) {
      const steps = iterators.map((iterator) => iterator.next());
      if (steps.every((step) => step.done === true)) return;
      yield steps.flatMap((step, i) => {
        const row: readonly Scalar[] = step.done === true ? [] : step.value;
        return Array.from({ length: placed[i]?.columnCount ?? 0 }, (_, column) => row[column] ?? null);
      });
    }
  };
}

/** Runs a set-returning function for each row of its input. A null argument gives no rows. */
export async function* executeFunctionApply(
  node: FunctionScanNode,
  input: AsyncIterable<Batch>,
  width: number,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const compiled = node.args.map((arg) => compileExpr(arg, context));
  const rowsOfCall = rowsOf(node);
  const types = node.columns.slice(width).map((column) => column.type);
  for await (const batch of input) {
    await breathe(context);
    const readers = compiled.map((arg) => rowReader(arg(batch)));
    let rows: number[] = [];
    let columns: Scalar[][] = types.map(() => []);
    const flush = (): Batch => {
      const taken = Int32Array.from(rows);
      const made = columns.map((values, i) => vectorFromScalars(types[i] ?? TEXT, values));
      const result = {
        rowCount: taken.length,
        columns: [...batch.columns.map((column) => gather(column, taken)), ...made],
      };
      rows = [];
      columns = types.map(() => []);
      return result;
    };
    for (let row = 0; row < batch.rowCount; row++) {
      const args = readers.map((read) => read(row));
      for (const values of rowsOfCall(args)) {
        rows.push(row);
        for (const [i, column] of columns.entries()) column.push(values[i] ?? null);
        if (rows.length === BATCH_ROWS) {
          await breathe(context);
          yield flush();
        }
      }
    }
    if (rows.length > 0) yield flush();
  }
}

/** Runs a set-returning function whose arguments are constants. A null argument gives no rows. */
export async function* executeFunctionScan(node: FunctionScanNode, context: ExecutionContext): AsyncGenerator<Batch> {
  const args = node.args.map((arg) => evaluateConstant(arg, context));
  let columns: Scalar[][] = node.columns.map(() => []);
  let rowCount = 0;
  const flush = (): Batch => {
    const batch = {
      rowCount,
      columns: columns.map((values, i) => vectorFromScalars(node.columns[i]?.type ?? TEXT, values)),
    };
    columns = node.columns.map(() => []);
    rowCount = 0;
    return batch;
  };
  for (const row of rowsOf(node)(args)) {
    for (const [i, column] of columns.entries()) column.push(row[i] ?? null);
    rowCount++;
    if (rowCount === BATCH_ROWS) {
      await breathe(context);
      yield flush();
    }
  }
  if (rowCount > 0) yield flush();
}
