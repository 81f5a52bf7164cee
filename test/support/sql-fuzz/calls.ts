// Random aggregate and window calls.

import type { Choices } from "./choices.ts";
import { randomFrame } from "./frames.ts";
import {
  anyType,
  condition,
  expression,
  type ExpressionScope,
  type ScopeColumn,
  type ValueType,
} from "./expressions.ts";

/** PostgreSQL refuses a bare literal where any type may stand. */
function typed(sql: string): string {
  return sql.startsWith("'") ? `COALESCE(${sql}, ${sql})` : sql;
}

/** An aggregate call and its type; `keysOnly`: its equal values look alike. */
export function aggregateCall(
  scope: ExpressionScope,
  keysOnly: boolean,
): { readonly sql: string; readonly type: ValueType } {
  const { choices, common } = scope;
  const of = (type: ValueType): string => typed(expression(scope, type, 1));
  const filter = choices.chance(4) ? ` FILTER (WHERE ${condition(scope, 1)})` : "";
  const key = choices.pick(["int", "txt", "date", "ts", "big"] as const);
  const forms: [() => { sql: string; type: ValueType }, ...(() => { sql: string; type: ValueType })[]] = [
    () => ({ sql: `count(*)${filter}`, type: "big" }),
    () => ({ sql: `CAST(sum(${of("int")})${filter} AS bigint)`, type: "big" }),
    () => ({ sql: `${choices.pick(["min", "max"])}(${of(key)})${filter}`, type: key }),
    () => ({ sql: `count(${of(anyType(scope))})${filter}`, type: "big" }),
    () => ({ sql: `count(DISTINCT ${of(key)})${filter}`, type: "big" }),
    () => ({ sql: `round(sum(${of("num")})${filter}, 3)`, type: "num" }),
    () => ({ sql: `bool_${choices.pick(["and", "or"])}(${of("bool")})${filter}`, type: "bool" }),
    () => ({ sql: `CAST(sum(DISTINCT ${of("int")})${filter} AS bigint)`, type: "big" }),
  ];
  if (!keysOnly) {
    forms.push(
      () => ({ sql: `avg(${of("int")})${filter}`, type: "num" }),
      () => ({ sql: `${choices.pick(["min", "max"])}(${of("flt")})${filter}`, type: "flt" }),
    );
  }
  if (!common) {
    const text = of("txt");
    const ints = of("int");
    // The order within a list is of its values, so that no engine's order of rows shows.
    forms.push(
      () => ({ sql: `string_agg(${text}, ',' ORDER BY ${text})${filter}`, type: "txt" }),
      () => ({ sql: `round(avg(${of("num")})${filter}, 3)`, type: "num" }),
    );
    if (!keysOnly) {
      forms.push(
        () => ({ sql: `array_agg(${ints} ORDER BY ${ints} DESC NULLS LAST)${filter}`, type: "ints" }),
        () => ({ sql: `array_agg(DISTINCT ${ints})${filter}`, type: "ints" }),
        () => ({ sql: `jsonb_agg(${ints} ORDER BY ${ints})${filter}`, type: "json" }),
        () => ({ sql: `percentile_disc(0.5) WITHIN GROUP (ORDER BY ${of(key)})${filter}`, type: key }),
        () => ({ sql: `percentile_cont(0.25) WITHIN GROUP (ORDER BY ${ints})${filter}`, type: "flt" }),
        () => ({ sql: `mode() WITHIN GROUP (ORDER BY ${of(key)})${filter}`, type: key }),
        () => ({ sql: `rank(3) WITHIN GROUP (ORDER BY ${ints})${filter}`, type: "big" }),
        () => ({
          sql: `${choices.pick(["var_pop", "stddev", "var_samp", "stddev_pop"])}(${ints})${filter}`,
          type: "num",
        }),
        () => ({ sql: `sum(${of("iv")})${filter}`, type: "iv" }),
        () => ({ sql: `bit_or(${ints})${filter}`, type: "int" }),
        () => ({ sql: `every(${of("bool")})${filter}`, type: "bool" }),
        () => ({ sql: `regr_count(${ints}, ${of("int")})${filter}`, type: "big" }),
      );
    }
  }
  return choices.pick(forms)();
}

/** Frames of rows need a total order: an order over every column is one, for equal rows are alike. */
function totalOrder(choices: Choices, columns: readonly ScopeColumn[]): string {
  const sortable = columns.filter((column) => column.type !== "ints" && column.type !== "json" && column.type !== "iv");
  const direction = (): string =>
    choices.pick(["ASC NULLS LAST", "DESC NULLS LAST", "ASC NULLS FIRST", "DESC NULLS FIRST"]);
  const start = choices.next(Math.max(sortable.length, 1));
  const turned = [...sortable.slice(start), ...sortable.slice(0, start)];
  return turned.map((column) => `${column.sql} ${direction()}`).join(", ");
}

/**
 * A window call. Equal rows are numbered in any order, so where a query has two calls only the first may tell equal
 * rows apart.
 */
export function windowCall(
  scope: ExpressionScope,
  isFirst: boolean,
): { readonly sql: string; readonly type: ValueType } {
  const { choices, common } = scope;
  const type = choices.pick(["int", "txt", "date", "big", "ts"] as const);
  const value = typed(expression(scope, type, 1));
  const int = expression(scope, "int", 1);
  const partition = choices.chance(2)
    ? `PARTITION BY ${expression(scope, choices.pick(["txt", "int", "bool"]), 1)} `
    : "";
  const order = `ORDER BY ${totalOrder(choices, scope.columns)}`;
  const frame = choices.pick([
    "",
    " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
    " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
    " ROWS BETWEEN 2 FOLLOWING AND 4 FOLLOWING",
    " GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW",
    " ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW",
    " ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING EXCLUDE TIES",
    randomFrame(choices, choices.pick(["ROWS", "GROUPS"])),
    randomFrame(choices, "ROWS"),
  ]);
  // Peers share these values, so any order will do.
  const loose = `(${partition}ORDER BY ${int} ${choices.pick(["ASC NULLS LAST", "DESC NULLS LAST"])})`;
  const range = choices.pick([
    " RANGE BETWEEN 2 PRECEDING AND CURRENT ROW",
    " RANGE BETWEEN CURRENT ROW AND 5 FOLLOWING",
    randomFrame(choices, "RANGE"),
  ]);
  const direction = choices.pick(["ASC NULLS LAST", "DESC NULLS LAST", "ASC NULLS FIRST", "DESC NULLS FIRST"]);
  const key = choices.pick([int, int, common ? int : expression(scope, "date", 1)]);
  const spans = common ? range : range.replaceAll(/(\d) (PRECEDING|FOLLOWING)/g, "interval '$1 mons' $2");
  const ranged = `(${partition}ORDER BY ${key} ${direction}${key === int ? range : spans})`;
  const total = `(${partition}${order})`;
  const framed = isFirst ? `(${partition}${order}${frame})` : loose;
  const forms: [() => { sql: string; type: ValueType }, ...(() => { sql: string; type: ValueType })[]] = [
    isFirst
      ? () => ({ sql: `row_number() OVER ${total}`, type: "big" })
      : () => ({ sql: `percent_rank() OVER ${loose}`, type: "flt" }),
    () => ({ sql: `${choices.pick(["rank", "dense_rank"])}() OVER ${loose}`, type: "big" }),
    () => ({ sql: `count(*) OVER ${choices.pick([framed, loose, ranged])}`, type: "big" }),
    () => ({ sql: `CAST(sum(${int}) OVER ${choices.pick([framed, loose, ranged])} AS bigint)`, type: "big" }),
    () => ({ sql: `${choices.pick(["min", "max"])}(${value}) OVER ${choices.pick([framed, loose, ranged])}`, type }),
    ...(isFirst
      ? [
          () => ({
            sql: `${choices.pick(["lag", "lead"])}(${value}${choices.pick(["", ", 2", ", 0"])}) OVER ${total}`,
            type,
          }),
          () => ({ sql: `${choices.pick(["first_value", "last_value"])}(${value}) OVER ${framed}`, type }),
          () => ({ sql: `nth_value(${value}, 2) OVER ${framed}`, type }),
          () => ({ sql: `CAST(ntile(3) OVER ${total} AS int)`, type: "int" as const }),
        ]
      : []),
    () => ({ sql: `count(${value}) OVER (${partition.trim()})`, type: "big" }),
  ];
  if (!common) {
    forms.push(
      () => ({ sql: `round(avg(${int}) OVER ${framed}, 3)`, type: "num" }),
      () => ({ sql: `count(*) FILTER (WHERE ${condition(scope, 1)}) OVER ${framed}`, type: "big" }),
      () => ({ sql: `cume_dist() OVER ${loose}::text`, type: "txt" }),
      ...(isFirst
        ? [() => ({ sql: `string_agg(${expression(scope, "txt", 1)}, '') OVER ${framed}`, type: "txt" as const })]
        : []),
    );
  }
  const form = choices.pick(forms);
  const built = form();
  return built.sql.endsWith("::text") ? { ...built, sql: `(${built.sql.replace("::text", "")})::text` } : built;
}
