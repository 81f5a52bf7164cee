// The readable form of a query's pattern: one line, no comments, so that spacing does not make patterns differ.

/** A quoted string, quoted identifier, dollar-quoted string, line comment, block comment or run of white space. */
const TOKEN = /'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$[A-Za-z_]*\$)[\s\S]*?\1|--[^\n]*|\/\*[\s\S]*?\*\/|\s+/g;

/** Collapses white space and comments outside quotes to single spaces and drops a closing semicolon. */
export function normalizeWhitespace(sql: string): string {
  const collapsed = sql.replace(TOKEN, (token) =>
    token.startsWith("'") || token.startsWith('"') || token.startsWith("$") ? token : " ",
  );
  return collapsed
    .replace(/ +/g, (spaces) => (spaces.length > 1 ? " " : spaces))
    .trim()
    .replace(/(\s*;)+$/, "");
}
