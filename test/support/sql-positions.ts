// Every place of a SELECT that can hold a subquery, with every kind of subquery that reads the rows around it.

/** A correlated subquery; `sql` writes it over the alias of the outer row and an alias of its own. */
interface Kind {
  readonly name: string;
  readonly type: "number" | "boolean" | "array";
  readonly sql: (outer: string, own: string) => string;
}

/** Writes the subquery over an outer alias, with another alias of its own where two stand together. */
type Written = (outer: string, own?: string) => string;

interface Position {
  readonly name: string;
  readonly sql: (kind: Kind, written: Written) => string;
}

const KINDS: readonly Kind[] = [
  { name: "scalar agg", type: "number", sql: (o, i) => `(SELECT count(*) FROM u ${i} WHERE ${i}.t_id = ${o}.id)` },
  { name: "scalar max", type: "number", sql: (o, i) => `(SELECT max(${i}.id) FROM u ${i} WHERE ${i}.grp = ${o}.grp)` },
  {
    name: "scalar limit",
    type: "number",
    sql: (o, i) => `(SELECT ${i}.id FROM u ${i} WHERE ${i}.id > ${o}.id ORDER BY ${i}.id LIMIT 1)`,
  },
  { name: "exists", type: "boolean", sql: (o, i) => `EXISTS (SELECT 1 FROM u ${i} WHERE ${i}.t_id = ${o}.id)` },
  {
    name: "not exists",
    type: "boolean",
    sql: (o, i) => `NOT EXISTS (SELECT 1 FROM u ${i} WHERE ${i}.t_id = ${o}.id AND ${i}.grp = ${o}.grp)`,
  },
  {
    name: "exists offset",
    type: "boolean",
    sql: (o, i) => `EXISTS (SELECT 1 FROM u ${i} WHERE ${i}.id > ${o}.id OFFSET 2)`,
  },
  {
    name: "exists agg",
    type: "boolean",
    sql: (o, i) => `EXISTS (SELECT count(*) FROM u ${i} WHERE ${i}.t_id = ${o}.id HAVING count(*) > 1)`,
  },
  { name: "in", type: "boolean", sql: (o, i) => `${o}.id IN (SELECT ${i}.t_id FROM u ${i} WHERE ${i}.grp = ${o}.grp)` },
  {
    name: "not in",
    type: "boolean",
    sql: (o, i) => `${o}.i2 NOT IN (SELECT ${i}.t_id FROM u ${i} WHERE ${i}.id < ${o}.id)`,
  },
  {
    name: "any",
    type: "boolean",
    sql: (o, i) => `${o}.id > ANY (SELECT ${i}.t_id FROM u ${i} WHERE ${i}.id <> ${o}.id)`,
  },
  {
    name: "all",
    type: "boolean",
    sql: (o, i) => `${o}.id >= ALL (SELECT ${i}.t_id FROM u ${i} WHERE ${i}.id = ${o}.id)`,
  },
  {
    name: "row in",
    type: "boolean",
    sql: (o, i) => `(${o}.id, ${o}.grp) IN (SELECT ${i}.t_id, ${i}.grp FROM u ${i} WHERE ${i}.id <= ${o}.id)`,
  },
  {
    name: "array",
    type: "array",
    sql: (o, i) => `ARRAY(SELECT ${i}.id FROM u ${i} WHERE ${i}.id < ${o}.id ORDER BY ${i}.id DESC)`,
  },
  {
    name: "nested",
    type: "number",
    sql: (o, i) =>
      `(SELECT max(${i}.id) FROM u ${i} WHERE ${i}.id <= (SELECT count(*) FROM t zz WHERE zz.id <= ${o}.id AND zz.id >= ${i}.id))`,
  },
  {
    name: "lhs sub",
    type: "boolean",
    sql: (o, i) =>
      `(SELECT max(${i}.t_id) FROM u ${i} WHERE ${i}.id <= ${o}.id) IN (SELECT y.t_id FROM u y WHERE y.id <> ${o}.id)`,
  },
  {
    name: "union",
    type: "number",
    sql: (o, i) =>
      `(SELECT sum(q.x) FROM (SELECT ${i}.id AS x FROM u ${i} WHERE ${i}.t_id = ${o}.id UNION ALL SELECT ${o}.i2) q)`,
  },
  {
    name: "values",
    type: "number",
    sql: (o, i) =>
      `(SELECT max(v) FROM (VALUES (${o}.id), ((SELECT count(*) FROM u ${i} WHERE ${i}.id < ${o}.id))) q(v))`,
  },
  {
    name: "func from",
    type: "number",
    sql: (o, i) => `(SELECT sum(g) FROM generate_series(1, (SELECT count(*) FROM u ${i} WHERE ${i}.id <= ${o}.id)) g)`,
  },
  {
    name: "cte",
    type: "number",
    sql: (o, i) => `(WITH c AS (SELECT ${i}.id FROM u ${i} WHERE ${i}.id >= ${o}.id) SELECT count(*) FROM c)`,
  },
  {
    name: "recursive",
    type: "number",
    sql: (o) =>
      `(WITH RECURSIVE r(n) AS (SELECT ${o}.id UNION ALL SELECT n - 1 FROM r WHERE n > 1) SELECT sum(n) FROM r)`,
  },
  {
    name: "window in",
    type: "number",
    sql: (o, i) =>
      `(SELECT max(rn) FROM (SELECT row_number() OVER (ORDER BY ${i}.id) AS rn FROM u ${i} WHERE ${i}.id <> ${o}.id) q)`,
  },
  {
    name: "rollup",
    type: "number",
    sql: (o, i) =>
      `(SELECT count(*) FROM (SELECT ${i}.grp, count(*) FROM u ${i} WHERE ${i}.id <= ${o}.id GROUP BY ROLLUP (${i}.grp)) q)`,
  },
  {
    name: "limit outer",
    type: "number",
    sql: (o, i) => `(SELECT count(*) FROM (SELECT ${i}.id FROM u ${i} ORDER BY ${i}.id LIMIT ${o}.i2 % 3 + 2) q)`,
  },
  {
    name: "full join in",
    type: "number",
    sql: (o, i) =>
      `(SELECT count(*) FROM (SELECT * FROM u WHERE id <= ${o}.id) ${i} FULL JOIN (SELECT * FROM t WHERE id > ${o}.id) y ON ${i}.t_id = y.id)`,
  },
  {
    name: "left join in",
    type: "number",
    sql: (o, i) => `(SELECT count(y.id) FROM u ${i} LEFT JOIN t y ON ${i}.t_id = y.id AND y.id <= ${o}.id)`,
  },
  {
    name: "distinct on",
    type: "number",
    sql: (o, i) =>
      `(SELECT sum(q.id) FROM (SELECT DISTINCT ON (${i}.t_id) ${i}.id, ${i}.t_id FROM u ${i} WHERE ${i}.id <= ${o}.id ORDER BY ${i}.t_id, ${i}.id DESC) q)`,
  },
  {
    name: "lateral in",
    type: "number",
    sql: (o, i) =>
      `(SELECT sum(q.n) FROM u ${i}, LATERAL (SELECT count(*) AS n FROM t y WHERE y.id < ${i}.id AND y.id > ${o}.id) q)`,
  },
  {
    name: "outer agg filter",
    type: "number",
    sql: (o, i) => `(SELECT count(*) FILTER (WHERE ${i}.id > ${o}.id) FROM u ${i})`,
  },
  {
    name: "with ties",
    type: "number",
    sql: (o, i) =>
      `(SELECT count(*) FROM (SELECT ${i}.grp FROM u ${i} WHERE ${i}.id <> ${o}.id ORDER BY ${i}.grp FETCH FIRST 1 ROW WITH TIES) q)`,
  },
];

function asNumber({ type }: Kind, written: string): string {
  if (type === "number") return written;
  return type === "boolean" ? `(${written})::int` : `cardinality(${written})`;
}

function asBoolean(kind: Kind, written: string): string {
  return kind.type === "boolean" ? written : `(${asNumber(kind, written)}) > 1`;
}

const POSITIONS: readonly Position[] = [
  { name: "select", sql: (_, e) => `SELECT a.id, ${e("a")} FROM t a ORDER BY a.id` },
  { name: "where", sql: (k, e) => `SELECT a.id FROM t a WHERE ${asBoolean(k, e("a"))} ORDER BY a.id` },
  { name: "where or", sql: (k, e) => `SELECT a.id FROM t a WHERE a.id = 3 OR ${asBoolean(k, e("a"))} ORDER BY a.id` },
  {
    name: "case",
    sql: (k, e) =>
      `SELECT a.id, CASE WHEN a.id < 3 THEN 0 WHEN ${asBoolean(k, e("a"))} THEN ${asNumber(k, e("a", "j"))} ELSE -1 END FROM t a ORDER BY a.id`,
  },
  { name: "order by", sql: (k, e) => `SELECT a.id FROM t a ORDER BY ${asNumber(k, e("a"))} NULLS FIRST, a.id` },
  {
    name: "on inner left side",
    sql: (k, e) =>
      `SELECT a.id, b.id FROM t a JOIN u b ON b.t_id = a.id AND ${asBoolean(k, e("a"))} ORDER BY a.id, b.id`,
  },
  {
    name: "on left, left side",
    sql: (k, e) =>
      `SELECT a.id, b.id FROM t a LEFT JOIN u b ON b.t_id = a.id AND ${asBoolean(k, e("a"))} ORDER BY a.id, b.id`,
  },
  {
    name: "on left, right side",
    sql: (k, e) =>
      `SELECT a.id, b.id FROM u b LEFT JOIN t a ON b.t_id = a.id AND ${asBoolean(k, e("a"))} ORDER BY a.id, b.id`,
  },
  {
    name: "on right",
    sql: (k, e) =>
      `SELECT a.id, b.id FROM u b RIGHT JOIN t a ON b.t_id = a.id AND ${asBoolean(k, e("a"))} ORDER BY a.id, b.id`,
  },
  {
    name: "on full",
    sql: (k, e) =>
      `SELECT a.id, b.id FROM u b FULL JOIN t a ON b.t_id = a.id AND ${asBoolean(k, e("a"))} ORDER BY a.id, b.id`,
  },
  { name: "group by", sql: (_, e) => `SELECT ${e("a")}, count(*) FROM t a GROUP BY ${e("a")}` },
  { name: "group by ordinal", sql: (_, e) => `SELECT ${e("a")} AS x, sum(a.id) FROM t a GROUP BY 1` },
  { name: "group by sets", sql: (_, e) => `SELECT ${e("a")} AS x, a.b, sum(a.id) FROM t a GROUP BY CUBE (x, a.b)` },
  { name: "agg arg", sql: (k, e) => `SELECT a.grp, sum(${asNumber(k, e("a"))}) FROM t a GROUP BY a.grp` },
  {
    name: "agg filter",
    sql: (k, e) => `SELECT a.grp, count(*) FILTER (WHERE ${asBoolean(k, e("a"))}) FROM t a GROUP BY a.grp`,
  },
  {
    name: "agg order",
    sql: (k, e) =>
      `SELECT a.grp, string_agg(a.id::text, ',' ORDER BY ${asNumber(k, e("a"))}, a.id) FROM t a GROUP BY a.grp`,
  },
  {
    name: "window arg",
    sql: (k, e) => `SELECT a.id, sum(${asNumber(k, e("a"))}) OVER (ORDER BY a.id) FROM t a ORDER BY a.id`,
  },
  {
    name: "window partition",
    sql: (_, e) => `SELECT a.id, row_number() OVER (PARTITION BY ${e("a")} ORDER BY a.id) FROM t a ORDER BY a.id`,
  },
  {
    name: "window order",
    sql: (k, e) => `SELECT a.id, rank() OVER (ORDER BY ${asNumber(k, e("a"))}) FROM t a ORDER BY a.id`,
  },
  {
    name: "window filter",
    sql: (k, e) =>
      `SELECT a.id, count(*) FILTER (WHERE ${asBoolean(k, e("a"))}) OVER (ORDER BY a.id) FROM t a ORDER BY a.id`,
  },
  {
    name: "having",
    sql: (k, e) =>
      `SELECT a.id, a.grp FROM t a GROUP BY a.id, a.grp, a.i2 HAVING ${asBoolean(k, e("a"))} ORDER BY a.id`,
  },
  {
    name: "distinct on",
    sql: (k, e) => `SELECT DISTINCT ON (${asNumber(k, e("a"))}) a.id FROM t a ORDER BY ${asNumber(k, e("a"))}, a.id`,
  },
  {
    name: "in lhs",
    sql: (k, e) =>
      `SELECT a.id, (${asNumber(k, e("a"))}) IN (SELECT b.id FROM u b WHERE b.id <> a.id) FROM t a ORDER BY a.id`,
  },
  {
    name: "in lhs where",
    sql: (k, e) =>
      `SELECT a.id FROM t a WHERE (${asNumber(k, e("a"))}) IN (SELECT b.id FROM u b WHERE b.id <> a.id) ORDER BY a.id`,
  },
  {
    name: "not in lhs where",
    sql: (k, e) => `SELECT a.id FROM t a WHERE (${asNumber(k, e("a"))}) NOT IN (SELECT b.id FROM u b) ORDER BY a.id`,
  },
  {
    name: "any lhs",
    sql: (k, e) => `SELECT a.id, (${asNumber(k, e("a"))}) > ANY (SELECT b.id FROM u b) FROM t a ORDER BY a.id`,
  },
  {
    name: "values",
    sql: (k, e) => `SELECT a.id, v FROM t a, LATERAL (VALUES (1), (${asNumber(k, e("a"))})) q(v) ORDER BY a.id, v`,
  },
  {
    name: "function from",
    sql: (k, e) => `SELECT a.id, g FROM t a, generate_series(0, ${asNumber(k, e("a"))}) g ORDER BY a.id, g`,
  },
  {
    name: "function left",
    sql: (k, e) =>
      `SELECT a.id, g FROM t a LEFT JOIN LATERAL generate_series(1, ${asNumber(k, e("a"))}) g ON true ORDER BY a.id, g`,
  },
  { name: "lateral", sql: (_, e) => `SELECT a.id, q.x FROM t a, LATERAL (SELECT ${e("a")} AS x) q ORDER BY a.id` },
  {
    name: "lateral left where",
    sql: (k, e) =>
      `SELECT a.id, q.id FROM t a LEFT JOIN LATERAL (SELECT b.id FROM u b WHERE b.id < 4 AND ${asBoolean(k, e("a"))}) q ON true ORDER BY a.id, q.id`,
  },
  {
    name: "union branch",
    sql: (_, e) => `SELECT a.id, ${e("a")} AS x FROM t a UNION SELECT a.id + 100, ${e("a")} FROM t a ORDER BY 1`,
  },
  {
    name: "recursive step",
    sql: (k, e) =>
      `WITH RECURSIVE r AS (SELECT 1 AS id, 'a' AS grp, 2 AS i2, 0::bigint AS x UNION ALL SELECT a.id + 1, a.grp, a.i2, (${asNumber(k, e("a"))})::bigint FROM r a WHERE a.id < 5) SELECT * FROM r ORDER BY id`,
  },
  {
    name: "recursive where",
    sql: (k, e) =>
      `WITH RECURSIVE r AS (SELECT 1 AS id, 'a' AS grp, 2 AS i2 UNION ALL SELECT a.id + 1, a.grp, a.i2 FROM r a WHERE a.id < 6 AND (${asBoolean(k, e("a"))} OR a.id < 3)) SELECT * FROM r ORDER BY id`,
  },
  {
    name: "depth 2",
    sql: (k, e) =>
      `SELECT a.id, (SELECT max(b.id) FROM u b WHERE ${asBoolean(k, e("a"))} AND b.id >= a.id) FROM t a ORDER BY a.id`,
  },
  {
    name: "depth 2 list",
    sql: (k, e) =>
      `SELECT a.id, (SELECT sum(${asNumber(k, e("a"))} + b.id) FROM u b WHERE b.id <= a.id) FROM t a ORDER BY a.id`,
  },
  {
    name: "depth 2 on",
    sql: (k, e) =>
      `SELECT a.id, (SELECT count(c.id) FROM u b LEFT JOIN t c ON c.id = b.t_id AND ${asBoolean(k, e("a"))}) FROM t a ORDER BY a.id`,
  },
  {
    name: "depth 2 on inner col",
    sql: (k, e) =>
      `SELECT o.id, (SELECT count(a.id) FROM u b LEFT JOIN t a ON a.id = b.t_id AND ${asBoolean(k, e("a"))} WHERE b.id <= o.id) FROM t o ORDER BY o.id`,
  },
  {
    name: "depth 2 group",
    sql: (_, e) =>
      `SELECT o.id, (SELECT string_agg(x.n::text, ',' ORDER BY x.n) FROM (SELECT count(*) AS n FROM t a WHERE a.id <= o.id GROUP BY ${e("a")}) x) FROM t o ORDER BY o.id`,
  },
  {
    name: "depth 3",
    sql: (k, e) =>
      `SELECT a.id FROM t a WHERE EXISTS (SELECT 1 FROM u b WHERE b.id >= a.id - 2 AND EXISTS (SELECT 1 FROM u c WHERE c.id = b.id AND ${asBoolean(k, e("a"))})) ORDER BY a.id`,
  },
  {
    name: "exists depth 2",
    sql: (k, e) =>
      `SELECT o.id FROM t o WHERE EXISTS (SELECT 1 FROM t a WHERE a.grp = o.grp AND a.id <> o.id AND ${asBoolean(k, e("a"))}) ORDER BY o.id`,
  },
  {
    name: "coalesce arg",
    sql: (k, e) =>
      `SELECT a.id, coalesce(${asNumber(k, e("a"))}, -1) + abs(${asNumber(k, e("a", "j"))}) FROM t a ORDER BY a.id`,
  },
  {
    name: "set call arg",
    sql: (k, e) => `SELECT a.id, generate_series(1, ${asNumber(k, e("a"))}) FROM t a ORDER BY a.id, 2`,
  },
];

/** Every position with every kind, in an order in which each tenth has all positions and nearly all kinds. */
export function correlatedPositions(): readonly { readonly name: string; readonly sql: string }[] {
  const all = KINDS.flatMap((kind, k) =>
    POSITIONS.map((position, p) => ({
      turn: (k + p * 3) % 10,
      name: `${kind.name} in ${position.name}`,
      sql: position.sql(kind, (outer, own = "i") => kind.sql(outer, own)),
    })),
  );
  return all.toSorted((a, b) => a.turn - b.turn);
}

/** Positions and kinds drawn with the same dice each time, each subquery with another inside its WHERE. */
export function nestedPositions(count: number): readonly { readonly name: string; readonly sql: string }[] {
  let state = 11;
  const draw = <T>(items: readonly T[]): T => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return items[(state >>> 16) % items.length] as T;
  };
  return Array.from({ length: count }, (_, n) => {
    const [outside, inside, position] = [draw(KINDS), draw(KINDS), draw(POSITIONS)];
    const kind: Kind = {
      ...outside,
      sql(outer, own) {
        const around = outside.sql(outer, own);
        const at = around.lastIndexOf("WHERE ") + "WHERE ".length;
        if (at < "WHERE ".length) return around;
        const condition = asBoolean(inside, inside.sql(outer, `${own}x`));
        return `${around.slice(0, at)}coalesce((${condition}), true) AND ${around.slice(at)}`;
      },
    };
    const sql = position.sql(kind, (outer, own = "i") => kind.sql(outer, own));
    return { name: `${n + 1}: ${inside.name} inside ${outside.name} in ${position.name}`, sql };
  });
}
