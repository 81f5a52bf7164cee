import { expect, test } from "vitest";
import { EVENTS_TABLE, QUERY_LOGS_TABLE, validateEvents, type IngestTable, type RowVerdict } from "#ingest";

const RECEIVED = Date.UTC(2024, 0, 15) * 1000;

const EVENTS: IngestTable = {
  identifier: EVENTS_TABLE.identifier,
  tableUuid: "u",
  schema: EVENTS_TABLE.schema,
  properties: EVENTS_TABLE.properties,
};

function tableOf(columns: Readonly<Record<string, unknown>>, properties: Record<string, string> = {}): IngestTable {
  const fields = Object.entries(columns).map(([name, type], position) => ({
    id: position + 1,
    name,
    type,
    required: false,
  }));
  return {
    identifier: { namespace: ["default"], name: "t" },
    tableUuid: "u",
    schema: { type: "struct", "schema-id": 0, fields } as IngestTable["schema"],
    properties,
  };
}

function verdict(event: unknown, table = EVENTS): RowVerdict {
  return validateEvents([event], table, { receivedMicros: RECEIVED })[0] as RowVerdict;
}

function cell(type: unknown, value: unknown): unknown {
  const result = verdict({ c: value }, tableOf({ c: type }));
  return result.ok ? result.cells[0] : result.code;
}

test("a whole event becomes cells in schema order", () => {
  const event = {
    event_id: "e1",
    event_type: "click",
    timestamp: "2024-01-15T10:30:00.123456Z",
    user_id: "u1",
    properties: { b: 1, a: "x" },
  };
  expect(verdict(event)).toEqual({
    ok: true,
    eventId: "e1",
    cells: ["e1", "click", 1705314600123456, "u1", null, '{"a":"x","b":1}', RECEIVED],
  });
});

test("absent id and timestamp are left to us; received_at is always ours", () => {
  const result = verdict({ event_type: "click", received_at: "1999-01-01T00:00:00Z", timestamp: null, event_id: null });
  expect(result).toEqual({
    ok: true,
    eventId: undefined,
    cells: [null, "click", RECEIVED, null, null, null, RECEIVED],
  });
});

test("rejections name code, pointer and reason", () => {
  expect(verdict({})).toEqual(expect.objectContaining({ code: "missing_field", pointer: "/event_type" }));
  expect(verdict({ event_type: null })).toEqual(expect.objectContaining({ code: "missing_field" }));
  expect(verdict({ event_type: 5 })).toEqual(expect.objectContaining({ code: "wrong_type", pointer: "/event_type" }));
  expect(verdict({ event_type: {} })).toEqual(expect.objectContaining({ code: "wrong_type" }));
  expect(verdict([1])).toEqual(expect.objectContaining({ code: "not_an_object", pointer: "" }));
  expect(verdict(null)).toEqual(expect.objectContaining({ code: "not_an_object" }));
  expect(verdict("x")).toEqual(expect.objectContaining({ code: "not_an_object" }));
  expect(verdict({ event_type: "a", timestamp: "yesterday" })).toEqual(
    expect.objectContaining({ code: "invalid_timestamp", pointer: "/timestamp" }),
  );
  expect(verdict({ event_type: "a", event_id: "" })).toEqual(expect.objectContaining({ pointer: "/event_id" }));
  expect(verdict({ event_type: "a", event_id: "x".repeat(257) })).toEqual(
    expect.objectContaining({ code: "out_of_range" }),
  );
  expect(verdict({ event_type: "a", event_id: "a\0b" })).toEqual(expect.objectContaining({ code: "out_of_range" }));
});

test("an unknown field is named with the nearest column", () => {
  const result = verdict({ event_type: "a", sesion_id: "x" });
  expect(result).toEqual(
    expect.objectContaining({
      code: "unknown_field",
      pointer: "/sesion_id",
      message: "The table has no column sesion_id. Did you mean session_id?",
    }),
  );
  expect(verdict({ event_type: "a", "a/b~c": 1 })).toEqual(expect.objectContaining({ pointer: "/a~1b~0c" }));
});

test("prototype members are unknown fields like any other", () => {
  for (const text of [
    '{"__proto__":{"event_type":"x"}}',
    '{"constructor":1,"event_type":"a"}',
    '{"toString":1,"event_type":"a"}',
    '{"hasOwnProperty":1,"event_type":"a"}',
  ]) {
    expect([text, verdict(JSON.parse(text))]).toEqual([text, expect.objectContaining({ code: "unknown_field" })]);
  }
  const kept = verdict(JSON.parse('{"event_type":"a","properties":{"__proto__":{"x":1},"toJSON":1}}'));
  expect(kept).toEqual(expect.objectContaining({ ok: true }));
  expect(kept.ok && kept.cells[5]).toBe('{"__proto__":{"x":1},"toJSON":1}');
  expect(({} as { x?: number }).x).toBeUndefined();
});

function properties(value: unknown): unknown {
  const result = verdict({ event_type: "a", properties: value });
  return result.ok ? result.cells[5] : result.code;
}

test("properties are an object in canonical text", () => {
  expect(properties({})).toBe("{}");
  expect(properties({ b: { d: 1, c: [1, { z: 1, y: 2 }] }, a: null })).toBe(
    '{"a":null,"b":{"c":[1,{"y":2,"z":1}],"d":1}}',
  );
  expect(properties({ 10: 1, 9: 2 })).toBe('{"10":1,"9":2}');
  expect(properties('{ "b": 1, "a": 2 }')).toBe('{"a":2,"b":1}');
  expect(properties({ big: 9007199254740993n })).toBe('{"big":9007199254740993}');
  expect(properties([1])).toBe("wrong_type");
  expect(properties("text")).toBe("wrong_type");
  expect(properties(7)).toBe("wrong_type");
  expect(properties({ a: JSON.parse("1e999") as number })).toBe("out_of_range");
  let deep: unknown = 1;
  for (let i = 0; i < 100; i++) deep = { deep };
  expect(properties(deep)).toBe("too_deep");
});

test("lone surrogates become U+FFFD everywhere", () => {
  const result = verdict({ event_type: "a\ud800", user_id: "\udc00b", properties: { "k\ud800": "v\ud800" } });
  expect(result.ok && result.cells).toEqual([
    null,
    "a\ufffd",
    RECEIVED,
    "\ufffdb",
    null,
    '{"k\ufffd":"v\ufffd"}',
    RECEIVED,
  ]);
});

test("an event over 256 KiB is too large, measured in UTF-8", () => {
  expect(verdict({ event_type: "a", user_id: "x".repeat(256 * 1024) })).toEqual(
    expect.objectContaining({ code: "too_large", pointer: "" }),
  );
  expect(verdict({ event_type: "a", user_id: "x".repeat(200 * 1024) }).ok).toBe(true);
  expect(verdict({ event_type: "a", user_id: "é".repeat(127 * 1024) }).ok).toBe(true);
  expect(verdict({ event_type: "a", user_id: "é".repeat(132 * 1024) }).ok).toBe(false);
  expect(verdict({ event_type: "a", user_id: "€".repeat(90 * 1024) }).ok).toBe(false);
});

test("timestamps: ISO 8601 with offset, or epoch numbers by magnitude", () => {
  const at = (value: unknown): unknown => cell("timestamptz", value);
  const micros = Date.UTC(2024, 0, 15, 10, 30) * 1000;
  for (const value of [
    "2024-01-15T10:30:00Z",
    "2024-01-15t10:30:00z",
    "2024-01-15 10:30Z",
    "2024-01-15T12:30:00+02:00",
    "2024-01-15T05:00:00-0530",
    "2024-01-15T11:30:00.000000999+01",
    micros,
    micros / 1e3,
    micros / 1e6,
  ]) {
    expect([value, at(value)]).toEqual([value, micros]);
  }
  expect(at("2024-01-15T10:30:00.1234567Z")).toBe(micros + 123456);
  expect(at(1705314600.25)).toBe(micros + 250_000);
  expect(at(0)).toBe(0);
  expect(at(-1)).toBe(-1_000_000);
  for (const value of [
    "2024-01-15T10:30:00",
    "2024-01-15",
    "2024-02-30T00:00:00Z",
    "2024-01-15T24:00:00Z",
    "2024-01-15T10:60:00Z",
    "2024-13-01T00:00:00Z",
    "2024-01-15T10:30:00+25:00",
    "1899-12-31T23:59:59Z",
    "2200-01-01T00:00:00Z",
    "",
    "Z",
    1e18,
    1e17,
    -3e12,
    8e10,
  ]) {
    expect([value, at(value)]).toEqual([value, "invalid_timestamp"]);
  }
  expect(at(true)).toBe("wrong_type");
  expect(at({})).toBe("wrong_type");
  expect(cell("timestamp", "2024-01-15T10:30:00")).toBe(micros);
  expect(cell("timestamp", "2024-01-15T10:30:00Z")).toBe("invalid_timestamp");
});

test("each primitive type takes its values and refuses others", () => {
  expect(cell("boolean", false)).toBe(false);
  expect(cell("boolean", 0)).toBe("wrong_type");
  expect(cell("int", 2 ** 31 - 1)).toBe(2 ** 31 - 1);
  expect(cell("int", 2 ** 31)).toBe("out_of_range");
  expect(cell("int", 1.5)).toBe("wrong_type");
  expect(cell("int", "1")).toBe("wrong_type");
  expect(cell("long", 9007199254740993n)).toBe("9007199254740993");
  expect(cell("long", "9223372036854775807")).toBe("9223372036854775807");
  expect(cell("long", "42")).toBe(42);
  expect(cell("long", 9223372036854775808n)).toBe("out_of_range");
  expect(cell("long", 1e300)).toBe("out_of_range");
  expect(cell("long", "x")).toBe("wrong_type");
  expect(cell("double", 1.5)).toBe(1.5);
  expect(cell("double", Infinity)).toBe("out_of_range");
  expect(cell("double", "1")).toBe("wrong_type");
  expect(cell("float", 0.1)).toBe(Math.fround(0.1));
  expect(cell("float", 1e39)).toBe("out_of_range");
  expect(cell("date", "2024-02-29")).toBe(19782);
  expect(cell("date", "2023-02-29")).toBe("invalid_timestamp");
  expect(cell("date", 19782)).toBe("wrong_type");
  expect(cell("time", "10:30:00.5")).toBe(37_800_500_000);
  expect(cell("time", "25:00:00")).toBe("wrong_type");
  expect(cell("uuid", "F79C3E09-677C-4BBD-A479-3F349CB785E7")).toBe("f79c3e09-677c-4bbd-a479-3f349cb785e7");
  expect(cell("uuid", "nope")).toBe("wrong_type");
  expect(cell("binary", "AAEC")).toBe("AAEC");
  expect(cell("binary", "AAE")).toBe("wrong_type");
  expect(cell("fixed[3]", "AAEC")).toBe("AAEC");
  expect(cell("fixed[2]", "AAEC")).toBe("out_of_range");
  expect(cell("string", 5)).toBe("wrong_type");
});

const decimal = (value: unknown): unknown => cell("decimal(9,2)", value);

test("decimals are exact or refused", () => {
  expect(decimal("14.20")).toBe("1420");
  expect(decimal(14.2)).toBe("1420");
  expect(decimal(-0.01)).toBe("-1");
  expect(decimal("-0")).toBe("0");
  expect(decimal("1.500")).toBe("150");
  expect(decimal("1e3")).toBe("100000");
  expect(decimal("9999999.99")).toBe("999999999");
  expect(decimal("10000000.00")).toBe("out_of_range");
  expect(decimal("0.001")).toBe("out_of_range");
  expect(decimal(1e300)).toBe("out_of_range");
  expect(decimal(NaN)).toBe("out_of_range");
  expect(decimal("abc")).toBe("wrong_type");
  expect(decimal(true)).toBe("wrong_type");
});

test("nested columns take nothing but null", () => {
  const list = { type: "list", "element-id": 9, element: "int", "element-required": false };
  expect(cell(list, [1])).toBe("wrong_type");
  expect(cell(list, null)).toBeNull();
});

test("the id column can be named, and JSON columns can take arrays", () => {
  const table: IngestTable = {
    identifier: QUERY_LOGS_TABLE.identifier,
    tableUuid: "u",
    schema: QUERY_LOGS_TABLE.schema,
    properties: QUERY_LOGS_TABLE.properties,
  };
  const result = verdict({ query_id: "q1", tables: ["default.events"], predicates: '[{"column":"a"}]' }, table);
  expect(result).toEqual(expect.objectContaining({ ok: true, eventId: "q1" }));
  expect(result.ok && result.cells[6]).toBe('["default.events"]');
});
