// Forms of expressions that only PostgreSQL and Firn share: JSON, arrays, intervals, zones, casts, edges of types.

import type { ExpressionScope, ValueType } from "./expressions.ts";

type Form = () => string;
type Of = (wanted: ValueType) => string;

const ZONES = [
  "'America/New_York'",
  "'Australia/Lord_Howe'",
  "'Asia/Kathmandu'",
  "'Europe/London'",
  "interval '-3:30'",
];
const INTERVAL_PARTS = ["year", "month", "day", "hour", "minute", "second", "epoch"] as const;
const PATHS = [
  "'$.a'",
  "'$[*]'",
  "'$.b[last]'",
  "'$[*] ? (@ > 1)'",
  "'$.**.a'",
  "'$.a.type()'",
  "'$ ? (@.a == 1)'",
] as const;
const KEYS = ["'a'", "'b'", "0", "-1"] as const;

function zone({ choices }: ExpressionScope): string {
  return choices.pick([ZONES[0] ?? "'UTC'", ...ZONES.slice(1)]);
}

/** PostgreSQL refuses a bare literal where any type may stand. */
function typed(sql: string): string {
  return sql.startsWith("'") ? `${sql}::text` : sql;
}

/** More forms of a type. */
export function rarerForms(scope: ExpressionScope, type: ValueType, of: Of): readonly Form[] {
  const { choices, subquery } = scope;
  switch (type) {
    case "int":
      return [
        () => `jsonb_array_length(jsonb_build_array(${of("int")}, ${of("json")}))`,
        () => `extract(${choices.pick(INTERVAL_PARTS)} FROM ${of("iv")})::int`,
        () => `extract(${choices.pick(["hour", "day", "dow"])} FROM ${of("tz")} AT TIME ZONE ${zone(scope)})::int`,
        () => `array_length(${of("ints")}, 1)`,
        () => `(${of("bool")})::int`,
        () => `round(${of("num")})::int`,
        () => `(SELECT max(x) FROM unnest(${of("ints")}) AS u(x))`,
        () => `(jsonb_build_object('k', ${of("int")}) ->> 'k')::int`,
        () => `CASE WHEN jsonb_typeof(${of("json")}) = 'number' THEN 1 ELSE 0 END`,
        () => `(${of("int")} # 5)`,
        () => `(${of("int")} << 2)`,
        () => `octet_length(${of("txt")})`,
      ];
    case "big":
      return [
        () => `(${of("int")}::bigint * 4294967296)`,
        () => `extract(epoch FROM ${of("ts")})::bigint`,
        () => `greatest(${of("big")}, -9223372036854775807)`,
      ];
    case "num":
      return [
        () => `extract(${choices.pick(INTERVAL_PARTS)} FROM ${of("iv")})`,
        () => `(${of("num")})::numeric(20,5)`,
        () => `round(${of("num")}, ${choices.pick(["-1", "0", "3"])})`,
        () => `power(${of("num")}, 2)`,
        () => `mod(${of("num")}, 0.3)`,
        () => `(jsonb_build_array(${of("num")}) ->> 0)::numeric`,
        () => `to_number(to_char(${of("int")} % 1000, 'FM999990'), '999990')`,
      ];
    case "flt":
      return [
        () => `(${of("num")} * 2)::float8`,
        () => `extract(epoch FROM ${of("iv")})::float8`,
        () => `date_part('hour', ${of("ts")})`,
        () => `nullif(${of("flt")}, 'NaN')`,
      ];
    case "txt":
      return [
        () => `(${of("json")} #>> '{b,0}')`,
        () => `jsonb_typeof(${of("json")})`,
        () => `jsonb_pretty(${of("json")})`,
        () => `jsonb_path_query_first(${of("json")}, ${choices.pick(PATHS)})::text`,
        () => `to_char(${of("iv")}, 'YY-MM-DD HH24:MI:SS')`,
        () => `to_char(${of("tz")} AT TIME ZONE ${zone(scope)}, 'Day DD Mon YYYY AM')`,
        () => `encode(convert_to(${of("txt")}, 'UTF8'), 'hex')`,
        () => `(${of("ints")})::text`,
        () => `quote_nullable(${typed(of("txt"))})`,
        () => `array_to_string(ARRAY(SELECT x::text FROM unnest(${of("ints")}) u(x) ORDER BY x), '+')`,
        () => `JSON_VALUE(${of("json")}, '$.a')`,
        () => `pg_typeof(${typed(of(choices.pick(["json", "num", "iv", "tz", "ints"])))})::text`,
        () => `substr(${of("txt")}, ${of("int")} % 3 + 1)`,
      ];
    case "date":
      return [
        () => `make_date(2000 + abs(${of("int")} % 50), 2, 28)`,
        () => `(${of("tz")} AT TIME ZONE ${zone(scope)})::date`,
        () => `to_date(to_char(${of("date")}, 'YYYYMMDD'), 'YYYYMMDD')`,
        () => `(${of("ts")} + ${of("iv")})::date`,
      ];
    case "ts":
      return [
        () => `(${of("tz")} AT TIME ZONE ${zone(scope)})`,
        () => `date_trunc(${choices.pick(["'decade'", "'century'", "'second'"])}, ${of("ts")})`,
        () => `(${of("date")} + time '13:14:15.678')`,
        () => `(${of("ts")})::timestamp(0)`,
        () => `date_bin('1 day 2 hours', ${of("ts")}, timestamp '1999-12-31 12:00')`,
        () => `make_timestamp(2024, 1 + abs(${of("int")} % 12), 15, 10, 30, 5.5)`,
      ];
    case "tz":
      return [
        () => `(${of("ts")} AT TIME ZONE ${zone(scope)})`,
        () => `(${of("tz")} - ${of("iv")})`,
        () => `date_add(${of("tz")}, interval '1 month', 'Europe/Berlin')`,
        () => `(${of("tz")})::timestamptz(1)`,
      ];
    case "iv":
      return [
        () => `(${of("tz")} - ${of("tz")})`,
        () => `(${of("iv")} / ${choices.pick(["3", "-2", "0.7"])})`,
        () => `justify_${choices.pick(["days", "hours"])}(${of("iv")})`,
        () => `date_trunc(${choices.pick(["'hour'", "'day'", "'month'"])}, ${of("iv")})`,
        () => `(${of("iv")})::interval${choices.pick([" day", " hour", " month", " day to minute", "(1)"])}`,
        () => `(- (${of("iv")}))`,
      ];
    case "ints":
      return [
        () => `ARRAY(SELECT x FROM unnest(${of("ints")}) u(x) WHERE x <> 2 ORDER BY x)`,
        () => `array_replace(${of("ints")}, ${of("int")}, 9)`,
        () => `array_prepend(${of("int")}, ${of("ints")})`,
        () => `array_positions(${of("ints")}, ${of("int")})`,
        () => `array_sort(${of("ints")})`,
        () => `array_reverse(${of("ints")})`,
        () => `trim_array(${of("ints")} || ARRAY[1, 2], 1)`,
        ...(subquery === undefined ? [] : [() => `ARRAY(${subquery(scope, "ints")} ORDER BY 1)`]),
      ];
    case "json":
      return [
        () => `jsonb_set('{"b": 1}', '{${choices.pick(["a", "b"])}}', ${of("json")})`,
        () => `(${of("json")} #> '{a}')`,
        () => `(jsonb_build_object('a', ${of("json")}, 'c', ${of("num")}) - 'a')`,
        () => `jsonb_path_query_array(${of("json")}, ${choices.pick(PATHS)})`,
        () => `(${of("json")} -> ${choices.pick(KEYS)})`,
        () => `to_jsonb(${of("iv")}::text)`,
        () => `jsonb_insert('{"a": [1]}'::jsonb, '{a,0}', coalesce(${of("json")}, 'null'))`,
        () => `(${of("json")})::json::jsonb`,
      ];
    case "bool":
      return [];
  }
}

/** More conditions. */
export function rarerConditions(scope: ExpressionScope, of: Of): readonly Form[] {
  const { choices, subquery } = scope;
  const comparison = (): string => choices.pick(["=", "<", ">", "<>", "<=", ">="]);
  const forms: Form[] = [
    () => `${of("json")} ${comparison()} ${of("json")}`,
    () => `${of("json")} IS ${choices.pick(["DISTINCT", "NOT DISTINCT"])} FROM ${of("json")}`,
    () => `${of("json")} @? ${choices.pick(PATHS)}`,
    () => `jsonb_path_exists(${of("json")}, ${choices.pick(PATHS)})`,
    () => `${of("json")} ?| ARRAY['a', 'c']`,
    () => `${of("iv")} ${comparison()} interval '${choices.pick(["1 mon", "30 days", "720 hours"])}'`,
    () => `(${of("ts")} - ${of("ts")}) ${comparison()} ${of("iv")}`,
    () => `${of("date")} ${comparison()} ${of(choices.pick(["ts", "tz"]))}`,
    () => `${of("big")} ${comparison()} ${choices.pick(["9223372036854775807", "-9223372036854775808"])}`,
    () => `${of("int")} ${comparison()} ${choices.pick(["2147483647", "-2147483648", "3000000000", "1.5", "1e40"])}`,
    () => `${of("ints")} ${comparison()} ${of("ints")}`,
    () =>
      `${of(choices.pick(["date", "ts", "tz", "iv"]))} ${comparison()} '${choices.pick(["infinity", "-infinity"])}'`,
    () => `${of("int")} = ANY (${of("ints")}) IS NOT TRUE`,
    () => `${typed(of("txt"))} COLLATE "C" ${comparison()} 'b'`,
    () => `(${of("int")}, ${of("date")}) IN ((1, DATE '2024-01-01'), (3, NULL))`,
    () => `ROW(${of("int")}, ${of("int")}) IS ${choices.pick(["NULL", "NOT NULL"])}`,
  ];
  if (subquery !== undefined) {
    forms.push(
      () => `(${subquery(scope, "value")}) IN (SELECT dim.k FROM dim WHERE dim.k > ${of("int")})`,
      () =>
        `(${subquery(scope, "value")}) ${comparison()} ${choices.pick(["ANY", "ALL"])} (${subquery(scope, "ints")})`,
    );
    forms.push(
      () => `ROW(${of("int")}, 1) IN (SELECT s.x, 1 FROM (${subquery(scope, "ints")}) s(x))`,
      () => `(${of("bool")}) = ((${subquery(scope, "count")}) > 2)`,
      () => `EXISTS (SELECT 1 FROM (${subquery(scope, "ints")}) s(x) WHERE s.x ${comparison()} ${of("int")})`,
    );
  }
  return forms;
}
