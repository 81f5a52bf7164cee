// Casts and text forms against PostgreSQL.

import type { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LakeError } from "#core";
import { typeOf } from "../../../src/sql/functions/definition.ts";
import { castScalar, scalarToText } from "../../../src/sql/values/index.ts";
import { askPostgres, startPostgres, type Outcome } from "./postgres-oracle.ts";

let postgres: PGlite;

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);

afterAll(async () => {
  await postgres.close();
});

const TEXTS: readonly (readonly [type: string, texts: readonly string[]])[] = [
  ["bool", ["t", "true", "TRUE", "tr", "yes", "y", "on", "1", "f", "of", "off", "no", "0", "o", "", "2", " true "]],
  ["int2", ["1", "-32768", "32768", " 7 ", "1.5", "", "abc", "+5", "1e2"]],
  ["int4", ["2147483647", "2147483648", "-0", "0x10", "  -12"]],
  ["int8", ["9223372036854775807", "9223372036854775808", "-9223372036854775808", "9007199254740993", "12a"]],
  [
    "float4",
    ["1.1", "1e10", "1e-10", "3.4028235e38", "1e39", "123456.7", "1234567", "0.1", "16777217", "nan", "1e-46"],
  ],
  [
    "float8",
    [
      "0.1",
      "1e15",
      "123456789012345",
      "1234567890123456",
      "1e16",
      "1e-4",
      "1e-5",
      "0.00012345",
      "1.7976931348623157e308",
      "1e309",
      "-0",
      "Infinity",
      "-inf",
      "nan",
      "4.9e-324",
      "1e-400",
      "",
      "1.",
      ".5",
      "5e",
      "12345.678e3",
    ],
  ],
  [
    "numeric",
    [
      "1",
      "1.50",
      "-0.00",
      "1e5",
      "1.5e-3",
      ".5",
      "5.",
      "",
      "abc",
      "1e",
      "  12.30  ",
      "123456789012345678901234567890.123456789",
    ],
  ],
  ["text", ["", "x", "é"]],
  [
    "uuid",
    [
      "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
      "{a0eebc999c0b4ef8bb6d6bb9bd380a11}",
      "a0eebc99",
      "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    ],
  ],
  ["bytea", ["\\xdeadbeef", "\\xDE AD", "abc", "a\\\\b", "\\001\\377", "\\xabc"]],
  ["json", ['{"a": 1}', "[1,2", "1", '"x"', ""]],
  [
    "date",
    [
      "2024-01-15",
      "2024-02-30",
      "20240115",
      "Jan 15, 2024",
      "15 Jan 2024",
      "January 15, 2024",
      "2024-1-5",
      "01/15/2024",
      "2024-01-15 10:00:00",
      "0044-03-15 BC",
      "epoch",
      "9999-12-31",
      "2024-13-01",
      "abc",
      "",
      "2024/01/15",
      "Mon Jan 15 2024",
    ],
  ],
  [
    "time",
    [
      "10:30",
      "10:30:45.123456",
      "24:00:00",
      "25:00",
      "10:30 PM",
      "12:00 AM",
      "103045",
      "10:30:60",
      "abc",
      "2024-01-15 10:30:00",
    ],
  ],
  [
    "timestamp",
    [
      "2024-01-15",
      "2024-01-15 10:30",
      "2024-01-15T10:30:45",
      "2024-01-15 10:30:45.1234567",
      "2024-01-15 10:30:45+02",
      "2024-01-15 24:00:00",
      "2024-01-15 25:00:00",
      "2024-01-15 10:30 pm",
      "20240115T103045",
      "epoch",
      "infinity",
      "2024-02-30 10:00",
      "Jan 15 2024 10:30",
      "2024-01-15 10:30:45 America/New_York",
      "x",
    ],
  ],
  [
    "timestamptz",
    [
      "2024-01-15",
      "2024-01-15 10:30:45Z",
      "2024-01-15 10:30:45+02",
      "2024-01-15 10:30:45-05:30",
      "2024-01-15T10:30:45.5+0100",
      "2024-07-15 10:30:45 America/New_York",
      "2024-01-15 10:30:45 EST",
      "2024-01-15 10:30:45 UTC",
      "0001-01-01 00:00:00 BC",
      "2024-01-15 10:30 Nowhere/City",
      "2024-01-15 10:30:45 +03:00",
    ],
  ],
  [
    "interval",
    [
      "1 day",
      "2 hours",
      "1 year 2 months 3 days 4 hours 5 minutes 6.5 seconds",
      "-1 day 2 hours",
      "1.5 days",
      "1.5 months",
      "0.5 years",
      "1 week",
      "1.5 weeks",
      "10:30:45",
      "-10:30",
      "1 day 10:30",
      "1-2",
      "P1Y2M3DT4H5M6.7S",
      "PT36H",
      "P-1D",
      "3 days ago",
      "1 day -2 hours ago",
      "100",
      "1.5",
      "1 decade",
      "2 centuries",
      "90 minutes",
      "500 milliseconds",
      "7 microseconds",
      "1 mon 40 days",
      "abc",
      "",
      "1 foo",
      "-1 year -2 mons +3 days",
      "1y 2mon 3d",
      "0",
      "1 quarter",
      "@ 1 minute",
      "3 4:05:06",
      "1d",
      "5h30m",
    ],
  ],
  ["int4[]", ["{1,2,3}", "{}", "{1,NULL,3}", "{ 1 , 2 }", "{1,a}", "1,2"]],
  ["text[]", ['{a,"b c",NULL,"NULL","q\\"x"}', '{""}', "{a,}"]],
];

const TYPED: readonly (readonly [from: string, to: string, texts: readonly string[]])[] = [
  ["float8", "int4", ["0.5", "1.5", "2.5", "-0.5", "-1.5", "2147483647.4", "2147483647.5", "1e10", "NaN"]],
  ["float8", "int8", ["9.3e18", "1e18", "-2.5", "4503599627370497.5"]],
  ["float8", "numeric", ["0.1", "123456789.123456789", "1e20", "1e-10", "100"]],
  ["float4", "numeric", ["0.1", "123456.7"]],
  ["float4", "float8", ["0.1", "1e10"]],
  ["float8", "float4", ["0.1", "1e300", "1e-50"]],
  ["numeric", "int4", ["0.5", "1.5", "2.5", "-0.5", "-1.5", "2147483647.5"]],
  ["numeric", "int8", ["9223372036854775807.4", "9223372036854775807.5"]],
  ["numeric", "float8", ["0.1", "123456789012345678901234567890"]],
  ["numeric", "text", ["1.50", "-0.001", "1000"]],
  ["int8", "int4", ["2147483647", "2147483648", "-2147483649"]],
  ["int8", "int2", ["32767", "32768"]],
  ["int8", "float8", ["9007199254740993", "9223372036854775807"]],
  ["int8", "text", ["9223372036854775807"]],
  ["int4", "bool", ["0", "5"]],
  ["bool", "int4", ["t", "f"]],
  ["bool", "text", ["t", "f"]],
  ["date", "timestamp", ["2024-01-15"]],
  ["date", "timestamptz", ["2024-01-15"]],
  ["timestamp", "date", ["2024-01-15 23:59:59", "1969-12-31 23:00:00"]],
  ["timestamptz", "date", ["2024-01-15 23:59:59+05"]],
  ["timestamptz", "timestamp", ["2024-01-15 23:59:59+05"]],
  ["timestamp", "timestamptz", ["2024-01-15 23:59:59"]],
  ["timestamp", "time", ["2024-01-15 23:59:59.5"]],
  ["time", "interval", ["10:30:00"]],
  ["interval", "time", ["36:30:00", "-01:00:00"]],
  ["timestamptz", "text", ["2024-01-15 23:59:59.120+05"]],
  ["uuid", "text", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]],
  ["int4[]", "text", ["{1,NULL,3}"]],
  ["int4[]", "float8[]", ["{1,2}"]],
  ["jsonb", "int4", ["5", '"x"', "1.5"]],
  ["jsonb", "bool", ["true", "1"]],
  ["jsonb", "numeric", ["1.50"]],
  ["jsonb", "text", ['"x"']],
];

const PRECISE: readonly (readonly [precision: number, scale: number, text: string])[] = [
  [5, 2, "123.456"],
  [5, 2, "999.994"],
  [5, 2, "999.995"],
  [3, 0, "999.5"],
  [10, 4, "-1.23456"],
];

function ours(run: () => Outcome): Outcome {
  try {
    return run();
  } catch (error) {
    if (error instanceof LakeError) return `error ${error.code}`;
    throw error;
  }
}

test.each(TEXTS)("text to %s reads and prints as PostgreSQL does", async (typeName, texts) => {
  const got: Record<string, Outcome> = {};
  const wanted: Record<string, Outcome> = {};
  const type = typeOf(typeName);
  for (const text of texts) {
    got[text] = ours(() => {
      const value = castScalar(text, { kind: "string" }, type);
      return value === null ? null : scalarToText(value, type);
    });
    wanted[text] = await askPostgres(postgres, `'${text.replaceAll("'", "''")}'::${typeName}`);
  }
  expect(got).toEqual(wanted);
});

test.each(TYPED)("%s to %s casts as PostgreSQL does", async (fromName, toName, texts) => {
  const got: Record<string, Outcome> = {};
  const wanted: Record<string, Outcome> = {};
  const from = typeOf(fromName);
  const to = typeOf(toName);
  for (const text of texts) {
    got[text] = ours(() => {
      const value = castScalar(castScalar(text, { kind: "string" }, from), from, to);
      return value === null ? null : scalarToText(value, to);
    });
    wanted[text] = await askPostgres(postgres, `'${text}'::${fromName}::${toName}`);
  }
  expect(got).toEqual(wanted);
});

test.each(PRECISE)("numeric(%i,%i) of %s rounds or overflows as PostgreSQL does", async (precision, scale, text) => {
  const type = { kind: "decimal", precision, scale } as const;
  const got = ours(() => scalarToText(castScalar(text, { kind: "string" }, type) ?? "", type));
  expect(got).toBe(await askPostgres(postgres, `'${text}'::numeric(${precision},${scale})`));
});

test("a lenient cast gives null where the text does not parse", () => {
  const text = { kind: "string" } as const;
  expect(castScalar("x", text, { kind: "int32" }, { lenient: true })).toBeNull();
  expect(castScalar("7", text, { kind: "int32" }, { lenient: true })).toBe(7);
});

test("there is no cast from date to integer", () => {
  expect(() => castScalar(1, { kind: "date" }, { kind: "int32" })).toThrow("cannot cast type date to integer");
});

test("'today' is the statement's day", () => {
  const env = { statementTimeMicros: Date.UTC(2024, 4, 6, 7) * 1000 };
  const date = castScalar("today", { kind: "string" }, { kind: "date" }, { env });
  expect(date === null ? null : scalarToText(date, { kind: "date" })).toBe("2024-05-06");
});
