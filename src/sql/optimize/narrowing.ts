// Which scans can skip data by what operators above them find while they run: the bound of a top-N sort, the keys of
// a join's held input. Also which scans a LIMIT will end early.

import { conjunctsOf } from "../expressions.ts";
import type { Expr, PlanNode } from "../plan.ts";
import type { ScanOrder } from "../table-source.ts";
import { isVolatile } from "./properties.ts";
import { castColumn, isExactPredicate } from "./scan-predicates.ts";

/** A column of an operator's output that someone above finds conditions on. */
interface Want {
  readonly by: symbol;
  readonly column: number;
  /** Of a top-N sort its order. The others, of joins, reject rows whose column is NULL. */
  readonly order?: Omit<ScanOrder, "column">;
}

/** What an operator's input is told. */
interface Asked {
  readonly wants: readonly Want[];
  readonly stopsEarly: boolean;
}

const NOTHING: Asked = { wants: [], stopsEarly: false };
/** A LIMIT of more rows reads on for long. */
const MAX_EARLY_ROWS = 10_000;

/** Connects operators that find conditions with the scans that can use them; rows stay what they are. */
export function annotateNarrowing(plan: PlanNode): PlanNode {
  return annotate(plan, NOTHING);
}

function annotate(plan: PlanNode, asked: Asked): PlanNode {
  switch (plan.kind) {
    case "scan":
      return annotateScan(plan, asked);
    case "values":
    case "working_table":
    case "shared":
      return plan;
    case "function_scan":
      if (plan.input === undefined) return plan;
      return { ...plan, input: annotate(plan.input, { ...asked, wants: uncounted(asked.wants, plan.input) }) };
    case "filter": {
      const { input, condition } = plan;
      const isExact =
        input.kind === "scan" && conjunctsOf(condition).every((part) => isExactPredicate(part, input.projection));
      // A row that is left out is not tested: nobody shall see the difference.
      const wants = isVolatile(condition) ? [] : isExact ? asked.wants : uncounted(asked.wants);
      return { ...plan, input: annotate(input, { ...asked, wants }) };
    }
    case "project":
      return {
        ...plan,
        input: annotate(plan.input, { ...asked, wants: asked.wants.flatMap((want) => through(want, plan.exprs)) }),
      };
    case "aggregate": {
      // All rows of a group have its key, so the group goes as a whole.
      const keyed = plan.groupingSets === undefined && plan.keys.length > 0 ? rejecting(asked.wants) : [];
      return {
        ...plan,
        input: annotate(plan.input, { wants: keyed.flatMap((want) => through(want, plan.keys)), stopsEarly: false }),
      };
    }
    case "window": {
      const partition = plan.partitionBy.flatMap((expr) => (expr.kind === "column" ? [expr.index] : []));
      const wants = rejecting(asked.wants).filter(({ column }) => partition.includes(column));
      return { ...plan, input: annotate(plan.input, { wants, stopsEarly: false }) };
    }
    case "sort":
      return annotateSort(plan, asked);
    case "limit": {
      const stopsEarly = plan.limit !== undefined && plan.limit + plan.offset <= MAX_EARLY_ROWS;
      return { ...plan, input: annotate(plan.input, { wants: [], stopsEarly }) };
    }
    case "distinct":
      return { ...plan, input: annotate(plan.input, { wants: rejecting(asked.wants), stopsEarly: asked.stopsEarly }) };
    case "join":
      return annotateJoin(plan, asked);
    case "set_operation": {
      const isUnionAll = plan.operation === "union" && plan.all;
      const below = isUnionAll ? asked : { wants: rejecting(asked.wants), stopsEarly: false };
      return { ...plan, left: annotate(plan.left, below), right: annotate(plan.right, below) };
    }
    case "recursive":
      // A row that the outside does not want may still lead to rows that it does.
      return { ...plan, left: annotate(plan.left, NOTHING), right: annotate(plan.right, NOTHING) };
  }
}

type Node<K extends PlanNode["kind"]> = Extract<PlanNode, { kind: K }>;

function annotateScan(plan: Node<"scan">, { wants, stopsEarly }: Asked): PlanNode {
  const narrowedBy = wants.flatMap(({ by, column }) => {
    const stored = plan.projection[column];
    return stored === undefined ? [] : [{ by, column: stored }];
  });
  const ordered = wants.find(({ order }) => order !== undefined);
  const orderColumn = ordered === undefined ? undefined : plan.projection[ordered.column];
  return {
    ...plan,
    ...(narrowedBy.length === 0 ? {} : { narrowedBy }),
    ...(ordered?.order === undefined || orderColumn === undefined
      ? {}
      : { order: { ...ordered.order, column: orderColumn } }),
    ...(stopsEarly ? { stopsEarly } : {}),
  };
}

function annotateSort(plan: Node<"sort">, asked: Asked): PlanNode {
  const { topRows, keys, input } = plan;
  if (topRows === undefined) {
    return { ...plan, input: annotate(input, { wants: rejecting(asked.wants), stopsEarly: false }) };
  }
  const [first] = keys;
  const column = first === undefined ? undefined : castColumn(first.expr)?.index;
  if (first === undefined || column === undefined || topRows === 0 || keys.some(({ expr }) => isVolatile(expr))) {
    return { ...plan, input: annotate(input, NOTHING) };
  }
  const narrows = Symbol("top-N bound");
  const { descending, nullsFirst } = first;
  const order = { descending, nullsFirst, rows: topRows, countsAll: true };
  const annotated = annotate(input, { wants: [{ by: narrows, column, order }], stopsEarly: false });
  return { ...plan, input: annotated, narrows };
}

function annotateJoin(plan: Node<"join">, { wants, stopsEarly }: Asked): PlanNode {
  const { joinType, equalKeys } = plan;
  const width = plan.left.columns.length;
  const holdsLeft = plan.holdsLeft === true;
  // Left rows without a partner vanish: only those with a key of the right side matter. Where the left side is held,
  // only whether there is a partner counts: right rows matter only with a key of the left side.
  const isNarrowed = holdsLeft || joinType === "inner" || joinType === "right" || joinType === "semi";
  const own = (isNarrowed ? equalKeys : []).flatMap(({ left, right, nullsEqual }, key) => {
    const column = nullsEqual === true ? undefined : castColumn(holdsLeft ? right : left)?.index;
    return column === undefined ? [] : [{ key, to: Symbol("join keys"), column }];
  });
  const leftWants = wants.filter(({ column }) => column < width);
  // Without its left rows a right or full join would show their partners alone; joins above reject those, sorts do not.
  const keepsOrder = joinType !== "right" && joinType !== "full";
  const passed = keepsOrder ? leftWants : rejecting(leftWants);
  const toLeft = joinType === "left" ? passed : uncounted(passed);
  const toRight = rejecting(wants)
    .filter(({ column }) => column >= width)
    .map((want) => ({ ...want, column: want.column - width }));
  const told = own.map(({ to, column }) => ({ by: to, column }));
  const left = annotate(plan.left, {
    wants: holdsLeft ? toLeft : [...toLeft, ...told],
    stopsEarly: stopsEarly && !holdsLeft,
  });
  const right = annotate(plan.right, { wants: holdsLeft ? [...toRight, ...told] : toRight, stopsEarly: false });
  const narrows = own.map(({ key, to }) => ({ key, to }));
  return { ...plan, left, right, ...(narrows.length === 0 ? {} : { narrows }) };
}

/** Those that reject rows whose column is NULL. */
function rejecting(wants: readonly Want[]): readonly Want[] {
  return wants.filter(({ order }) => order === undefined);
}

/** The same where rows may get lost on the way up; with `input`, only those on its columns. */
function uncounted(wants: readonly Want[], input?: PlanNode): readonly Want[] {
  const width = input?.columns.length ?? Number.POSITIVE_INFINITY;
  return wants
    .filter(({ column }) => column < width)
    .map((want) => (want.order === undefined ? want : { ...want, order: { ...want.order, countsAll: false } }));
}

function through(want: Want, exprs: readonly Expr[]): readonly Want[] {
  const expr = exprs[want.column];
  const column = expr === undefined ? undefined : castColumn(expr)?.index;
  return column === undefined ? [] : [{ ...want, column }];
}
