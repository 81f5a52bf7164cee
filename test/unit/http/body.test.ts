import { expect, test } from "vitest";
import { parseJsonBody, readBody, validate } from "#http";
import { z } from "@hono/zod-openapi";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

test("brackets in strings do not count as nesting, real ones do", () => {
  const text = JSON.stringify({ sql: `${"[".repeat(500)}\\"{{{` });
  expect(parseJsonBody(encode(text), null)).toEqual(JSON.parse(text));
  expect(parseJsonBody(encode(`${"[".repeat(100)}${"]".repeat(100)}`), null)).toBeInstanceOf(Array);
  expect(() => parseJsonBody(encode(`${"[".repeat(101)}${"]".repeat(101)}`), null)).toThrow("deeper than 100");
});

test("bytes that are not UTF-8 and an empty body are told apart", () => {
  expect(() => parseJsonBody(new Uint8Array([0x22, 0xff, 0x22]), null)).toThrow("not UTF-8");
  expect(parseJsonBody(encode(" \n"), null)).toBeUndefined();
  expect(parseJsonBody(encode("\u{feff}{}"), "identity")).toEqual({});
});

test("a body of exactly the limit is read, whole, with and without a declared length", async () => {
  const bytes = crypto.getRandomValues(new Uint8Array(1000));
  const streamed = new Request("https://x", {
    method: "POST",
    body: new Blob([bytes]).stream(),
    duplex: "half",
  } as RequestInit);
  expect(await readBody(streamed, 1000)).toEqual(bytes);
  const declared = new Request("https://x", { method: "POST", body: bytes, headers: { "content-length": "1000" } });
  expect(await readBody(declared, 1000)).toEqual(bytes);
  const tooLong = new Request("https://x", { method: "POST", body: bytes });
  await expect(readBody(tooLong, 999)).rejects.toMatchObject({ code: "body_too_large" });
});

test("every finding is listed with its place, up to a bound", () => {
  const schema = z.strictObject({ a: z.number(), list: z.array(z.string()) });
  expect(() => validate(schema, { a: "x", list: Array.from({ length: 100 }, () => 1), extra: 1 }, "body")).toThrow(
    expect.objectContaining({
      code: "invalid_request",
      details: expect.objectContaining({
        pointer: "/a",
        errors: expect.objectContaining({ length: 20, 1: expect.objectContaining({ pointer: "/list/0" }) }),
      }),
    }),
  );
});
