// Random valid queries over the case tables, as a fast-check arbitrary that shrinks to the smallest failing one.

import * as fc from "fast-check";

/** A column as its alias writes it, with literals that meet its values and their edges. */
interface GrammarColumn {
  readonly name: string;
  readonly literals: readonly string[];
}

const T_COLUMNS: readonly GrammarColumn[] = [
  { name: "id", literals: ["1", "3", "5", "10", "4.5"] },
  { name: "grp", literals: ["'a'", "'b'", "'c'", "'zz'"] },
  { name: "i2", literals: ["1", "5", "-2", "2.5"] },
  { name: "i8", literals: ["10", "50", "9007199254740993", "-30"] },
  { name: "f8", literals: ["1.5", "0", "'NaN'", "'Infinity'", "-0.25"] },
  { name: "f4", literals: ["0.5", "8", "'-1'"] },
  { name: "n", literals: ["10.5", "0", "-5", "2.50"] },
  { name: "d", literals: ["'2024-01-15'", "'2024-03-01'", "'1969-12-31'"] },
  { name: "ts", literals: ["'2024-01-15 10:30'", "'2024-02-29'", "'2023-12-31'"] },
  { name: "tz", literals: ["'2024-01-15'", "'2024-01-16'", "'2024-01-15 10:30:00.123+00'"] },
  { name: "txt", literals: ["'apple'", "'banana'", "''"] },
];
const U_COLUMNS: readonly GrammarColumn[] = [
  { name: "id", literals: ["1", "3", "6"] },
  { name: "t_id", literals: ["1", "2", "99"] },
  { name: "grp", literals: ["'a'", "'x'", "'c'"] },
  { name: "amount", literals: ["0", "1.5", "0.007"] },
  { name: "at", literals: ["'2024-01-15'", "'2024-02-01'"] },
];

const comparison = fc.constantFrom("=", "<>", "<", "<=", ">", ">=");

function simpleCondition(alias: string, columns: readonly GrammarColumn[]): fc.Arbitrary<string> {
  return fc.constantFrom(...columns).chain(({ name, literals }) => {
    const column = `${alias}.${name}`;
    const value = fc.constantFrom(...literals);
    return fc.oneof(
      { weight: 4, arbitrary: fc.tuple(comparison, value).map(([operator, text]) => `${column} ${operator} ${text}`) },
      { weight: 1, arbitrary: fc.tuple(comparison, value).map(([operator, text]) => `${text} ${operator} ${column}`) },
      fc
        .array(fc.oneof(value, fc.constant("NULL")), { minLength: 1, maxLength: 3 })
        .map((list) => `${column} IN (${list.join(", ")})`),
      fc.array(value, { minLength: 1, maxLength: 2 }).map((list) => `${column} NOT IN (${list.join(", ")})`),
      fc.tuple(value, value).map(([low, high]) => `${column} BETWEEN ${low} AND ${high}`),
      fc.constantFrom(`${column} IS NULL`, `${column} IS NOT NULL`),
      value.map((text) => `${column} IS DISTINCT FROM ${text}`),
      value.map((text) => `(${column} > ${text}) IS NOT TRUE`),
      value.map((text) => `COALESCE(${column}, ${text}) = ${text}`),
    );
  });
}

const unit = fc.constantFrom("hour", "day", "week", "month", "quarter", "year");
const temporal = (alias: string): fc.Arbitrary<string> =>
  fc.oneof(
    fc
      .tuple(
        unit,
        fc.constantFrom("tz", "ts"),
        comparison,
        fc.constantFrom("'2024-01-15'", "'2024-01-01'", "'2024-01-15 10:00'", "'2024-01-15 10:30'"),
      )
      .map(([field, column, operator, text]) => `date_trunc('${field}', ${alias}.${column}) ${operator} ${text}`),
    fc
      .tuple(fc.constantFrom("tz", "ts"), comparison, fc.constantFrom("'2024-01-15'", "'1969-12-31'"))
      .map(([column, operator, text]) => `${alias}.${column}::date ${operator} ${text}`),
    fc
      .tuple(comparison, fc.constantFrom("2023", "2024", "1969"))
      .map(([operator, year]) => `extract(year from ${alias}.tz) ${operator} ${year}`),
    fc.constantFrom("2024-01-15", "2024-02-30", "x").map((text) => `to_char(${alias}.tz, 'YYYY-MM-DD') = '${text}'`),
    fc.constantFrom("a%", "%an%", "100\\%%", "apple", "_pple%").map((pattern) => `${alias}.txt LIKE '${pattern}'`),
    fc.constantFrom(`${alias}.b`, `NOT ${alias}.b`, `${alias}.b IS NOT TRUE`, `${alias}.b IS UNKNOWN`),
    fc.constantFrom("true", "NULL", "1 = 2"),
  );

function condition(leaf: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const { tree } = fc.letrec<{ tree: string; leaf: string }>((tie) => ({
    leaf,
    tree: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      tie("leaf"),
      fc.tuple(tie("tree"), fc.constantFrom("AND", "OR"), tie("tree")).map(([a, word, b]) => `(${a} ${word} ${b})`),
      tie("tree").map((inner) => `NOT (${inner})`),
    ),
  }));
  return tree;
}

const onT = (alias: string): fc.Arbitrary<string> =>
  condition(fc.oneof(simpleCondition(alias, T_COLUMNS), temporal(alias)));
const onU = (alias: string): fc.Arbitrary<string> => condition(simpleCondition(alias, U_COLUMNS));

const single = onT("t").map((where) => `SELECT t.id, t.grp, t.n FROM t WHERE ${where}`);

const joined = fc
  .tuple(
    fc.constantFrom("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"),
    fc.constantFrom("u.t_id = t.id", "u.grp = t.grp", "u.t_id = t.id AND u.grp = t.grp"),
    // PostgreSQL cannot run a FULL JOIN whose condition is not an equality, so extra ON conditions are for the rest.
    fc.option(fc.oneof(onT("t"), onU("u"))),
    fc.option(
      fc.oneof(
        onT("t"),
        onU("u"),
        fc.tuple(onT("t"), onU("u")).map(([a, b]) => `${a} AND ${b}`),
        fc.tuple(onT("t"), onU("u")).map(([a, b]) => `(${a} OR ${b})`),
      ),
    ),
  )
  .map(([type, keys, extra, where]) => {
    const on = extra === null || type === "FULL JOIN" ? keys : `${keys} AND ${extra}`;
    return `SELECT t.id, t.i2, u.id, u.amount FROM t ${type} u ON ${on}${where === null ? "" : ` WHERE ${where}`}`;
  });

const grouped = fc
  .tuple(
    fc.constantFrom("grp", "b", "i2 % 2", "date_trunc('month', tz)", "grp, b"),
    fc.constantFrom(
      "count(*)",
      "sum(i2)",
      "min(n)",
      "max(f8)",
      "count(DISTINCT i2)",
      "avg(i8)",
      "count(*) FILTER (WHERE b)",
    ),
    onT("t"),
    fc.constantFrom("", " HAVING count(*) > 1", " HAVING min(id) < 5"),
  )
  .map(
    ([keys, aggregate, where, having]) =>
      `SELECT ${keys}, ${aggregate} FROM t WHERE ${where} GROUP BY ${keys}${having}`,
  );

const derived = fc
  .tuple(
    fc.constantFrom(
      "SELECT id, grp, i2, n, f8, txt, tz, ts, d, i8, f4, b FROM t",
      "SELECT DISTINCT * FROM (SELECT id, grp, i2, n, f8, txt, tz, ts, d, i8, f4, b FROM t) q",
      "SELECT id, grp, i2, n, f8, txt, tz, ts, d, i8, f4, b FROM t ORDER BY id LIMIT 6",
      "SELECT id, grp, i2, n, f8, txt, tz, ts, d, i8, f4, b FROM t WHERE id < 6 UNION ALL SELECT id, grp, i2, n, f8, txt, tz, ts, d, i8, f4, b FROM t WHERE i2 > 2",
      "SELECT max(id) AS id, grp, max(i2) AS i2, max(n) AS n, max(f8) AS f8, max(txt) AS txt, max(tz) AS tz, max(ts) AS ts, max(d) AS d, max(i8) AS i8, max(f4) AS f4, b FROM t GROUP BY grp, b",
    ),
    onT("s"),
  )
  .map(([inner, where]) => `SELECT s.id, s.grp FROM (${inner}) s WHERE ${where}`);

const membership = fc
  .tuple(
    fc.constantFrom("id", "i2"),
    fc.constantFrom("IN", "NOT IN"),
    fc.constantFrom("t_id", "id"),
    onU("u"),
    onT("t"),
  )
  .map(
    ([left, operator, right, inner, outer]) =>
      `SELECT t.id FROM t WHERE t.${left} ${operator} (SELECT u.${right} FROM u WHERE ${inner}) AND ${outer}`,
  );

const combined = fc
  .tuple(
    fc.constantFrom("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL"),
    onT("t"),
    onU("u"),
    simpleCondition("s", [T_COLUMNS[1] ?? { name: "grp", literals: ["'a'"] }]),
  )
  .map(
    ([operation, a, b, where]) =>
      `SELECT s.grp FROM (SELECT t.grp FROM t WHERE ${a} ${operation} SELECT u.grp FROM u WHERE ${b}) s WHERE ${where}`,
  );

/** Expressions over t and the type they have, for select lists, keys and comparisons. */
const numeric = fc.constantFrom(
  "t.id",
  "t.i2",
  "t.i8",
  "t.n",
  "t.i2 + 1",
  "t.n * 2",
  "t.id % 3",
  "-t.i2",
  "abs(t.n)",
  "round(t.n, 1)",
  "coalesce(t.i2, 0)",
  "length(t.txt)",
  "nullif(t.i2, 5)",
  "greatest(t.id, t.i2)",
  "extract(day from t.tz)",
  "CASE WHEN t.b THEN t.id ELSE t.i2 END",
  "width_bucket(t.id, 1, 10, 3)",
  "position('a' in t.txt)",
  "t.i2 & 3",
  "trunc(t.n)",
);
const textual = fc.constantFrom(
  "t.grp",
  "t.txt",
  "upper(t.txt)",
  "t.grp || t.txt",
  "coalesce(t.grp, '?')",
  "left(t.txt, 2)",
  "concat(t.grp, t.id)",
  "to_char(t.tz, 'YYYY-MM-DD HH24')",
  "split_part(t.txt, ' ', 1)",
  "substring(t.txt from 2)",
  "reverse(t.txt)",
  "replace(t.txt, 'a', 'b')",
  "regexp_replace(t.txt, '[aeiou]', '_', 'g')",
  "lpad(t.grp, 3, '-')",
  "t.id::text",
  "md5(t.txt)",
);
const timely = fc.constantFrom(
  "t.tz",
  "t.ts",
  "t.d",
  "date_trunc('hour', t.tz)",
  "date_trunc('month', t.ts)",
  "t.tz AT TIME ZONE 'America/New_York'",
  "t.ts AT TIME ZONE 'Asia/Kolkata'",
  "date_trunc('day', t.tz, 'Europe/Berlin')",
  "date_bin('15 minutes', t.ts, timestamp '2001-01-01')",
  "t.d + 7",
  "t.ts + t.iv",
  "t.tz - interval '1 month'",
  "t.ts::date",
  "age(t.ts, timestamp '2020-02-29')",
  "t.ts - timestamp '2024-01-01'",
  "make_date(2024, 2, 1) + t.id",
);
const value = fc.oneof(numeric, textual, timely, fc.constantFrom("t.b", "t.b IS NULL", "NULL::int", "t.f8", "t.iv"));

const windowName = fc.constantFrom(
  "PARTITION BY t.grp ORDER BY t.id",
  "ORDER BY t.id",
  "PARTITION BY t.b ORDER BY t.n, t.id",
  "ORDER BY t.grp DESC NULLS LAST, t.id",
  "PARTITION BY t.grp ORDER BY t.id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
  "ORDER BY t.id RANGE BETWEEN 2 PRECEDING AND CURRENT ROW",
  "ORDER BY t.id GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW",
  "PARTITION BY t.grp ORDER BY t.id DESC",
);
const windowCall = fc.oneof(
  fc.constantFrom("row_number()", "rank()", "dense_rank()", "ntile(3)", "count(*)", "cume_dist()", "percent_rank()"),
  numeric.map((arg) => `sum(${arg})`),
  numeric.map((arg) => `max(${arg})`),
  value.map((arg) => `lag(${arg})`),
  value.map((arg) => `first_value(${arg})`),
  value.map((arg) => `count(${arg})`),
);
/** Every order is total: where rows tie, each engine may number them as it likes. */
const windowed = fc
  .tuple(windowCall, windowName, onT("t"), fc.option(fc.constantFrom("> 1", "IS NULL", "IS NOT NULL")))
  .map(([call, over, where, filter]) => {
    const query = `SELECT t.id, ${call} OVER (${over}) AS w FROM t WHERE ${where}`;
    return filter === null || filter === "> 1" ? query : `SELECT q.id, q.w FROM (${query}) q WHERE q.w ${filter}`;
  });

const expressions = fc
  .tuple(fc.array(value, { minLength: 1, maxLength: 4 }), onT("t"))
  .map(([list, where]) => `SELECT ${list.join(", ")} FROM t WHERE ${where}`);

const aggregate = fc.oneof(
  fc
    .tuple(fc.constantFrom("sum", "avg", "min", "max", "count", "stddev", "var_pop"), numeric)
    .map(([f, x]) => `${f}(${x})`),
  fc.tuple(fc.constantFrom("min", "max", "count"), fc.oneof(textual, timely)).map(([f, x]) => `${f}(${x})`),
  value.map((x) => `count(DISTINCT ${x})`),
  value.map((x) => `array_agg(${x} ORDER BY t.id)`),
  textual.map((x) => `string_agg(${x}, ',' ORDER BY t.id DESC)`),
  numeric.map((x) => `percentile_disc(0.5) WITHIN GROUP (ORDER BY ${x})`),
  numeric.map((x) => `sum(${x}) FILTER (WHERE t.b)`),
  fc.constantFrom("bool_and(t.b)", "bool_or(t.b)", "sum(t.iv)", "rank(3) WITHIN GROUP (ORDER BY t.id)"),
);
const aggregated = fc
  .tuple(
    fc.array(aggregate, { minLength: 1, maxLength: 3 }),
    fc.option(
      fc.oneof(
        value,
        fc.tuple(value, value).map((pair) => pair.join(", ")),
      ),
    ),
    onT("t"),
    fc.constantFrom("plain", "ROLLUP", "CUBE"),
  )
  .map(([calls, keys, where, form]) => {
    const grouping = keys === null ? "" : ` GROUP BY ${form === "plain" ? keys : `${form} (${keys})`}`;
    const shown = keys === null ? calls : [keys, ...calls];
    return `SELECT ${shown.join(", ")} FROM t WHERE ${where}${grouping}`;
  });

const correlatedCondition = fc.oneof(
  fc
    .tuple(
      fc.constantFrom("EXISTS", "NOT EXISTS"),
      fc.constantFrom("u.t_id = t.id", "u.grp = t.grp", "u.id < t.id", "u.grp = t.grp AND u.id <> t.id"),
      onU("u"),
    )
    .map(([word, link, inner]) => `${word} (SELECT 1 FROM u WHERE ${link} AND ${inner})`),
  fc
    .tuple(
      comparison,
      fc.constantFrom("max(u.id)", "count(*)", "min(u.t_id)"),
      fc.constantFrom("u.grp = t.grp", "u.id >= t.id"),
    )
    .map(([operator, call, link]) => `t.i2 ${operator} (SELECT ${call} FROM u WHERE ${link})`),
  fc
    .tuple(comparison, fc.constantFrom("ANY", "ALL"), fc.constantFrom("u.grp = t.grp", "u.t_id < t.id"))
    .map(([operator, word, link]) => `t.id ${operator} ${word} (SELECT u.id FROM u WHERE ${link})`),
);
const correlated = fc
  .tuple(fc.constantFrom("AND", "OR"), correlatedCondition, onT("t"))
  .map(([word, inner, where]) => `SELECT t.id FROM t WHERE ${inner} ${word} ${where}`);

const common = fc
  .tuple(onT("t"), onU("u"), fc.constantFrom("JOIN", "LEFT JOIN", "FULL JOIN"), numeric)
  .map(
    ([a, b, join, x]) =>
      `WITH a AS (SELECT t.id, t.grp, ${x} AS x FROM t WHERE ${a}), b AS (SELECT u.grp, count(*) AS c FROM u WHERE ${b} GROUP BY u.grp) SELECT a.id, a.x, b.c, (SELECT count(*) FROM a) FROM a ${join} b ON a.grp = b.grp`,
  );

const lateral = fc
  .tuple(onT("t"), fc.constantFrom("CROSS JOIN LATERAL", "LEFT JOIN LATERAL"), fc.constantFrom(1, 2))
  .map(
    ([where, join, limit]) =>
      `SELECT t.id, s.id FROM t ${join} (SELECT u.id FROM u WHERE u.t_id >= t.id ORDER BY u.id LIMIT ${limit}) s${join.startsWith("LEFT") ? " ON true" : ""} WHERE ${where}`,
  );

const several = fc
  .tuple(onT("t"), onU("u"), fc.constantFrom("a.t_id = t.id", "a.grp = t.grp", "a.id = u.id"))
  .map(
    ([where, inner, link]) =>
      `SELECT t.id, u.id, a.id FROM t, u, u a WHERE (u.t_id = t.id AND ${link} AND ${where}) OR (u.t_id = t.id AND ${link} AND ${inner})`,
  );

/** Any query of the grammar. The order of its rows means nothing. */
export const randomQuery: fc.Arbitrary<string> = fc.oneof(
  single,
  joined,
  grouped,
  derived,
  membership,
  combined,
  windowed,
  expressions,
  aggregated,
  correlated,
  common,
  lateral,
  several,
);
