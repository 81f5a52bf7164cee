// The settings that name another catalog, read from a Worker's variables and secrets.

import { LakeError } from "#core";
import type { CatalogAuth } from "./oauth-token.ts";

/** Variables and secrets as a deployment sets them; absent or empty means unset. */
export interface ForeignCatalogSettings {
  /** Base of the other catalog's REST endpoints, without /v1. Unset: Firn's own catalog serves. */
  readonly CATALOG_URI?: string | undefined;
  /** Sent to /v1/config by catalogs with several warehouses. */
  readonly CATALOG_WAREHOUSE?: string | undefined;
  /** A bearer token the catalog accepts. */
  readonly CATALOG_API_TOKEN?: string | undefined;
  /** OAuth2 client credentials as `<id>:<secret>`. */
  readonly CATALOG_CREDENTIAL?: string | undefined;
  /** Default: `<uri>/v1/oauth/tokens`. */
  readonly CATALOG_OAUTH2_SERVER_URI?: string | undefined;
  /** Default: `catalog`. */
  readonly CATALOG_OAUTH2_SCOPE?: string | undefined;
  /** Commits a minute the catalog takes for one table; default 20 for Basin Catalog, else unlimited. */
  readonly CATALOG_COMMITS_PER_MINUTE?: string | undefined;
}

/** Another catalog, as {@link ForeignCatalogSettings} name it. */
export interface ForeignCatalogAddress {
  /** Without a slash at the end. */
  readonly uri: string;
  readonly warehouse?: string;
  readonly auth: CatalogAuth;
  /** Absent: unlimited. */
  readonly commitsPerMinute?: number;
}

/** Hosts of Basin Catalog and the commits a minute it takes for one table. */
const BASIN_HOST = "catalog.cloudflarestorage.com";
const BASIN_COMMITS_PER_MINUTE = 20;

/** The other catalog, or undefined when none is set. Errors: `internal` naming the setting that is malformed. */
export function foreignCatalogAddress(settings: ForeignCatalogSettings): ForeignCatalogAddress | undefined {
  const text = settings.CATALOG_URI?.trim();
  if (text === undefined || text === "") return undefined;
  const url = parseHttpUrl("CATALOG_URI", text);
  if (url.search !== "" || url.hash !== "") throw malformed("CATALOG_URI", "has a query or a fragment");
  const uri = url.href.replace(/\/+$/, "").replace(/\/v1$/, "");
  const warehouse = settings.CATALOG_WAREHOUSE?.trim();
  const commitsPerMinute = readLimit(settings.CATALOG_COMMITS_PER_MINUTE, url.hostname);
  return {
    uri,
    ...(warehouse === undefined || warehouse === "" ? {} : { warehouse }),
    auth: readAuth(settings, uri),
    ...(commitsPerMinute === undefined ? {} : { commitsPerMinute }),
  };
}

function readAuth(settings: ForeignCatalogSettings, uri: string): CatalogAuth {
  const token = settings.CATALOG_API_TOKEN?.trim() ?? "";
  const credential = settings.CATALOG_CREDENTIAL?.trim() ?? "";
  if (token !== "" && credential !== "") {
    throw malformed("CATALOG_CREDENTIAL", "is set beside CATALOG_API_TOKEN: set one of them");
  }
  if (token !== "") return { kind: "bearer", token };
  if (credential === "") return { kind: "none" };
  const server = settings.CATALOG_OAUTH2_SERVER_URI?.trim() ?? "";
  const scope = settings.CATALOG_OAUTH2_SCOPE?.trim() ?? "";
  const colon = credential.indexOf(":");
  const clientSecret = credential.slice(colon + 1);
  if (clientSecret === "" || colon === 0) throw malformed("CATALOG_CREDENTIAL", "is not <id>:<secret>");
  return {
    kind: "client-credentials",
    ...(colon === -1 ? {} : { clientId: credential.slice(0, colon) }),
    clientSecret,
    scope: scope === "" ? "catalog" : scope,
    tokenUri: server === "" ? `${uri}/v1/oauth/tokens` : parseHttpUrl("CATALOG_OAUTH2_SERVER_URI", server).href,
  };
}

function readLimit(setting: string | undefined, host: string): number | undefined {
  const text = setting?.trim() ?? "";
  if (text === "") {
    return host === BASIN_HOST || host.endsWith(`.${BASIN_HOST}`) ? BASIN_COMMITS_PER_MINUTE : undefined;
  }
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 0) throw malformed("CATALOG_COMMITS_PER_MINUTE", "is not a whole number");
  return limit === 0 ? undefined : limit;
}

function parseHttpUrl(setting: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw malformed(setting, "is not an http(s) URL");
  }
  if (url.username !== "" || url.password !== "") throw malformed(setting, "holds credentials; use the secrets");
  return url;
}

function malformed(setting: string, why: string): LakeError {
  return new LakeError("internal", `The setting ${setting} ${why}.`, { details: { setting } });
}
