// Parameters by name: `:name` becomes `$n` before PostgreSQL's parser sees the text, which has numbers only.

import { sqlError } from "../bind/errors.ts";
import { replaceParts, type MappedText } from "./pieces.ts";
import { tokenize, type Token } from "./tokens.ts";

/** A text whose parameters are numbers, with their names in the order of the numbers. */
export interface NumberedText extends MappedText {
  readonly names: readonly string[];
}

/** Cheap test: a colon before a name and not after another colon. */
const MIGHT_NAME = /(?<!:):[A-Za-z_]/;

/** Words after which an operand begins, so that a colon after them is no slice. */
const BEFORE_OPERAND = new Set("and or not in between like ilike is case when then else select".split(" "));

function endsOperand(token: Token | undefined): boolean {
  if (token === undefined) return false;
  if (token.kind === "word") return !BEFORE_OPERAND.has(token.text);
  return token.kind !== "symbol" || token.text === ")" || token.text === "]";
}

/**
 * Numbers the parameters written `:name`; equal names have one number. Casts (`x::int`), slices (`a[1:n]`), strings,
 * quoted names, comments and dollar quotes stay as they are. `known` are names that have numbers already.
 *
 * Errors: `sql_syntax_error` when a text has both `$n` and `:name`.
 */
export function numberParameters(sql: string, known: readonly string[] = []): NumberedText {
  const names = [...known];
  if (!MIGHT_NAME.test(sql)) return { text: sql, toOriginal: (offset) => offset, names };
  const tokens = tokenize(sql);
  const parts: { readonly start: number; readonly end: number; readonly text: string }[] = [];
  const brackets: string[] = [];
  let numbered: Token | undefined;
  for (const [i, token] of tokens.entries()) {
    if (token.kind === "parameter") numbered ??= token;
    if (token.kind !== "symbol") continue;
    if (token.text === "(" || token.text === "[") brackets.push(token.text);
    else if (token.text === ")" || token.text === "]") brackets.pop();
    const next = tokens[i + 1];
    if (token.text !== ":" || next?.kind !== "word" || next.start !== token.end) continue;
    if (brackets.at(-1) === "[" && endsOperand(tokens[i - 1])) continue;
    const name = sql.slice(next.start, next.end);
    if (!names.includes(name)) names.push(name);
    parts.push({ start: token.start, end: next.end, text: `$${names.indexOf(name) + 1}` });
  }
  if (numbered !== undefined && parts.length > 0) {
    const span = { start: numbered.start, end: numbered.end };
    throw sqlError("sql_syntax_error", "Parameters are either numbers ($1) or names (:name), not both.", span);
  }
  return { ...replaceParts(sql, parts), names };
}
