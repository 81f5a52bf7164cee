// SQL text as tokens, for what has to be found before PostgreSQL's parser sees the text.

/** One token; comments and white space are left out. Offsets in UTF-16 units, end exclusive. */
export interface Token {
  readonly kind: "word" | "quoted" | "string" | "number" | "parameter" | "symbol";
  /** Lower case for words; as written otherwise. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const TOKEN =
  /(?<space>\s+|--[^\n]*|\/\*[\s\S]*?\*\/)|(?<string>(?:[eE]'(?:[^'\\]|\\[\s\S]|'')*'|(?:[nNbBxX]|[uU]&)?'(?:[^']|'')*')|(?<tag>\$(?:[A-Za-z_][\w]*)?\$)[\s\S]*?\k<tag>)|(?<quoted>(?:[uU]&)?"(?:[^"]|"")*")|(?<parameter>\$\d+)|(?<number>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][-+]?\d+)?)|(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|(?<symbol>::|[\s\S])/guy;

const KINDS = ["string", "quoted", "parameter", "number", "word", "symbol"] as const;

/** Splits a text into tokens. Unclosed quotes and comments become single symbols. */
export function tokenize(sql: string): readonly Token[] {
  const tokens: Token[] = [];
  for (const match of sql.matchAll(TOKEN)) {
    const { groups = {}, index } = match;
    if (groups["space"] !== undefined) continue;
    const kind = KINDS.find((name) => groups[name] !== undefined) ?? "symbol";
    const text = kind === "word" ? match[0].toLowerCase() : match[0];
    tokens.push({ kind, text, start: index, end: index + match[0].length });
  }
  return tokens;
}
