// Aggregations that metadata answers for most files: what it tells of them is merged with the aggregate of the rest.

import { scalarAt, vectorFromScalars, type Batch, type Scalar } from "#columnar";
import { invariant } from "#core";
import { scanBelow } from "../optimize/metadata-aggregates.ts";
import type { PlanNode } from "../plan.ts";
import type { ScanFact } from "../table-source.ts";
import { scalarComparator } from "../values/index.ts";
import type { ExecutionContext } from "./context.ts";

type AggregateNode = Extract<PlanNode, { kind: "aggregate" }>;

/**
 * Runs an aggregation whose facts metadata may know; `aggregate` runs it over the rows of a context's scan.
 *
 * Cost: a footer for each file that may hold a least or greatest value, in memory when it was read before. Errors:
 * those of the source and of `aggregate`.
 */
export async function* executeFromMetadata(
  node: AggregateNode,
  facts: readonly ScanFact[],
  aggregate: (context: ExecutionContext) => AsyncIterable<Batch>,
  context: ExecutionContext,
): AsyncGenerator<Batch> {
  const scan = scanBelow(node.input);
  const planned = scan === undefined ? undefined : context.planScan(scan);
  const told = await planned?.facts?.(facts, context.signal);
  if (scan === undefined || planned === undefined || told === undefined) {
    yield* aggregate(context);
    return;
  }
  const rest: ExecutionContext = {
    ...context,
    planScan: (other) =>
      other === scan ? { ...planned, open: (signal) => told.open(signal) } : context.planScan(other),
  };
  for await (const batch of aggregate(rest)) {
    invariant(batch.rowCount === 1, "an aggregate without keys gives one row");
    yield {
      rowCount: 1,
      columns: node.columns.map(({ type }, i) => {
        const read = scalarAt(batch.columns[i] as Batch["columns"][number], 0);
        const merge = mergerOf(facts[i] as ScanFact, scalarComparator(type));
        return vectorFromScalars(type, [merge(read, told.values[i] ?? null)]);
      }),
    };
  }
}

function mergerOf(
  { kind }: ScanFact,
  compare: (a: Exclude<Scalar, null>, b: Exclude<Scalar, null>) => number,
): (read: Scalar, told: Scalar) => Scalar {
  switch (kind) {
    case "rows":
    case "values":
      return (read, told) => Number(read) + Number(told);
    case "min":
    case "max":
      return (read, told) => {
        if (read === null || told === null) return read ?? told;
        return compare(told, read) * (kind === "min" ? 1 : -1) < 0 ? told : read;
      };
  }
}
