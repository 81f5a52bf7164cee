// LIKE, ILIKE, SIMILAR TO and regular expressions as SQL functions and operators.

import type { Scalar } from "#columnar";
import { runtimeError } from "../values/errors.ts";
import type { FunctionCatalog } from "./definition.ts";
import { checkListLength, checkTextLength } from "../values/limits.ts";
import { likeEscape, likeMatcher, postgresPattern, similarToRegExp } from "./pattern.ts";
import type { PatternMatch } from "./text-pattern.ts";

/** Turns \1 and \& of a PostgreSQL replacement into a replacer function. */
function replacer(replacement: string): (match: PatternMatch) => string {
  if (!replacement.includes("\\")) return () => replacement;
  return ({ groups }) =>
    replacement.replace(/\\([\s\S])/g, (whole, c: string) => {
      if (c === "&") return groups[0] ?? "";
      if (c >= "1" && c <= "9") return groups[Number(c)] ?? "";
      return c === "\\" ? "\\" : whole;
    });
}

function regexpReplace(text: string, pattern: string, replacement: string, flags = ""): string {
  const expression = postgresPattern(pattern, flags);
  const replace = replacer(replacement);
  let out = "";
  let last = 0;
  for (const match of expression.all(text)) {
    out += text.slice(last, match.index) + replace(match);
    checkTextLength(out.length);
    last = match.index + wholeOf(match).length;
    if (!flags.includes("g")) break;
  }
  return out + text.slice(last);
}

function wholeOf({ groups }: PatternMatch): string {
  return groups[0] ?? "";
}

function firstMatch(text: string, pattern: string, flags: string): readonly (string | undefined)[] | undefined {
  return postgresPattern(pattern, flags).first(text)?.groups;
}

function groupsOf(groups: readonly (string | undefined)[]): Scalar[] {
  return (groups.length === 1 ? groups : groups.slice(1)).map((group) => group ?? null);
}

function regexpMatch(text: string, pattern: string, flags = ""): Scalar {
  if (flags.includes("g")) throw runtimeError('regexp_match() does not support the "global" option');
  const match = firstMatch(text, pattern, flags);
  return match === undefined ? null : groupsOf(match);
}

function regexpSubstring(text: string, pattern: string): Scalar {
  const match = firstMatch(text, pattern, "");
  if (match === undefined) return null;
  return (match.length > 1 ? match[1] : match[0]) ?? null;
}

/** Spark and DuckDB: group 0 is the whole match; no match gives the empty text. */
function regexpExtract(text: string, pattern: string, group: number): string {
  return firstMatch(text, pattern, "")?.[group] ?? "";
}

function regexpCount(text: string, pattern: string, start = 1, flags = ""): number {
  let count = 0;
  for (const _ of postgresPattern(pattern, flags).all(text.slice(start - 1))) count += 1;
  return count;
}

/** The groups of the first match, or of all with the flag g: one row each. */
export function regexpMatches(text: string, pattern: string, flags: string): (readonly [Scalar])[] {
  const expression = postgresPattern(pattern, flags);
  const rows: (readonly [Scalar])[] = [];
  for (const { groups } of expression.all(text)) {
    rows.push([groupsOf(groups)]);
    checkListLength(rows.length);
    if (!flags.includes("g")) break;
  }
  return rows;
}

/** The parts between matches; groups are not among them. Errors: `sql_runtime_error`. */
export function regexpSplit(text: string, pattern: string, flags = ""): string[] {
  const parts: string[] = [];
  let last = 0;
  for (const match of postgresPattern(pattern, flags).all(text)) {
    const whole = wholeOf(match);
    if (whole === "" && (match.index === 0 || match.index >= text.length)) continue;
    parts.push(text.slice(last, match.index));
    checkListLength(parts.length);
    last = match.index + whole.length;
  }
  parts.push(text.slice(last));
  return parts;
}

const like = (text: string, pattern: string): boolean => likeMatcher(pattern, false)(text);

const ilike = (text: string, pattern: string): boolean => likeMatcher(pattern, true)(text);

function bytesAsCharacters(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** LIKE on bytes: each is a character of its own. */
function likeBytes(bytes: Uint8Array, pattern: Uint8Array): boolean {
  return like(bytesAsCharacters(bytes), bytesAsCharacters(pattern));
}

/** Adds pattern matching. */
export function defineMatching({ define, alias }: FunctionCatalog): void {
  define("~~", "text, text -> bool", like);
  define("!~~", "text, text -> bool", (text: string, pattern: string) => !like(text, pattern));
  define("~~*", "text, text -> bool", ilike);
  define("!~~*", "text, text -> bool", (text: string, pattern: string) => !ilike(text, pattern));
  define("~~", "bytea, bytea -> bool", likeBytes);
  define("!~~", "bytea, bytea -> bool", (bytes: Uint8Array, pattern: Uint8Array) => !likeBytes(bytes, pattern));
  alias("~~", "like");
  alias("!~~", "notlike");
  alias("~~*", "ilike");
  define("like_escape", "text, text -> text", likeEscape);
  define("similar_to_escape", "text -> text", (pattern: string) => similarToRegExp(pattern, "\\"));
  define("similar_to_escape", "text, text -> text", similarToRegExp);
  alias("similar_to_escape", "similar_escape");
  for (const [name, flags, negated] of [
    ["~", "", false],
    ["~*", "i", false],
    ["!~", "", true],
    ["!~*", "i", true],
  ] as const) {
    define(
      name,
      "text, text -> bool",
      (text: string, pattern: string) => postgresPattern(pattern, flags).test(text) !== negated,
    );
  }
  define("regexp_like", "text, text -> bool", (text: string, pattern: string) =>
    postgresPattern(pattern, "").test(text),
  );
  define("regexp_like", "text, text, text -> bool", (text: string, pattern: string, flags: string) => {
    return firstMatch(text, pattern, flags) !== undefined;
  });
  alias("regexp_like", "rlike");
  define("regexp_replace", "text, text, text -> text", (text: string, pattern: string, replacement: string) =>
    regexpReplace(text, pattern, replacement),
  );
  define("regexp_replace", "text, text, text, text -> text", regexpReplace);
  define("regexp_match", "text, text -> text[]", (text: string, pattern: string) => regexpMatch(text, pattern));
  define("regexp_match", "text, text, text -> text[]", regexpMatch);
  define("regexp_substr", "text, text -> text", (text: string, pattern: string) => {
    return firstMatch(text, pattern, "")?.[0] ?? null;
  });
  define("substring", "text, text -> text", regexpSubstring);
  define("regexp_extract", "text, text -> text", (text: string, pattern: string) => regexpExtract(text, pattern, 0));
  define("regexp_extract", "text, text, int4 -> text", regexpExtract);
  define("regexp_count", "text, text -> int4", (text: string, pattern: string) => regexpCount(text, pattern));
  define("regexp_count", "text, text, int4 -> int4", (text: string, pattern: string, start: number) =>
    regexpCount(text, pattern, start),
  );
  define("regexp_count", "text, text, int4, text -> int4", regexpCount);
  define("regexp_split_to_array", "text, text -> text[]", (text: string, pattern: string) =>
    regexpSplit(text, pattern),
  );
  define("regexp_split_to_array", "text, text, text -> text[]", regexpSplit);
}
