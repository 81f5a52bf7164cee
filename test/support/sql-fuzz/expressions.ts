// Random expressions by type. The first form of every list is the simplest: failing queries shrink towards it.
//
// Forms that one engine may refuse where another does not (division by zero, overflow) are guarded, since PostgreSQL
// promises no order of evaluation. Values that are equal but look different (1.0 and 1.00, one month and thirty days,
// 0 and -0) never become keys of groups.

import type { Choices } from "./choices.ts";
import { rarerConditions, rarerForms } from "./rarer-forms.ts";

/** The types that expressions are made for. */
export type ValueType = "int" | "big" | "num" | "flt" | "txt" | "bool" | "date" | "ts" | "tz" | "iv" | "ints" | "json";

/** A column in scope. */
export interface ScopeColumn {
  readonly sql: string;
  readonly type: ValueType;
}

/** What expressions are made from. */
export interface ExpressionScope {
  readonly choices: Choices;
  readonly columns: readonly ScopeColumn[];
  /** Only what DuckDB does as PostgreSQL does. */
  readonly common: boolean;
  /** A subquery over this scope, for EXISTS, IN and scalar subqueries; absent where none may stand. */
  readonly subquery: ((scope: ExpressionScope, wanted: SubqueryKind) => string) | undefined;
}

/** What a subquery in an expression gives: any rows, a list of ints, one count, one value. */
export type SubqueryKind = "rows" | "ints" | "count" | "value";

/** Types that compare, sort and group alike everywhere. */
export const KEY_TYPES = ["int", "txt", "bool", "date", "num", "ts", "big"] as const;
const ALL_TYPES = ["int", "txt", "bool", "num", "date", "ts", "big", "flt", "tz", "iv", "ints", "json"] as const;
const COMMON_TYPES = ["int", "txt", "bool", "num", "date", "ts", "big", "flt"] as const;
const COMPARISONS = ["=", "<", ">", "<>", "<=", ">="] as const;
const ZONES = ["'America/New_York'", "'Europe/Berlin'", "'Asia/Kolkata'", "'UTC'"] as const;
const UNITS = ["'day'", "'month'", "'hour'", "'year'", "'quarter'", "'week'", "'minute'"] as const;
const PARTS = ["year", "month", "day", "hour", "dow", "doy", "quarter", "minute"] as const;
const SPANS = ["1 day", "1 month", "-1 month", "90 minutes", "1 year 2 days", "-36 hours"] as const;

type Form = () => string;
type Forms = readonly [Form, ...Form[]];

/** A type that the scope may show. */
export function anyType({ choices, common }: ExpressionScope): ValueType {
  return choices.pick<ValueType>(common ? COMMON_TYPES : ALL_TYPES);
}

function literal(scope: ExpressionScope, type: ValueType): string {
  const { choices } = scope;
  switch (type) {
    case "int":
      return choices.pick(["1", "0", "3", "-2", "7", "12", "CAST(NULL AS int)"]);
    case "big":
      return choices.pick(["CAST(10 AS bigint)", "9007199254740993", "CAST(NULL AS bigint)", "CAST(-30 AS bigint)"]);
    case "num":
      return choices.pick(["1.5", "0.25", "-3.75", "10.00", "CAST(NULL AS numeric(12,2))"]);
    case "flt":
      return choices.pick([
        "CAST(1.5 AS double precision)",
        "CAST('NaN' AS double precision)",
        "CAST('Infinity' AS double precision)",
        "CAST(-0.25 AS double precision)",
      ]);
    case "txt":
      return choices.pick(["'a'", "'apple'", "''", "'b'", "'zz'", "'O''Brien'", "CAST(NULL AS text)"]);
    case "bool":
      return choices.pick(["true", "false", "CAST(NULL AS boolean)"]);
    case "date":
      return choices.pick(["DATE '2024-01-01'", "DATE '2024-02-29'", "DATE '1969-12-31'", "CAST(NULL AS date)"]);
    case "ts":
      return choices.pick([
        "TIMESTAMP '2024-01-01 00:00:00'",
        "TIMESTAMP '2024-06-15 12:00:00'",
        "TIMESTAMP '1969-12-31 23:59:59.5'",
        "CAST(NULL AS timestamp)",
      ]);
    case "tz":
      return choices.pick(["timestamptz '2024-01-01 00:00:00+00'", "timestamptz '2024-03-31 03:00:00+02'"]);
    case "iv":
      return `interval '${choices.pick(SPANS)}'`;
    case "ints":
      return choices.pick(["ARRAY[1, 2]", "ARRAY[3, NULL, 1]", "'{}'::int[]", "NULL::int[]"]);
    case "json":
      return choices.pick(["'{\"a\": 1}'::jsonb", "'[1, \"x\", null]'::jsonb", "'2'::jsonb", "NULL::jsonb"]);
  }
}

/** A column of the type, or a literal when the scope has none. */
function leaf(scope: ExpressionScope, type: ValueType): string {
  const fitting = scope.columns.filter((column) => column.type === type);
  const [first, ...others] = fitting;
  if (first === undefined || scope.choices.chance(6)) return literal(scope, type);
  return scope.choices.pick([first, ...others]).sql;
}

/** A random expression of a type; `depth` bounds how deep it nests. */
export function expression(scope: ExpressionScope, type: ValueType, depth: number): string {
  if (depth <= 0 || scope.choices.next(3) === 0) return leaf(scope, type);
  const of = (wanted: ValueType, less = 1): string => expression(scope, wanted, depth - less);
  const general: Form[] = [
    () => `COALESCE(${of(type)}, ${of(type)})`,
    () => `CASE WHEN ${condition(scope, depth - 1)} THEN ${of(type)} ELSE ${of(type)} END`,
    () => `CASE ${of("int")} WHEN 1 THEN ${of(type)} WHEN 3 THEN ${of(type)} END`,
  ];
  if (type !== "json") general.push(() => `NULLIF(${of(type)}, ${of(type)})`);
  if (type !== "json" && type !== "iv" && type !== "bool" && type !== "ints") {
    general.push(() => `${scope.choices.pick(["GREATEST", "LEAST"])}(${of(type)}, ${of(type)})`);
  }
  const [first, ...others] = formsOf(scope, type, of, depth);
  const rarer = scope.common ? [] : rarerForms(scope, type, of);
  return scope.choices.pick([first, ...others, ...general, ...rarer])();
}

function formsOf(
  scope: ExpressionScope,
  type: ValueType,
  of: (wanted: ValueType, less?: number) => string,
  depth: number,
): Forms {
  const { choices, common } = scope;
  const only = (...forms: Form[]): Form[] => (common ? [] : forms);
  switch (type) {
    case "int":
      return [
        () => `(${of("int")} + ${literal(scope, "int")})`,
        () => `(${of("int")} - ${of("int")})`,
        () => `(${of("int")} * ${choices.pick(["2", "3", "-1"])})`,
        () => `(${of("int")} % ${choices.pick(["3", "2", "-4"])})`,
        () => `abs(${of("int")})`,
        () => `CAST(length(${of("txt")}) AS int)`,
        () => `CAST(extract(${choices.pick(PARTS)} FROM ${of("ts")}) AS int)`,
        () => `CAST(position('a' in ${of("txt")}) AS int)`,
        () => `CAST(strpos(${of("txt")}, 'p') AS int)`,
        () => `(${of("int")} & 6)`,
        ...(scope.subquery === undefined
          ? []
          : [
              () => `CAST((${scope.subquery?.(scope, "count") ?? ""}) AS int)`,
              () => `(${scope.subquery?.(scope, "value") ?? ""})`,
            ]),
        ...only(
          () => `(${of("int")} / NULLIF(${of("int")}, 0))`,
          () => `cardinality(${of("ints")})`,
          () => `(${of("ints")})[${choices.pick(["1", "2", "0"])}]`,
          () => `(${of("date")} - ${of("date")})`,
          () => `extract(${choices.pick(["isodow", "isoyear", "week", "century", "decade"])} FROM ${of("tz")})::int`,
          () => `width_bucket(${of("int")}, -10, 10, 4)`,
          () => `array_position(${of("ints")}, ${of("int")})`,
          () => `regexp_count(${of("txt")}, '[aeiou]')`,
          () => `sign(${of("num")})::int`,
          () => `mod(${of("int")}, 5)`,
          () => `num_nulls(${of("int")}, ${of("txt")})`,
          () => `ascii(${of("txt")})`,
        ),
      ];
    case "big":
      return [
        () => `(${of("big")} + ${of("int")})`,
        () => `CAST(${of("int")} AS bigint)`,
        () => `(${of("big")} - 1)`,
        ...only(
          () => `(${of("big")} / 7)`,
          () => `(${of("big")} % NULLIF(${of("int")}, 0))`,
          () => `(${of("big")} & 255)`,
        ),
      ];
    case "num":
      return [
        () => `(${of("num")} + ${of("num")})`,
        () => `(${of("num")} - ${literal(scope, "num")})`,
        () => `(${of("num")} * ${choices.pick(["2", "0.5", "-1"])})`,
        () => `round(${of("num")}, 1)`,
        () => `abs(${of("num")})`,
        ...only(
          () => `(${of("num")} / NULLIF(${of("num")}, 0))`,
          () => `(${of("num")} / 3)`,
          () => `(${of("num")} % 2.5)`,
          () => `trunc(${of("num")}, 1)`,
          () => `${choices.pick(["ceil", "floor", "round"])}(${of("num")})`,
          () => `${of("int")}::numeric`,
          () => `sqrt(abs(${of("num")}))`,
          () => `extract(epoch FROM ${of("ts")})`,
          () => `div(${of("num")}, 0.7)`,
          () => `trim_scale(${of("num")})`,
        ),
      ];
    case "flt":
      return [
        () => `(${of("flt")} + ${of("flt")})`,
        () => `(${of("flt")} - 0.5)`,
        () => `CAST(${of("int")} AS double precision)`,
        ...only(
          () => `(${of("flt")} / 4)`,
          () => `${of("num")}::float8`,
          () => `${choices.pick(["floor", "ceil", "trunc", "round"])}(${of("flt")})`,
          () => `abs(${of("flt")})`,
        ),
      ];
    case "txt":
      return [
        () => `(${of("txt")} || ${of("txt")})`,
        () => `${choices.pick(["upper", "lower"])}(${of("txt")})`,
        () => `left(${of("txt")}, ${choices.pick(["2", "1", "0", "-1"])})`,
        () => `right(${of("txt")}, 2)`,
        () => `substring(${of("txt")} FROM ${choices.pick(["2", "1", "3"])} FOR 2)`,
        () => `replace(${of("txt")}, 'a', 'bc')`,
        () => `CAST(${of("int")} AS text)`,
        () => `concat(${of("txt")}, ${of("int")}, '.')`,
        () => `concat_ws('-', ${of("txt")}, ${of("txt")})`,
        () => `trim(${of("txt")})`,
        () => `lpad(${of("txt")}, 4, '*')`,
        () => `split_part(${of("txt")}, 'p', ${choices.pick(["1", "2", "-1"])})`,
        () => `repeat(${of("txt")}, 2)`,
        () => `CAST(${of("date")} AS text)`,
        ...only(
          () => `reverse(${of("txt")})`,
          () => `to_char(${of("tz")}, 'YYYY-MM-DD HH24:MI:SS.US Dy Q IW')`,
          () => `to_char(${of("num")}, '${choices.pick(["FM999990.00", "999,999.9", "S0999", "999PR"])}')`,
          () => `regexp_replace(${of("txt")}, '[aeiou]+', '<\\&>', 'g')`,
          () => `${of(choices.pick(["num", "flt", "tz", "iv", "ints", "json", "bool", "big", "ts"]))}::text`,
          () => `initcap(${of("txt")})`,
          () => `md5(${of("txt")})`,
          () => `translate(${of("txt")}, 'abp', 'xy')`,
          () => `quote_literal(${of("txt")})`,
          () => `format('%s|%L', ${of("txt")}, ${of("int")})`,
          () => `array_to_string(${of("ints")}, ',', '?')`,
          () => `(${of("json")} ->> 'a')`,
          () => `overlay(${of("txt")} placing 'ZZ' from 2 for 1)`,
          () => `substring(${of("txt")} from 'p+(.*)')`,
          () => `to_hex(${of("int")})`,
        ),
      ];
    case "bool":
      return [() => condition(scope, depth)];
    case "date":
      return [
        () => `(${of("date")} + ${choices.pick(["1", "30", "-1"])})`,
        () => `CAST(${of("ts")} AS date)`,
        () => `CAST(date_trunc(${choices.pick(UNITS)}, ${of("ts")}) AS date)`,
        ...only(
          () => `(${of("date")} + ${of("int")} % 100)`,
          () => `(${of("date")} + interval '1 month')::date`,
          () => `(${of("tz")})::date`,
        ),
      ];
    case "ts":
      return [
        () => `date_trunc(${choices.pick(UNITS)}, ${of("ts")})`,
        () => `(${of("ts")} + INTERVAL '${choices.pick(SPANS)}')`,
        () => `CAST(${of("date")} AS timestamp)`,
        ...only(
          () => `(${of("tz")} AT TIME ZONE ${choices.pick(ZONES)})`,
          () => `date_bin('7 hours', ${of("ts")}, timestamp '2000-01-01')`,
          () => `(${of("ts")} - ${of("iv")})`,
          () => `(${of("date")} + interval '1 hour' * (${of("int")} % 50))`,
        ),
      ];
    case "tz":
      return [
        () => `date_trunc(${choices.pick(UNITS)}, ${of("tz")})`,
        () => `date_trunc(${choices.pick(UNITS)}, ${of("tz")}, ${choices.pick(ZONES)})`,
        () => `(${of("tz")} + interval '${choices.pick(SPANS)}')`,
        () => `(${of("ts")} AT TIME ZONE ${choices.pick(ZONES)})`,
        () => `${of("date")}::timestamptz`,
      ];
    case "iv":
      return [
        () => `(${of("ts")} - ${of("ts")})`,
        () => `age(${of("ts")}, ${of("ts")})`,
        () => `(${of("iv")} + ${of("iv")})`,
        () => `(${of("iv")} * ${choices.pick(["2", "0.5", "-1"])})`,
        () => `make_interval(0, ${of("int")} % 20, 0, ${of("int")} % 40)`,
        () => `justify_interval(${of("iv")})`,
      ];
    case "ints":
      return [
        () => `ARRAY[${of("int")}, ${of("int")}]`,
        () => `array_append(${of("ints")}, ${of("int")})`,
        () => `(${of("ints")} || ${of("ints")})`,
        () => `array_remove(${of("ints")}, ${of("int")})`,
        () => `(${of("ints")})[1:2]`,
      ];
    case "json":
      return [
        () => `jsonb_build_object('a', ${of("int")}, 'b', ${of("txt")})`,
        // PostgreSQL refuses a bare literal where any type may stand.
        () =>
          `to_jsonb(${of(choices.pick(["int", "txt", "num", "bool", "ints", "date", "ts"])).replace(/^'.*$/, "'x'::text")})`,
        () => `jsonb_build_array(${of("int")}, ${of("num")}, ${of("bool")})`,
        () => `(${of("json")} -> 'a')`,
        () => `(jsonb_build_array(${of("int")}, ${of("json")}) -> ${choices.pick(["0", "1", "-1", "2"])})`,
        () => `(${of("json")} || ${of("json")})`,
        () => `jsonb_strip_nulls(${of("json")})`,
      ];
  }
}

/** A random condition. */
export function condition(scope: ExpressionScope, depth: number): string {
  const { choices, common } = scope;
  const of = (wanted: ValueType): string => expression(scope, wanted, depth - 1);
  const compared = (): ValueType =>
    choices.pick<ValueType>(
      common
        ? ["int", "txt", "num", "date", "ts", "big", "flt"]
        : ["int", "txt", "num", "date", "ts", "tz", "big", "flt", "iv", "bool", "ints"],
    );
  const compare = (): string => {
    const type = compared();
    return `${leaf(scope, type)} ${choices.pick(COMPARISONS)} ${literal(scope, type)}`;
  };
  if (depth <= 0) return compare();
  const { subquery } = scope;
  const forms: [Form, ...Form[]] = [
    compare,
    () => {
      const type = compared();
      return `${of(type)} ${choices.pick(COMPARISONS)} ${of(type)}`;
    },
    () => `${of(anyType(scope))} IS ${choices.pick(["NULL", "NOT NULL"])}`,
    () => {
      const type = choices.pick(["int", "txt", "num", "date"] as const);
      const list = [literal(scope, type), literal(scope, type), literal(scope, type)];
      return `${of(type)} ${choices.pick(["IN", "NOT IN"])} (${list.slice(0, 1 + choices.next(3)).join(", ")})`;
    },
    () => {
      const type = compared();
      return `${of(type)} ${choices.pick(["BETWEEN", "NOT BETWEEN"])} ${literal(scope, type)} AND ${of(type)}`;
    },
    () => `(${condition(scope, depth - 1)} AND ${condition(scope, depth - 1)})`,
    () => `(${condition(scope, depth - 1)} OR ${condition(scope, depth - 1)})`,
    () => `(NOT ${condition(scope, depth - 1)})`,
    () => `(${condition(scope, depth - 1)}) IS ${choices.pick(["NOT TRUE", "TRUE", "FALSE", "NOT FALSE", "NOT NULL"])}`,
    () => {
      const type = compared();
      return `${of(type)} IS ${choices.pick(["DISTINCT", "NOT DISTINCT"])} FROM ${of(type)}`;
    },
    () => `${of("txt")} ${choices.pick(["LIKE", "NOT LIKE"])} '${choices.pick(["a%", "%p%", "_pple%", "", "%"])}'`,
    () => expression({ ...scope, subquery: undefined }, "bool", 0),
  ];
  if (subquery !== undefined) {
    forms.push(
      () => `${choices.pick(["EXISTS", "NOT EXISTS"])} (${subquery(scope, "rows")})`,
      () => `${of("int")} ${choices.pick(["IN", "NOT IN"])} (${subquery(scope, "ints")})`,
      () => `${of("int")} ${choices.pick(COMPARISONS)} (${subquery(scope, "value")})`,
    );
    if (!common) {
      forms.push(
        () => `${of("int")} ${choices.pick(COMPARISONS)} ${choices.pick(["ANY", "ALL"])} (${subquery(scope, "ints")})`,
      );
    }
  }
  if (!common) {
    forms.push(
      () => `${of("int")} ${choices.pick(COMPARISONS)} ${choices.pick(["ANY", "ALL"])} (${of("ints")})`,
      () =>
        `${of("txt")} ${choices.pick(["~", "!~", "~*"])} '${choices.pick(["^a", "p+", "[[:upper:]]", "e$", "(a|b).*"])}'`,
      () => `${of("txt")} ${choices.pick(["ILIKE", "SIMILAR TO"])} '${choices.pick(["a%", "%P%", "(a|b)%"])}'`,
      () => `(${of("int")}, ${of("txt")}) ${choices.pick(COMPARISONS)} (${of("int")}, ${of("txt")})`,
      () => `${of("json")} ${choices.pick(["@>", "<@", "="])} ${of("json")}`,
      () => `${of("json")} ? 'a'`,
      () => `${of("ints")} ${choices.pick(["@>", "&&", "<@"])} ${of("ints")}`,
      () => `(${of("ts")}, ${of("ts")}) OVERLAPS (${of("ts")}, ${of("iv")})`,
      () => `${of("int")} BETWEEN SYMMETRIC ${of("int")} AND ${of("int")}`,
      () => `${of("tz")} ${choices.pick(COMPARISONS)} ${of(choices.pick(["ts", "date"]))}`,
      () => `${of("big")} ${choices.pick(COMPARISONS)} ${of(choices.pick(["num", "flt"]))}`,
      () => `date_trunc(${choices.pick(UNITS)}, ${leaf(scope, "tz")}) ${choices.pick(COMPARISONS)} '2024-03-01'`,
      () => `extract(year from ${leaf(scope, "ts")}) ${choices.pick(COMPARISONS)} 2024`,
      () => `to_char(${leaf(scope, "ts")}, 'YYYY-MM') = '2024-03'`,
      () => `lower(${leaf(scope, "txt")}) = 'apple'`,
      ...rarerConditions(scope, of),
    );
  }
  return choices.pick(forms)();
}
