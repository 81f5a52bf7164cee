// SHOW and DESCRIBE, which PostgreSQL's grammar does not have, as queries it has.

import { replaceParts, type MappedText } from "./pieces.ts";
import { tokenize, type Token } from "./tokens.ts";

/** The option of EXPLAIN that stands for DESCRIBE. */
export const DESCRIBE_OPTION = "describe";

const MIGHT_SHOW = /^\s*(?:--[^\n]*\n\s*|\/\*[\s\S]*?\*\/\s*)*(?:show|desc|describe)\b/i;
const QUERY_WORDS = new Set(["select", "with", "values", "table", "("]);

/**
 * `DESCRIBE t`, `DESC t`, `DESCRIBE query`, `SHOW COLUMNS FROM t`; `SHOW TABLES FROM s`, `SHOW VIEWS [FROM s]`,
 * `SHOW SCHEMAS`, each of the lists with `LIKE 'pattern'`. Any other text stays as it is; so does `SHOW TABLES` alone.
 */
export function rewriteShow(sql: string): MappedText | undefined {
  if (!MIGHT_SHOW.test(sql)) return undefined;
  const tokens = tokenize(sql);
  const [first, second, third] = tokens;
  if (first === undefined || second === undefined) return undefined;
  if (first.text === "describe" || first.text === "desc") {
    const isExtra = second.text === "table" || second.text === "view";
    const target = isExtra && third !== undefined ? third : second;
    return describing(sql, first, target);
  }
  if (second.text === "columns" && (third?.text === "from" || third?.text === "in") && tokens[3] !== undefined) {
    return describing(sql, first, tokens[3]);
  }
  const list = listOf(sql, tokens);
  return list === undefined ? undefined : replaceParts(sql, [{ start: first.start, end: sql.length, text: list }]);
}

function describing(sql: string, first: Token, target: Token): MappedText {
  const query = QUERY_WORDS.has(target.text) ? "" : "SELECT * FROM ";
  return replaceParts(sql, [{ start: first.start, end: target.start, text: `EXPLAIN (${DESCRIBE_OPTION}) ${query}` }]);
}

const LISTS: Readonly<Record<string, { readonly column: string; readonly from: string; readonly schema?: string }>> = {
  tables: { column: "table_name", from: "tables", schema: "table_schema" },
  views: { column: "table_name", from: "views", schema: "table_schema" },
  schemas: { column: "schema_name", from: "schemata" },
  namespaces: { column: "schema_name", from: "schemata" },
  databases: { column: "schema_name", from: "schemata" },
};

/** The query of a SHOW that lists names; undefined when it is not written so. */
function listOf(sql: string, tokens: readonly Token[]): string | undefined {
  const list = LISTS[tokens[1]?.text ?? ""];
  if (list === undefined || tokens[0]?.text !== "show") return undefined;
  const conditions: string[] = [];
  let at = 2;
  if ((tokens[at]?.text === "from" || tokens[at]?.text === "in") && list.schema !== undefined) {
    const parts: string[] = [];
    for (at += 1; at < tokens.length; at += 2) {
      const part = nameOf(tokens[at]);
      if (part === undefined) return undefined;
      parts.push(part);
      if (tokens[at + 1]?.text !== ".") break;
    }
    if (parts.length === 0) return undefined;
    at += 1;
    conditions.push(`${list.schema} = ${literal(parts.join("."))}`);
  }
  if (tokens[at]?.text === "like" && tokens[at + 1]?.kind === "string") {
    conditions.push(`${list.column} LIKE ${sql.slice(tokens[at + 1]?.start, tokens[at + 1]?.end)}`);
    at += 2;
  }
  if (tokens[at]?.text === ";") at += 1;
  const isBare = list.from === "tables" && conditions.length === 0;
  if (at < tokens.length || isBare) return undefined;
  const where = conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`;
  return `SELECT ${list.column} FROM information_schema.${list.from}${where} ORDER BY 1`;
}

function nameOf(token: Token | undefined): string | undefined {
  if (token?.kind === "word") return token.text;
  return token?.kind === "quoted" ? token.text.slice(1, -1).replaceAll('""', '"') : undefined;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
