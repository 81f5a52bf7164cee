// Access tokens for a catalog that wants OAuth2 client credentials: fetched when needed, kept until shortly before
// they expire. Source: RFC 6749 section 4.4; Iceberg REST OpenAPI, OAuthTokenResponse.

import { LakeError, type Clock } from "#core";

/** How to prove to a catalog who we are. */
export type CatalogAuth =
  | { readonly kind: "none" }
  | { readonly kind: "bearer"; readonly token: string }
  | {
      readonly kind: "client-credentials";
      /** Absent for servers that know clients by their secret alone. */
      readonly clientId?: string;
      readonly clientSecret: string;
      readonly scope: string;
      readonly tokenUri: string;
    };

/** Where a bearer token comes from. */
export interface TokenSource {
  /** The token to send; undefined when none is wanted. Cost: a request when there is none that lasts. */
  token(): Promise<string | undefined>;
  /** Forgets the token, so that the next is fetched anew; false when that would give the same one. */
  renew(): boolean;
}

/** A token is not used in its last seconds: it would expire on the way. */
const EXPIRY_MARGIN_MS = 60_000;
/** Lifetime of a token whose reply names none. */
const DEFAULT_LIFETIME_S = 3600;

/**
 * Creates a token source. Errors of `token`: `forbidden` when the server refuses the credentials,
 * `upstream_unavailable` when it cannot be reached or its reply is not understood.
 */
export function createTokenSource(auth: CatalogAuth, send: typeof fetch, clock: Clock): TokenSource {
  if (auth.kind !== "client-credentials") {
    const fixed = auth.kind === "bearer" ? auth.token : undefined;
    return { token: () => Promise.resolve(fixed), renew: () => false };
  }
  let held: { readonly token: string; readonly usableUntilMs: number } | undefined;
  return {
    async token() {
      if (held !== undefined && clock.nowMs() < held.usableUntilMs) return held.token;
      const askedMs = clock.nowMs();
      const reply = await requestToken(auth, send);
      const lifetimeMs = reply.lifetimeSeconds * 1000;
      held = { token: reply.token, usableUntilMs: askedMs + Math.max(lifetimeMs - EXPIRY_MARGIN_MS, lifetimeMs / 2) };
      return held.token;
    },
    renew() {
      held = undefined;
      return true;
    },
  };
}

async function requestToken(
  auth: Extract<CatalogAuth, { readonly kind: "client-credentials" }>,
  send: typeof fetch,
): Promise<{ readonly token: string; readonly lifetimeSeconds: number }> {
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    ...(auth.clientId === undefined ? {} : { client_id: auth.clientId }),
    client_secret: auth.clientSecret,
    scope: auth.scope,
  });
  let response: Response;
  try {
    response = await send(auth.tokenUri, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
      body: form.toString(),
    });
  } catch (cause) {
    throw new LakeError("upstream_unavailable", "The catalog's token endpoint did not answer.", { cause });
  }
  const text = await response.text();
  if (!response.ok) {
    const code = response.status >= 500 || response.status === 429 ? "upstream_unavailable" : "forbidden";
    throw new LakeError(code, `The catalog's token endpoint answered ${response.status} to Firn's credentials.`);
  }
  return readTokenReply(text);
}

function readTokenReply(text: string): { readonly token: string; readonly lifetimeSeconds: number } {
  let reply: unknown;
  try {
    reply = JSON.parse(text);
  } catch {
    reply = undefined;
  }
  const { access_token: token, expires_in: lifetime } = (reply ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof token !== "string" || token === "") {
    throw new LakeError("upstream_unavailable", "The catalog's token endpoint sent no access_token.");
  }
  return { token, lifetimeSeconds: typeof lifetime === "number" && lifetime > 0 ? lifetime : DEFAULT_LIFETIME_S };
}
