// GROUPING SETS, ROLLUP and CUBE: which keys are grouped together. Source: PostgreSQL manual, "GROUPING SETS, CUBE, and
// ROLLUP".

import type { GroupingSet, Node } from "libpg-query";
import { spanAt, unsupported, type BindContext } from "./context.ts";
import { sqlError } from "./errors.ts";

/** PostgreSQL's bound on the sets of one GROUP BY. */
const MAX_GROUPING_SETS = 4096;
/** PostgreSQL's bound on the elements of a CUBE. */
const MAX_CUBE_ELEMENTS = 12;

/** Whether GROUP BY items ask for more than one grouping. */
export function hasGroupingSets(items: readonly Node[]): boolean {
  return items.some((item) => "GroupingSet" in item);
}

/** The sets of key expressions that GROUP BY items stand for: every combination of what each item stands for. */
export function expandGroupingSets(context: BindContext, items: readonly Node[]): readonly (readonly Node[])[] {
  return items.reduce<readonly (readonly Node[])[]>(
    (sets, item) => {
      const own = setsOf(context, item);
      if (sets.length * own.length > MAX_GROUPING_SETS) {
        throw sqlError("sql_unsupported", `GROUP BY has more than ${MAX_GROUPING_SETS} grouping sets.`);
      }
      return sets.flatMap((set) => own.map((more) => [...set, ...more]));
    },
    [[]],
  );
}

function setsOf(context: BindContext, item: Node): readonly (readonly Node[])[] {
  if (!("GroupingSet" in item)) return [keysOf(item)];
  const set: GroupingSet = item.GroupingSet;
  const content = set.content ?? [];
  switch (set.kind) {
    case "GROUPING_SET_EMPTY":
      return [[]];
    case "GROUPING_SET_SIMPLE":
      return [content.flatMap(keysOf)];
    case "GROUPING_SET_SETS":
      return content.flatMap((part) => setsOf(context, part));
    case "GROUPING_SET_ROLLUP": {
      const elements = content.map(keysOf);
      return [...elements.keys(), elements.length].toReversed().map((length) => elements.slice(0, length).flat());
    }
    case "GROUPING_SET_CUBE": {
      const elements = content.map(keysOf);
      if (elements.length > MAX_CUBE_ELEMENTS) {
        const message = `CUBE is limited to ${MAX_CUBE_ELEMENTS} elements.`;
        throw sqlError("sql_unsupported", message, spanAt(context, set.location));
      }
      return Array.from({ length: 2 ** elements.length }, (_, mask) =>
        elements.filter((_element, i) => (mask & (1 << i)) === 0).flat(),
      );
    }
    case undefined:
    default:
      throw unsupported(context, "This grouping set is", set.location);
  }
}

/** The keys of one element: a row in parentheses stands for all of its items, ROW(…) is one value. */
function keysOf(item: Node): readonly Node[] {
  return "RowExpr" in item && item.RowExpr.row_format !== "COERCE_EXPLICIT_CALL" ? (item.RowExpr.args ?? []) : [item];
}
