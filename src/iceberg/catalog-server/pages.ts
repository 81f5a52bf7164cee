// Pages of listings. A token is the last name of the page before, so a page is right whatever was added or dropped
// in between. Source: Iceberg REST OpenAPI, PageToken.

import { LakeError } from "#core";
import type { ListPage } from "./pointer-store.ts";

/** Names in a page whose request names no size. */
const DEFAULT_PAGE_SIZE = 1000;
const MAX_PAGE_SIZE = 10_000;

/**
 * The page a request asks for; undefined for a client that does not page: it gets everything at once.
 *
 * Errors: `invalid_request` for a size that is no positive integer or a token that is not ours.
 */
export function readPage(query: URLSearchParams): ListPage | undefined {
  const token = query.get("pageToken");
  const sizeText = query.get("pageSize");
  const size = sizeText === null || sizeText === "" ? DEFAULT_PAGE_SIZE : Number(sizeText);
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new LakeError("invalid_request", `pageSize must be a positive integer, not "${sizeText ?? ""}".`);
  }
  if (token === null) return undefined;
  return { limit: Math.min(size, MAX_PAGE_SIZE), after: token === "" ? undefined : decodeToken(token) };
}

function decodeToken(token: string): string {
  try {
    return decodeURIComponent(token);
  } catch (cause) {
    throw new LakeError("invalid_request", "The pageToken is not one this catalog gave.", { cause });
  }
}

/** A listing's items and what leads to the next ones. */
export interface PagedItems<T> {
  readonly items: readonly T[];
  /** Absent for clients that do not page, null on the last page. */
  readonly "next-page-token"?: string | null;
}

/** Lists one page: asks for one item more than fits to learn whether there are more. */
export async function listPage<T>(
  page: ListPage | undefined,
  nameOf: (item: T) => string,
  list: (page: ListPage | undefined) => Promise<readonly T[] | undefined>,
): Promise<PagedItems<T> | undefined> {
  const found = await list(page === undefined ? undefined : { ...page, limit: page.limit + 1 });
  if (found === undefined || page === undefined) return found === undefined ? undefined : { items: found };
  const items = found.slice(0, page.limit);
  const last = items.at(-1);
  const hasMore = found.length > page.limit && last !== undefined;
  return { items, "next-page-token": hasMore ? encodeURIComponent(nameOf(last)) : null };
}
