// PostgreSQL's own catalogues beside the registry: each function, operator and cast over types that Firn has is either
// here, with PostgreSQL's result type, or listed with its reason in docs/sql-surface.md.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DataType } from "#columnar";
import { castKind, dataTypeToName } from "../../../src/sql/values/index.ts";
import { resolveTableFunction, tableFunctionNames } from "../../../src/sql/execute/table-function.ts";
import { typeOf } from "../../../src/sql/functions/definition.ts";
import { functionRegistry } from "../../../src/sql/functions/index.ts";

/** Types of Firn's signatures by PostgreSQL's names (pg_type.typname); pseudo-types stand for one they allow. */
const TYPES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    "bool int2 int4 int8 float4 float8 numeric text bytea uuid date time timestamp timestamptz interval json jsonb"
      .split(" ")
      .map((name) => [name, name]),
  ),
  jsonpath: "text",
  name: "text",
  varchar: "text",
  bpchar: "text",
  any: "text",
  _any: "text",
  anyelement: "int4",
  anycompatible: "int4",
  anynonarray: "int4",
  anycompatiblenonarray: "int4",
  anyarray: "int4[]",
  anycompatiblearray: "int4[]",
  _text: "text[]",
  _int4: "int4[]",
  _int8: "int8[]",
  _float8: "float8[]",
  _numeric: "numeric[]",
  _bool: "bool[]",
};

/** Bound by their own syntax or rule instead of a signature of the registry. */
const BOUND_ELSEWHERE = new Set(
  (
    "overlaps generate_subscripts json_to_record json_to_recordset jsonb_to_record jsonb_to_recordset " +
    "rank dense_rank percent_rank cume_dist json_extract_path json_extract_path_text jsonb_extract_path " +
    "jsonb_extract_path_text"
  ).split(" "),
);

/** Descriptions of what no query names: parts of operators, indexes, aggregates and types. */
const INTERNAL =
  /^(I\/O|implementation of|internal|btree|hash|statistics|join selectivity|restriction|planner support|aggregate|selectivity|convert|less-equal|GIN|GiST|window RANGE|for use by pg_upgrade|larger of two|smaller of two|(increment|decrement)\b|float8 difference of two)/;

interface Row {
  readonly name: string;
  readonly kind: string;
  readonly isset: boolean;
  readonly args: readonly string[] | null;
  readonly result: string;
  readonly description: string | null;
}

let db: PGlite;

beforeAll(async () => {
  db = await PGlite.create();
}, 60_000);

afterAll(async () => {
  await db.close();
});

const prose = readFileSync(join(import.meta.dirname, "../../../docs/sql-surface.md"), "utf8");

/** Names in the first column of the table under a heading; `*` stands for any letters. */
function listed(heading: string): readonly string[] {
  const section = prose.split(`${heading}\n`)[1]?.split("\n#")[0] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| `"));
  return rows.flatMap((row) => [...(row.split(" | ")[0] ?? "").matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name));
}

/** What the lists do not explain, and what they explain in vain. */
function unexplained(missing: readonly string[], patterns: readonly string[]): Record<string, readonly string[]> {
  const tests = patterns.map((pattern) => ({
    pattern,
    regExp: new RegExp(`^${pattern.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`),
  }));
  return {
    missing: missing.filter((name) => !tests.some(({ regExp }) => regExp.test(name))),
    stale: tests.flatMap(({ pattern, regExp }) => (missing.some((name) => regExp.test(name)) ? [] : [pattern])),
  };
}

function ourTypes(names: readonly string[]): readonly DataType[] | undefined {
  const types = names.map((name) => TYPES[name]);
  return types.includes(undefined) ? undefined : types.map((name) => typeOf(name ?? ""));
}

function isSameResult(result: string, type: DataType): boolean {
  const ours = TYPES[result];
  return ours === undefined || /^(any|record)/.test(result) || dataTypeToName(typeOf(ours)) === dataTypeToName(type);
}

test("I392 every function of PostgreSQL over Firn's types is here or listed", async () => {
  const { rows } = await db.query<Row>(`
    SELECT p.proname AS name, p.prokind AS kind, p.proretset AS isset, r.typname AS result,
      (SELECT array_agg(t.typname::text ORDER BY n) FROM unnest(p.proargtypes) WITH ORDINALITY a(id, n)
       JOIN pg_type t ON t.oid = a.id) AS args, obj_description(p.oid, 'pg_proc') AS description
    FROM pg_proc p JOIN pg_type r ON r.oid = p.prorettype
    WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind <> 'w'
      AND NOT EXISTS (SELECT 1 FROM pg_operator o WHERE o.oprcode = p.oid)
      AND NOT EXISTS (SELECT 1 FROM pg_cast c WHERE c.castfunc = p.oid)`);
  const known = new Set([...functionRegistry.functionNames(), ...tableFunctionNames(), ...BOUND_ELSEWHERE]);
  const names = new Set<string>();
  const signatures = new Set<string>();
  for (const { name, kind, isset, args, result, description } of rows) {
    const types = ourTypes(args ?? []);
    if (types === undefined || (TYPES[result] === undefined && result !== "record" && result !== "void")) continue;
    if (!known.has(name)) {
      if (!INTERNAL.test(description ?? "")) names.add(name);
      continue;
    }
    if (BOUND_ELSEWHERE.has(name)) continue;
    if (isset) {
      if (resolveTableFunction(name, types) === undefined) signatures.add(`${name}(${(args ?? []).join(", ")})`);
      continue;
    }
    const found =
      kind === "a" ? functionRegistry.resolveAggregate(name, types) : functionRegistry.resolveScalar(name, types);
    if (found === undefined || !isSameResult(result, found.returnType)) {
      signatures.add(`${name}(${(args ?? []).join(", ")})`);
    }
  }
  expect(names.size).toBeGreaterThan(50);
  const patterns = listed("## PostgreSQL's functions that are not here");
  expect(unexplained([...names, ...signatures], patterns)).toEqual({ missing: [], stale: [] });
});

test("I392 every operator of PostgreSQL over Firn's types is here or listed", async () => {
  const { rows } = await db.query<{ name: string; left: string | null; right: string; result: string }>(`
    SELECT o.oprname AS name, l.typname AS left, r.typname AS right, t.typname AS result
    FROM pg_operator o LEFT JOIN pg_type l ON l.oid = o.oprleft JOIN pg_type r ON r.oid = o.oprright
    JOIN pg_type t ON t.oid = o.oprresult`);
  const missing: string[] = [];
  let checked = 0;
  for (const { name, left, right, result } of rows) {
    const args = left === null ? [right] : [left, right];
    const types = ourTypes(args);
    if (types === undefined || TYPES[result] === undefined) continue;
    checked++;
    const found = functionRegistry.resolveScalar(name, types);
    if (found === undefined || !isSameResult(result, found.returnType)) missing.push([...args].join(` ${name} `));
  }
  expect(checked).toBeGreaterThan(300);
  expect(unexplained(missing, listed("### Operators that are not here"))).toEqual({ missing: [], stale: [] });
});

test("I392 every cast of PostgreSQL between Firn's types is here, in the same contexts, or listed", async () => {
  const { rows } = await db.query<{ source: string; target: string; context: string }>(`
    SELECT s.typname AS source, t.typname AS target, c.castcontext AS context
    FROM pg_cast c JOIN pg_type s ON s.oid = c.castsource JOIN pg_type t ON t.oid = c.casttarget`);
  const contexts: Readonly<Record<string, string>> = { i: "implicit", a: "assignment", e: "explicit" };
  const different: string[] = [];
  for (const { source, target, context } of rows) {
    const types = ourTypes([source, target]);
    const [from, to] = types ?? [];
    if (from === undefined || to === undefined || TYPES[source] === TYPES[target]) continue;
    if (castKind(from, to) !== contexts[context]) different.push(`${source}::${target}`);
  }
  expect(unexplained(different, listed("### Casts that differ"))).toEqual({ missing: [], stale: [] });
});
