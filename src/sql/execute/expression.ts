// Expressions compiled to closures from batches to vectors, once for each operator.

import { LakeError } from "#core";
import { constantVector, gather, type Batch, type DataType, type Scalar, type Vector } from "#columnar";
import type { EvaluationEnvironment } from "../functions/index.ts";
import { expressionToText } from "../explain/expression-text.ts";
import type { Expr, SourceSpan } from "../plan.ts";
import { compileCast, dataTypeToName, scalarKey, typesEqual } from "../values/index.ts";
import { vectorFunction } from "./apply.ts";
import { buildVector, rowReader } from "./build.ts";
import { castKernel } from "./cast-kernels.ts";
import { columnsUsed } from "./columns-used.ts";
import { byDictionary, type OneColumn } from "./dictionary-expression.ts";
import { implementationOf, isSafe, isVolatile } from "./expression-properties.ts";
import { booleanVector, FALSE, NULL, TRUE, triStates } from "./tri-state.ts";

/** An expression ready to run over batches of its input. */
export type CompiledExpr = (batch: Batch) => Vector;

/** The batch's rows, with only the named columns gathered; the others become null constants. */
export function gatherColumns(batch: Batch, rows: Int32Array, used: ReadonlySet<number>): Batch {
  const columns = batch.columns.map((column, i) =>
    used.has(i) ? gather(column, rows) : constantVector(column.type, null, rows.length),
  );
  return { rowCount: rows.length, columns };
}

/** Adds the position of the expression to an error that has none. */
export function withSpan<T>(span: SourceSpan | undefined, run: () => T): T {
  if (span === undefined) return run();
  try {
    return run();
  } catch (error) {
    if (!(error instanceof LakeError) || error.details["start"] !== undefined) throw error;
    throw new LakeError(error.code, error.message, {
      context: error.context,
      details: { ...error.details, start: span.start, end: span.end },
      cause: error,
    });
  }
}

/**
 * Compiles an expression. Cost: proportional to the expression; running costs are the kernels'. Over one column that
 * is dictionary-coded it runs once an entry.
 */
export function compileExpr(expr: Expr, env: EvaluationEnvironment): CompiledExpr {
  const column = oneColumn(expr, env);
  return column === undefined
    ? compileNode(expr, compileExpr, env)
    : byDictionary(compileNode(expr, compileRows, env), column);
}

/**
 * Compiles several expressions over the same batches: a part that is the same in some of them is computed once a batch,
 * unless chance decides it. Ownership: keeps the last batch.
 */
export function compileSharing(env: EvaluationEnvironment): (expr: Expr) => CompiledExpr {
  const known = new Map<string, CompiledExpr>();
  const compile = (expr: Expr): CompiledExpr => {
    if (expr.kind === "column" || expr.kind === "literal" || isVolatile(expr, env)) return compileExpr(expr, env);
    const key = expressionToText(expr, { isCanonical: true });
    let compiled = known.get(key);
    if (compiled === undefined) {
      const isOfOne = oneColumn(expr, env) !== undefined;
      compiled = onceABatch(isOfOne ? compileExpr(expr, env) : compileNode(expr, compile, env));
      known.set(key, compiled);
    }
    return compiled;
  };
  return compile;
}

function onceABatch(compiled: CompiledExpr): CompiledExpr {
  let last: Batch | undefined;
  let result: Vector | undefined;
  return (batch) => {
    if (result === undefined || last !== batch) {
      result = compiled(batch);
      last = batch;
    }
    return result;
  };
}

/** Within an expression that {@link byDictionary} runs as a whole. */
function compileRows(expr: Expr, env: EvaluationEnvironment): CompiledExpr {
  return compileNode(expr, compileRows, env);
}

/** The only column of an expression that is more than a column and not volatile. */
function oneColumn(expr: Expr, env: EvaluationEnvironment): OneColumn | undefined {
  if (expr.kind === "column") return undefined;
  const [index, ...others] = columnsUsed(expr);
  if (index === undefined || others.length > 0) return undefined;
  return isVolatile(expr, env) ? undefined : { index, type: expr.type, safe: isSafe(expr, env) };
}

/** Compiles the parts of an expression. */
type Compile = (expr: Expr, env: EvaluationEnvironment) => CompiledExpr;

function compileNode(expr: Expr, compile: Compile, env: EvaluationEnvironment): CompiledExpr {
  switch (expr.kind) {
    case "column": {
      const { index } = expr;
      return (batch) => batch.columns[index] as Vector;
    }
    case "literal": {
      const { value, type } = expr;
      return (batch) => constantVector(type, value, batch.rowCount);
    }
    case "call": {
      const args = expr.args.map((arg) => compile(arg, env));
      const run = vectorFunction(implementationOf(expr, env), expr.type, env.limits);
      const { span } = expr;
      return (batch) => {
        const vectors = args.map((arg) => arg(batch));
        return withSpan(span, () => run(vectors, batch.rowCount));
      };
    }
    case "cast":
      return compileCastExpr(expr, compile, env);
    case "and":
    case "or":
      return compileConnective(expr.kind, expr.args, compile, env);
    case "not": {
      const arg = compile(expr.arg, env);
      return (batch) => {
        const states = triStates(arg(batch), batch.rowCount);
        const out = new Uint8Array(batch.rowCount);
        for (let i = 0; i < out.length; i++) out[i] = states[i] === NULL ? NULL : 1 - (states[i] as number);
        return booleanVector(out);
      };
    }
    case "is_null":
      return compileIsNull(expr.arg, expr.negated, compile, env);
    case "in_list":
      return compileInList(expr, compile, env);
    case "case":
      return compileCase(expr, compile, env);
    case "coalesce":
      return compileCoalesce(expr, compile, env);
  }
}

function compileCastExpr(
  expr: Extract<Expr, { kind: "cast" }>,
  compile: Compile,
  env: EvaluationEnvironment,
): CompiledExpr {
  const from = expr.arg.type;
  const { type, span, lenient = false } = expr;
  const arg = compile(expr.arg, env);
  if (typesEqual(from, type, true)) return arg;
  const cast = compileCast(from, type, env);
  if (cast === undefined) {
    const message = `cannot cast type ${dataTypeToName(from)} to ${dataTypeToName(type)}`;
    throw new LakeError("type_mismatch", message, { details: span === undefined ? {} : { ...span } });
  }
  const evaluate = lenient
    ? (value: Exclude<Scalar, null>): Scalar => {
        try {
          return cast(value);
        } catch (error) {
          if (error instanceof LakeError) return null;
          throw error;
        }
      }
    : cast;
  const run = vectorFunction(
    { evaluate, strict: true, safe: lenient, volatility: "stable", kernel: castKernel(from, type) },
    type,
    env.limits,
  );
  return (batch) => {
    const vector = arg(batch);
    return withSpan(span, () => run([vector], batch.rowCount));
  };
}

/** Evaluates on a subset of rows; used where other rows must not be touched. */
interface PartialExpr {
  readonly compiled: CompiledExpr;
  readonly used: ReadonlySet<number>;
  readonly safe: boolean;
}

function partialExpr(expr: Expr, compile: Compile, env: EvaluationEnvironment): PartialExpr {
  return { compiled: compile(expr, env), used: columnsUsed(expr), safe: isSafe(expr, env) };
}

function rowsWhere(states: Uint8Array, wanted: (state: number) => boolean): Int32Array {
  const rows = new Int32Array(states.length);
  let count = 0;
  for (let i = 0; i < states.length; i++) if (wanted(states[i] as number)) rows[count++] = i;
  return rows.subarray(0, count);
}

function compileConnective(
  kind: "and" | "or",
  args: readonly Expr[],
  compile: Compile,
  env: EvaluationEnvironment,
): CompiledExpr {
  const parts = args.map((arg) => partialExpr(arg, compile, env));
  // AND is decided by false, OR by true; null is decided by neither.
  const decided = kind === "and" ? FALSE : TRUE;
  return (batch) => {
    const { rowCount } = batch;
    const out = new Uint8Array(rowCount).fill(1 - decided);
    for (const { compiled, used, safe } of parts) {
      const open = safe ? undefined : rowsWhere(out, (state) => state !== decided);
      if (open === undefined || open.length === rowCount) {
        const states = triStates(compiled(batch), rowCount);
        for (let i = 0; i < rowCount; i++) {
          const state = states[i] as number;
          if (state === decided) out[i] = decided;
          else if (state === NULL && out[i] !== decided) out[i] = NULL;
        }
      } else if (open.length > 0) {
        const states = triStates(compiled(gatherColumns(batch, open, used)), open.length);
        for (let k = 0; k < open.length; k++) {
          const state = states[k] as number;
          if (state === decided || state === NULL) out[open[k] as number] = state;
        }
      }
    }
    return booleanVector(out);
  };
}

function compileIsNull(expr: Expr, negated: boolean, compile: Compile, env: EvaluationEnvironment): CompiledExpr {
  const arg = compile(expr, env);
  const whenNull = negated ? 0 : 1;
  const type: DataType = { kind: "boolean" };
  return (batch) => {
    const vector = arg(batch);
    const { rowCount } = batch;
    if (vector.encoding === "constant") {
      return constantVector(type, (vector.value === null) !== negated, rowCount);
    }
    const nested = vector.encoding === "dictionary" ? vector.dictionary.validity : undefined;
    if (vector.validity === undefined && nested === undefined && vector.type.kind !== "null") {
      return constantVector(type, negated, rowCount);
    }
    const read = rowReader(vector);
    const values = new Uint8Array(rowCount);
    for (let i = 0; i < rowCount; i++) values[i] = read(i) === null ? whenNull : 1 - whenNull;
    return { encoding: "flat", type, length: rowCount, values, validity: undefined };
  };
}

function compileInList(
  expr: Extract<Expr, { kind: "in_list" }>,
  compile: Compile,
  env: EvaluationEnvironment,
): CompiledExpr {
  const { negated } = expr;
  const argType = expr.arg.type;
  const arg = compile(expr.arg, env);
  const type: DataType = { kind: "boolean" };
  if (expr.list.every((item) => item.kind === "literal")) {
    const keys = new Set<unknown>();
    let hasNull = false;
    for (const item of expr.list) {
      if (item.value === null) hasNull = true;
      else keys.add(scalarKey(argType, item.value));
    }
    const evaluate = (value: Exclude<Scalar, null>): Scalar => {
      if (keys.has(scalarKey(argType, value))) return !negated;
      return hasNull ? null : negated;
    };
    const run = vectorFunction({ evaluate, strict: true, safe: true, volatility: "immutable" }, type, env.limits);
    return (batch) => run([arg(batch)], batch.rowCount);
  }
  const items = expr.list.map((item) => compile(item, env));
  return (batch) => {
    const read = rowReader(arg(batch));
    const readers = items.map((item) => rowReader(item(batch)));
    return buildVector(type, batch.rowCount, (row) => {
      const value = read(row);
      if (value === null) return null;
      const key = scalarKey(argType, value);
      let hasNull = false;
      for (const reader of readers) {
        const item = reader(row);
        if (item === null) hasNull = true;
        else if (scalarKey(argType, item) === key) return !negated;
      }
      return hasNull ? null : negated;
    });
  };
}

/** Rows of a result taken from the vectors that were computed for parts of the batch. */
interface Piece {
  readonly vector: Vector;
  /** Batch row of each vector row; undefined when the vector covers the batch. */
  readonly rows: Int32Array | undefined;
}

function assemble(type: DataType, rowCount: number, pieces: readonly Piece[], chosen: Uint16Array): Vector {
  const [only] = pieces;
  if (pieces.length === 1 && only?.rows === undefined && only !== undefined) return only.vector;
  const readers = pieces.map((piece) => rowReader(piece.vector));
  const positions = new Int32Array(rowCount);
  for (const [p, piece] of pieces.entries()) {
    if (piece.rows === undefined) {
      for (let i = 0; i < rowCount; i++) if (chosen[i] === p) positions[i] = i;
    } else {
      for (let k = 0; k < piece.rows.length; k++) {
        const row = piece.rows[k] as number;
        if (chosen[row] === p) positions[row] = k;
      }
    }
  }
  return buildVector(type, rowCount, (row) =>
    (readers[chosen[row] as number] as (row: number) => Scalar)(positions[row] as number),
  );
}

function evaluatePiece({ compiled, used, safe }: PartialExpr, batch: Batch, rows: Int32Array): Piece {
  if (safe || rows.length === batch.rowCount) return { vector: compiled(batch), rows: undefined };
  return { vector: compiled(gatherColumns(batch, rows, used)), rows };
}

function compileCase(
  expr: Extract<Expr, { kind: "case" }>,
  compile: Compile,
  env: EvaluationEnvironment,
): CompiledExpr {
  const branches = expr.branches.map(({ when, then }) => ({
    condition: partialExpr(when, compile, env),
    result: partialExpr(then, compile, env),
  }));
  const otherwise = partialExpr(expr.otherwise, compile, env);
  const { type } = expr;
  return (batch) => {
    const { rowCount } = batch;
    const chosen = new Uint16Array(rowCount);
    const pieces: Piece[] = [];
    let open = new Int32Array(rowCount);
    for (let i = 0; i < rowCount; i++) open[i] = i;
    for (const { condition: when, result } of branches) {
      if (open.length === 0) break;
      const condition = evaluatePiece(when, batch, open);
      const states = triStates(condition.vector, condition.vector.length);
      const matched = new Int32Array(open.length);
      const rest = new Int32Array(open.length);
      let matchedCount = 0;
      let restCount = 0;
      for (let k = 0; k < open.length; k++) {
        const row = open[k] as number;
        const state = states[condition.rows === undefined ? row : k];
        if (state === TRUE) {
          chosen[row] = pieces.length;
          matched[matchedCount++] = row;
        } else rest[restCount++] = row;
      }
      if (matchedCount > 0) pieces.push(evaluatePiece(result, batch, matched.subarray(0, matchedCount)));
      open = rest.subarray(0, restCount);
    }
    if (open.length > 0) {
      for (let k = 0; k < open.length; k++) chosen[open[k] as number] = pieces.length;
      pieces.push(evaluatePiece(otherwise, batch, open));
    }
    return assemble(type, rowCount, pieces, chosen);
  };
}

function compileCoalesce(
  expr: Extract<Expr, { kind: "coalesce" }>,
  compile: Compile,
  env: EvaluationEnvironment,
): CompiledExpr {
  const parts = expr.args.map((arg) => partialExpr(arg, compile, env));
  const { type } = expr;
  return (batch) => {
    const { rowCount } = batch;
    const chosen = new Uint16Array(rowCount);
    const pieces: Piece[] = [];
    let open = new Int32Array(rowCount);
    for (let i = 0; i < rowCount; i++) open[i] = i;
    for (const [p, part] of parts.entries()) {
      if (open.length === 0) break;
      const piece = evaluatePiece(part, batch, open);
      const read = rowReader(piece.vector);
      const rest = new Int32Array(open.length);
      let restCount = 0;
      const last = p === parts.length - 1;
      for (let k = 0; k < open.length; k++) {
        const row = open[k] as number;
        if (last || read(piece.rows === undefined ? row : k) !== null) chosen[row] = p;
        else rest[restCount++] = row;
      }
      pieces.push(piece);
      open = rest.subarray(0, restCount);
    }
    return assemble(type, rowCount, pieces, chosen);
  };
}

const NO_COLUMNS: Batch = { rowCount: 1, columns: [] };

/** The value of an expression that reads no columns. Errors: whatever the expression raises. */
export function evaluateConstant(expr: Expr, env: EvaluationEnvironment): Scalar {
  return rowReader(compileExpr(expr, env)(NO_COLUMNS))(0);
}
