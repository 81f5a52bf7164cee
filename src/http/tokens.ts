// Scoped bearer tokens, each limited to some namespaces if it says so. Tokens are compared by their SHA-256 digests in constant time, and only digests stay in
// memory, so neither timing nor a dump of the configuration gives a token away.

import { LakeError, sha256Hex } from "#core";

/** What a token may do. `write` (row-level SQL) implies `query`; `admin` implies all others. */
export const SCOPES = ["ingest", "query", "write", "catalog", "metrics", "admin"] as const;

/** One right. */
export type Scope = (typeof SCOPES)[number];

/** What a token of the scope `catalog` may do with the tables and views it reaches. */
export type CatalogAccess = "read" | "write";

/** Who is calling. `name` goes to logs and query_logs.user_id; it is never the token. */
export interface Principal {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Namespaces the token reaches with all below them, levels joined by dots; absent: all. Applies to every scope. */
  readonly namespaces?: readonly string[];
  /** Limits the scope `catalog` alone. */
  readonly access: CatalogAccess;
  /** The most one query may use, whatever it asks for; absent: Firn's own limits. */
  readonly limits?: TokenLimits;
}

/** Limits that a token puts on each of its queries. */
export interface TokenLimits {
  /** Rows returned. */
  readonly rows?: number;
  /** Bytes of the result. */
  readonly resultBytes?: number;
  /** Bytes read from storage. */
  readonly scannedBytes?: number;
  /** Bytes the query's operators hold. */
  readonly memoryBytes?: number;
  /** Milliseconds. */
  readonly timeMs?: number;
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
  readonly WRITE_TOKEN?: string | undefined;
  readonly CATALOG_TOKEN?: string | undefined;
  readonly METRICS_TOKEN?: string | undefined;
  readonly ADMIN_TOKEN?: string | undefined;
  /** JSON: `[{"name": "etl", "sha256": "<hex>", "scopes": ["ingest", "query"], "namespaces": ["web"], "access": "read", "limits": {"rows": 1000}}]`. */
  readonly FIRN_TOKENS?: string | undefined;
}

const SHA256_HEX = /^[0-9a-f]{64}$/;

function isScope(value: unknown): value is Scope {
  return SCOPES.some((scope) => scope === value);
}

function isAccess(value: unknown): value is CatalogAccess {
  return value === "read" || value === "write";
}

/** A list of namespaces; an empty one would read as "all" to some and "none" to others. */
function isNamespaceList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every(isNamespaceName);
}

function isNamespaceName(value: unknown): boolean {
  return typeof value === "string" && value.split(".").every((level) => level !== "" && !level.includes("/"));
}

const LIMITS = ["rows", "resultBytes", "scannedBytes", "memoryBytes", "timeMs"];

function isLimits(value: unknown): value is TokenLimits {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.entries(value as Readonly<Record<string, unknown>>).every(
    ([name, limit]) => LIMITS.includes(name) && typeof limit === "number" && Number.isFinite(limit) && limit >= 1,
  );
}

const ENTRY_MEMBERS: ReadonlySet<string> = new Set(["name", "sha256", "scopes", "namespaces", "access", "limits"]);

function parseTokenEntry(value: unknown, position: number): TokenEntry {
  const entry = (typeof value === "object" && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  const { name, sha256, scopes, namespaces, access = "write", limits } = entry;
  if (
    typeof name !== "string" ||
    name === "" ||
    typeof sha256 !== "string" ||
    !SHA256_HEX.test(sha256.toLowerCase()) ||
    !Array.isArray(scopes) ||
    !scopes.every(isScope) ||
    !(namespaces === undefined || isNamespaceList(namespaces)) ||
    !isAccess(access) ||
    !(limits === undefined || isLimits(limits)) ||
    // A misspelt restriction must not leave a token unrestricted.
    !Object.keys(entry).every((member) => ENTRY_MEMBERS.has(member)) ||
    (scopes.includes("admin") && (namespaces !== undefined || access === "read"))
  ) {
    throw misconfigured({
      position,
      expected: `name, sha256 (64 hex digits), scopes of ${SCOPES.join(", ")}; namespaces and access but for admin; limits of ${LIMITS.join(", ")}`,
    });
  }
  return {
    name,
    sha256: sha256.toLowerCase(),
    scopes,
    ...(namespaces === undefined ? {} : { namespaces }),
    access,
    ...(limits === undefined ? {} : { limits }),
  };
}

function parseTokenList(text: string): readonly TokenEntry[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    list = undefined;
  }
  if (!Array.isArray(list)) throw misconfigured({ expected: "a JSON array" });
  return list.map(parseTokenEntry);
}

function misconfigured(context: Readonly<Record<string, unknown>>): LakeError {
  return new LakeError("internal", "The tokens are not configured correctly.", {
    context: { setting: "FIRN_TOKENS", ...context },
  });
}

/** What a token is limited to, as one text: scopes of one token add up only under the same limits. */
function limitsOf({ namespaces, access, limits }: Principal): string {
  const inOrder = LIMITS.map((name) => limits?.[name as keyof TokenLimits] ?? null);
  return JSON.stringify([namespaces?.toSorted() ?? null, access, inOrder]);
}

/** Errors: `internal` when one token is listed under different limits: their sum would widen both. */
function checkSameLimits(entries: readonly TokenEntry[]): void {
  const limits = new Map<string, string>();
  for (const entry of entries) {
    const known = limits.get(entry.sha256);
    if (known !== undefined && known !== limitsOf(entry)) {
      throw misconfigured({
        name: entry.name,
        expected: "the same namespaces, access and limits wherever a token is listed",
      });
    }
    limits.set(entry.sha256, limitsOf(entry));
  }
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
    ["write", settings.WRITE_TOKEN],
    ["catalog", settings.CATALOG_TOKEN],
    ["metrics", settings.METRICS_TOKEN],
    ["admin", settings.ADMIN_TOKEN],
  ];
  const entries: TokenEntry[] = [];
  for (const [scope, token] of single) {
    if (token === undefined || token.trim() === "") continue;
    entries.push({ name: scope, sha256: await sha256Hex(token.trim()), scopes: [scope], access: "write" });
  }
  const list = settings.FIRN_TOKENS?.trim() ?? "";
  if (list !== "") entries.push(...parseTokenList(list));
  checkSameLimits(entries);
  return entries;
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
  const { name, namespaces, access, limits } = first;
  const scopes = matching.flatMap((entry) => entry.scopes);
  return {
    name,
    scopes,
    ...(namespaces === undefined ? {} : { namespaces }),
    access,
    ...(limits === undefined ? {} : { limits }),
  };
}

/** Whether the caller may do what needs the scope. */
export function hasScope({ scopes }: Principal, scope: Scope): boolean {
  return scopes.includes(scope) || scopes.includes("admin") || (scope === "query" && scopes.includes("write"));
}

/** Whether the caller reaches the namespace: it is listed, or lies below a listed one. */
export function mayUseNamespace({ namespaces }: Pick<Principal, "namespaces">, namespace: readonly string[]): boolean {
  if (namespaces === undefined) return true;
  const name = namespace.join(".");
  return namespaces.some((allowed) => name === allowed || name.startsWith(`${allowed}.`));
}

/** Refuses a caller that does not reach the namespace. Errors: `forbidden`, naming it. */
export function requireNamespace(principal: Principal, namespace: readonly string[]): void {
  if (mayUseNamespace(principal, namespace)) return;
  const name = namespace.join(".");
  throw new LakeError(
    "forbidden",
    `The token "${principal.name}" does not reach the namespace ${name}; nothing was done.`,
    {
      details: { required_namespace: name },
    },
  );
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
