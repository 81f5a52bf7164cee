// What became of each batch of rows that several writers append, update and delete at once: the states it may be in by
// what its writer was told, and the one it is in.

/** Rows of one batch. */
export const ROWS_A_BATCH = 20;
/** An update adds this to the column `n` of every row of a batch. */
export const UPDATE_STEP = 1_000;

/** Not there, or there after so many updates. */
export type BatchState = "absent" | number;

/** One change of one batch. */
export type Operation = "append" | "update" | "delete";

/** A row as engines see it. */
export interface SeenRow {
  readonly id: string;
  readonly n: number;
}

/** A writer's batches and what it was told of its changes. */
export interface Ledger {
  readonly writer: string;
  /** The next change, whether or not it was tried before. */
  next(): { readonly operation: Operation; readonly batch: number };
  committed(operation: Operation, batch: number): void;
  /** The writer was told that the change is not in. */
  refused(operation: Operation, reason: string): void;
  /** The writer was told nothing, or that nobody knows. */
  unknown(operation: Operation, batch: number, reason: string): void;
  readonly counts: Readonly<Record<Operation, number>>;
  readonly refusals: number;
  readonly unknowns: number;
  readonly reasons: ReadonlyMap<string, number>;
  /** The states each batch may be in. */
  readonly allowed: ReadonlyMap<number, ReadonlySet<BatchState>>;
}

/** The name of a row. */
export function rowId(writer: string, batch: number, row: number): string {
  return `${writer}-${batch}-${row}`;
}

/** What a writer does in turn; `back` counts its batches from the last that is whole. */
const TURNS: readonly { readonly operation: Operation; readonly back: number }[] = [
  { operation: "append", back: 0 },
  { operation: "append", back: 0 },
  { operation: "update", back: 0 },
  { operation: "append", back: 0 },
  { operation: "delete", back: 1 },
  { operation: "append", back: 0 },
  { operation: "update", back: 2 },
];

function stateAfter(operation: Operation, state: BatchState): BatchState {
  if (operation === "delete") return "absent";
  if (operation === "append" || state === "absent") return 0;
  return state + 1;
}

/** An empty ledger; a writer that only appends says so. */
export function openLedger(writer: string, onlyAppends: boolean): Ledger {
  const allowed = new Map<number, ReadonlySet<BatchState>>();
  /** Batches whose state is known and that are there. */
  const whole: number[] = [];
  const counts = { append: 0, update: 0, delete: 0 };
  const reasons = new Map<string, number>();
  let turn = 0;
  let batches = 0;
  let refusals = 0;
  let unknowns = 0;
  const settle = (operation: Operation, batch: number): void => {
    turn += 1;
    if (operation === "append") batches += 1;
    const at = whole.indexOf(batch);
    if (operation === "delete" && at >= 0) whole.splice(at, 1);
  };
  const note = (operation: Operation, reason: string): void => {
    const kind = `${operation}: ${reason}`;
    reasons.set(kind, (reasons.get(kind) ?? 0) + 1);
  };
  return {
    writer,
    counts,
    reasons,
    allowed,
    get refusals() {
      return refusals;
    },
    get unknowns() {
      return unknowns;
    },
    next() {
      const { operation, back } = TURNS[turn % TURNS.length] ?? { operation: "append", back: 0 };
      const batch = whole.at(-1 - back);
      if (onlyAppends || operation === "append" || batch === undefined) return { operation: "append", batch: batches };
      return { operation, batch };
    },
    committed(operation, batch) {
      settle(operation, batch);
      counts[operation] += 1;
      if (operation === "append") whole.push(batch);
      const [before = "absent"] = allowed.get(batch) ?? [];
      allowed.set(batch, new Set([stateAfter(operation, before)]));
    },
    refused(operation, reason) {
      refusals += 1;
      note(operation, reason);
    },
    unknown(operation, batch, reason) {
      settle(operation, batch);
      unknowns += 1;
      note(operation, reason);
      const [before = "absent"] = allowed.get(batch) ?? [];
      allowed.set(batch, new Set([before, stateAfter(operation, before)]));
      // Nothing more is done to a batch of which nobody knows.
      const at = whole.indexOf(batch);
      if (at >= 0) whole.splice(at, 1);
    },
  };
}

/** What is wrong with a writer's batches, each list named as it is reported; all empty when nothing is. */
export interface Verdict {
  readonly lost: readonly string[];
  readonly resurrected: readonly string[];
  readonly torn: readonly string[];
  readonly otherVersion: readonly string[];
}

/** Judges a writer's batches by all rows that are there. `rows`: of this writer, by batch. */
export function judgeLedger(ledger: Ledger, rows: ReadonlyMap<number, readonly SeenRow[]>): Verdict {
  const lost: string[] = [];
  const resurrected: string[] = [];
  const torn: string[] = [];
  const otherVersion: string[] = [];
  for (const batch of new Set([...ledger.allowed.keys(), ...rows.keys()])) {
    const allowed = ledger.allowed.get(batch) ?? new Set<BatchState>(["absent"]);
    const found = rows.get(batch) ?? [];
    const state = stateOf(ledger.writer, batch, found);
    const shown = `${batch}: ${state ?? `${found.length} rows`}, may be ${[...allowed].join(" or ")}`;
    if (state === undefined) torn.push(shown);
    else if (allowed.has(state)) continue;
    else if (state === "absent") lost.push(shown);
    else if (allowed.size === 1 && allowed.has("absent")) resurrected.push(shown);
    else otherVersion.push(shown);
  }
  return { lost, resurrected, torn, otherVersion };
}

/** Undefined for a batch that is there in part, twice, or in several versions. */
function stateOf(writer: string, batch: number, rows: readonly SeenRow[]): BatchState | undefined {
  if (rows.length === 0) return "absent";
  const byId = new Map(rows.map(({ id, n }) => [id, n]));
  if (rows.length !== ROWS_A_BATCH || byId.size !== ROWS_A_BATCH) return undefined;
  const versions = new Set<number>();
  for (let row = 0; row < ROWS_A_BATCH; row++) {
    const n = byId.get(rowId(writer, batch, row));
    versions.add(n === undefined ? Number.NaN : (n - row) / UPDATE_STEP);
  }
  const [version = Number.NaN] = versions;
  return versions.size === 1 && Number.isInteger(version) ? version : undefined;
}
