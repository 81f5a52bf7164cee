// The table of docs/interop.md is what the suites prove, cell by cell: a tick that no check stands behind fails the run.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../scripts/lib/worker-configs.ts";
import type { EngineName } from "./engines.ts";

/** Rows of the table. */
export const CLAIMS = [
  "reads what Firn wrote",
  "all types it has",
  "append",
  "overwrite",
  "delete",
  "update",
  "merge",
  "change columns",
  "change partitions",
  "format version 1",
  "format version 2",
  "format version 3",
  "writes deletion vectors",
  "reads deletion vectors",
  "reads what Firn compacted and sorted of its own",
  "plans in the catalog",
  "writes beside the others",
] as const;

/** One of them. */
export type Claim = (typeof CLAIMS)[number];

const COLUMNS: readonly EngineName[] = ["spark", "trino", "duckdb", "pyiceberg"];
const TICK = "✓";

/** What engines proved in a run. A claim that failed once stays failed. */
export interface Proofs {
  prove(engine: EngineName, claim: Claim, held: boolean): void;
  /** Differences between the document's table and this run, of the engines that took part. */
  differences(): readonly string[];
}

function cells(line: string): readonly string[] {
  return line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
}

/** Ticks of the document by claim, in the order of {@link COLUMNS}. */
function documentedTicks(): ReadonlyMap<string, readonly boolean[]> {
  const lines = readFileSync(join(ROOT, "docs", "interop.md"), "utf8").split("\n");
  const known: readonly string[] = CLAIMS;
  return new Map(
    lines.flatMap((line) => {
      const [row = "", ...engines] = cells(line);
      return known.includes(row) ? [[row, engines.map((cell) => cell.startsWith(TICK))] as const] : [];
    }),
  );
}

function key(engine: EngineName, claim: Claim): string {
  return `${engine}: ${claim}`;
}

/** No proofs yet. */
export function createProofs(): Proofs {
  const held = new Map<string, boolean>();
  return {
    prove(engine, claim, isHeld) {
      held.set(key(engine, claim), isHeld && (held.get(key(engine, claim)) ?? true));
    },
    differences() {
      const ticks = documentedTicks();
      return CLAIMS.flatMap((claim) =>
        COLUMNS.flatMap((engine, at) => {
          const proven = held.get(key(engine, claim)) ?? false;
          const ticked = ticks.get(claim)?.[at] ?? false;
          const isAbsent = ![...held.keys()].some((name) => name.startsWith(`${engine}: `));
          if (isAbsent || ticked === proven) return [];
          return [`${engine}: ${claim}: ${ticked ? "a tick that nothing proved" : "proven and without its tick"}`];
        }),
      );
    },
  };
}
