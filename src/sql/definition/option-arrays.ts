// WITH (partitioning = ARRAY['day(ts)', 'k']), as Trino writes a list of options and PostgreSQL's grammar does not: the
// array becomes one text of the same length before the statement is parsed.

import { tokenize, type Token } from "../parser/tokens.ts";

/** Cheap test that spares almost every statement the tokens. */
const MIGHT_HAVE_ARRAYS = /^\s*(?:--[^\n]*\n\s*|\/\*[\s\S]*?\*\/\s*)*create\s+table\b[\s\S]*\barray\s*\[/i;

/** Replaces arrays of texts after `=` in the options of CREATE TABLE. Every offset stays what it was. */
export function joinOptionArrays(sql: string): string {
  if (!MIGHT_HAVE_ARRAYS.test(sql)) return sql;
  const tokens = tokenize(sql);
  let text = sql;
  for (let i = 2; i < tokens.length; i++) {
    if (tokens[i]?.text === "as" && tokens[i]?.kind === "word") break;
    const found = arrayAt(tokens, i);
    if (found === undefined) continue;
    const { texts, last } = found;
    const start = tokens[i]?.start ?? 0;
    const end = tokens[last]?.end ?? start;
    // `ARRAY[` and `]` leave room for the quotes around the joined text.
    const joined = `'${texts.join(",")}'`.padEnd(end - start);
    text = text.slice(0, start) + joined + text.slice(end);
    i = last;
  }
  return text;
}

/** An array of plain texts that is an option's value, and the index of its last token. */
function arrayAt(
  tokens: readonly Token[],
  at: number,
): { readonly texts: readonly string[]; readonly last: number } | undefined {
  if (tokens[at]?.text !== "array" || tokens[at - 1]?.text !== "=" || tokens[at + 1]?.text !== "[") return undefined;
  const texts: string[] = [];
  for (let i = at + 2; i < tokens.length; i++) {
    const { kind, text } = tokens[i] as Token;
    if (text === "]") return { texts, last: i };
    if (kind === "string" && text.startsWith("'")) texts.push(text.slice(1, -1));
    else if (text !== ",") return undefined;
  }
  return undefined;
}

/** The items of a list in one text: parts between commas that are in no parentheses. */
export function optionItems(text: string): readonly string[] {
  const items: string[] = [];
  let depth = 0;
  let item = "";
  for (const character of text) {
    if (character === "(") depth += 1;
    if (character === ")") depth -= 1;
    if (character === "," && depth === 0) {
      items.push(item);
      item = "";
    } else item += character;
  }
  return [...items, item].map((part) => part.trim()).filter((part) => part !== "");
}
