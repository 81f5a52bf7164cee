// ASC, DESC and where NULLs go.

import type { SortBy } from "libpg-query";
import { unsupported, type BindContext } from "./context.ts";

/** The order a sort item asks for; NULLs are last ascending and first descending unless told. */
export function sortOrder(
  context: BindContext,
  item: SortBy,
): { readonly descending: boolean; readonly nullsFirst: boolean } {
  if (item.sortby_dir === "SORTBY_USING") throw unsupported(context, "ORDER BY … USING is", item.location);
  const descending = item.sortby_dir === "SORTBY_DESC";
  const nullsFirst =
    item.sortby_nulls === "SORTBY_NULLS_FIRST" || (descending && item.sortby_nulls !== "SORTBY_NULLS_LAST");
  return { descending, nullsFirst };
}
