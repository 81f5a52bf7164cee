// When a scan's predicates say all that a condition says, so that a row is deleted exactly if it fulfils them.

import { UNKNOWN, conjunctsOf, exprIdentity, literal } from "../expressions.ts";
import { extractScanPredicates, isExactPredicate } from "../optimize/scan-predicates.ts";
import type { PlanNode } from "../plan.ts";
import type { ScanPredicate } from "../table-source.ts";

/** Whether the rows of a plan are exactly those of its scan that fulfil the scan's predicates. */
export function isExactScan(plan: PlanNode): boolean {
  if (plan.kind === "scan") return plan.predicates.length === 0 && plan.limit === undefined;
  if (plan.kind !== "filter" || plan.input.kind !== "scan" || plan.input.limit !== undefined) return false;
  const { projection, predicates } = plan.input;
  const parts = conjunctsOf(plan.condition);
  const implied = parts.flatMap((part) => extractScanPredicates(part, projection));
  // What the scan was told must be what the condition says: a condition that was not pushed down says more.
  return parts.every((part) => isExactPredicate(part, projection)) && identityOf(implied) === identityOf(predicates);
}

function identityOf(predicates: readonly ScanPredicate[]): string {
  return predicates
    .map(({ column, operator, values }) =>
      [column, operator, ...values.map((value) => exprIdentity(literal(value, UNKNOWN)))].join(" "),
    )
    .toSorted()
    .join("\n");
}
