// Time travel, which PostgreSQL's grammar does not have: `FOR SYSTEM_TIME AS OF …` and its kin are cut out of the text
// before it is parsed, and the text keeps its length, so that every offset stays what it was.

import { sqlError } from "../bind/errors.ts";
import { tokenize, type Token } from "./tokens.ts";

/** A clause that asks for a table as it was. Offsets in UTF-16 units of the original text, end exclusive. */
export interface TimeTravelClause {
  /** What the expression names: a time, or a snapshot id, branch or tag. */
  readonly kind: "timestamp" | "version";
  readonly start: number;
  readonly end: number;
  readonly expressionStart: number;
}

/** A text without its time travel clauses, of the same length. */
export interface TimeTravelText {
  readonly text: string;
  readonly clauses: readonly TimeTravelClause[];
}

/** Cheap test that spares almost every query the tokens. */
const MIGHT_TRAVEL = /\b(?:time|timestamp|version)\b[\s\S]*?\bof\b/i;
const MIGHT_TRAVEL_SYSTEM = /\bsystem_(?:time|version)\b/i;

const KIND_BY_WORD: ReadonlyMap<string, TimeTravelClause["kind"]> = new Map([
  ["system_time", "timestamp"],
  ["timestamp", "timestamp"],
  ["system_version", "version"],
  ["version", "version"],
]);

/** Words that end the clause's expression where no operand may follow. */
const ENDING_WORDS = new Set(
  (
    "as where join inner left right full cross natural on using group having order limit offset fetch union " +
    "intersect except window for tablesample set when returning values select default"
  ).split(" "),
);
/** Words that continue an expression after an operand. */
const OPERATOR_WORDS = new Set(
  "and or not is in between like ilike similar at collate operator isnull notnull".split(" "),
);
/** Words that a name of a table cannot be: what stands before `version as of` in a select list. */
const NOT_A_TABLE = new Set(
  "select distinct all from join where on and or not when then else case by having set".split(" "),
);
const INTERVAL_UNITS = new Set("year month day hour minute second to".split(" "));

/**
 * Finds the clauses and blanks them.
 *
 * Forms: `FOR SYSTEM_TIME AS OF`, `FOR SYSTEM_VERSION AS OF`, `FOR TIMESTAMP AS OF`, `FOR VERSION AS OF` after a table's
 * name or its alias, and `TIMESTAMP AS OF`, `VERSION AS OF` after a table's name. Errors: `sql_syntax_error` for a clause
 * without an expression.
 */
export function extractTimeTravel(sql: string): TimeTravelText {
  if (!MIGHT_TRAVEL.test(sql) && !MIGHT_TRAVEL_SYSTEM.test(sql)) return { text: sql, clauses: [] };
  const tokens = tokenize(sql);
  const clauses: TimeTravelClause[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const opening = clauseAt(tokens, i);
    if (opening === undefined) continue;
    const first = i + opening.length;
    const last = expressionEnd(tokens, first);
    const start = tokens[i]?.start ?? 0;
    const expression = tokens[first];
    const end = tokens[last - 1]?.end ?? sql.length;
    if (expression === undefined || last === first) {
      throw sqlError("sql_syntax_error", "AS OF needs a value.", { start, end: tokens[first - 1]?.end ?? end });
    }
    clauses.push({ kind: opening.kind, start, end, expressionStart: expression.start });
    i = last - 1;
  }
  let text = sql;
  for (const { start, end } of clauses) text = text.slice(0, start) + blank(sql.slice(start, end)) + text.slice(end);
  return { text, clauses };
}

/** Line ends stay: a line comment before the clause ends where it did. */
function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, " ");
}

function clauseAt(
  tokens: readonly Token[],
  at: number,
): { readonly kind: TimeTravelClause["kind"]; readonly length: number } | undefined {
  const word = (offset: number): string | undefined => {
    const token = tokens[at + offset];
    return token?.kind === "word" ? token.text : undefined;
  };
  const isLong = word(0) === "for";
  const skip = isLong ? 1 : 0;
  const name = word(skip) ?? "";
  const kind = KIND_BY_WORD.get(name);
  if (kind === undefined || word(skip + 1) !== "as" || word(skip + 2) !== "of") return undefined;
  if (!isLong && name.startsWith("system_")) return undefined;
  const before = tokens[at - 1];
  if (before === undefined) return undefined;
  const isName = before.kind === "quoted" || (before.kind === "word" && !NOT_A_TABLE.has(before.text));
  return isName || isLong ? { kind, length: skip + 3 } : undefined;
}

/** Index of the token after the expression that starts at `first`. */
function expressionEnd(tokens: readonly Token[], first: number): number {
  let depth = 0;
  // Whether the last token ended an operand, so that a name would be the table's alias.
  let isComplete = false;
  for (let i = first; i < tokens.length; i++) {
    const token = tokens[i] as Token;
    if (token.kind === "symbol") {
      if (token.text === "(" || token.text === "[") {
        depth += 1;
        isComplete = false;
        continue;
      }
      if (token.text === ")" || token.text === "]") {
        if (depth === 0) return i;
        depth -= 1;
        isComplete = true;
        continue;
      }
      if (depth === 0 && (token.text === "," || token.text === ";")) return i;
      isComplete = false;
      continue;
    }
    if (depth > 0) continue;
    if (token.kind === "word") {
      if (ENDING_WORDS.has(token.text)) return i;
      if (OPERATOR_WORDS.has(token.text)) {
        isComplete = false;
        continue;
      }
      if (isComplete) {
        const length = continuation(tokens, i);
        if (length === 0) return i;
        i += length - 1;
        continue;
      }
      isComplete = true;
    } else if (token.kind === "quoted") {
      if (isComplete) return i;
      isComplete = true;
    } else {
      // A string after a type's name is its value: timestamp '2024-01-01'.
      isComplete = true;
    }
  }
  return tokens.length;
}

/** How many words at `at` belong to the operand before: `interval '1' hour`, `::timestamp with time zone`, `time zone`. */
function continuation(tokens: readonly Token[], at: number): number {
  const text = (index: number): string => tokens[index]?.text ?? "";
  if ((text(at) === "with" || text(at) === "without") && text(at + 1) === "time" && text(at + 2) === "zone") return 3;
  if (text(at) === "time" && text(at + 1) === "zone" && text(at - 1) === "at") return 2;
  if (text(at) === "zone" && text(at - 1) === "time") return 1;
  if (text(at) === "precision" && text(at - 1) === "double") return 1;
  const isUnit = INTERVAL_UNITS.has(text(at));
  if (isUnit && tokens[at - 1]?.kind === "string" && text(at - 2) === "interval") return 1;
  return 0;
}
