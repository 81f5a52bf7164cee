// Whether a text is a value of a type: pg_input_is_valid and what pg_input_error_info tells.

import { LakeError, type ErrorCode } from "#core";
import type { DataType, Scalar } from "#columnar";
import { runtimeError } from "../values/errors.ts";
import { castScalar } from "../values/index.ts";
import { typeOf, type FunctionCatalog } from "./definition.ts";

const UNKNOWN: DataType = { kind: "null" };

/** Types by the names SQL writes, where they are not those of signatures. */
const SQL_NAMES: Readonly<Record<string, string>> = {
  boolean: "bool",
  smallint: "int2",
  int: "int4",
  integer: "int4",
  bigint: "int8",
  real: "float4",
  "double precision": "float8",
  decimal: "numeric",
  varchar: "text",
  "character varying": "text",
  char: "text",
  character: "text",
  bpchar: "text",
  "time without time zone": "time",
  "timestamp without time zone": "timestamp",
  "timestamp with time zone": "timestamptz",
};
const CHARACTER_TYPES = new Set(["varchar", "character varying", "char", "character", "bpchar"]);

/** SQLSTATE of the errors a text can cause. */
const SQL_STATES: Partial<Record<ErrorCode, string>> = {
  invalid_text_representation: "22P02",
  numeric_out_of_range: "22003",
};

interface NamedInput {
  readonly type: DataType;
  /** The most characters a varchar(n) or char(n) takes. */
  readonly maxLength: number | undefined;
  readonly name: string;
}

function inputOf(written: string): NamedInput {
  const match = /^\s*([a-z][a-z0-9 ]*?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*((?:\[\s*\])*)\s*$/i.exec(written);
  const plain = (match?.[1] ?? "").toLowerCase().replaceAll(/\s+/g, " ");
  const name = SQL_NAMES[plain] ?? plain;
  let type: DataType;
  try {
    type = typeOf(name === "unknown" ? "" : name);
  } catch {
    throw runtimeError(`type "${written}" does not exist`);
  }
  const [first, second] = [match?.[2], match?.[3]];
  if (type.kind === "decimal" && first !== undefined) {
    type = { kind: "decimal", precision: Number(first), scale: Number(second ?? 0) };
  }
  const maxLength = CHARACTER_TYPES.has(plain) && first !== undefined ? Number(first) : undefined;
  return {
    type: (match?.[4] ?? "") === "" ? type : { kind: "list", element: type },
    maxLength,
    name: plain.startsWith("varchar") || plain === "character varying" ? "character varying" : "character",
  };
}

interface InputError {
  readonly message: string;
  readonly state: string;
}

function stateOf(error: LakeError): string {
  if (error.message.startsWith("date/time field value out of range")) return "22008";
  if (/^(date|timestamp|interval)/.test(error.message) && error.code === "numeric_out_of_range") return "22008";
  const isTemporal = /type (date|time|timestamp|interval)\b/.test(error.message);
  return isTemporal ? "22007" : (SQL_STATES[error.code] ?? "22000");
}

function checkInput(text: string, typeName: string): InputError | undefined {
  const { type, maxLength, name } = inputOf(typeName);
  if (maxLength !== undefined && Array.from(text.trimEnd()).length > maxLength) {
    return { message: `value too long for type ${name}(${maxLength})`, state: "22001" };
  }
  try {
    castScalar(text, UNKNOWN, type);
    return undefined;
  } catch (error) {
    if (error instanceof LakeError) return { message: error.message, state: stateOf(error) };
    throw error;
  }
}

/** The one row of pg_input_error_info: message, detail, hint and SQLSTATE, all null for a valid text. */
export function inputErrorInfo(text: string, typeName: string): readonly Scalar[] {
  const error = checkInput(text, typeName);
  return error === undefined ? [null, null, null, null] : [error.message, null, null, error.state];
}

/** Adds the check. */
export function defineInputChecks({ define }: FunctionCatalog): void {
  define(
    "pg_input_is_valid",
    "text, text -> bool",
    (text: string, typeName: string) => checkInput(text, typeName) === undefined,
    { volatility: "stable" },
  );
}
