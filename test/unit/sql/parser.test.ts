import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { beforeAll, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { parseStatement } from "../../../src/sql/parser/parse.ts";
import { normalizeWhitespace } from "../../../src/sql/parser/pattern.ts";
import { PG_QUERY_EXPORTS, PG_QUERY_IMPORTS } from "../../../src/sql/parser/pg-query-wasm.ts";

beforeAll(() => initSqlParser());

test("I41 the WebAssembly interface is the installed package's", () => {
  const path = createRequire(import.meta.url).resolve("libpg-query/wasm/libpg-query.js");
  const glue = readFileSync(path, "utf8");
  const assigned = /function assignWasmExports\(wasmExports\)\{(.*?)\}var wasmImports=\{(.*?)\};/.exec(glue);
  const [, exportText = "", importText = ""] = assigned ?? [];
  const { initRuntime, ...named } = PG_QUERY_EXPORTS;
  expect(glue).toContain(`wasmExports["${initRuntime}"]()`);
  for (const [name, letter] of Object.entries(named)) {
    expect(exportText).toMatch(new RegExp(`\\b${name}=[^;]*wasmExports\\["${letter}"\\]`));
  }
  const imports = Object.fromEntries(importText.split(",").map((entry) => entry.split(":").toReversed()));
  expect(imports).toEqual(PG_QUERY_IMPORTS);
});

test("patterns and fingerprints do not depend on constants or spacing", () => {
  const a = parseStatement("SELECT a FROM t WHERE x = 5 AND y IN (1, 2)");
  const b = parseStatement("SELECT  a -- the column\nFROM t /* here */ WHERE x = 7 AND y IN (3, 4);");
  expect(b.pattern).toBe(a.pattern);
  expect(b.fingerprint).toBe(a.fingerprint);
  expect(a.pattern).toBe("SELECT a FROM t WHERE x = $1 AND y IN ($2, $3)");
  expect(parseStatement("SELECT b FROM t WHERE x = 5").fingerprint).not.toBe(a.fingerprint);
});

test("white space inside quotes is kept in patterns", () => {
  expect(normalizeWhitespace(`SELECT "a  b",  'c  --d'  -- e\n FROM t ;`)).toBe(`SELECT "a  b", 'c  --d' FROM t`);
});

test.each([
  ["selec 1", "sql_syntax_error", { position: 1, start: 0, end: 5 }],
  ["select 'é' fro m x", "sql_syntax_error", { position: 16, start: 15, end: 16 }],
  ["select '😀', from t", "sql_syntax_error", { position: 14, start: 13, end: 17 }],
  ["select a from default.t fro m", "sql_syntax_error", { position: 29, start: 28, end: 29 }],
  ["select (", "sql_syntax_error", { position: 9 }],
  ["select 'abc", "sql_syntax_error", { position: 8 }],
  ["select 1; select 2", "sql_unsupported", { position: 11 }],
  ["select \0", "sql_syntax_error", { position: 8 }],
  ["", "sql_syntax_error", {}],
  ["-- nothing", "sql_syntax_error", {}],
])("%j fails with %s at its position", (sql, code, details) => {
  expect(() => parseStatement(sql)).toThrow(
    expect.objectContaining({ code, details: expect.objectContaining(details) }),
  );
});

test("the namespace default needs no quotes, and positions are those of the text as written", () => {
  const { statement, offsetAt } = parseStatement("select 'default.x', default.t.a from Default.t -- default.y");
  expect(JSON.stringify(statement)).toContain('"schemaname":"default","relname":"t"');
  expect(JSON.stringify(statement)).toContain('"sval":"default.x"');
  const location = /"relname":"t".*?"location":(\d+)/.exec(JSON.stringify(statement))?.[1];
  expect(offsetAt(Number(location))).toBe("select 'default.x', default.t.a from ".length);
});

test("hostile nesting is refused and the parser keeps working", () => {
  for (const sql of [
    `select ${"(".repeat(20_000)}1${")".repeat(20_000)}`,
    `select ${"not ".repeat(20_000)}true`,
    `select 1${"+1".repeat(100_000)}`,
    `select ${"case when true then ".repeat(5000)}1${" end".repeat(5000)}`,
    "x".repeat(1_000_001),
  ]) {
    expect(() => parseStatement(sql)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^sql_/) }));
    expect(parseStatement("select 1").pattern).toBe("select $1");
  }
});
