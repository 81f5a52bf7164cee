import { expect, test } from "vitest";
import { LakeError, sha256Hex } from "#core";
import { authenticate, hasScope, loadTokens, requireScope } from "#http";

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
  expect(ingest).toEqual({ name: "ingest", scopes: ["ingest"] });
  expect(hasScope(ingest, "query")).toBe(false);
  const admin = await authenticate(tokens, "bearer a");
  expect(["ingest", "query", "catalog", "metrics", "admin"].every((s) => hasScope(admin, s as "ingest"))).toBe(true);
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
  expect(principal).toEqual({ name: "etl", scopes: ["ingest", "query"] });
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

test.each(["{}", "nonsense", '[{"name":"x"}]', '[{"name":"x","sha256":"00","scopes":["ingest"]}]', "[null]"])(
  "a malformed FIRN_TOKENS is refused without quoting it: %s",
  async (text) => {
    const error = await refusal(() => loadTokens({ FIRN_TOKENS: text }));
    expect(error.context).toMatchObject({ setting: "FIRN_TOKENS" });
    expect(JSON.stringify([error.message, error.context])).not.toContain("nonsense");
  },
);
