// EXPLAIN of a statement that changes rows: its plan, and nothing is done.

import { LakeError } from "#core";
import type { PreparedQuery } from "../engine.ts";
import type { PreparedChange } from "./prepare-change.ts";

/** A change as EXPLAIN sees a query. Errors of execute: `sql_unsupported`, since ANALYZE would change the table. */
export function explainableChange(change: PreparedChange): PreparedQuery {
  return {
    columns: [],
    pattern: change.pattern,
    fingerprint: change.fingerprint,
    tables: change.tables,
    predicates: change.predicates,
    explain: () => change.explain(),
    async planScans() {
      const { statistics } = await change.planScans();
      return { identity: "change", statistics };
    },
    execute() {
      const name = change.operation.toUpperCase();
      throw new LakeError("sql_unsupported", `EXPLAIN ANALYZE would run the ${name}: use EXPLAIN.`);
    },
    isDeterministic: false,
    isTimeDependent: true,
    cacheText: "change",
    profile: () => change.profile(),
    memoryPeakBytes: () => change.memoryPeakBytes(),
  };
}
