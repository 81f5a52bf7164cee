// Random queries from choices. The order of rows means nothing unless the query ends in an order over all columns;
// where a query takes the first rows of an order, the order is total.

import * as fc from "fast-check";
import { aggregateCall, windowCall } from "./calls.ts";
import { choicesFrom, type Choices } from "./choices.ts";
import {
  anyType,
  condition,
  expression,
  KEY_TYPES,
  type ExpressionScope,
  type ScopeColumn,
  type SubqueryKind,
  type ValueType,
} from "./expressions.ts";

/** A random query and where it may run. */
export interface RandomQuery {
  readonly sql: string;
  /** Its last ORDER BY covers every column, so the order of rows counts. */
  readonly ordered: boolean;
  /** DuckDB's dialect agrees on everything in it. */
  readonly common: boolean;
}

interface OutputColumn {
  readonly name: string;
  readonly type: ValueType;
}

interface BuiltQuery {
  readonly sql: string;
  readonly columns: readonly OutputColumn[];
}

interface Relation {
  /** As it stands in FROM, with its alias. */
  readonly sql: string;
  readonly columns: readonly ScopeColumn[];
}

interface Builder {
  readonly choices: Choices;
  readonly common: boolean;
  /** Common table expressions that may be read. */
  readonly tables: readonly { readonly name: string; readonly columns: readonly OutputColumn[] }[];
  readonly alias: () => string;
  /** What is left of the query's size. */
  readonly budget: { joins: number; subqueries: number };
}

const E: readonly OutputColumn[] = [
  { name: "id", type: "int" },
  { name: "k", type: "int" },
  { name: "grp", type: "txt" },
  { name: "v", type: "int" },
  { name: "txt", type: "txt" },
  { name: "n", type: "num" },
  { name: "b", type: "bool" },
  { name: "d", type: "date" },
  { name: "ts", type: "ts" },
  { name: "big", type: "big" },
  { name: "f", type: "flt" },
  { name: "tz", type: "tz" },
];
const DIM: readonly OutputColumn[] = [
  { name: "id", type: "int" },
  { name: "k", type: "int" },
  { name: "grp", type: "txt" },
  { name: "label", type: "txt" },
  { name: "amount", type: "num" },
  { name: "at", type: "ts" },
];

/** Depth of expressions in select lists and conditions. */
const DEPTH = 2;

function scopeOf(builder: Builder, columns: readonly ScopeColumn[], withSubqueries: boolean): ExpressionScope {
  return {
    choices: builder.choices,
    columns,
    common: builder.common,
    subquery: withSubqueries ? (scope, wanted) => subquery(builder, scope, wanted) : undefined,
  };
}

function qualified(alias: string, columns: readonly OutputColumn[], common: boolean): ScopeColumn[] {
  // DuckDB's time zones are an extension that a test cannot load.
  return columns.flatMap(({ name, type }) => (common && type === "tz" ? [] : [{ sql: `${alias}.${name}`, type }]));
}

/** A subquery over one table, correlated with the scope more often than not. */
function subquery(builder: Builder, outer: ExpressionScope, wanted: SubqueryKind): string {
  const { choices, budget } = builder;
  if (budget.subqueries <= 0) return wanted === "rows" ? "SELECT 1 FROM dim WHERE dim.id = 3" : "SELECT 3";
  budget.subqueries -= 1;
  const relation = baseTable(builder, choices.next(3) === 2 ? "e" : "dim");
  const inner = scopeOf(builder, relation.columns, budget.subqueries > 1);
  const conditions: string[] = [];
  const outerInts = outer.columns.filter((column) => column.type === "int");
  const innerInts = relation.columns.filter((column) => column.type === "int");
  const [outerFirst] = outerInts;
  const [innerFirst] = innerInts;
  if (outerFirst !== undefined && innerFirst !== undefined && choices.next(4) !== 3) {
    const operator = choices.pick(["=", "=", "=", "<", ">=", "<>"]);
    const left = choices.pick([innerFirst, ...innerInts.slice(1)]).sql;
    conditions.push(`${left} ${operator} ${choices.pick([outerFirst, ...outerInts.slice(1)]).sql}`);
  }
  if (choices.chance(2)) conditions.push(condition(inner, 1));
  const where = conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`;
  switch (wanted) {
    case "rows":
      return `SELECT ${choices.pick(["1", "*"])} FROM ${relation.sql}${where}`;
    case "ints": {
      const value = expression({ ...inner, subquery: undefined }, "int", 1);
      const kept = choices.pick(["", "", "DISTINCT "]);
      const groups = choices.chance(5) ? ` GROUP BY 1 HAVING count(*) < 9` : "";
      return `SELECT ${kept}COALESCE(${value}, ${value}) FROM ${relation.sql}${where}${groups}`;
    }
    case "count":
      return `SELECT ${choices.pick(["count(*)", `count(${innerFirst?.sql ?? "*"})`])} FROM ${relation.sql}${where}`;
    case "value": {
      const value = innerFirst?.sql ?? "1";
      if (choices.chance(4)) return `SELECT ${value} FROM ${relation.sql}${where} ORDER BY 1 DESC NULLS LAST LIMIT 1`;
      // An aggregate of outer columns only is the outer query's where that groups: here it is the subquery's rows that count.
      if (choices.chance(6)) return `SELECT count(s.x) FROM (VALUES (1), (${outerFirst?.sql ?? "2"}), (NULL)) s(x)`;
      const having = choices.chance(4) ? " HAVING count(*) > 1" : "";
      return `SELECT ${choices.pick(["max", "min"])}(${value}) FROM ${relation.sql}${where}${having}`;
    }
  }
}

function baseTable(builder: Builder, name: "e" | "dim"): Relation {
  const alias = builder.alias();
  return { sql: `${name} ${alias}`, columns: qualified(alias, name === "e" ? E : DIM, builder.common) };
}

function relationOf(builder: Builder, depth: number): Relation {
  const { choices, tables } = builder;
  const [cte, ...otherCtes] = tables;
  if (cte !== undefined && choices.chance(2)) {
    const table = choices.pick([cte, ...otherCtes]);
    const alias = builder.alias();
    return { sql: `${table.name} ${alias}`, columns: qualified(alias, table.columns, builder.common) };
  }
  const derived = (): Relation => {
    const alias = builder.alias();
    const inner = derivedQuery(builder, depth - 1);
    return { sql: `(${inner.sql}) ${alias}`, columns: qualified(alias, inner.columns, builder.common) };
  };
  switch (depth <= 0 ? choices.next(2) : choices.next(9)) {
    case 0:
    case 2:
      return baseTable(builder, "e");
    case 1:
    case 3:
      return baseTable(builder, "dim");
    case 4:
    case 5:
      return derived();
    case 6: {
      const alias = builder.alias();
      const scope = scopeOf(builder, [], false);
      const row = (): string =>
        `(${expression(scope, "int", 0)}, ${expression(scope, "txt", 0)}, ${expression(scope, "num", 0)})`;
      const rows = Array.from({ length: 1 + choices.next(3) }, row);
      // The first row names the types: a list of untyped NULLs would be text.
      return {
        sql: `(VALUES (CAST(1 AS int), CAST('a' AS text), CAST(1.5 AS numeric(12,2))), ${rows.join(", ")}) ${alias}(x, y, z)`,
        columns: [
          { sql: `${alias}.x`, type: "int" },
          { sql: `${alias}.y`, type: "txt" },
        ],
      };
    }
    case 7: {
      if (builder.common) return baseTable(builder, "dim");
      return tableFunction(builder);
    }
    default: {
      const alias = builder.alias();
      return {
        sql: `generate_series(${choices.pick(["1, 5", "-2, 9, 3", "3, 1"])}) ${alias}(x)`,
        columns: builder.common
          ? [{ sql: `CAST(${alias}.x AS int)`, type: "int" }]
          : [{ sql: `${alias}.x`, type: "int" }],
      };
    }
  }
}

/** Rows of JSON, of arrays and of steps through time. */
function tableFunction(builder: Builder): Relation {
  const { choices } = builder;
  const alias = builder.alias();
  const typedColumns = (...types: readonly ValueType[]): ScopeColumn[] =>
    types.map((type, i) => ({ sql: `${alias}.c${i + 1}`, type }));
  switch (choices.next(6)) {
    case 0:
      return {
        sql: `unnest(ARRAY[3, NULL, 1, 7]) WITH ORDINALITY ${alias}(c1, c2)`,
        columns: typedColumns("int", "big"),
      };
    case 1:
      return {
        sql: `jsonb_array_elements('[1, {"a": 1}, [2, 1.0], null, "x"]') WITH ORDINALITY ${alias}(c1, c2)`,
        columns: typedColumns("json", "big"),
      };
    case 2:
      return {
        sql: `jsonb_each('{"a": 1, "b": [1, 2], "c": null}') ${alias}(c1, c2)`,
        columns: typedColumns("txt", "json"),
      };
    case 3:
      return {
        sql: `generate_series(timestamp '2024-01-31', '2024-06-30', '1 month') ${alias}(c1)`,
        columns: typedColumns("ts"),
      };
    case 4:
      return {
        sql: `jsonb_to_recordset('[{"c1": 1, "c2": "a"}, {"c1": null, "c2": "dd", "c3": [1]}]') ${alias}(c1 int, c2 text, c3 jsonb)`,
        columns: typedColumns("int", "txt", "json"),
      };
    default:
      return {
        sql: `ROWS FROM (generate_series(1, 4), unnest(ARRAY['a', 'b'])) ${alias}(c1, c2)`,
        columns: typedColumns("int", "txt"),
      };
  }
}

/** FROM: a relation, or joins of two or three. */
function fromClause(builder: Builder, depth: number): Relation {
  const { choices, budget } = builder;
  let result = relationOf(builder, depth);
  while (budget.joins > 0 && choices.next(5) >= 3) {
    budget.joins -= 1;
    const lateral = !builder.common && choices.chance(5);
    const left = result;
    const right = lateral ? lateralRelation(builder, left) : relationOf(builder, depth);
    const type = choices.pick(lateral ? ["JOIN", "LEFT JOIN"] : ["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
    const columns = [...left.columns, ...right.columns];
    if (lateral && type === "JOIN") {
      result = { sql: `${left.sql} CROSS JOIN ${right.sql}`, columns };
      continue;
    }
    const keys = joinKeys(builder, left, right);
    const extra =
      type !== "FULL JOIN" && choices.chance(3)
        ? ` AND ${condition(scopeOf(builder, columns, !builder.common && choices.chance(3)), 1)}`
        : "";
    const on = lateral ? "true" : keys;
    result = { sql: `${left.sql} ${type} ${right.sql} ON ${on}${extra}`, columns };
  }
  return result;
}

/** Equalities between columns of one type; every relation has an int. */
function joinKeys(builder: Builder, left: Relation, right: Relation): string {
  const { choices } = builder;
  const equality = (type: ValueType): string | undefined => {
    const [a, ...restA] = left.columns.filter((column) => column.type === type);
    const [b, ...restB] = right.columns.filter((column) => column.type === type);
    if (a === undefined || b === undefined) return undefined;
    return `${choices.pick([a, ...restA]).sql} = ${choices.pick([b, ...restB]).sql}`;
  };
  const first = equality("int") ?? "1 = 1";
  const second = choices.chance(4) ? equality(choices.pick(["txt", "date", "num", "ts"])) : undefined;
  return second === undefined ? first : `${first} AND ${second}`;
}

function lateralRelation(builder: Builder, left: Relation): Relation {
  const { choices } = builder;
  const inner = baseTable(builder, "dim");
  const alias = builder.alias();
  const [outerInt, ...others] = left.columns.filter((column) => column.type === "int");
  const link =
    outerInt === undefined
      ? "true"
      : `${inner.columns[1]?.sql ?? "1"} ${choices.pick(["=", ">=", "<>"])} ${choices.pick([outerInt, ...others]).sql}`;
  const [id = "1", k = "1"] = inner.columns.map((column) => column.sql);
  const shape = choices.pick(["rows", "first", "total", "values", "series"]);
  const columns: readonly ScopeColumn[] = [
    { sql: `${alias}.x`, type: "int" },
    { sql: `${alias}.y`, type: "int" },
  ];
  const outer = outerInt?.sql ?? "2";
  if (shape === "values")
    return { sql: `LATERAL (VALUES (${outer}, 1), (${outer} % 3, NULL)) ${alias}(x, y)`, columns };
  if (shape === "series") {
    return {
      sql: `generate_series(1, abs(${outer}) % 4) WITH ORDINALITY ${alias}(x, y)`,
      columns: columns.slice(0, 1),
    };
  }
  const body =
    shape === "total"
      ? `SELECT count(*)::int AS x, max(${k}) AS y FROM ${inner.sql} WHERE ${link}`
      : `SELECT ${id} AS x, ${k} AS y FROM ${inner.sql} WHERE ${link} ORDER BY ${id} ${choices.pick(["", "DESC"])}${shape === "first" ? " LIMIT 1" : ""}`;
  return {
    sql: `LATERAL (${body}) ${alias}`,
    columns,
  };
}

/** Columns for select lists and keys whose equal values look alike. */
function keyExpression(scope: ExpressionScope): { readonly sql: string; readonly type: ValueType } {
  const type = scope.choices.pick(KEY_TYPES);
  const text = expression(scope, type, 1);
  // A bare number would be the position of a column, a bare text is refused as a key.
  const sql = /^(-?\d|'|true|false)/.test(text) ? `COALESCE(${text}, ${text})` : text;
  return { sql: type === "num" ? `round(${sql}, 3)` : sql, type };
}

function selectList(items: readonly { readonly sql: string; readonly type: ValueType }[]): BuiltQuery {
  return {
    sql: items.map(({ sql }, index) => `${sql} AS c${index + 1}`).join(", "),
    columns: items.map(({ type }, index) => ({ name: `c${index + 1}`, type })),
  };
}

function whereClause(builder: Builder, columns: readonly ScopeColumn[]): string {
  const { choices } = builder;
  if (!choices.chance(2)) return "";
  return ` WHERE ${condition(scopeOf(builder, columns, true), DEPTH)}`;
}

/** A query whose columns are fit to be keys and to be ordered by. */
function derivedQuery(builder: Builder, depth: number): BuiltQuery {
  switch (builder.choices.next(5)) {
    case 0:
    case 1:
      return projection(builder, depth, true);
    case 2:
      return aggregation(builder, depth, true);
    case 3:
      return setOperation(builder, depth);
    default:
      return windowed(builder, depth);
  }
}

function projection(builder: Builder, depth: number, keysOnly: boolean): BuiltQuery {
  const { choices } = builder;
  const from = fromClause(builder, depth);
  const scope = scopeOf(builder, from.columns, !keysOnly);
  const first = { sql: expression({ ...scope, subquery: undefined }, "int", 0), type: "int" as const };
  const item = (): { sql: string; type: ValueType } => {
    if (keysOnly) return keyExpression(scope);
    const type = anyType(scope);
    return { sql: expression(scope, type, DEPTH), type };
  };
  const list = selectList([first, ...Array.from({ length: choices.next(4) }, item)]);
  const distinct = keysOnly && choices.chance(3) ? "DISTINCT " : "";
  return {
    sql: `SELECT ${distinct}${list.sql} FROM ${from.sql}${whereClause(builder, from.columns)}`,
    columns: list.columns,
  };
}

/** What PostgreSQL shows of a constant that is two keys of a CUBE depends on its planner. */
function distinctKeys<T extends { readonly sql: string }>(keys: readonly T[]): readonly T[] {
  return keys.filter(({ sql }, at) => keys.findIndex((other) => other.sql === sql) === at);
}

function aggregation(builder: Builder, depth: number, keysOnly: boolean): BuiltQuery {
  const { choices, common } = builder;
  const from = fromClause(builder, depth);
  const scope = scopeOf(builder, from.columns, false);
  // Subqueries as keys, read once for each row.
  const keyScope = common ? scope : scopeOf(builder, from.columns, choices.chance(4));
  const keys = distinctKeys(Array.from({ length: choices.next(4) }, () => keyExpression(keyScope)));
  const calls = Array.from({ length: 1 + choices.next(3) }, () => aggregateCall(scope, keysOnly));
  const form = choices.pick([
    "plain",
    "plain",
    "ROLLUP",
    "CUBE",
    "SETS",
    ...(keys.length > 0 ? ["MIXED", "NESTED", ...(common ? [] : ["DISTINCT"])] : []),
  ]);
  // A literal as a key would be the number of a column; a key in parentheses is not one.
  const keyTexts = keys.map(({ sql }) => `(${sql})`);
  const plain = keyTexts.join(", ");
  const [firstKey = "()"] = keyTexts;
  const groupBy =
    keys.length === 0
      ? ""
      : form === "plain"
        ? ` GROUP BY ${plain}`
        : form === "SETS"
          ? ` GROUP BY GROUPING SETS ((${plain}), (${firstKey}), ())`
          : form === "MIXED"
            ? ` GROUP BY ${firstKey}, ROLLUP (${plain})`
            : form === "NESTED"
              ? ` GROUP BY GROUPING SETS (ROLLUP (${plain}), (${firstKey}), CUBE (${firstKey}))`
              : form === "DISTINCT"
                ? ` GROUP BY DISTINCT ROLLUP (${plain}), ROLLUP (${firstKey})`
                : ` GROUP BY ${form} (${plain})`;
  const grouping =
    keys.length > 0 && form !== "plain" && choices.chance(2)
      ? [{ sql: `CAST(GROUPING(${plain}) AS int)`, type: "int" as const }]
      : [];
  const bounds = [
    "> 1",
    "< 5",
    "<> 2",
    ...(common ? [] : ["> (SELECT min(dim.id) FROM dim)", "IN (SELECT dim.k FROM dim)"]),
  ];
  const having = choices.chance(4) ? ` HAVING count(*) ${choices.pick(["> 1", ...bounds])}` : "";
  const first = { sql: "CAST(count(*) AS int)", type: "int" as const };
  const shown = keys.map(({ sql, type }) => ({ sql: `(${sql})`, type }));
  const list = selectList([first, ...shown, ...grouping, ...calls]);
  const where = whereClause(builder, from.columns);
  return { sql: `SELECT ${list.sql} FROM ${from.sql}${where}${groupBy}${having}`, columns: list.columns };
}

function windowed(builder: Builder, depth: number): BuiltQuery {
  const { choices } = builder;
  const from = fromClause(builder, Math.min(depth, 0));
  const scope = scopeOf(builder, from.columns, false);
  const first = { sql: expression(scope, "int", 0), type: "int" as const };
  const calls = Array.from({ length: 1 + choices.next(2) }, (_, index) => windowCall(scope, index === 0));
  const list = selectList([first, ...calls]);
  return { sql: `SELECT ${list.sql} FROM ${from.sql}${whereClause(builder, from.columns)}`, columns: list.columns };
}

function setOperation(builder: Builder, depth: number): BuiltQuery {
  const { choices } = builder;
  const types = ["int" as const, ...Array.from({ length: choices.next(3) }, () => choices.pick(KEY_TYPES))];
  const branch = (): string => {
    const from = fromClause(builder, Math.min(depth - 1, 1));
    const scope = scopeOf(builder, from.columns, false);
    const items = types.map((type) => {
      const sql = expression(scope, type, 1);
      return { sql: type === "num" ? `round(${sql}, 3)` : sql, type };
    });
    return `SELECT ${selectList(items).sql} FROM ${from.sql}${whereClause(builder, from.columns)}`;
  };
  const operation = (): string =>
    choices.pick(["UNION ALL", "UNION", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"] as const);
  const parts = [branch(), operation(), branch()];
  if (choices.chance(3)) parts.push(operation(), branch());
  if (choices.chance(4)) parts.push(operation(), `(${branch()} ${operation()} ${branch()})`);
  return {
    sql: parts.join(" "),
    columns: types.map((type, index) => ({ name: `c${index + 1}`, type })),
  };
}

/** A recursive query that ends: a counter, or a walk over dim with its depth bounded. */
function recursive(builder: Builder): BuiltQuery {
  const { choices } = builder;
  const union = choices.pick(["UNION ALL", "UNION"]);
  const bound = 2 + choices.next(3);
  const start = choices.pick(["SELECT 1, 0", "SELECT id, 0 FROM dim WHERE id < 4", "SELECT k, 0 FROM dim"]);
  const step = choices.pick([
    `SELECT r.x * 2, r.lvl + 1 FROM r WHERE r.lvl < ${bound}`,
    `SELECT d.k, r.lvl + 1 FROM r JOIN dim d ON d.id = r.x WHERE r.lvl < ${bound}`,
    `SELECT d.id, r.lvl + 1 FROM r, dim d WHERE d.k = r.x AND r.lvl < ${bound}`,
    `SELECT d.id, r.lvl + 1 FROM r LEFT JOIN dim d ON d.k = r.x WHERE r.lvl < ${bound}`,
    `SELECT u.x, r.lvl + 1 FROM r, LATERAL (VALUES (r.x + 1), (r.x - 1)) u(x) WHERE r.lvl < ${bound} AND u.x <> 2`,
    `SELECT r.x + 1, r.lvl + 1 FROM r WHERE r.lvl < ${bound} AND EXISTS (SELECT 1 FROM dim d WHERE d.id > r.x)`,
    `(SELECT DISTINCT d.k, r.lvl + 1 FROM r JOIN dim d ON d.id >= r.x WHERE r.lvl < ${bound})`,
  ]);
  const columns: OutputColumn[] = [
    { name: "c1", type: "int" },
    { name: "c2", type: "int" },
  ];
  const scope = scopeOf(
    builder,
    [
      { sql: "r.x", type: "int" },
      { sql: "r.lvl", type: "int" },
    ],
    true,
  );
  const tail = choices.pick([
    "SELECT r.x AS c1, r.lvl AS c2 FROM r",
    "SELECT r.lvl AS c1, CAST(count(*) AS int) AS c2 FROM r GROUP BY r.lvl",
    "SELECT r.x AS c1, e.v AS c2 FROM r JOIN e ON e.k = r.x",
  ]);
  const where = choices.chance(2) && !tail.includes("GROUP") ? ` WHERE ${condition(scope, 1)}` : "";
  return { sql: `WITH RECURSIVE r(x, lvl) AS (${start} ${union} ${step}) ${tail}${where}`, columns };
}

function main(builder: Builder): BuiltQuery {
  const { choices } = builder;
  switch (choices.next(9)) {
    case 0:
    case 1:
      return projection(builder, 1, false);
    case 2:
    case 3:
      return aggregation(builder, 1, false);
    case 4:
      return windowed(builder, 1);
    case 5:
      return setOperation(builder, 1);
    case 6:
      return projection(builder, 2, true);
    case 7:
      return recursive(builder);
    default: {
      const ctes = Array.from({ length: 1 + choices.next(2) }, (_, index) => ({
        name: `w${index + 1}`,
        query: derivedQuery(builder, 1),
      }));
      const tables = ctes.map(({ name, query }) => ({ name, columns: query.columns }));
      const body = derivedQuery({ ...builder, tables, budget: { joins: 2, subqueries: 1 } }, 1);
      const withs = ctes.map(({ name, query }) => `${name} AS (${query.sql})`).join(", ");
      return { sql: `WITH ${withs} ${body.sql}`, columns: body.columns };
    }
  }
}

/** Ordering by every column makes the order of rows part of the answer, and LIMIT one answer. */
function ordered(builder: Builder, query: BuiltQuery): RandomQuery {
  const { choices, common } = builder;
  const sortable = query.columns.every(
    ({ type }) => type !== "json" && type !== "iv" && type !== "ints" && type !== "tz",
  );
  if (!sortable || !choices.chance(3)) return { sql: query.sql, ordered: false, common };
  const keys = query.columns.map(
    (_, index) =>
      `${index + 1} ${choices.pick(["ASC NULLS LAST", "DESC NULLS LAST", "ASC NULLS FIRST", "DESC NULLS FIRST"])}`,
  );
  const limit = choices.pick(["", " LIMIT 3", " LIMIT 10 OFFSET 2", " OFFSET 5"]);
  return { sql: `${query.sql} ORDER BY ${keys.join(", ")}${limit}`, ordered: true, common };
}

/** The query that a list of choices stands for. */
export function queryFrom(list: readonly number[]): RandomQuery {
  const choices = choicesFrom(list);
  const common = choices.next(3) === 2;
  let aliases = 0;
  const builder: Builder = {
    choices,
    common,
    tables: [],
    alias: () => {
      aliases += 1;
      return `q${aliases}`;
    },
    budget: { joins: 2, subqueries: 2 },
  };
  return ordered(builder, main(builder));
}

const CHOICE = fc.integer({ min: 0, max: 2 ** 20 });

/** Any query over `e` and `dim`. */
export const randomStructuredQuery: fc.Arbitrary<RandomQuery> = fc
  .noBias(fc.array(CHOICE, { maxLength: 160, size: "max" }))
  .map((list) => queryFrom(list));
