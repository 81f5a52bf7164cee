// Calls to compare with PostgreSQL: each argument is text::type, NULL::type, or an untyped literal.

const INTS = ["0", "1", "-1", "7", "-7", "2147483647", "-2147483648"];
const BIGS = ["0", "1", "-3", "9007199254740993", "9223372036854775807", "-9223372036854775808"];
const FLOATS = ["0", "1.5", "-2.5", "1e300", "1e-300", "NaN", "Infinity", "-Infinity", "123456789.123"];
const NUMERICS = ["0", "1", "-1.50", "3.14159", "1000000000000000000000.5", "0.0001", "-99.995", "2"];
const TIMES = [
  "2024-01-15 10:30:45.123456",
  "1969-12-31 23:59:59.999999",
  "2000-02-29 00:00:00",
  "1900-03-01 12:00:00",
  "2024-12-30 00:00:00",
  "2021-01-03 05:06:07",
  "0001-01-01 00:00:00",
];

function pairs(values: readonly string[], type: string): string[][] {
  return values.flatMap((a) => values.map((b) => [`${a}::${type}`, `${b}::${type}`]));
}

function each(values: readonly string[], type: string): string[][] {
  return [...values, "NULL"].map((value) => [`${value}::${type}`]);
}

function units(names: readonly string[], values: readonly string[], type: string): string[][] {
  return names.flatMap((unit) => values.map((value) => [`${unit}::text`, `${value}::${type}`]));
}

const ARITHMETIC = ["+", "-", "*", "/", "%"].map((operator): [string, string[][]] => [
  operator,
  [
    ...pairs(INTS, "int4"),
    ...pairs(BIGS, "int8"),
    ...pairs(NUMERICS, "numeric"),
    ...(operator === "%" ? [] : pairs(FLOATS, "float8")),
    ["32767::int2", "1::int2"],
    ["-32768::int2", "-1::int2"],
    ["1::int4", "2.5::numeric"],
    ["1::int4", "9223372036854775807::int8"],
    ["3::int4", "NULL::int4"],
    ["7", "2::int4"],
  ],
]);

const COMPARISONS = ["=", "<>", "<", "<=", ">", ">="].map((operator): [string, string[][]] => [
  operator,
  [
    ...pairs(["0", "-0", "1.5", "NaN", "Infinity"], "float8"),
    ...pairs(["1", "1.00", "-1"], "numeric"),
    ...pairs(["9007199254740992", "9007199254740993"], "int8"),
    ...pairs(["t", "f"], "bool"),
    ...pairs(["1 mon", "30 days", "29 days 24:00:00", "31 days"], "interval"),
    ["2024-01-01::date", "2024-01-01 00:00:00::timestamp"],
    ["2024-01-01::date", "2024-01-01 00:00:01+00::timestamptz"],
    ["1::int4", "1.5::float8"],
    ["a::text", "NULL::text"],
    ["{1,2}::int4[]", "{1,3}::int4[]"],
    ["2024-01-01::date", "2024-01-01"],
  ],
]);

const UNITS = [
  "microseconds",
  "milliseconds",
  "second",
  "minute",
  "hour",
  "day",
  "week",
  "month",
  "quarter",
  "year",
  "decade",
  "century",
  "millennium",
];

const MATH: [string, string[][]][] = [
  [
    "abs",
    [
      ...each(INTS.slice(0, 6), "int4"),
      ...each(FLOATS, "float8"),
      ...each(NUMERICS, "numeric"),
      ["-32768::int2"],
      ["-9223372036854775808::int8"],
    ],
  ],
  ...["ceil", "floor", "round", "trunc", "sign"].map((name): [string, string[][]] => [
    name,
    [
      ...each([...FLOATS, "0.5", "-0.5", "2.5", "-1.5"], "float8"),
      ...each([...NUMERICS, "0.5", "-0.5", "2.5"], "numeric"),
    ],
  ]),
  ["round", NUMERICS.flatMap((n) => ["0", "2", "-1", "-3", "5"].map((d) => [`${n}::numeric`, `${d}::int4`]))],
  ["trunc", NUMERICS.flatMap((n) => ["0", "2", "-1"].map((d) => [`${n}::numeric`, `${d}::int4`]))],
  [
    "sqrt",
    [
      ...each(["0", "2", "10000", "0.0004", "123456789012345678901234567890"], "numeric"),
      ...each(["2", "-1", "0"], "float8"),
    ],
  ],
  [
    "power",
    [
      ["2::int4", "10::int4"],
      ["2::float8", "0.5::float8"],
      ["0::float8", "-1::float8"],
      ["-8::float8", "0.5::float8"],
      ["1e200::float8", "2::float8"],
      ["2::numeric", "3::numeric"],
      ["1.5::numeric", "3::numeric"],
    ],
  ],
  ["exp", each(["0", "-745", "1000", "-1000"], "float8")],
  ["ln", each(["1", "0", "-1"], "float8")],
  ["log", each(["100", "0", "-1"], "float8")],
  ["cbrt", each(["27", "-8"], "float8")],
  [
    "mod",
    [
      ["7::int4", "3::int4"],
      ["-7::int4", "3::int4"],
      ["7::int4", "0::int4"],
      ["-7.5::numeric", "2::numeric"],
      ["-9223372036854775808::int8", "-1::int8"],
    ],
  ],
  [
    "div",
    [
      ["7::numeric", "2::numeric"],
      ["-7.5::numeric", "2::numeric"],
      ["7::numeric", "0.3::numeric"],
    ],
  ],
  [
    "gcd",
    [
      ["12::int4", "18::int4"],
      ["0::int4", "0::int4"],
      ["-12::int4", "18::int4"],
    ],
  ],
  [
    "lcm",
    [
      ["4::int4", "6::int4"],
      ["0::int4", "6::int4"],
    ],
  ],
  ["factorial", each(["0", "5", "25"], "int8")],
  [
    "width_bucket",
    [
      ["5.35::float8", "0.024::float8", "10.06::float8", "5::int4"],
      ["-1::float8", "0::float8", "10::float8", "5::int4"],
      ["10::float8", "0::float8", "10::float8", "5::int4"],
      ["5::float8", "10::float8", "0::float8", "5::int4"],
      ["5::float8", "5::float8", "5::float8", "5::int4"],
    ],
  ],
  ["degrees", each(["0", "3.141592653589793", "1"], "float8")],
  ["radians", each(["180", "1"], "float8")],
  ["atan2", [["1::float8", "-1::float8"]]],
  ["asin", each(["0", "2"], "float8")],
  ["to_hex", [["255::int4"], ["-1::int4"], ["-1::int8"]]],
  [
    "greatest",
    [
      ["1::int4", "NULL::int4", "3::int4"],
      ["NULL::int4", "NULL::int4"],
      ["a::text", "b::text"],
      ["1::int4", "2.5::numeric"],
      ["NaN::float8", "1::float8"],
    ],
  ],
  [
    "least",
    [
      ["1::int4", "NULL::int4", "3::int4"],
      ["2024-01-01::date", "2023-05-05::date"],
      ["NaN::float8", "1::float8"],
    ],
  ],
  [
    "nullif",
    [
      ["1::int4", "1::int4"],
      ["1::int4", "2::int4"],
      ["NULL::int4", "1::int4"],
      ["a::text", "b"],
    ],
  ],
  [
    "is_distinct_from",
    [
      ["NULL::int4", "NULL::int4"],
      ["1::int4", "NULL::int4"],
      ["1::int4", "1::int4"],
    ],
  ],
  [
    "is_not_distinct_from",
    [
      ["NULL::int4", "NULL::int4"],
      ["1::int4", "NULL::int4"],
      ["1::int4", "1::int4"],
    ],
  ],
  [
    "-",
    [
      ...each(INTS, "int4"),
      ["-9223372036854775808::int8"],
      ["1.50::numeric"],
      ["0::float8"],
      ["1 day -02:00:00::interval"],
    ],
  ],
  [
    "&",
    [
      ["12::int4", "10::int4"],
      ["-1::int8", "255::int8"],
    ],
  ],
  ["|", [["12::int4", "10::int4"]]],
  ["#", [["12::int4", "10::int4"]]],
  [
    "<<",
    [
      ["1::int4", "4::int4"],
      ["1::int8", "40::int4"],
    ],
  ],
  [
    ">>",
    [
      ["-16::int4", "2::int4"],
      ["-16::int8", "2::int4"],
    ],
  ],
  [
    "^",
    [
      ["2::int4", "3::int4"],
      ["2.5::numeric", "2::int4"],
    ],
  ],
];

const TEXTS = ["", "a", "Hello World", "naïve café", "日本語", "a😀b", "  padded  ", "O'Reilly"];

const STRINGS: [string, string[][]][] = [
  ...[
    "length",
    "upper",
    "lower",
    "initcap",
    "reverse",
    "btrim",
    "ltrim",
    "rtrim",
    "md5",
    "octet_length",
    "bit_length",
    "ascii",
    "quote_literal",
  ].map((name): [string, string[][]] => [name, each(TEXTS, "text")]),
  ["quote_ident", each(["abc", "Abc", 'a"b', "a b", "1a"], "text")],
  [
    "btrim",
    [
      ["xxabcxx::text", "x::text"],
      ["abc::text", "cab::text"],
      ["xyabcyx::text", "yx::text"],
    ],
  ],
  ["ltrim", [["xxabcxx::text", "x::text"]]],
  ["rtrim", [["xxabcxx::text", "x::text"]]],
  [
    "substr",
    TEXTS.flatMap((t) =>
      [
        ["1", "3"],
        ["0", "3"],
        ["-2", "5"],
        ["2", "0"],
        ["3", "100"],
      ].map(([s, l]) => [`${t}::text`, `${s}::int4`, `${l}::int4`]),
    ),
  ],
  ["substr", TEXTS.flatMap((t) => ["1", "0", "-5", "3", "50"].map((s) => [`${t}::text`, `${s}::int4`]))],
  [
    "substring",
    [
      ["foobar::text", "o(.)b::text"],
      ["foobar::text", "o.b::text"],
      ["foobar::text", "z::text"],
      ["abc::text", "1::int4", "-1::int4"],
    ],
  ],
  [
    "position",
    [
      ["Hello::text", "l::text"],
      ["Hello::text", "z::text"],
      ["a😀b::text", "b::text"],
      ["abc::text", "::text"],
    ],
  ],
  [
    "strpos",
    [
      ["Hello::text", "lo::text"],
      ["日本語::text", "語::text"],
    ],
  ],
  [
    "replace",
    [
      ["aXbXc::text", "X::text", "--::text"],
      ["abc::text", "::text", "x::text"],
      ["a$b::text", "b::text", "$&::text"],
    ],
  ],
  ["split_part", ["1", "2", "3", "4", "-1", "-3", "0"].map((n) => ["a,b,c::text", ",::text", `${n}::int4`])],
  [
    "split_part",
    [
      ["abc::text", "::text", "1::int4"],
      ["::text", ",::text", "1::int4"],
    ],
  ],
  ["left", TEXTS.flatMap((t) => ["0", "2", "-2", "100", "-100"].map((n) => [`${t}::text`, `${n}::int4`]))],
  ["right", TEXTS.flatMap((t) => ["0", "2", "-2", "100", "-100"].map((n) => [`${t}::text`, `${n}::int4`]))],
  [
    "lpad",
    [
      ["hi::text", "5::int4"],
      ["hi::text", "5::int4", "xy::text"],
      ["hello::text", "2::int4"],
      ["a😀::text", "4::int4", "日::text"],
      ["hi::text", "-1::int4"],
      ["hi::text", "5::int4", "::text"],
    ],
  ],
  [
    "rpad",
    [
      ["hi::text", "5::int4"],
      ["hi::text", "5::int4", "xy::text"],
      ["hello::text", "2::int4"],
    ],
  ],
  [
    "repeat",
    [
      ["ab::text", "3::int4"],
      ["ab::text", "0::int4"],
      ["ab::text", "-1::int4"],
    ],
  ],
  [
    "concat",
    [
      ["a::text", "NULL::text", "1::int4", "1.50::numeric"],
      ["2024-01-01::date", "x::text"],
    ],
  ],
  [
    "concat_ws",
    [
      [",::text", "a::text", "NULL::text", "b::text"],
      ["NULL::text", "a::text", "b::text"],
      ["-::text", "1::int4", "2::int4"],
    ],
  ],
  [
    "||",
    [
      ["a::text", "b::text"],
      ["a::text", "NULL::text"],
      ["a::text", "1::int4"],
      ["1.50::numeric", "x::text"],
      ["{1,2}::int4[]", "{3}::int4[]"],
      ["{1,2}::int4[]", "3::int4"],
    ],
  ],
  [
    "starts_with",
    [
      ["hello::text", "he::text"],
      ["hello::text", "lo::text"],
    ],
  ],
  [
    "translate",
    [
      ["12345::text", "143::text", "ax::text"],
      ["abc::text", "aa::text", "xy::text"],
    ],
  ],
  [
    "overlay",
    [
      ["Txxxxas::text", "hom::text", "2::int4", "4::int4"],
      ["abcdef::text", "ZZ::text", "3::int4"],
      ["abc::text", "Z::text", "0::int4"],
    ],
  ],
  ["chr", [["65::int4"], ["8364::int4"], ["128512::int4"], ["0::int4"]]],
  [
    "encode",
    [
      ["\\x0102ff::bytea", "hex::text"],
      ["\\x0102ff::bytea", "base64::text"],
      ["\\x41005cff::bytea", "escape::text"],
      ["\\x00::bytea", "nope::text"],
    ],
  ],
  [
    "decode",
    [
      ["0102ff::text", "hex::text"],
      ["AQL/::text", "base64::text"],
      ["zz::text", "hex::text"],
    ],
  ],
  [
    "format",
    [
      ["Hello %s, %1$s and %2$I %L::text", "World::text", "a b::text"],
      ["%5s|%-5s|::text", "ab::text", "cd::text"],
      ["%%::text", "x::text"],
      ["%s %s::text", "a::text"],
    ],
  ],
  [
    "string_to_array",
    [
      ["a,b,c::text", ",::text"],
      ["::text", ",::text"],
      ["abc::text", "NULL::text"],
      ["abc::text", "::text"],
    ],
  ],
  ...["~~", "!~~", "~~*"].map((name): [string, string[][]] => [
    name,
    [
      ["hello::text", "h%::text"],
      ["hello::text", "%lo::text"],
      ["hello::text", "%ell%::text"],
      ["hello::text", "h_llo::text"],
      ["hello::text", "h__o::text"],
      ["HELLO::text", "h%::text"],
      ["a%b::text", "a\\%b::text"],
      ["a\nb::text", "a_b::text"],
      ["😀::text", "_::text"],
      ["a.c::text", "a.c::text"],
      ["abc::text", "a.c::text"],
      ["::text", "%::text"],
      ["::text", "::text"],
      ["hello::text", "h%l%o::text"],
      ["NULL::text", "a::text"],
    ],
  ]),
  ...["~", "~*", "!~", "!~*"].map((name): [string, string[][]] => [
    name,
    [
      ["hello::text", "^h.*o$::text"],
      ["HELLO::text", "ell::text"],
      ["abc123::text", "\\d+::text"],
      ["abc::text", "[[:digit:]]::text"],
      ["foo bar::text", "\\mbar\\M::text"],
      ["a\nb::text", "a.b::text"],
      ["abc::text", "(::text"],
      ["日本::text", "^..$::text"],
    ],
  ]),
  [
    "regexp_replace",
    [
      ["foobarbaz::text", "b..::text", "X::text"],
      ["foobarbaz::text", "b..::text", "X::text", "g::text"],
      ["foobarbaz::text", "b(..)::text", "X\\1Y::text", "g::text"],
      ["Hello::text", "L::text", "x::text", "gi::text"],
      ["abc::text", "b::text", "[\\&]::text"],
      ["a$b::text", "\\$::text", "$1::text"],
    ],
  ],
  [
    "regexp_match",
    [
      ["foobarbequebaz::text", "(bar)(beque)::text"],
      ["foobar::text", "o+::text"],
      ["foobar::text", "z::text"],
      ["ABC::text", "b::text", "i::text"],
    ],
  ],
  [
    "regexp_count",
    [
      ["ababab::text", "ab::text"],
      ["ABab::text", "ab::text", "1::int4", "i::text"],
    ],
  ],
  [
    "regexp_substr",
    [
      ["foobar::text", "o+::text"],
      ["foobar::text", "z::text"],
    ],
  ],
  [
    "regexp_split_to_array",
    [
      ["a1b2c::text", "\\d::text"],
      ["hello::text", "\\s*::text"],
      ["a b  c::text", "\\s+::text"],
    ],
  ],
  [
    "regexp_like",
    [
      ["Hello::text", "hell::text", "i::text"],
      ["Hello::text", "hell::text"],
    ],
  ],
];

const DATETIMES: [string, string[][]][] = [
  [
    "date_trunc",
    [
      ...units(UNITS, TIMES, "timestamp"),
      ...units(UNITS, TIMES.slice(0, 5), "timestamptz"),
      ["nope::text", "2024-01-15::timestamp"],
      ["hour::text", "NULL::timestamp"],
      ["hour", "2024-01-15::date"],
    ],
  ],
  [
    "date_trunc",
    ["hour", "day", "month", "week"].flatMap((u) =>
      ["2024-03-10 09:30:00+00", "2024-11-03 06:30:00+00", "2024-06-30 23:30:00+00"].flatMap((t) =>
        ["America/New_York", "Asia/Kolkata", "UTC"].map((z) => [`${u}::text`, `${t}::timestamptz`, `${z}::text`]),
      ),
    ),
  ],
  [
    "date_trunc",
    units(
      ["hour", "day", "month", "year", "minute", "quarter"],
      ["1 year 5 mons 3 days 04:05:06.7", "-3 days -04:05:06"],
      "interval",
    ),
  ],
  [
    "date_part",
    [
      ...units([...UNITS, "dow", "isodow", "doy", "epoch", "isoyear", "julian"], TIMES.slice(0, 6), "timestamp"),
      ...units(["year", "dow", "epoch", "week"], ["2024-02-29", "1970-01-01", "2020-12-31"], "date"),
      ["hour::text", "10:20:30::time"],
      ["nope::text", "2024-01-01::timestamp"],
    ],
  ],
  [
    "extract",
    [
      ...units([...UNITS, "dow", "isodow", "doy", "epoch", "isoyear"], TIMES.slice(0, 6), "timestamp"),
      ...units(["epoch", "second", "hour"], TIMES.slice(0, 3), "timestamptz"),
      ...units(
        ["year", "month", "day", "hour", "minute", "second", "epoch", "milliseconds", "quarter"],
        ["1 year 14 mons 3 days 27:05:06.7", "-3 days -04:05:06.5"],
        "interval",
      ),
      ...units(["hour", "minute", "second", "epoch"], ["10:20:30.5"], "time"),
    ],
  ],
  [
    "date_bin",
    [
      ["15 minutes::interval", "2024-01-15 10:37:45::timestamp", "2024-01-01::timestamp"],
      ["1 day::interval", "2023-12-31 10:37:45::timestamp", "2024-01-01::timestamp"],
      ["1 month::interval", "2024-01-15::timestamp", "2024-01-01::timestamp"],
      ["-1 day::interval", "2024-01-15::timestamp", "2024-01-01::timestamp"],
      ["1 hour 7 minutes::interval", "2024-01-15 10:37:45+00::timestamptz", "2024-01-01+00::timestamptz"],
    ],
  ],
  ["age", TIMES.slice(0, 5).flatMap((a) => TIMES.slice(0, 5).map((b) => [`${a}::timestamp`, `${b}::timestamp`]))],
  [
    "age",
    [
      ["2024-03-31::timestamp", "2024-02-29::timestamp"],
      ["2024-03-01::timestamp", "2024-01-31::timestamp"],
      ["2024-02-29::timestamp", "2023-02-28 12:00:00::timestamp"],
    ],
  ],
  [
    "+",
    [
      ["2024-01-31::date", "1::int4"],
      ["2024-01-31::date", "1 month::interval"],
      ["2024-01-31 10:00:00::timestamp", "1 mon 2 days 03:00:00::interval"],
      ["2024-02-29 10:00:00+00::timestamptz", "1 year::interval"],
      ["10:00:00::time", "15:00:00::interval"],
      ["2024-01-01::date", "10:30:00::time"],
      ["1 day::interval", "02:00:00::interval"],
      ["2024-01-31::timestamp", "1 day"],
    ],
  ],
  [
    "-",
    [
      ["2024-03-01::date", "2024-02-01::date"],
      ["2024-03-31::date", "1 month::interval"],
      ["2024-03-01 10:00:00::timestamp", "2024-02-28 12:30:00::timestamp"],
      ["2024-01-01 00:00:00+00::timestamptz", "2024-01-03 12:00:00+00::timestamptz"],
      ["10:00:00::time", "11:30:00::time"],
      ["10:00:00::time", "11:30:00::interval"],
      ["1 day::interval", "25:00:00::interval"],
      ["2024-03-01::date", "10::int4"],
    ],
  ],
  [
    "*",
    [
      ["1 mon 1 day 01:00:00::interval", "1.5::float8"],
      ["1 year::interval", "0.3::float8"],
      ["2::float8", "03:30:00::interval"],
      ["1 day::interval", "-0.5::float8"],
      ["7 mons 10 days::interval", "0.1::float8"],
      ["1 day::interval", "3::int4"],
    ],
  ],
  [
    "/",
    [
      ["1 mon 1 day 01:00:00::interval", "2::float8"],
      ["1 year::interval", "7::float8"],
      ["1 day::interval", "0::float8"],
      ["10 days::interval", "3::float8"],
    ],
  ],
  ["justify_hours", each(["30:00:00", "-30:00:00", "1 day -26:00:00"], "interval")],
  ["justify_days", each(["35 days", "-35 days", "1 mon -35 days"], "interval")],
  [
    "make_date",
    [
      ["2024::int4", "2::int4", "29::int4"],
      ["2023::int4", "2::int4", "29::int4"],
      ["-44::int4", "3::int4", "15::int4"],
    ],
  ],
  [
    "make_time",
    [
      ["10::int4", "20::int4", "30.5::float8"],
      ["25::int4", "0::int4", "0::float8"],
    ],
  ],
  ["make_timestamp", [["2024::int4", "1::int4", "15::int4", "10::int4", "30::int4", "45.5::float8"]]],
  ["to_timestamp", [["0::float8"], ["1705314645.5::float8"], ["-1::float8"]]],
  [
    "to_timestamp",
    [
      ["2024-01-15 10:30:45", "YYYY-MM-DD HH24:MI:SS"],
      ["15 Jan 2024", "DD Mon YYYY"],
      ["20240115103045", "YYYYMMDDHH24MISS"],
      ["01/15/24 03:04 PM", "MM/DD/YY HH12:MI PM"],
      ["2024-01-15T10:30:45.123", 'YYYY-MM-DD"T"HH24:MI:SS.MS'],
      ["January 5, 2024", "Month DD, YYYY"],
      ["2024-13-01", "YYYY-MM-DD"],
      ["abc", "YYYY"],
    ],
  ],
  [
    "to_date",
    [
      ["2024-01-15", "YYYY-MM-DD"],
      ["15/01/2024", "DD/MM/YYYY"],
      ["20240115", "YYYYMMDD"],
      ["2024-045", "YYYY-DDD"],
    ],
  ],
  [
    "timezone",
    [
      ["America/New_York::text", "2024-03-10 06:59:59+00::timestamptz"],
      ["America/New_York::text", "2024-03-10 07:00:00+00::timestamptz"],
      ["America/New_York::text", "2024-03-10 02:30:00::timestamp"],
      ["America/New_York::text", "2024-11-03 01:30:00::timestamp"],
      ["Europe/Berlin::text", "2024-03-31 02:30:00::timestamp"],
      ["Europe/Berlin::text", "2024-10-27 02:30:00::timestamp"],
      ["UTC::text", "2024-01-15 10:00:00+00::timestamptz"],
      ["Asia/Kolkata::text", "2024-01-15 10:00:00+00::timestamptz"],
      ["EST::text", "2024-07-15 10:00:00+00::timestamptz"],
      ["Nowhere/City::text", "2024-01-15 10:00:00+00::timestamptz"],
      ["02:00::interval", "2024-01-15 10:00:00+00::timestamptz"],
      ["02:00::interval", "2024-01-15 10:00:00::timestamp"],
      ["Australia/Lord_Howe::text", "2024-04-07 01:45:00::timestamp"],
      ["+03::text", "2024-01-15 10:00:00+00::timestamptz"],
      ["-05:30::text", "2024-01-15 10:00:00+00::timestamptz"],
    ],
  ],
  [
    "to_char",
    TIMES.slice(0, 6).flatMap((t) =>
      [
        "YYYY-MM-DD HH24:MI:SS",
        "DD Mon YYYY",
        "FMDay, FMDDth FMMonth YYYY",
        "Day|DAY|day|Dy",
        "Month|MON|mon",
        "HH12:MI AM",
        'YYYY-MM-DD"T"HH24:MI:SS.MS',
        "US|MS|FF3",
        "IYYY-IW-ID",
        "DDD|D|W|WW|Q|CC|J",
        "YY|YYY|Y,YYY",
        "SSSS",
        "RM",
        "a.m.|p.m.",
        "DDTH",
        "TZ",
      ].map((p) => [`${t}::timestamp`, `${p}::text`]),
    ),
  ],
  [
    "to_char",
    [
      ["2024-01-15 10:00:00+00::timestamptz", "YYYY-MM-DD HH24:MI:SS TZ::text"],
      ["2024-01-15 10:00:00+00::timestamptz", "OF TZH:TZM::text"],
    ],
  ],
  [
    "to_char",
    ["0", "1", "-1", "12.345", "1234567.891", "-0.5", "485", "0.1"].flatMap((n) =>
      [
        "999",
        "9999.99",
        "FM9999.99",
        "0000.00",
        "9,999,999.99",
        "FM999,999,990.00",
        "S999",
        "999MI",
        "999PR",
        "FM0000",
        "FM9990.0999",
      ].map((p) => [`${n}::numeric`, `${p}::text`]),
    ),
  ],
];

const JSON_DOCUMENT =
  '{"a": {"b": [1, 2, {"c": "x"}]}, "d": null, "e": true, "f": "text", "n": 1.50, "big": 12345678901234567890}';
const JSONS: [string, string[][]][] = [
  ["->", ["a", "d", "e", "f", "n", "zz", "big"].map((k) => [`${JSON_DOCUMENT}::json`, `${k}::text`])],
  ["->>", ["a", "d", "e", "f", "zz", "big"].map((k) => [`${JSON_DOCUMENT}::json`, `${k}::text`])],
  ["->", ["0", "-1", "5"].map((i) => ['[10, "x", [1]]::json', `${i}::int4`])],
  ["->>", ["0", "1", "-1", "5"].map((i) => ['[10, "x", [1]]::json', `${i}::int4`])],
  ["#>", ["{a,b}", "{a,b,2,c}", "{a,b,-1}", "{x}", "{a,b,9}"].map((p) => [`${JSON_DOCUMENT}::json`, `${p}::text[]`])],
  ["#>>", ["{a,b}", "{a,b,2,c}", "{a,b,0}", "{x}"].map((p) => [`${JSON_DOCUMENT}::json`, `${p}::text[]`])],
  [
    "->",
    [
      ['{"a" : {"x":1,  "y":[1.50]} , "a":  "dup"}::json', "a::text"],
      ['{"q\\"k":1}::json', 'q"k::text'],
      ['[1, {"z": "]"}]::json', "1::int4"],
    ],
  ],
  [
    "->>",
    [
      ['{"a": "x\\ny"}::json', "a::text"],
      ['{"a": {"b":1}}::json', "a::text"],
    ],
  ],
  ["?", ["a", "zz"].map((k) => [`${JSON_DOCUMENT}::jsonb`, `${k}::text`])],
  [
    "@>",
    [
      ['{"a":1,"b":2}::jsonb', '{"a":1}::jsonb'],
      ['{"a":1}::jsonb', '{"a":2}::jsonb'],
      ["[1,2,3]::jsonb", "[3,1]::jsonb"],
      ["[1,2]::jsonb", "1::jsonb"],
      ['{"a":{"b":1,"c":2}}::jsonb', '{"a":{"b":1}}::jsonb'],
    ],
  ],
  ["jsonb_array_length", [["[1,2,3]::jsonb"], ["{}::jsonb"]]],
  ["jsonb_typeof", each(["1", '"a"', "null", "true", "[]", "{}"], "jsonb")],
  ["jsonb_extract_path_text", [[`${JSON_DOCUMENT}::jsonb`, "a::text", "b::text", "0::text"]]],
];

const ARRAYS: [string, string[][]][] = [
  [
    "array_length",
    [
      ["{1,2,3}::int4[]", "1::int4"],
      ["{}::int4[]", "1::int4"],
      ["{1}::int4[]", "2::int4"],
    ],
  ],
  ["cardinality", [["{1,2,3}::int4[]"], ["{}::int4[]"]]],
  [
    "array_to_string",
    [
      ["{1,NULL,3}::int4[]", ",::text"],
      ["{1,NULL,3}::int4[]", ",::text", "*::text"],
    ],
  ],
  [
    "array_position",
    [
      ["{a,b,c}::text[]", "b::text"],
      ["{a,b}::text[]", "z::text"],
    ],
  ],
  [
    "@>",
    [
      ["{1,2,3}::int4[]", "{3,1}::int4[]"],
      ["{1}::int4[]", "{2}::int4[]"],
    ],
  ],
];

/** Function name and the calls to make. */
export const SCALAR_CASES: readonly (readonly [string, readonly (readonly string[])[]])[] = [
  ...ARITHMETIC,
  ...COMPARISONS,
  ...MATH,
  ...STRINGS,
  ...DATETIMES,
  ...JSONS,
  ...ARRAYS,
];
