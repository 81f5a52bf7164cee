// `default` is the namespace of tables named without one, and a reserved word of PostgreSQL: `default.events` would
// not parse. It is quoted before parsing, and positions are mapped back to the text as it was written.

/** Strings, quoted identifiers and comments, which are skipped; or the word `default` before a dot. */
const TOKEN =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$[A-Za-z_]*\$)[\s\S]*?\1|--[^\n]*|\/\*[\s\S]*?\*\/|(?<![\w$."])(default)(?=\s*\.)/gi;

/** A text to parse and where its offsets are in the original. */
export interface QuotedText {
  readonly text: string;
  /** UTF-16 offset in `text` → offset in the original. */
  readonly toOriginal: (offset: number) => number;
}

/** Quotes the namespace `default`. The same text when it does not occur. */
export function quoteDefaultNamespace(sql: string): QuotedText {
  const insertedAt: number[] = [];
  let grown = 0;
  const text = sql.replace(TOKEN, (token: string, _tag: unknown, word: string | undefined, offset: number) => {
    if (word === undefined) return token;
    insertedAt.push(offset + grown, offset + grown + word.length + 1);
    grown += 2;
    return `"${word.toLowerCase()}"`;
  });
  if (insertedAt.length === 0) return { text, toOriginal: (offset) => offset };
  return { text, toOriginal: (offset) => offset - insertedAt.filter((at) => at < offset).length };
}
