import { beforeAll, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { parseStatement } from "../../../src/sql/parser/parse.ts";
import { createRememberedTexts } from "../../../src/sql/parser/remembered.ts";

beforeAll(() => initSqlParser());

test("I340 a text is parsed once, and nobody can change what all who send it share", () => {
  const sql = "SELECT a, count(*) FROM t WHERE b IN (1, 2) GROUP BY 1";
  const parsed = parseStatement(sql);
  expect(parseStatement(sql)).toBe(parsed);
  const before = JSON.stringify(parsed.statement);
  const tree = parsed.statement as { SelectStmt: { targetList: unknown[]; groupClause: { A_Const?: object }[] } };
  expect(() => tree.SelectStmt.targetList.pop()).toThrow(TypeError);
  expect(() => {
    tree.SelectStmt.groupClause[0] = {};
  }).toThrow(TypeError);
  expect(JSON.stringify(parseStatement(sql).statement)).toBe(before);
});

test("a text that does not parse says so each time", () => {
  for (let round = 0; round < 2; round++) {
    expect(() => parseStatement("SELEC 1")).toThrow(expect.objectContaining({ code: "sql_syntax_error" }));
  }
});

test("I340 the texts used last are kept, up to their bound", () => {
  const made: string[] = [];
  const texts = createRememberedTexts<{ readonly text: string }>();
  const get = (text: string): void => {
    expect(
      texts.get(text, () => {
        made.push(text);
        return { text };
      }),
    ).toEqual({ text });
  };
  const first = "a".repeat(8000);
  const others = ["b", "c", "d", "e"].map((letter) => letter.repeat(8000));
  get(first);
  for (const text of others.slice(0, 3)) get(text);
  get(first);
  expect(made).toHaveLength(4);
  // The fifth does not fit: what was used longest ago goes, which is not the first.
  get(others[3] ?? "");
  get(first);
  expect(made).toHaveLength(5);
  get(others[0] ?? "");
  expect(made).toHaveLength(6);
  // Too long to be kept.
  const long = "f".repeat(8193);
  get(long);
  get(long);
  expect(made).toHaveLength(8);
});
