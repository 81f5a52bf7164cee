// Random sequences of statements that change rows, valid in PostgreSQL and here, as fast-check arbitraries that shrink.
// Where PostgreSQL leaves open which of several matches counts, the grammar does not ask.

import * as fc from "fast-check";
import type { PartitionSpecRequest } from "#iceberg";
import type { ColumnDefinition } from "./query-lake.ts";

/** A column with its type in both worlds and literals that meet its values and their edges. */
interface GrammarColumn {
  readonly name: string;
  readonly iceberg: string;
  readonly postgres: string;
  readonly literals: readonly string[];
}

const COLUMNS: readonly GrammarColumn[] = [
  { name: "id", iceberg: "int", postgres: "int", literals: ["0", "1", "2", "3", "7", "-5", "2147483647"] },
  {
    name: "k",
    iceberg: "string",
    postgres: 'text COLLATE "C"',
    literals: ["'a'", "'b'", "''", "'common prefix, then x'", "'common prefix, then y'", "'Ünï 𝒳'"],
  },
  { name: "v", iceberg: "long", postgres: "bigint", literals: ["1", "10", "-10", "9007199254740993"] },
  { name: "n", iceberg: "decimal(8, 2)", postgres: "numeric(8,2)", literals: ["1.25", "-0.01", "999999.99", "2"] },
  { name: "d", iceberg: "date", postgres: "date", literals: ["'2024-01-15'", "'2024-02-29'", "'1969-12-31'"] },
  {
    name: "ts",
    iceberg: "timestamptz",
    postgres: "timestamptz",
    literals: ["'2024-01-15 10:30:00.123456+00'", "'2024-01-15'", "'1969-12-31 23:59:59+00'"],
  },
  { name: "b", iceberg: "boolean", postgres: "boolean", literals: ["true", "false"] },
  { name: "f", iceberg: "double", postgres: "float8", literals: ["1.5", "-0.25", "'NaN'", "'-Infinity'", "0"] },
];

/** The columns of every table of a sequence, for the lake. */
export const LAKE_COLUMNS: readonly ColumnDefinition[] = COLUMNS.map(({ name, iceberg }) => [name, iceberg]);
/** And for PostgreSQL. */
export const POSTGRES_COLUMNS = COLUMNS.map(({ name, postgres }) => `${name} ${postgres}`).join(", ");
/** Reads every value as text, so that answers compare exactly. */
export const ROWS_AS_TEXT = COLUMNS.map(({ name }) => `${name}::text AS ${name}`).join(", ");

/** One run: a table's layout, the rows of target and source, and statements one after the other. */
export interface ChangeSequence {
  readonly format: 2 | 3;
  readonly partition: PartitionSpecRequest | undefined;
  /** Statements that fill `t` and `s`, each a file or more. */
  readonly setup: readonly string[];
  readonly statements: readonly string[];
}

const NULL = fc.constant("NULL");
const valueOf = ({ literals }: GrammarColumn): fc.Arbitrary<string> =>
  fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...literals) }, NULL);
const row = fc.tuple(...COLUMNS.map(valueOf)).map((values) => `(${values.join(", ")})`);
const rowsInto = (table: string, maxLength: number): fc.Arbitrary<string> =>
  fc.array(row, { minLength: 1, maxLength }).map((rows) => `INSERT INTO ${table} VALUES ${rows.join(", ")}`);

const comparison = fc.constantFrom("=", "<>", "<", "<=", ">", ">=");
const column = fc.constantFrom(...COLUMNS);

function comparisonOf(alias: string): fc.Arbitrary<string> {
  return column.chain((found) => {
    const name = `${alias}.${found.name}`;
    const value = fc.constantFrom(...found.literals);
    return fc.oneof(
      { weight: 4, arbitrary: fc.tuple(comparison, value).map(([operator, text]) => `${name} ${operator} ${text}`) },
      fc.array(valueOf(found), { minLength: 1, maxLength: 3 }).map((list) => `${name} IN (${list.join(", ")})`),
      fc.tuple(value, value).map(([low, high]) => `${name} BETWEEN ${low} AND ${high}`),
      fc.constantFrom(`${name} IS NULL`, `${name} IS NOT NULL`),
      value.map((text) => `${name} IS DISTINCT FROM ${text}`),
      value.map((text) => `(${name} > ${text}) IS NOT TRUE`),
    );
  });
}

const other = (alias: string): fc.Arbitrary<string> =>
  fc.constantFrom(
    `${alias}.b`,
    `NOT ${alias}.b`,
    `${alias}.k LIKE 'common%'`,
    `${alias}.ts::date = '2024-01-15'`,
    `${alias}.id % 2 = 1`,
    "NULL",
    "true",
  );

function conditionOn(leaf: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.letrec<{ tree: string }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      leaf,
      fc.tuple(tie("tree"), fc.constantFrom("AND", "OR"), tie("tree")).map(([a, word, b]) => `(${a} ${word} ${b})`),
      tie("tree").map((inner) => `NOT (${inner})`),
    ),
  })).tree;
}

const plain = (alias: string): fc.Arbitrary<string> =>
  conditionOn(fc.oneof({ weight: 4, arbitrary: comparisonOf(alias) }, other(alias)));

/** Conditions over other tables that do not read the target's row. */
const uncorrelated = fc.constantFrom(
  "t.id IN (SELECT id FROM s)",
  "t.id NOT IN (SELECT id FROM s WHERE id IS NOT NULL)",
  "t.id NOT IN (SELECT id FROM s)",
  "t.v < (SELECT max(v) FROM s)",
  "t.k = ANY (SELECT k FROM s WHERE b)",
  "t.n >= ALL (SELECT n FROM t WHERE n < 2)",
  "EXISTS (SELECT 1 FROM s WHERE id = 3)",
);

/** Conditions over other tables that read the target's row. */
const correlated = fc.constantFrom(
  "EXISTS (SELECT 1 FROM s WHERE s.id = t.id)",
  "NOT EXISTS (SELECT 1 FROM s WHERE s.k = t.k AND s.v > t.v)",
  "t.v > (SELECT avg(o.v) FROM t o WHERE o.k = t.k)",
  "(SELECT count(*) FROM s WHERE s.id < t.id) > 1",
  "t.n IN (SELECT s.n FROM s WHERE s.id >= t.id)",
  "t.d NOT IN (SELECT s.d FROM s WHERE s.id = t.id)",
  "t.id < ALL (SELECT o.id FROM t o WHERE o.k = t.k AND o.v <> t.v)",
  "(SELECT max(y) FROM (VALUES (t.id), (2)) z(y)) > 2",
);
/** New values of some columns that read other tables. */
const CORRELATED_VALUES = [
  "v = (SELECT max(s.v) FROM s WHERE s.id = t.id)",
  "v = (SELECT count(*) FROM t o WHERE o.v < t.v)",
  "k = (SELECT min(s.k) FROM s WHERE s.id <> t.id)",
  "(k, n) = (SELECT max(o.k), min(o.n) FROM t o WHERE o.id = t.id)",
  "b = EXISTS (SELECT 1 FROM s WHERE s.d = t.d)",
  "d = coalesce((SELECT max(s.d) FROM s WHERE s.k = t.k), t.d)",
] as const;
const correlatedValue = fc.constantFrom(...CORRELATED_VALUES);

/** A source with at most one row for an id. */
const UNIQUE_SOURCE =
  "(SELECT id, min(k) AS k, max(v) AS v, min(n) AS n, max(d) AS d, min(ts) AS ts, true AS b, max(f) AS f FROM s GROUP BY id)";
const VALUES_SOURCE =
  "(VALUES (1, 'a', 5::bigint, 1.5, DATE '2024-01-15', TIMESTAMPTZ '2024-01-15 00:00+00', true, 0.5::float8), " +
  "(7, NULL, NULL, NULL, NULL, NULL, NULL, 'NaN'), (8, 'new', 80, 8, '2024-08-08', '2024-08-08 08:08+00', false, 8)) ";
const uniqueSource = fc.constantFrom(
  `${UNIQUE_SOURCE} x`,
  `${VALUES_SOURCE} x(id, k, v, n, d, ts, b, f)`,
  "(SELECT DISTINCT ON (id) * FROM s ORDER BY id, k, v, n, d, ts, b, f) x",
);

/** New values of a column; `reads` names what may be read. */
function assignmentOf({ name, literals }: GrammarColumn, reads: readonly string[]): fc.Arbitrary<string> {
  const from = fc.constantFrom(...reads);
  const computed: Readonly<Record<string, readonly string[]>> = {
    id: ["%.id + 1", "-%.id", "coalesce(%.id, 0)", "%.id * 1000000000", "%.v"],
    k: ["replace(%.k, 'a', 'A')", "%.k || '!'", "%.id::text", "coalesce(%.k, 'none')", "%.d::text"],
    v: ["%.v + 1", "%.id", "%.n", "nullif(%.v, 10)", "length(%.k)"],
    n: ["%.n * 1.005", "%.n + 1", "%.id", "round(%.n)"],
    d: ["%.d + 1", "%.ts::date", "coalesce(%.d, '2020-02-02')"],
    ts: ["%.ts + interval '1 day'", "%.d", "date_trunc('month', %.ts)"],
    b: ["NOT %.b", "%.id > 2", "%.k IS NULL"],
    f: ["%.f * 2", "%.id / 4.0", "%.n"],
  };
  return fc.oneof(
    fc.constantFrom(...literals, "NULL", "DEFAULT"),
    fc.tuple(fc.constantFrom(...(computed[name] ?? [])), from).map(([text, alias]) => text.replaceAll("%", alias)),
  );
}

const assignments = (reads: readonly string[]): fc.Arbitrary<string> =>
  fc
    .uniqueArray(column, { minLength: 1, maxLength: 3, selector: ({ name }) => name })
    .chain((found) =>
      fc.tuple(...found.map((item) => assignmentOf(item, reads).map((value) => `${item.name} = ${value}`))),
    )
    .map((list) => list.join(", "));

const whereT = fc.oneof(
  { weight: 2, arbitrary: fc.tuple(correlated, plain("t")).map(([a, b]) => `${a} AND ${b}`) },
  { weight: 1, arbitrary: fc.tuple(correlated, plain("t")).map(([a, b]) => `(${b} OR NOT ${a})`) },
  { weight: 4, arbitrary: plain("t") },
  { weight: 2, arbitrary: fc.tuple(uncorrelated, plain("t")).map(([a, b]) => `${a} AND ${b}`) },
  { weight: 1, arbitrary: fc.tuple(uncorrelated, plain("t")).map(([a, b]) => `(${b} OR NOT (${a}))`) },
);
const joinedBy = fc.constantFrom("t.id = x.id", "t.id = x.id AND t.k = x.k", "x.id = t.id AND x.v > 0");

const insert = fc.oneof(
  rowsInto("t", 4),
  fc
    .tuple(
      fc.constantFrom("id", "id + 10", "NULL"),
      fc.constantFrom("v", "max(v) OVER ()", "id"),
      fc.constantFrom("t", "s"),
      fc.nat(3),
    )
    .map(([id, v, from, limit]) => `INSERT INTO t (id, v) SELECT ${id}, ${v} FROM ${from} WHERE id < ${limit}`),
  plain("t").map((where) => `INSERT INTO t SELECT t.* FROM t WHERE ${where}`),
  fc.constant("INSERT INTO t DEFAULT VALUES"),
  fc.constant("INSERT INTO t (k, n, d) SELECT k, sum(n), max(d) FROM s GROUP BY k"),
);

const update = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(assignments(["t"]), whereT).map(([set, where]) => `UPDATE t SET ${set} WHERE ${where}`),
  },
  assignments(["t"]).map((set) => `UPDATE t SET ${set}`),
  fc
    .tuple(assignments(["t", "x"]), uniqueSource, joinedBy, fc.option(plain("t")))
    .map(
      ([set, source, on, extra]) =>
        `UPDATE t SET ${set} FROM ${source} WHERE ${on}${extra === null ? "" : ` AND ${extra}`}`,
    ),
  // Several matches, all with the same new values.
  fc
    .tuple(assignments(["t"]), joinedBy, plain("x"))
    .map(([set, on, extra]) => `UPDATE t SET ${set} FROM s x WHERE ${on} AND ${extra}`),
  fc.constant("UPDATE t SET (k, v) = (SELECT min(k), max(v) FROM s) WHERE t.id > 1"),
  {
    weight: 2,
    arbitrary: fc.tuple(correlatedValue, whereT).map(([set, where]) => `UPDATE t SET ${set} WHERE ${where}`),
  },
  fc
    .tuple(correlatedValue, uniqueSource, joinedBy)
    .map(([set, source, on]) => `UPDATE t SET ${set}, id = x.id + 1 FROM ${source} WHERE ${on}`),
);

const remove = fc.oneof(
  { weight: 4, arbitrary: whereT.map((where) => `DELETE FROM t WHERE ${where}`) },
  fc
    .tuple(fc.constantFrom("s x", "t x", "s x JOIN s y ON x.id = y.id"), joinedBy, plain("x"))
    .map(([from, on, extra]) => `DELETE FROM t USING ${from} WHERE ${on} AND ${extra}`),
  fc.constantFrom("TRUNCATE t", "DELETE FROM t"),
);

const matched = fc.oneof(
  assignments(["t", "x"]).map((set) => `UPDATE SET ${set}`),
  correlatedValue.map((set) => `UPDATE SET ${set}`),
  fc.constantFrom("DELETE", "DO NOTHING"),
);
const unmatched = fc.constantFrom(
  "INSERT (id, k, v) VALUES (x.id, x.k, x.v)",
  "INSERT VALUES (x.id, x.k, x.v, x.n, x.d, x.ts, x.b, x.f)",
  "INSERT (id, n) VALUES (x.id + 100, DEFAULT)",
  "INSERT DEFAULT VALUES",
  "DO NOTHING",
);
const merge = fc
  .tuple(
    fc.oneof(uniqueSource, fc.constantFrom("s x", "t x")),
    joinedBy,
    fc.option(fc.tuple(fc.oneof(plain("t"), plain("x"), correlated), matched)),
    fc.option(matched),
    fc.option(fc.tuple(fc.option(plain("x")), unmatched)),
    fc.option(
      fc.tuple(
        fc.option(plain("t")),
        fc.oneof(
          assignments(["t"]).map((set) => `UPDATE SET ${set}`),
          fc.constant("DELETE"),
        ),
      ),
    ),
  )
  .filter(([, , ...clauses]) => clauses.some((clause) => clause !== null))
  .map(([source, on, first, rest, missing, gone]) => {
    const clauses = [
      first === null ? "" : `WHEN MATCHED AND ${first[0]} THEN ${first[1]}`,
      rest === null ? "" : `WHEN MATCHED THEN ${rest}`,
      missing === null ? "" : `WHEN NOT MATCHED${missing[0] === null ? "" : ` AND ${missing[0]}`} THEN ${missing[1]}`,
      gone === null ? "" : `WHEN NOT MATCHED BY SOURCE${gone[0] === null ? "" : ` AND ${gone[0]}`} THEN ${gone[1]}`,
    ];
    return `MERGE INTO t USING ${source} ON ${on} ${clauses.filter((clause) => clause !== "").join(" ")}`;
  });

const statement = fc.oneof(
  { weight: 2, arbitrary: insert },
  { weight: 4, arbitrary: update },
  { weight: 4, arbitrary: remove },
  { weight: 4, arbitrary: merge },
);

const partition: fc.Arbitrary<PartitionSpecRequest | undefined> = fc.constantFrom(
  undefined,
  { fields: [{ name: "k", "source-id": 2, transform: "identity" }] },
  {
    fields: [
      { name: "id_bucket", "source-id": 1, transform: "bucket[2]" },
      { name: "ts_month", "source-id": 6, transform: "month" },
    ],
  },
);

/** Any sequence of the grammar. */
export const changeSequence: fc.Arbitrary<ChangeSequence> = fc.record({
  format: fc.constantFrom(2, 3),
  partition,
  setup: fc
    .tuple(fc.array(rowsInto("t", 6), { minLength: 1, maxLength: 3 }), rowsInto("s", 6))
    .map(([filling, source]) => [...filling, source]),
  statements: fc.array(statement, { minLength: 1, maxLength: 5 }),
});
