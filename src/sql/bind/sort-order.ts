// ASC, DESC and where NULLs go.

import type { SortBy } from "libpg-query";
import { builtInName } from "./ast.ts";
import { unsupported, type BindContext } from "./context.ts";

/** The order a sort item asks for; NULLs are last ascending and first descending unless told. */
export function sortOrder(
  context: BindContext,
  item: SortBy,
): { readonly descending: boolean; readonly nullsFirst: boolean } {
  const using = item.sortby_dir === "SORTBY_USING" ? builtInName(item.useOp) : undefined;
  if (using !== undefined && using !== "<" && using !== ">") {
    throw unsupported(context, `ORDER BY … USING ${using} is`, item.location);
  }
  const descending = item.sortby_dir === "SORTBY_DESC" || using === ">";
  const nullsFirst =
    item.sortby_nulls === "SORTBY_NULLS_FIRST" || (descending && item.sortby_nulls !== "SORTBY_NULLS_LAST");
  return { descending, nullsFirst };
}
