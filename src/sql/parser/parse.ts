// SQL text to PostgreSQL's parse tree, with its signatures. The parser is the one PostgreSQL uses.

import type { Node } from "libpg-query";
import { InvariantViolation, LakeError } from "#core";
import { sqlError } from "../bind/errors.ts";
import { joinOptionArrays } from "../definition/option-arrays.ts";
import { instantiatePgQuery, type PgQueryInstance, type RawParse } from "./pg-query-wasm.ts";
import { quoteDefaultNamespace } from "./default-namespace.ts";
import { numberParameters } from "./named-parameters.ts";
import { normalizeWhitespace } from "./pattern.ts";
import { chain, type MappedText } from "./pieces.ts";
import { markQualify, showQualify } from "./qualify.ts";
import { createRememberedTexts } from "./remembered.ts";
import { rewriteShow } from "./show.ts";
import { extractTimeTravel, type TimeTravelClause } from "./time-travel.ts";

/** A parsed statement. Tree locations are converted from UTF-8 bytes to UTF-16 units by `offsetAt`. */
export interface ParsedStatement {
  readonly sql: string;
  readonly statement: Node;
  /** UTF-16 offset of a tree location (a byte offset; absent means 0). */
  readonly offsetAt: (location: number | undefined) => number;
  /** Normalized text: constants as $n, single spaces, no comments. */
  readonly pattern: string;
  /** libpg-query's fingerprint: equal for queries that differ in constants, spacing or list lengths only. */
  readonly fingerprint: string;
  /** Clauses that ask for a table as it was, in text order. */
  readonly timeTravel: readonly ParsedTimeTravel[];
  /** Names of the parameters, in the order of their numbers; empty when the text numbers them itself. */
  readonly parameterNames: readonly string[];
}

/** A time travel clause with its expression parsed. */
export interface ParsedTimeTravel extends TimeTravelClause {
  readonly expression: Node;
  /** UTF-16 offset of a location in the expression's tree. */
  readonly offsetAt: (location: number | undefined) => number;
}

const MAX_SQL_CHARACTERS = 1_000_000;

const state: { module?: WebAssembly.Module; instance?: PgQueryInstance } = {};

/**
 * Prepares the parser. A Worker passes the imported `libpg-query/wasm/libpg-query.wasm`, since it cannot compile
 * WebAssembly; in Node the module is found in node_modules and compiled. Idempotent.
 */
export async function initSqlParser(module?: WebAssembly.Module): Promise<void> {
  if (state.module !== undefined) return;
  state.module = module ?? (await compileInstalledModule());
}

async function compileInstalledModule(): Promise<WebAssembly.Module> {
  const { readFile } = await import("node:fs/promises");
  const { createRequire } = await import("node:module");
  const path = createRequire(import.meta.url).resolve("libpg-query/wasm/libpg-query.wasm");
  // The Workers types leave out what Workers refuse at run time; this runs in Node only.
  const compiler = WebAssembly as unknown as { compile(bytes: Uint8Array): Promise<WebAssembly.Module> };
  return compiler.compile(await readFile(path));
}

/** Runs one parser call; an instance that threw is dropped, because its heap may be inconsistent. */
function withParser<T>(run: (parser: PgQueryInstance) => T): T {
  if (state.module === undefined) throw new InvariantViolation("initSqlParser was not awaited");
  state.instance ??= instantiatePgQuery(state.module);
  try {
    return run(state.instance);
  } catch (error) {
    delete state.instance;
    throw error;
  }
}

interface RawTree {
  readonly stmts?: readonly { readonly stmt?: Node; readonly stmt_location?: number }[];
}

const remembered = createRememberedTexts<ParsedStatement>();

/**
 * Parses exactly one statement. What is returned is shared by all who parse the text: nobody may change it.
 *
 * Errors: `sql_syntax_error` with the position; `sql_unsupported` for several statements or a query too deep or long.
 */
export function parseStatement(sql: string): ParsedStatement {
  return remembered.get(sql, () => {
    const shown = rewriteShow(sql);
    return shown === undefined ? parseText(sql) : parseRewritten(sql, shown);
  });
}

/** A statement that is parsed as another text, with its positions in its own. */
function parseRewritten(sql: string, { text, toOriginal }: MappedText): ParsedStatement {
  let parsed: ParsedStatement;
  try {
    parsed = parseText(text);
  } catch (error) {
    if (!(error instanceof LakeError) || typeof error.details["start"] !== "number") throw error;
    const start = toOriginal(error.details["start"]);
    const details = { ...error.details, position: start + 1, start, end: toOriginal(Number(error.details["end"])) };
    throw new LakeError(error.code, error.message, { details, context: error.context, cause: error });
  }
  // A clause's own text is found by its place in the text that was parsed.
  if (parsed.timeTravel.length > 0) return parsed;
  return { ...parsed, sql, offsetAt: (location) => toOriginal(parsed.offsetAt(location)) };
}

function parseText(sql: string): ParsedStatement {
  if (sql.length > MAX_SQL_CHARACTERS) {
    throw new LakeError("sql_unsupported", `The query has more than ${MAX_SQL_CHARACTERS} characters.`);
  }
  const nul = sql.indexOf("\0");
  if (nul !== -1) throw sqlError("sql_syntax_error", "The query holds a NUL character.", { start: nul, end: nul + 1 });
  const travel = extractTimeTravel(joinOptionArrays(sql));
  const numbered = numberParameters(travel.text);
  const qualified = chain(numbered, markQualify(numbered.text));
  const { text, toOriginal } = chain(qualified, quoteDefaultNamespace(qualified.text));
  const toUnits = createOffsetMap(text);
  const offsetAt = (location: number | undefined): number => toOriginal(toUnits(location));
  const statements = parseTree(text, toOriginal).stmts ?? [];
  const first = statements[0]?.stmt;
  if (first === undefined) throw new LakeError("sql_syntax_error", "The query is empty: send one SELECT statement.");
  const second = statements[1];
  if (second !== undefined) {
    const start = offsetAt(second.stmt_location);
    throw sqlError("sql_unsupported", "Several statements in one query are not supported: send them one by one.", {
      start,
      end: sql.length,
    });
  }
  let parameterNames = numbered.names;
  const timeTravel = travel.clauses.map((clause) => {
    const expression = numberParameters(sql.slice(clause.expressionStart, clause.end), parameterNames);
    parameterNames = expression.names;
    return parseTimeTravel(clause, expression);
  });
  // Reading a table as it was is another kind of query than reading it as it is.
  const past = timeTravel.map(({ kind }) => (kind === "timestamp" ? "system_time" : "system_version"));
  const pattern = showQualify(normalizeWhitespace(withParser((parser) => parser.normalize(text))));
  return {
    sql,
    statement: first,
    offsetAt,
    pattern: [pattern, ...past.map((kind) => `/* for ${kind} as of */`)].join(" "),
    fingerprint: [withParser((parser) => parser.fingerprint(text)), ...past].join("-"),
    timeTravel,
    parameterNames,
  };
}

function parseTree(text: string, toOriginal: (offset: number) => number): RawTree {
  let raw: RawParse;
  let tree: RawTree;
  try {
    raw = withParser((parser) => parser.parse(text));
    tree = raw.ok ? (JSON.parse(raw.tree) as RawTree) : {};
  } catch (error) {
    throw new LakeError("sql_unsupported", "The query is nested too deeply or too large to parse.", { cause: error });
  }
  if (!raw.ok) throw syntaxError(text, raw.message, raw.position, toOriginal);
  return tree;
}

const SELECT_WORD = "SELECT ";

/** Parses the expression of a clause where it stands: what is before it becomes blank. */
function parseTimeTravel(clause: TimeTravelClause, { text: expressionText, toOriginal }: MappedText): ParsedTimeTravel {
  const before = clause.expressionStart;
  const text = `${SELECT_WORD.padStart(before)}${expressionText}`;
  const toClause = (offset: number): number => (offset < before ? offset : before + toOriginal(offset - before));
  const [first] = parseTree(text, toClause).stmts ?? [];
  const targets =
    first?.stmt !== undefined && "SelectStmt" in first.stmt ? (first.stmt.SelectStmt.targetList ?? []) : [];
  const [target] = targets;
  const expression = target !== undefined && "ResTarget" in target ? target.ResTarget.val : undefined;
  if (expression === undefined || targets.length !== 1) {
    throw sqlError("sql_syntax_error", "AS OF needs one value.", { start: clause.expressionStart, end: clause.end });
  }
  const toUnits = createOffsetMap(text);
  return { ...clause, expression, offsetAt: (location) => toClause(toUnits(location)) };
}

/** PostgreSQL reports a 1-based position in characters, or 0 when it knows none. */
function syntaxError(
  sql: string,
  message: string,
  position: number,
  toOriginal: (offset: number) => number,
): LakeError {
  const capitalized = message.charAt(0).toUpperCase() + message.slice(1);
  const text = capitalized.replace(/[.]?$/, ".");
  const errorAt = (start: number, end: number): LakeError =>
    sqlError("sql_syntax_error", text, { start: toOriginal(start), end: toOriginal(Math.min(sql.length, end)) });
  if (position <= 0) {
    return message.includes("end of input") ? errorAt(sql.length, sql.length) : new LakeError("sql_syntax_error", text);
  }
  const start = characterOffset(sql, position - 1);
  const near = /at or near "([\s\S]*)"/.exec(message)?.[1];
  return errorAt(start, start + (near?.length ?? 1));
}

/** UTF-16 offset of the n-th code point. */
function characterOffset(sql: string, characters: number): number {
  let offset = 0;
  for (let i = 0; i < characters && offset < sql.length; i++) {
    offset += (sql.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1;
  }
  return offset;
}

/** Byte offset → UTF-16 offset; the identity for ASCII, which most queries are. */
function createOffsetMap(sql: string): (location: number | undefined) => number {
  let isAscii = true;
  for (let i = 0; i < sql.length && isAscii; i++) isAscii = sql.charCodeAt(i) < 0x80;
  if (isAscii) return (location) => Math.max(0, location ?? 0);
  const units: number[] = [];
  for (let i = 0; i < sql.length;) {
    const codePoint = sql.codePointAt(i) ?? 0;
    const byteLength = codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
    for (let b = 0; b < byteLength; b++) units.push(i);
    i += codePoint > 0xffff ? 2 : 1;
  }
  return (location) => units[Math.max(0, location ?? 0)] ?? sql.length;
}
