// The readable form of a query's pattern: one line, no comments, so that spacing does not make patterns differ.

/** A quoted string, quoted identifier or dollar-quoted string; or a run of white space and comments. */
const TOKEN = /'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$[A-Za-z_]*\$)[\s\S]*?\1|(?:\s|--[^\n]*|\/\*[\s\S]*?\*\/)+/g;

/** Collapses white space and comments outside quotes to single spaces and drops a closing semicolon. */
export function normalizeWhitespace(sql: string): string {
  const collapsed = sql.replace(TOKEN, (token) => (/^['"$]/.test(token) ? token : " "));
  return collapsed.trim().replace(/(\s*;)+$/, "");
}
