import { expect, test } from "vitest";
import { ERROR_CODES } from "#core";
import { renderDocsPage } from "#http";
import { createFakeApp, TOKENS } from "../../support/fake-services.ts";

interface OperationDocument {
  readonly operationId: string;
  readonly summary: string;
  readonly security: readonly unknown[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: unknown }>> };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: object }>>;
}

interface ApiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationDocument>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>>; readonly securitySchemes: object };
}

async function loadDocument() {
  const fake = await createFakeApp();
  const response = await fake.request("GET", "/openapi.json");
  return { ...fake, document: await response.json<ApiDocument>() };
}

test("every route is in the document, once, with its scope, a success and its errors", async () => {
  const { app, document } = await loadDocument();
  expect(document.openapi).toBe("3.1.0");
  const documented = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method} ${path}`),
  );
  const routed = app.routes().map(({ method, path }) => `${method} ${path}`);
  expect(documented.toSorted()).toEqual(routed.toSorted());
  expect(new Set(documented).size).toBe(documented.length);
  const operations = Object.values(document.paths).flatMap((item) => Object.values(item));
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  for (const operation of operations) {
    const statuses = Object.keys(operation.responses).map(Number);
    expect(statuses.some((status) => status < 400)).toBe(true);
    const isPublic = operation.security.length === 0;
    expect(statuses.includes(401)).toBe(!isPublic);
    expect(statuses.includes(403)).toBe(!isPublic);
  }
});

test("the paths of the design are there", async () => {
  const { document } = await loadDocument();
  for (const [path, method] of [
    ["/v1/events", "post"],
    ["/v1/events/{namespace}/{table}", "post"],
    ["/v1/query", "post"],
    ["/v1/tables", "get"],
    ["/v1/tables/{namespace}/{table}", "get"],
    ["/catalog/v1/{path}", "get"],
    ["/admin/compact", "post"],
    ["/admin/rewrite", "post"],
    ["/admin/jobs", "get"],
    ["/admin/jobs/{id}", "delete"],
    ["/admin/flush", "post"],
    ["/admin/cache/statistics", "get"],
    ["/admin/cache/invalidate", "post"],
    ["/admin/optimizer/status", "get"],
    ["/admin/optimizer/config", "put"],
    ["/admin/optimizer/run", "post"],
    ["/admin/tables/{table}/spec", "post"],
    ["/metrics", "get"],
    ["/healthz", "get"],
  ] as const) {
    expect(document.paths[path]?.[method]?.summary, `${method} ${path}`).toBeTruthy();
  }
});

test("every reference resolves and the problem lists every code", async () => {
  const { document } = await loadDocument();
  const references = Array.from(
    JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g),
    ([, name]) => String(name),
  );
  expect(references.length).toBeGreaterThan(10);
  for (const name of references) expect(Object.keys(document.components.schemas)).toContain(name);
  const problem = document.components.schemas["Problem"] as { properties: { code: { enum: string[] } } };
  expect(problem.properties.code.enum).toEqual(Object.keys(ERROR_CODES));
});

test("documented statuses are the ones that unauthenticated and malformed requests get", async () => {
  const { request, document } = await loadDocument();
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const target = path.replaceAll(/\{[^}]+\}/g, "x");
      const anonymous = await request(method.toUpperCase(), target);
      expect([target, anonymous.status in operation.responses]).toEqual([target, true]);
      if (operation.requestBody === undefined) continue;
      const malformed = await request(method.toUpperCase(), target, { token: TOKENS.ADMIN_TOKEN, body: '"' });
      expect([target, String(malformed.status) in operation.responses]).toEqual([target, true]);
    }
  }
});

test("replies have every member that their schemas require, and no undocumented status", async () => {
  const { request, document } = await loadDocument();
  interface JsonSchema {
    readonly $ref?: string;
    readonly required?: readonly string[];
  }
  const resolve = (schema: JsonSchema | undefined): JsonSchema =>
    schema?.$ref === undefined
      ? (schema ?? {})
      : (document.components.schemas[schema.$ref.split("/").at(-1) ?? ""] as JsonSchema);
  for (const [method, path, target, body] of [
    ["post", "/v1/events", "/v1/events", "[]"],
    ["get", "/v1/tables", "/v1/tables"],
    ["get", "/v1/tables/{namespace}/{table}", "/v1/tables/default/events"],
    ["post", "/admin/tables/{table}/sort-order", "/admin/tables/events/sort-order", '{"sort":[]}'],
    ["post", "/admin/compact", "/admin/compact", "{}"],
    ["get", "/admin/jobs/{id}", "/admin/jobs/job-1"],
    ["get", "/admin/jobs/{id}", "/admin/jobs/other"],
    ["post", "/admin/flush", "/admin/flush", "{}"],
    ["get", "/healthz", "/healthz"],
  ] as const) {
    const response = await request(method.toUpperCase(), target, {
      token: TOKENS.ADMIN_TOKEN,
      ...(body === undefined ? {} : { body }),
    });
    const documented = document.paths[path]?.[method]?.responses[response.status] as
      | { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> }
      | undefined;
    const contentType = response.headers.get("content-type") ?? "";
    const { required } = resolve(documented?.content[contentType]?.schema);
    expect([target, required?.length ?? 0]).not.toEqual([target, 0]);
    expect(Object.keys(await response.json<object>())).toEqual(expect.arrayContaining([...(required ?? [])]));
  }
});

test("the page is self-contained and escapes what it shows", async () => {
  const { request } = await createFakeApp();
  const response = await request("GET", "/docs");
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
  const page = await response.text();
  expect(page).toContain("/admin/compact");
  expect(page).not.toMatch(/<script|https?:\/\/[^"<]*\.(?:js|css)/);
  const hostile = renderDocsPage({
    info: { title: "<script>" },
    paths: { "/<b>": { get: { summary: "a & <i>", operationId: '"' } } },
  });
  expect(hostile).not.toMatch(/<script>|<b>|<i>/);
});
