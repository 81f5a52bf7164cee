// Time travel clauses are cut out of the text and name the version of the table they follow.

import { beforeAll, describe, expect, test } from "vitest";
import { LakeError } from "#core";
import { initSqlParser, prepareQuery, type TableCatalog, type TableVersion } from "#sql";
import { column, memoryTable } from "../../support/memory-table.ts";
import { fixedClock, STATEMENT_TIME_MS } from "../../support/sql-run.ts";

beforeAll(() => initSqlParser());

/** The versions a query asks the catalog for. */
async function asked(sql: string, params: readonly unknown[] = []): Promise<readonly string[]> {
  const versions: string[] = [];
  const catalog: TableCatalog = {
    findTable(path, version?: TableVersion) {
      const shown =
        version === undefined ? "now" : version.kind === "ref" ? version.name : `${Object.values(version)[1]}`;
      versions.push(`${path.join(".")}@${shown}`);
      return Promise.resolve(memoryTable(path.join("."), [column("id", { kind: "int32" })], [{ id: 1 }]));
    },
    tableNames: () => Promise.resolve([]),
  };
  await prepareQuery(sql, { catalog, params, clock: fixedClock });
  return versions.toSorted();
}

const HOUR_AGO = (STATEMENT_TIME_MS - 3_600_000) * 1000;
const NEW_YEAR = Date.UTC(2024, 0, 1) * 1000;

describe("I150 a time travel clause names a version of the table before it", () => {
  const cases: readonly (readonly [sql: string, versions: readonly string[], params?: readonly unknown[]])[] = [
    ["SELECT * FROM t FOR SYSTEM_VERSION AS OF 123", ["t@123"]],
    ["SELECT * FROM t FOR SYSTEM_VERSION AS OF 7053386286415153154", ["t@7053386286415153154"]],
    ["SELECT * FROM t FOR SYSTEM_VERSION AS OF 'audit'", ["t@audit"]],
    ["SELECT * FROM t FOR VERSION AS OF 'audit' x WHERE x.id = 1", ["t@audit"]],
    ["SELECT * FROM t VERSION AS OF 'audit' AS x WHERE x.id = 1", ["t@audit"]],
    ["SELECT * FROM default.t VERSION AS OF 5", ["default.t@5"]],
    ["SELECT * FROM t AS x FOR SYSTEM_VERSION AS OF 5 JOIN u y ON x.id = y.id", ["t@5", "u@now"]],
    ["SELECT * FROM t FOR SYSTEM_TIME AS OF '2024-01-01'", [`t@${NEW_YEAR}`]],
    ["SELECT * FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '2024-01-01 00:00:00'", [`t@${NEW_YEAR}`]],
    ["SELECT * FROM t FOR SYSTEM_TIME AS OF timestamptz '2024-01-01 00:00:00+00' a", [`t@${NEW_YEAR}`]],
    ["SELECT * FROM t TIMESTAMP AS OF 1704067200", [`t@${NEW_YEAR}`]],
    ["SELECT * FROM t TIMESTAMP AS OF '2024-01-01'::date WHERE id > 0", [`t@${NEW_YEAR}`]],
    ["SELECT * FROM t FOR SYSTEM_TIME AS OF now() - interval '1 hour' WHERE id > 0", [`t@${HOUR_AGO}`]],
    ["SELECT * FROM t FOR SYSTEM_TIME AS OF now() - interval '1' hour, u", [`t@${HOUR_AGO}`, "u@now"]],
    ["SELECT * FROM t FOR SYSTEM_TIME AS OF current_timestamp - interval '1 hour' ORDER BY id", [`t@${HOUR_AGO}`]],
    ["SELECT * FROM t FOR SYSTEM_TIME AS OF $1 WHERE id = $2", [`t@${NEW_YEAR}`], ["2024-01-01T00:00:00Z", 1]],
    ["SELECT * FROM t FOR SYSTEM_VERSION AS OF $1", ["t@9007199254740993"], [9007199254740993n]],
    ["SELECT * FROM t FOR SYSTEM_VERSION AS OF $1", ["t@12"], [12]],
    ["SELECT * FROM (SELECT id FROM t FOR SYSTEM_VERSION AS OF 5) x JOIN t USING (id)", ["t@5", "t@now"]],
    [
      "SELECT a.id FROM t FOR SYSTEM_VERSION AS OF 5 a JOIN t FOR SYSTEM_VERSION AS OF 6 b ON a.id = b.id",
      ["t@5", "t@6"],
    ],
    [
      "WITH o AS (SELECT * FROM t VERSION AS OF 5) SELECT * FROM o UNION ALL SELECT * FROM t",
      ["o@now", "t@5", "t@now"],
    ],
    ["SELECT 'x FOR SYSTEM_TIME AS OF y' AS id FROM t -- FOR SYSTEM_TIME AS OF 1\n", ["t@now"]],
    ["SELECT id AS version, id AS of FROM t", ["t@now"]],
    ["SELECT 1 AS x, version AS of FROM (SELECT 1 AS version) s", []],
    ["SELECT * FROM t /* c */ FOR /* d */ SYSTEM_VERSION -- e\n AS OF 5 -- f\n WHERE id = 1", ["t@5"]],
    ['SELECT * FROM "T x" FOR SYSTEM_VERSION AS OF 5', ["T x@5"]],
  ];

  test.for(cases)("%s", async ([sql, versions, params = []], { expect }) => {
    expect(await asked(sql, params)).toEqual([...versions].toSorted());
  });
});

describe("I150 errors of time travel stand where the clause does", () => {
  const cases: readonly (readonly [sql: string, code: string, at: string])[] = [
    ["SELECT * FROM t FOR SYSTEM_TIME AS OF", "sql_syntax_error", "FOR SYSTEM_TIME AS OF"],
    ["SELECT * FROM t FOR SYSTEM_TIME AS OF WHERE id = 1", "sql_syntax_error", "FOR SYSTEM_TIME AS OF"],
    ["SELECT * FROM (SELECT 1) t FOR SYSTEM_TIME AS OF now()", "sql_syntax_error", "FOR SYSTEM_TIME AS OF now()"],
    ["SELECT * FROM t FOR SYSTEM_TIME AS OF 'soon'", "invalid_text_representation", "'soon'"],
    ["SELECT é, * FROM t FOR SYSTEM_TIME AS OF nowe()", "undefined_function", "nowe"],
    ["SELECT * FROM t FOR SYSTEM_TIME AS OF NULL", "invalid_parameter", "NULL"],
    ["SELECT * FROM t FOR SYSTEM_TIME AS OF random()", "type_mismatch", "random()"],
    ["SELECT * FROM t FOR SYSTEM_VERSION AS OF true", "type_mismatch", "true"],
    [
      "SELECT * FROM t FOR SYSTEM_VERSION AS OF 1 FOR SYSTEM_VERSION AS OF 2",
      "sql_syntax_error",
      "FOR SYSTEM_VERSION AS OF 2",
    ],
    ["SELECT nope FROM t FOR SYSTEM_VERSION AS OF 'é'", "undefined_column", "nope"],
    ["SELECT * FROM t FOR SYSTEM_VERSION AS OF 'é' WHERE nope = 1", "undefined_column", "nope"],
    ["SELECT * FROM t FOR SYSTEM_TIME AS OF id", "undefined_column", "id"],
  ];

  test.for(cases)("%s", async ([sql, code, at], { expect }) => {
    const error = await asked(sql).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(LakeError);
    const { code: actual, details } = error as LakeError;
    expect(actual).toBe(code);
    expect(sql.slice(details["start"] as number, details["end"] as number)).toBe(at);
  });
});

test("I150 reading the past is another pattern than reading the present", async () => {
  const catalog: TableCatalog = {
    findTable: () => Promise.resolve(memoryTable("t", [column("id", { kind: "int32" })], [])),
    tableNames: () => Promise.resolve([]),
  };
  const prepare = (sql: string) => prepareQuery(sql, { catalog, params: [], clock: fixedClock });
  const now = await prepare("SELECT id FROM t");
  const past = await prepare("SELECT id FROM t FOR SYSTEM_TIME AS OF '2024-01-01'");
  const other = await prepare("SELECT id FROM t FOR SYSTEM_TIME AS OF '2024-01-02'");
  expect(past.fingerprint).not.toBe(now.fingerprint);
  expect(past.pattern).toBe("SELECT id FROM t /* for system_time as of */");
  expect(other.fingerprint).toBe(past.fingerprint);
});
