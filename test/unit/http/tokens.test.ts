import { expect, test } from "vitest";
import { LakeError, sha256Hex } from "#core";
import { authenticate, hasScope, loadTokens, mayUseNamespace, requireNamespace, requireScope, SCOPES } from "#http";

async function refusal(run: () => Promise<unknown>): Promise<LakeError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof LakeError) return error;
    throw error;
  }
  throw new Error("was not refused");
}

test("each token gives its scope and admin gives all", async () => {
  const tokens = await loadTokens({ INGEST_TOKEN: "i", ADMIN_TOKEN: "a" });
  const ingest = await authenticate(tokens, "Bearer i");
  expect(ingest).toEqual({ name: "ingest", scopes: ["ingest"], access: "write" });
  expect(hasScope(ingest, "query")).toBe(false);
  const admin = await authenticate(tokens, "bearer a");
  expect(SCOPES.every((scope) => hasScope(admin, scope))).toBe(true);
});

test("C1 an empty or blank secret is no token", async () => {
  const tokens = await loadTokens({ INGEST_TOKEN: "", QUERY_TOKEN: "  ", ADMIN_TOKEN: undefined });
  expect(tokens).toEqual([]);
  for (const header of [undefined, "", "Bearer", "Bearer ", "Bearer  ", "Basic Og==", "Bearer a b"]) {
    expect((await refusal(() => authenticate(tokens, header))).code).toBe("unauthenticated");
  }
});

test("named tokens are configured by digest, and one token under two names has both scopes", async () => {
  const sha256 = await sha256Hex("shared");
  const tokens = await loadTokens({
    FIRN_TOKENS: JSON.stringify([
      { name: "etl", sha256: sha256.toUpperCase(), scopes: ["ingest"] },
      { name: "etl-read", sha256, scopes: ["query"] },
    ]),
  });
  const principal = await authenticate(tokens, "Bearer shared");
  expect(principal).toEqual({ name: "etl", scopes: ["ingest", "query"], access: "write" });
  const error = await refusal(async () => requireScope(principal, "admin"));
  expect(error).toMatchObject({ code: "forbidden", details: { required_scope: "admin" } });
  expect(error.message).not.toContain("shared");
});

test("a near miss is refused", async () => {
  const tokens = await loadTokens({ ADMIN_TOKEN: "correct horse".replace(" ", "-") });
  for (const token of ["correct-hors", "correct-horse2", "Correct-horse", "x".repeat(5000)]) {
    expect((await refusal(() => authenticate(tokens, `Bearer ${token}`))).code).toBe("unauthenticated");
  }
  expect((await authenticate(tokens, "Bearer correct-horse")).name).toBe("admin");
});

test("I160 the scope write implies query and nothing else", async () => {
  const writer = await authenticate(await loadTokens({ WRITE_TOKEN: "w", QUERY_TOKEN: "q" }), "Bearer w");
  expect(SCOPES.filter((scope) => hasScope(writer, scope))).toEqual(["query", "write"]);
  const reader = await authenticate(await loadTokens({ WRITE_TOKEN: "w", QUERY_TOKEN: "q" }), "Bearer q");
  expect(hasScope(reader, "write")).toBe(false);
});

test("I160 a token reaches its namespaces and those below them, not ones that begin alike", async () => {
  const tokens = await loadTokens({
    FIRN_TOKENS: JSON.stringify([
      {
        name: "web",
        sha256: await sha256Hex("t"),
        scopes: ["catalog"],
        namespaces: ["web", "a.b"],
        access: "read",
      },
    ]),
  });
  const principal = await authenticate(tokens, "Bearer t");
  expect(principal).toEqual({ name: "web", scopes: ["catalog"], namespaces: ["web", "a.b"], access: "read" });
  for (const namespace of [["web"], ["web", "x"], ["a", "b"], ["a", "b", "c"]]) {
    expect([namespace, mayUseNamespace(principal, namespace)]).toEqual([namespace, true]);
  }
  for (const namespace of [["webs"], ["a"], ["a", "bc"], ["default"], []]) {
    expect([namespace, mayUseNamespace(principal, namespace)]).toEqual([namespace, false]);
  }
  const error = await refusal(async () => requireNamespace(principal, ["default"]));
  expect(error).toMatchObject({ code: "forbidden", details: { required_namespace: "default" } });
  expect(mayUseNamespace({}, ["default"])).toBe(true);
});

test.each([
  ["no namespace at all", { namespaces: [] }],
  ["an empty namespace", { namespaces: ["a."] }],
  ["a namespace that is no text", { namespaces: [1] }],
  ["an unknown access", { access: "append" }],
  ["a misspelt limit", { namespace: ["web"] }],
  ["a limited admin", { scopes: ["admin"], namespaces: ["web"] }],
  ["a reading admin", { scopes: ["admin"], access: "read" }],
  ["a misspelt query limit", { limits: { row: 5 } }],
  ["a query limit of nothing", { limits: { rows: 0 } }],
])("C1 a token with %s is a malformed setting, never an unlimited token", async (_what, change) => {
  const entry = { name: "x", sha256: await sha256Hex("x"), scopes: ["catalog"], ...change };
  const error = await refusal(() => loadTokens({ FIRN_TOKENS: JSON.stringify([entry]) }));
  expect(error.context).toMatchObject({ setting: "FIRN_TOKENS" });
});

test("C1 one token under two limits is a malformed setting", async () => {
  const sha256 = await sha256Hex("shared");
  const narrow = { name: "narrow", sha256, scopes: ["catalog"], namespaces: ["web"] };
  const wide = { name: "wide", sha256, scopes: ["query"] };
  const error = await refusal(() => loadTokens({ FIRN_TOKENS: JSON.stringify([narrow, wide]) }));
  expect(error.context).toMatchObject({ setting: "FIRN_TOKENS", name: "wide" });
  await loadTokens({ FIRN_TOKENS: JSON.stringify([narrow, { ...wide, namespaces: ["web"] }]) });
});

test("a token carries the limits of its queries", async () => {
  const limits = { rows: 10, timeMs: 1000 };
  const entry = { name: "dashboard", sha256: await sha256Hex("dashboard"), scopes: ["query"], limits };
  const tokens = await loadTokens({ FIRN_TOKENS: JSON.stringify([entry]) });
  expect(await authenticate(tokens, "Bearer dashboard")).toMatchObject({ name: "dashboard", limits });
});

test.each(["{}", "nonsense", '[{"name":"x"}]', '[{"name":"x","sha256":"00","scopes":["ingest"]}]', "[null]"])(
  "a malformed FIRN_TOKENS is refused without quoting it: %s",
  async (text) => {
    const error = await refusal(() => loadTokens({ FIRN_TOKENS: text }));
    expect(error.context).toMatchObject({ setting: "FIRN_TOKENS" });
    expect(JSON.stringify([error.message, error.context])).not.toContain("nonsense");
  },
);
