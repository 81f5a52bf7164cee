// Scoped bearer tokens. Tokens are compared by their SHA-256 digests in constant time, and only digests stay in
// memory, so neither timing nor a dump of the configuration gives a token away.

import { LakeError, sha256Hex } from "#core";

/** What a token may do. `admin` implies all others. */
export const SCOPES = ["ingest", "query", "catalog", "metrics", "admin"] as const;

/** One right. */
export type Scope = (typeof SCOPES)[number];

/** Who is calling. `name` goes to logs and query_logs.user_id; it is never the token. */
export interface Principal {
  readonly name: string;
  readonly scopes: readonly Scope[];
}

/** A configured token. */
export interface TokenEntry extends Principal {
  /** SHA-256 of the token, 64 lower-case hexadecimal digits. */
  readonly sha256: string;
}

/** Where tokens are configured: one secret for each scope, and a list for any number of named tokens. */
export interface TokenSettings {
  readonly INGEST_TOKEN?: string | undefined;
  readonly QUERY_TOKEN?: string | undefined;
  readonly CATALOG_TOKEN?: string | undefined;
  readonly METRICS_TOKEN?: string | undefined;
  readonly ADMIN_TOKEN?: string | undefined;
  /** JSON: `[{"name": "etl", "sha256": "<hex>", "scopes": ["ingest", "query"]}]`. */
  readonly FIRN_TOKENS?: string | undefined;
}

const SHA256_HEX = /^[0-9a-f]{64}$/;

function isScope(value: unknown): value is Scope {
  return SCOPES.some((scope) => scope === value);
}

function parseTokenEntry(value: unknown, position: number): TokenEntry {
  const entry = (typeof value === "object" && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  const { name, sha256, scopes } = entry;
  if (
    typeof name !== "string" ||
    name === "" ||
    typeof sha256 !== "string" ||
    !SHA256_HEX.test(sha256.toLowerCase()) ||
    !Array.isArray(scopes) ||
    !scopes.every(isScope)
  ) {
    throw new LakeError("internal", "The tokens are not configured correctly.", {
      context: { setting: "FIRN_TOKENS", position, expected: "name, sha256 (64 hex digits), scopes" },
    });
  }
  return { name, sha256: sha256.toLowerCase(), scopes };
}

function parseTokenList(text: string): readonly TokenEntry[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    list = undefined;
  }
  if (!Array.isArray(list)) {
    throw new LakeError("internal", "The tokens are not configured correctly.", {
      context: { setting: "FIRN_TOKENS", expected: "a JSON array" },
    });
  }
  return list.map(parseTokenEntry);
}

/**
 * Reads the configured tokens. Absent and empty settings give no token: nothing matches an empty bearer.
 *
 * Errors: `internal` when FIRN_TOKENS is malformed; the context names what is wrong, never a token.
 */
export async function loadTokens(settings: TokenSettings): Promise<readonly TokenEntry[]> {
  const single: readonly (readonly [Scope, string | undefined])[] = [
    ["ingest", settings.INGEST_TOKEN],
    ["query", settings.QUERY_TOKEN],
    ["catalog", settings.CATALOG_TOKEN],
    ["metrics", settings.METRICS_TOKEN],
    ["admin", settings.ADMIN_TOKEN],
  ];
  const entries: TokenEntry[] = [];
  for (const [scope, token] of single) {
    if (token === undefined || token.trim() === "") continue;
    entries.push({ name: scope, sha256: await sha256Hex(token.trim()), scopes: [scope] });
  }
  const list = settings.FIRN_TOKENS?.trim() ?? "";
  return list === "" ? entries : [...entries, ...parseTokenList(list)];
}

/** Compares two digests of equal length; the time does not depend on where they differ. */
function isSameDigest(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < b.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}

/** Longer tokens cannot be ours; hashing them would be work for nothing. */
const MAX_TOKEN_CHARACTERS = 4096;
const BEARER = /^Bearer +([\x21-\x7e]+) *$/i;

/**
 * The caller that an Authorization header names. Looks at every configured token whatever matches.
 * When one token is configured under several names, their scopes add up.
 *
 * Errors: `unauthenticated`.
 */
export async function authenticate(tokens: readonly TokenEntry[], header: string | undefined): Promise<Principal> {
  if (header === undefined) {
    throw new LakeError("unauthenticated", "The request has no Authorization header; nothing was done.");
  }
  const token = BEARER.exec(header)?.[1];
  if (token === undefined || token.length > MAX_TOKEN_CHARACTERS) {
    throw new LakeError("unauthenticated", "The Authorization header is not a bearer token; nothing was done.");
  }
  const digest = await sha256Hex(token);
  const matching = tokens.filter((entry) => isSameDigest(digest, entry.sha256));
  const [first] = matching;
  if (first === undefined) throw new LakeError("unauthenticated", "The token is not known; nothing was done.");
  return { name: first.name, scopes: matching.flatMap((entry) => entry.scopes) };
}

/** Whether the caller may do what needs the scope. */
export function hasScope(principal: Principal, scope: Scope): boolean {
  return principal.scopes.includes(scope) || principal.scopes.includes("admin");
}

/** Refuses a caller without the scope. Errors: `forbidden`, naming the scope. */
export function requireScope(principal: Principal, scope: Scope): void {
  if (hasScope(principal, scope)) return;
  throw new LakeError("forbidden", `The token "${principal.name}" lacks the scope ${scope}; nothing was done.`, {
    details: { required_scope: scope },
  });
}

/** The WWW-Authenticate value for a refusal. Source: RFC 6750 section 3. */
export function bearerChallenge(sentToken: boolean, requiredScope?: string): string {
  if (requiredScope !== undefined) return `Bearer realm="firn", error="insufficient_scope", scope="${requiredScope}"`;
  return sentToken ? 'Bearer realm="firn", error="invalid_token"' : 'Bearer realm="firn"';
}
