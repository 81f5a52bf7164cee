// Character encodings that the in-process PostgreSQL has no conversions for: known bytes of each.

import { beforeAll, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { runSql } from "../../support/sql-run.ts";
import { caseCatalog } from "../../support/sql-tables.ts";

beforeAll(async () => {
  await initSqlParser();
});

test.each([
  ["convert('\\xe9'::bytea, 'LATIN1', 'UTF8')", "\\xc3a9"],
  ["convert('\\xc3a9'::bytea, 'utf-8', 'WIN1252')", "\\xe9"],
  ["convert_from('\\x80e9'::bytea, 'WIN1252')", "€é"],
  ["convert_to('é€', 'WIN1252')", "\\xe980"],
  ["convert_from('\\xd0d2'::bytea, 'KOI8R')", "пр"],
  ["convert_from('\\xcff0e8'::bytea, 'windows-1251')", "При"],
  ["convert_from('\\x61a4'::bytea, 'ISO-8859-15')", "a€"],
  ["length('\\xc3a9'::bytea, 'UTF8')", "1"],
  ["length('\\xc3a9'::bytea, 'LATIN1')", "2"],
])("I391 %s is %s", async (call, expected) => {
  const { rows } = await runSql(caseCatalog(), `SELECT ${call}`);
  expect(rows).toEqual([[expected]]);
});

test.each([
  ["convert_from('\\x81'::bytea, 'WIN1252')", /invalid byte sequence for encoding "WIN1252"/],
  ["convert_to('€', 'LATIN1')", /has no equivalent in encoding "LATIN1"/],
  ["convert_from('\\xff'::bytea, 'UTF8')", /invalid byte sequence for encoding "UTF8"/],
  ["convert_from('a', 'klingon')", /invalid source encoding name "klingon"/],
])("I391 %s is an error", async (call, message) => {
  await expect(runSql(caseCatalog(), `SELECT ${call}`)).rejects.toThrow(message);
});
