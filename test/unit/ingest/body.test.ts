import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LakeError } from "#core";
import { DEFAULT_BODY_LIMITS, parseEventsBody } from "#ingest";
import { splitZstdFrames } from "../../../src/ingest/zstd-frames.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const values = (text: string, type?: string): unknown[] =>
  parseEventsBody(bytes(text), type, undefined).events.map((event) => event.value);

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof LakeError ? error.code : `not a LakeError: ${String(error)}`;
  }
  return "no error";
}

test("an object, an array and lines yield their events in order", () => {
  expect(values('{"a":1}')).toEqual([{ a: 1 }]);
  expect(values('[{"a":1},2,{"a":3}]')).toEqual([{ a: 1 }, 2, { a: 3 }]);
  expect(values('{"a":1}\n{"a":2}\n', "application/x-ndjson")).toEqual([{ a: 1 }, { a: 2 }]);
  expect(values("[]")).toEqual([]);
});

test("several JSON values on lines are NDJSON whatever the content type says", () => {
  const parsed = parseEventsBody(bytes('{"a":1}\r\n\r\n{"a":2}\r\n'), "application/json; charset=utf-8", undefined);
  expect(parsed.shape).toBe("lines");
  expect(parsed.events).toEqual([
    { index: 0, value: { a: 1 } },
    { index: 1, value: { a: 2 } },
  ]);
});

test("a pretty-printed object is one event", () => {
  expect(values('{\n  "a": 1\n}\n')).toEqual([{ a: 1 }]);
});

test("a bad line costs only itself, and later lines keep their numbers", () => {
  const parsed = parseEventsBody(bytes('{"a":1}\nnot json\n{"a":3}'), "application/x-ndjson", undefined);
  expect(parsed.events.map((event) => event.index)).toEqual([0, 2]);
  expect(parsed.perLineErrors).toEqual([expect.objectContaining({ index: 1, code: "malformed_json" })]);
});

test("a line that is not UTF-8 costs only itself", () => {
  const body = new Uint8Array([...bytes('{"a":"'), 0xff, ...bytes('"}\n{"a":2}')]);
  const parsed = parseEventsBody(body, "application/x-ndjson", undefined);
  expect(parsed.events).toEqual([{ index: 1, value: { a: 2 } }]);
  expect(parsed.perLineErrors).toHaveLength(1);
});

test("malformed documents are refused whole", () => {
  for (const text of ["", "{", '{"a":1', "[1,", "nonsense", '{\n"a":\n', "{'a':1}"]) {
    expect([text, codeOf(() => values(text))]).toEqual([text, "malformed_json"]);
  }
  expect(codeOf(() => parseEventsBody(new Uint8Array([0x7b, 0xff, 0x7d]), undefined, undefined))).toBe(
    "malformed_json",
  );
});

test("nesting that exhausts a recursive parser is malformed or parsed, never a crash", () => {
  const deep = `{"properties":${"[".repeat(400_000)}${"]".repeat(400_000)},"n":99999999999999999999}`;
  expect(["malformed_json", "no error"]).toContain(codeOf(() => values(deep)));
});

test("gzip and zstd bodies are decompressed", () => {
  const text = JSON.stringify(Array.from({ length: 100 }, (_, i) => ({ i })));
  for (const [encoding, body] of [
    ["gzip", gzipSync(text)],
    ["GZIP", gzipSync(text)],
    ["zstd", zstdCompressSync(text)],
  ] as const) {
    expect(parseEventsBody(body, "application/json", encoding).events).toHaveLength(100);
  }
});

test("broken and truncated compressed bodies are malformed", () => {
  const gzip = gzipSync('{"a":1}'.repeat(1000));
  const zstd = zstdCompressSync(Array.from({ length: 5000 }, (_, i) => `{"a":${i * 7919}}`).join("\n"));
  expect(codeOf(() => parseEventsBody(bytes("{}"), undefined, "gzip"))).toBe("malformed_body");
  expect(codeOf(() => parseEventsBody(bytes("{}"), undefined, "zstd"))).toBe("malformed_body");
  expect(codeOf(() => parseEventsBody(gzip.subarray(0, gzip.length - 12), undefined, "gzip"))).toBe("malformed_body");
  expect(codeOf(() => parseEventsBody(zstd.subarray(0, zstd.length >> 1), undefined, "zstd"))).toBe("malformed_body");
});

const join = (items: readonly Uint8Array[]): Uint8Array => Buffer.concat(items);

test("every frame and member of a compressed body counts, and nothing may follow the last", () => {
  const parts = ['{"a":1}\n', '{"a":2}\n', `{"a":"${"x".repeat(200_000)}"}`];
  const skippable = new Uint8Array([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
  const zstd = parts.map((part) => zstdCompressSync(part));
  const checked = parts.map((part) => zstdCompressSync(part, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }));
  for (const body of [join(zstd), join(checked), join([skippable, ...zstd]), join([...zstd, skippable])]) {
    expect(parseEventsBody(body, "application/x-ndjson", "zstd").events).toHaveLength(3);
  }
  const gzip = join(parts.map((part) => gzipSync(part)));
  expect(parseEventsBody(gzip, "application/x-ndjson", "gzip").events).toHaveLength(3);
  for (const tail of ["x", "garbage at the end"]) {
    const body = join([...zstd, bytes(tail)]);
    expect(codeOf(() => parseEventsBody(body, "application/x-ndjson", "zstd"))).toBe("malformed_body");
  }
  const limits = { ...DEFAULT_BODY_LIMITS, decodedBytes: 1500 };
  const bombs = join(Array.from({ length: 20 }, () => zstdCompressSync(" ".repeat(100))));
  expect(codeOf(() => parseEventsBody(bombs, undefined, "zstd", limits))).toBe("body_too_large");
});

test("frames are found in whatever zstd makes, and never read past the end of damaged data", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), fc.integer({ min: 0, max: 6000 }), (data, cut) => {
      const frame = zstdCompressSync(data);
      expect(splitZstdFrames(Buffer.concat([frame, frame]))?.map((part) => part.length)).toEqual([
        frame.length,
        frame.length,
      ]);
      const cutAt = 1 + (cut % (frame.length - 1));
      expect(splitZstdFrames(frame.subarray(0, cutAt))).toBeUndefined();
      expect(() => splitZstdFrames(data)).not.toThrow();
    }),
  );
});

test("limits hold before and after decompression", () => {
  const limits = { ...DEFAULT_BODY_LIMITS, bodyBytes: 1000, decodedBytes: 2000, events: 3, eventBytes: 50 };
  const parse = (body: Uint8Array, type?: string, encoding?: string): unknown =>
    parseEventsBody(body, type, encoding, limits);
  expect(codeOf(() => parse(new Uint8Array(1001)))).toBe("body_too_large");
  expect(codeOf(() => parse(gzipSync(" ".repeat(100_000)), undefined, "gzip"))).toBe("body_too_large");
  expect(codeOf(() => parse(zstdCompressSync(" ".repeat(100_000)), undefined, "zstd"))).toBe("body_too_large");
  expect(codeOf(() => parse(bytes("[1,2,3,4]")))).toBe("body_too_large");
  expect(codeOf(() => parse(bytes("1\n2\n3\n4"), "application/x-ndjson"))).toBe("body_too_large");
  const parsed = parseEventsBody(
    bytes(`{"a":"${"x".repeat(50)}"}\n{"a":1}`),
    "application/x-ndjson",
    undefined,
    limits,
  );
  expect(parsed.perLineErrors).toEqual([expect.objectContaining({ index: 0, code: "too_large" })]);
  expect(parsed.events).toHaveLength(1);
});

test("other media types and encodings are refused", () => {
  expect(codeOf(() => parseEventsBody(bytes("{}"), "application/xml", undefined))).toBe("unsupported_media_type");
  expect(codeOf(() => parseEventsBody(bytes("{}"), undefined, "br"))).toBe("unsupported_media_type");
  expect(codeOf(() => parseEventsBody(bytes("{}"), undefined, "gzip, gzip"))).toBe("unsupported_media_type");
  expect(values("{}", "application/vnd.example+json")).toEqual([{}]);
});

test("integers beyond 2^53 survive, smaller ones stay numbers", () => {
  expect(values('{"a":9007199254740993,"b":-9223372036854775808,"c":1763715000000000}')).toEqual([
    { a: 9007199254740993n, b: -9223372036854775808n, c: 1763715000000000 },
  ]);
});

test("lines are judged alone: one bad byte, one long line or one big integer changes no other line", () => {
  const limits = { ...DEFAULT_BODY_LIMITS, eventBytes: 24 };
  const lines = ['{"a":"é"}', '{"a":9007199254740993}', `{"a":"${"é".repeat(9)}"}`, '\uFEFF{"a":1}', "", '{"a":2}\r'];
  const whole = new TextEncoder().encode(lines.join("\n"));
  const parsed = parseEventsBody(whole, "application/x-ndjson", undefined, limits);
  const values = [{ a: "é" }, { a: 9_007_199_254_740_993n }, { a: 1 }, { a: 2 }];
  expect(parsed.events.map(({ value }) => value)).toEqual(values);
  expect(parsed.perLineErrors).toMatchObject([{ index: 2, code: "too_large" }]);
  const broken = new Uint8Array([...whole, 0x0a, 0xff]);
  const again = parseEventsBody(broken, "application/x-ndjson", undefined, limits);
  expect(again.events.map(({ value }) => value)).toEqual(values);
  expect(again.perLineErrors).toMatchObject([
    { index: 2, code: "too_large" },
    { index: 5, code: "malformed_json" },
  ]);
});
