// QUALIFY, which PostgreSQL's grammar does not have: a condition on window functions. It is parsed as a part of HAVING
// that is marked by a call, and taken out of there when the SELECT is bound.

import { joinPieces, type MappedText, type Piece } from "./pieces.ts";
import { tokenize, type Token } from "./tokens.ts";

/** The name of the call that marks the condition. */
export const QUALIFY_MARK = "firn_qualify";

const MIGHT_QUALIFY = /\bqualify\b/i;
/** Words that a clause of its own begins with, and so what is before them is complete. */
const NEXT_CLAUSES = new Set("window order limit offset fetch union intersect except for qualify returning".split(" "));
/** What follows `qualify` where it is the name of a column or table. */
const AFTER_NAME = new Set(
  (
    "where join inner left right full cross natural on using group having order limit offset fetch union intersect " +
    "except window for tablesample from as set when then else end and or in is like ilike between returning"
  ).split(" "),
);
/** After these `qualify` is a name. */
const BEFORE_NAME = new Set(
  (
    "select distinct all from join where on and or not when then else case by having as with update into table set " +
    "in is like ilike between"
  ).split(" "),
);
const NAME_SYMBOLS = new Set([",", ")", ".", ";", "=", "<", ">", "+", "*", "/", "%", "|", "]", "::", "!", "~"]);

/** A QUALIFY clause by the numbers of its tokens. */
interface Clause {
  readonly keyword: number;
  /** The token after its condition. */
  readonly end: number;
  /** The HAVING of the same SELECT. */
  readonly having: number | undefined;
  /** The WINDOW clause before it. */
  readonly window: number | undefined;
}

function isClauseKeyword(tokens: readonly Token[], i: number): boolean {
  const token = tokens[i];
  if (token?.kind !== "word" || token.text !== "qualify") return false;
  const before = tokens[i - 1];
  const after = tokens[i + 1];
  if (before === undefined || after === undefined) return false;
  if (
    before.kind === "word" ? BEFORE_NAME.has(before.text) : before.kind === "symbol" && !/^[)\]]$/.test(before.text)
  ) {
    return false;
  }
  if (after.kind === "symbol") return !NAME_SYMBOLS.has(after.text);
  if (after.kind !== "word" || !AFTER_NAME.has(after.text)) return true;
  const opens = tokens[i + 2];
  return opens?.kind === "symbol" && opens.text === "(";
}

function clauseAt(tokens: readonly Token[], keyword: number): Clause {
  let having: number | undefined;
  let window: number | undefined;
  let depth = 0;
  for (let i = keyword - 1; i >= 0; i--) {
    const { kind, text } = tokens[i] ?? { kind: "symbol", text: "" };
    if (kind === "symbol" && (text === ")" || text === "]")) depth += 1;
    else if (kind === "symbol" && (text === "(" || text === "[")) depth -= 1;
    if (depth < 0) break;
    if (depth > 0 || kind !== "word") continue;
    if (text === "having") having ??= i;
    else if (text === "window") window ??= i;
    else if (text === "select" || text === "union" || text === "intersect" || text === "except") break;
  }
  depth = 0;
  let end = keyword + 1;
  for (; end < tokens.length; end++) {
    const { kind, text } = tokens[end] ?? { kind: "symbol", text: "" };
    if (kind === "word" && depth === 0 && NEXT_CLAUSES.has(text)) break;
    if (kind !== "symbol") continue;
    if (text === "(" || text === "[") depth += 1;
    else if (text === ")" || text === "]") depth -= 1;
    if (depth < 0 || (depth === 0 && text === ";")) break;
  }
  return { keyword, end, having, window };
}

/** Moves each QUALIFY condition into HAVING as `HAVING firn_qualify(…)`, or after an `AND` where there is a HAVING. */
export function markQualify(sql: string): MappedText {
  const unchanged: MappedText = { text: sql, toOriginal: (offset) => offset };
  if (!MIGHT_QUALIFY.test(sql)) return unchanged;
  const tokens = tokenize(sql);
  const clauses = tokens.flatMap((_, i) => (isClauseKeyword(tokens, i) ? [clauseAt(tokens, i)] : []));
  // Inner clauses first: an outer one may hold them in its condition.
  const [clause] = clauses.toReversed();
  if (clause === undefined) return unchanged;
  const marked = markClause(sql, tokens, clause);
  if (clauses.length === 1) return marked;
  const rest = markQualify(marked.text);
  return { text: rest.text, toOriginal: (offset) => marked.toOriginal(rest.toOriginal(offset)) };
}

function markClause(sql: string, tokens: readonly Token[], { keyword, end, having, window }: Clause): MappedText {
  const word = tokens[keyword] ?? { start: 0, end: 0 };
  const conditionEnd = tokens[end - 1]?.end ?? word.end;
  const at = word.start;
  const added = (text: string, start = at): Piece => ({ start, end: start, text });
  const condition: Piece[] = [{ start: word.end, end: Math.max(word.end, conditionEnd) }, added(")", word.start)];
  const rest: Piece = { start: Math.max(word.end, conditionEnd), end: sql.length };
  // A WINDOW clause before it comes after HAVING in PostgreSQL.
  const target = window === undefined ? at : (tokens[window]?.start ?? at);
  const between: Piece = { start: target, end: at };
  if (having === undefined) {
    const opening = added(`HAVING ${QUALIFY_MARK}(`);
    return joinPieces(sql, [{ start: 0, end: target }, opening, ...condition, added(" "), between, rest]);
  }
  const havingEnd = tokens[having]?.end ?? target;
  const lastOfHaving = tokens[(window ?? keyword) - 1]?.end ?? target;
  return joinPieces(sql, [
    { start: 0, end: havingEnd },
    added(" (", havingEnd),
    { start: havingEnd, end: lastOfHaving },
    added(")", lastOfHaving),
    { start: lastOfHaving, end: target },
    added(`AND ${QUALIFY_MARK}(`),
    ...condition,
    added(" "),
    between,
    rest,
  ]);
}

/** A pattern with its marked conditions as they were written. */
export function showQualify(pattern: string): string {
  const opening = new RegExp(`(?:HAVING|AND) ${QUALIFY_MARK}\\(`, "i");
  let text = pattern;
  for (let match = opening.exec(text); match !== null; match = opening.exec(text)) {
    const start = match.index + match[0].length;
    const inner = tokenize(text.slice(start));
    let depth = 0;
    const closing = inner.find((token) => {
      if (token.kind !== "symbol") return false;
      if (token.text === "(") depth += 1;
      if (token.text === ")") depth -= 1;
      return depth < 0;
    });
    const end = start + (closing?.start ?? text.length - start);
    text = `${text.slice(0, match.index)}QUALIFY ${text.slice(start, end).trim()}${text.slice(end + 1)}`;
  }
  return text;
}
