// Projection pruning: every operator makes only the columns that someone above reads.

import {
  aggregateExprs,
  collectColumns,
  columnRef,
  literal,
  mapAggregate,
  mapSortKeys,
  mapWindowCall,
  remapColumns,
  windowCallExprs,
} from "../expressions.ts";
import { joinColumns } from "../joins.ts";
import type { Expr, PlanNode, SharedRows } from "../plan.ts";

/** A pruned plan, and where each wanted column of the original now is. */
interface Pruned {
  readonly plan: PlanNode;
  readonly indexOf: (index: number) => number;
}

/** The plan with the same output columns, reading as few columns as possible underneath. */
export function pruneColumns(plan: PlanNode): PlanNode {
  return exact(prune(plan, allOf(plan)), [...plan.columns.keys()], plan);
}

/** The plan of shared rows when all readers told what they want: their columns stay where they are, others are NULL. */
export function pruneShared({ plan, wanted }: SharedRows): PlanNode {
  if (wanted.size === plan.columns.length) return pruneColumns(plan);
  const { plan: input, indexOf } = prune(plan, wanted);
  const exprs = plan.columns.map((column, i) =>
    wanted.has(i) ? columnRef(indexOf(i), column) : literal(null, column.type),
  );
  return { kind: "project", input, exprs, columns: plan.columns };
}

function allOf(plan: PlanNode): Set<number> {
  return new Set(plan.columns.keys());
}

/** A pruned plan with exactly the wanted columns in order. */
function exact({ plan, indexOf }: Pruned, wanted: readonly number[], original: PlanNode): PlanNode {
  const isSame = plan.columns.length === wanted.length && wanted.every((index, i) => indexOf(index) === i);
  if (isSame) return plan;
  const columns = wanted.flatMap((index) => original.columns[index] ?? []);
  const exprs = wanted.flatMap((index) => {
    const column = original.columns[index];
    return column === undefined ? [] : [columnRef(indexOf(index), column)];
  });
  return { kind: "project", input: plan, exprs, columns };
}

function positions(kept: readonly number[]): (index: number) => number {
  const byIndex = new Map(kept.map((index, position) => [index, position]));
  return (index) => byIndex.get(index) ?? -1;
}

function neededBy(exprs: Iterable<Expr>, start: Iterable<number> = []): Set<number> {
  const needed = new Set(start);
  for (const expr of exprs) collectColumns(expr, needed);
  return needed;
}

function sorted(indices: Iterable<number>): number[] {
  return [...indices].toSorted((a, b) => a - b);
}

function prune(plan: PlanNode, wanted: ReadonlySet<number>): Pruned {
  switch (plan.kind) {
    case "scan": {
      const kept = sorted(wanted);
      return {
        plan: {
          ...plan,
          projection: kept.map((index) => plan.projection[index] ?? index),
          columns: kept.flatMap((index) => plan.columns[index] ?? []),
        },
        indexOf: positions(kept),
      };
    }
    case "values": {
      const kept = sorted(wanted);
      return {
        plan: {
          ...plan,
          rows: plan.rows.map((row) => kept.flatMap((index) => row[index] ?? [])),
          columns: kept.flatMap((index) => plan.columns[index] ?? []),
        },
        indexOf: positions(kept),
      };
    }
    case "function_scan": {
      if (plan.input === undefined) return { plan, indexOf: (index) => index };
      const width = plan.input.columns.length;
      const { plan: input, indexOf } = prune(
        plan.input,
        neededBy(
          plan.args,
          [...wanted].filter((index) => index < width),
        ),
      );
      const shift = input.columns.length - width;
      return {
        plan: {
          ...plan,
          input,
          args: plan.args.map((arg) => remapColumns(arg, indexOf)),
          columns: [...input.columns, ...plan.columns.slice(width)],
        },
        indexOf: (index) => (index < width ? indexOf(index) : index + shift),
      };
    }
    case "filter": {
      const { plan: input, indexOf } = prune(plan.input, neededBy([plan.condition], wanted));
      const condition = remapColumns(plan.condition, indexOf);
      return { plan: { ...plan, input, condition, columns: input.columns }, indexOf };
    }
    case "project": {
      const kept = sorted(wanted);
      const exprs = kept.flatMap((index) => plan.exprs[index] ?? []);
      const { plan: input, indexOf } = prune(plan.input, neededBy(exprs));
      return {
        plan: {
          ...plan,
          input,
          exprs: exprs.map((expr) => remapColumns(expr, indexOf)),
          columns: kept.flatMap((index) => plan.columns[index] ?? []),
        },
        indexOf: positions(kept),
      };
    }
    case "aggregate":
      return pruneAggregate(plan, wanted);
    case "window":
      return pruneWindow(plan, wanted);
    case "sort": {
      const needed = neededBy(
        plan.keys.map((key) => key.expr),
        wanted,
      );
      const { plan: input, indexOf } = prune(plan.input, needed);
      const keys = mapSortKeys(plan.keys, (expr) => remapColumns(expr, indexOf));
      return { plan: { ...plan, input, keys, columns: input.columns }, indexOf };
    }
    case "limit": {
      const { plan: input, indexOf } = prune(plan.input, wanted);
      return { plan: { ...plan, input, columns: input.columns }, indexOf };
    }
    case "distinct":
      return { plan: { ...plan, input: pruneColumns(plan.input) }, indexOf: (index) => index };
    case "join":
      return pruneJoin(plan, wanted);
    case "shared":
      for (const index of wanted) plan.rows.wanted.add(index);
      return { plan, indexOf: (index) => index };
    case "working_table":
      return { plan, indexOf: (index) => index };
    case "recursive":
      // The next round may need what nobody above reads.
      return {
        plan: { ...plan, left: pruneColumns(plan.left), right: pruneColumns(plan.right) },
        indexOf: (index) => index,
      };
    case "set_operation": {
      if (plan.operation !== "union" || !plan.all) {
        const left = pruneColumns(plan.left);
        const right = pruneColumns(plan.right);
        return { plan: { ...plan, left, right }, indexOf: (index) => index };
      }
      const kept = sorted(wanted);
      return {
        plan: {
          ...plan,
          left: exact(prune(plan.left, wanted), kept, plan.left),
          right: exact(prune(plan.right, wanted), kept, plan.right),
          columns: kept.flatMap((index) => plan.columns[index] ?? []),
        },
        indexOf: positions(kept),
      };
    }
  }
}

function pruneAggregate(plan: PlanNode & { readonly kind: "aggregate" }, wanted: ReadonlySet<number>): Pruned {
  const keyCount = plan.keys.length;
  const kept = plan.aggregates.flatMap((_, i) => (wanted.has(keyCount + i) ? [i] : []));
  // Without keys an aggregate makes its one row even when nobody reads a value of it.
  if (keyCount === 0 && kept.length === 0 && plan.aggregates.length > 0) kept.push(0);
  const aggregates = kept.flatMap((i) => plan.aggregates[i] ?? []);
  const { plan: input, indexOf } = prune(plan.input, neededBy([...plan.keys, ...aggregates.flatMap(aggregateExprs)]));
  const remap = (expr: Expr): Expr => remapColumns(expr, indexOf);
  const outputs = [...plan.keys.keys(), ...kept.map((i) => keyCount + i)];
  return {
    plan: {
      ...plan,
      input,
      keys: plan.keys.map(remap),
      aggregates: aggregates.map((call) => mapAggregate(call, remap)),
      columns: outputs.flatMap((index) => plan.columns[index] ?? []),
    },
    indexOf: positions(outputs),
  };
}

function pruneWindow(plan: PlanNode & { readonly kind: "window" }, wanted: ReadonlySet<number>): Pruned {
  const width = plan.input.columns.length;
  const kept = plan.calls.flatMap((_, i) => (wanted.has(width + i) ? [i] : []));
  const passed = [...wanted].filter((index) => index < width);
  if (kept.length === 0) return prune(plan.input, new Set(passed));
  const calls = kept.flatMap((i) => plan.calls[i] ?? []);
  const keys = [...plan.partitionBy, ...plan.orderBy.map((key) => key.expr)];
  const { plan: input, indexOf } = prune(plan.input, neededBy([...keys, ...calls.flatMap(windowCallExprs)], passed));
  const remap = (expr: Expr): Expr => remapColumns(expr, indexOf);
  return {
    plan: {
      ...plan,
      input,
      partitionBy: plan.partitionBy.map(remap),
      orderBy: mapSortKeys(plan.orderBy, remap),
      calls: calls.map((window) => mapWindowCall(window, remap)),
      columns: [...input.columns, ...kept.flatMap((i) => plan.columns[width + i] ?? [])],
    },
    indexOf: (index) => (index < width ? indexOf(index) : input.columns.length + kept.indexOf(index - width)),
  };
}

function pruneJoin(plan: PlanNode & { readonly kind: "join" }, wanted: ReadonlySet<number>): Pruned {
  const leftWidth = plan.left.columns.length;
  const needed = neededBy(plan.residual === undefined ? [] : [plan.residual], wanted);
  const leftNeeded = neededBy(
    plan.equalKeys.map((key) => key.left),
    [...needed].filter((index) => index < leftWidth),
  );
  const rightNeeded = neededBy(
    plan.equalKeys.map((key) => key.right),
    [...needed].filter((index) => index >= leftWidth).map((index) => index - leftWidth),
  );
  const left = prune(plan.left, leftNeeded);
  const right = prune(plan.right, rightNeeded);
  const width = left.plan.columns.length;
  const indexOf = (index: number): number =>
    index < leftWidth ? left.indexOf(index) : width + right.indexOf(index - leftWidth);
  return {
    plan: {
      ...plan,
      left: left.plan,
      right: right.plan,
      equalKeys: plan.equalKeys.map((key) => ({
        ...key,
        left: remapColumns(key.left, left.indexOf),
        right: remapColumns(key.right, right.indexOf),
      })),
      residual: plan.residual === undefined ? undefined : remapColumns(plan.residual, indexOf),
      columns: joinColumns(plan.joinType, left.plan, right.plan),
    },
    indexOf,
  };
}
