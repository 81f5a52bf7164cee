import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createFakeApp, TOKENS } from "../support/fake-services.ts";

const PATHS = [
  "/v1/events",
  "/v1/events/a/b",
  "/v1/query",
  "/admin/compact",
  "/admin/rewrite",
  "/admin/flush",
  "/admin/cache/invalidate",
  "/admin/tables/events/spec",
  "/admin/tables/events/sort-order",
  "/admin/tables/events/properties",
  "/admin/optimizer/run",
  "/catalog/v1/namespaces",
];

const bodies = fc.oneof(
  fc.json(),
  fc.string({ unit: "binary" }),
  fc.uint8Array(),
  fc
    .record(
      {
        sql: fc.jsonValue(),
        params: fc.jsonValue(),
        limits: fc.jsonValue(),
        table: fc.jsonValue(),
        add: fc.jsonValue(),
        set: fc.jsonValue(),
        sort: fc.jsonValue(),
        __proto__: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
  fc.integer({ min: 1, max: 3000 }).map((depth) => "[".repeat(depth)),
);

test("I1 nothing a client sends produces a 500, and every refusal is a problem with a code", async () => {
  const { request } = await createFakeApp();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...PATHS),
      bodies,
      fc.option(fc.constantFrom("application/json", "text/plain", "multipart/form-data", ";;", "application/x-ndjson")),
      fc.option(fc.constantFrom("gzip", "zstd", "br", "")),
      async (path, sent, contentType, encoding) => {
        const headers: Record<string, string> = {};
        if (contentType !== null) headers["content-type"] = contentType;
        if (encoding !== null) headers["content-encoding"] = encoding;
        const response = await request("POST", path, { token: TOKENS.ADMIN_TOKEN, body: sent as BodyInit, headers });
        expect(response.status).toBeLessThan(500);
        expect(response.headers.get("x-request-id")).toHaveLength(36);
        const body = await response.text();
        const code: unknown = response.status < 400 ? "none" : (JSON.parse(body) as { code?: unknown }).code;
        expect(code).toBeTypeOf("string");
      },
    ),
    { numRuns: 400 },
  );
});

test("any path, method and header is answered below 500", async () => {
  const { request } = await createFakeApp();
  const segment = fc.oneof(fc.webSegment(), fc.constantFrom("..", "%", "%zz", "%00", "v1", "admin", "jobs", "tables"));
  await fc.assert(
    fc.asyncProperty(
      fc.array(segment, { maxLength: 5 }),
      fc.constantFrom("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"),
      fc.option(fc.webQueryParameters()),
      fc.option(fc.stringMatching(/^[\x21-\x7e]{0,40}$/)),
      async (segments, method, query, authorization) => {
        const path = `/${segments.join("/")}${query === null ? "" : `?${query}`}`;
        const withToken = authorization === null ? { token: TOKENS.ADMIN_TOKEN } : { headers: { authorization } };
        const response = await request(method, path, withToken);
        expect(response.status).toBeLessThan(500);
      },
    ),
    { numRuns: 400 },
  );
});
