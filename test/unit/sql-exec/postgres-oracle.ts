// PostgreSQL itself (PGlite) as the oracle of scalar functions: one call, both engines, results as text.

import { PGlite } from "@electric-sql/pglite";
import { LakeError } from "#core";
import type { DataType } from "#columnar";
import { evaluateConstant } from "../../../src/sql/execute/index.ts";
import { functionRegistry } from "../../../src/sql/functions/index.ts";
import { typeOf } from "../../../src/sql/functions/definition.ts";
import type { Expr } from "../../../src/sql/plan.ts";
import { castScalar, scalarToText } from "../../../src/sql/values/index.ts";

/** `text::type`; a null text is NULL of that type, type "unknown" is an untyped literal. */
export type Argument = readonly [text: string | null, type: string];

/** Parses `1::int4`, `abc::text`, `NULL::text`, `'x'` (untyped). */
export function argument(source: string): Argument {
  const at = source.lastIndexOf("::");
  if (at < 0) return [source === "NULL" ? null : source, "unknown"];
  const text = source.slice(0, at);
  return [text === "NULL" ? null : text, source.slice(at + 2)];
}

const ENV = { statementTimeMicros: Date.UTC(2024, 0, 15, 10, 30) * 1000 };

/** The outcome of a call: text, null, or the error's code. */
export type Outcome = string | null;

function quote([text, type]: Argument): string {
  const literal = text === null ? "NULL" : `'${text.replaceAll("'", "''")}'`;
  return type === "unknown" ? literal : `${literal}::${type}`;
}

const SYNTAX: Readonly<Record<string, (args: readonly string[]) => string>> = {
  extract: ([unit = "", value = ""]) => `extract(${unit.replace(/^'|'(::text)?$/g, "")} from ${value})`,
  position: ([text = "", part = ""]) => `position(${part} in ${text})`,
  is_distinct_from: ([a = "", b = ""]) => `(${a} is distinct from ${b})`,
  is_not_distinct_from: ([a = "", b = ""]) => `(${a} is not distinct from ${b})`,
  overlay: (args) =>
    `overlay(${args[0]} placing ${args[1]} from ${args[2]}${args[3] === undefined ? "" : ` for ${args[3]}`})`,
};

function isOperator(name: string): boolean {
  return !/^[a-z_]/.test(name);
}

/** The call as PostgreSQL text. */
export function callToSql(name: string, args: readonly Argument[]): string {
  const texts = args.map((arg) => quote(arg));
  const special = SYNTAX[name];
  if (special !== undefined) return special(texts);
  if (!isOperator(name)) return `${name}(${texts.join(", ")})`;
  return texts.length === 1 ? `(${name} ${texts[0] ?? ""})` : `(${texts[0] ?? ""} ${name} ${texts[1] ?? ""})`;
}

const CODES: Readonly<Record<string, string>> = {
  "22012": "division_by_zero",
  "22003": "numeric_out_of_range",
  "22P02": "invalid_text_representation",
  "22007": "invalid_text_representation",
  "22008": "invalid_text_representation",
  "22009": "invalid_text_representation",
  "22023": "sql_runtime_error",
};

/** What PostgreSQL says. */
export async function askPostgres(postgres: PGlite, expression: string): Promise<Outcome> {
  try {
    const { rows } = await postgres.query<{ v: string | null }>(`SELECT (${expression})::text AS v`);
    return rows[0]?.v ?? null;
  } catch (error) {
    const { code } = error as { code?: string };
    return `error ${CODES[code ?? ""] ?? "sql_runtime_error"}`;
  }
}

/** What our registry and executor say. */
export function askFirn(name: string, args: readonly Argument[]): Outcome {
  try {
    const types: DataType[] = args.map(([, type]) => typeOf(type));
    const resolved = functionRegistry.resolveScalar(name, types);
    if (resolved === undefined) return "error undefined_function";
    const exprs = args.map(([text, type], i): Expr => {
      const argType = resolved.argTypes[i] as DataType;
      const own = typeOf(type);
      const from: DataType = own.kind === "null" ? { kind: "string" } : own;
      const value = castScalar(text, { kind: "string" }, from, { env: ENV });
      const literal: Expr = { kind: "literal", value, type: from };
      return { kind: "cast", arg: literal, type: argType };
    });
    const call: Expr = { kind: "call", function: resolved.id, args: exprs, type: resolved.returnType };
    const value = evaluateConstant(call, ENV);
    return value === null ? null : scalarToText(value, resolved.returnType);
  } catch (error) {
    if (error instanceof LakeError) return `error ${error.code}`;
    throw error;
  }
}

/** A database to ask, with UTC as its zone. */
export async function startPostgres(): Promise<PGlite> {
  const postgres = await PGlite.create();
  await postgres.exec("SET TIME ZONE 'UTC'; SET intervalstyle = 'postgres'; SET datestyle = 'ISO';");
  return postgres;
}
