// Random window frames: every mode, start, end and exclusion that SQL allows together.

import type { Choices } from "./choices.ts";

/** Where a frame may begin and end, in the order of rows; an end never precedes its start. */
const BOUNDS = [
  "UNBOUNDED PRECEDING",
  "2 PRECEDING",
  "1 PRECEDING",
  "CURRENT ROW",
  "1 FOLLOWING",
  "3 FOLLOWING",
] as const;
const EXCLUSIONS = ["", "", " EXCLUDE CURRENT ROW", " EXCLUDE GROUP", " EXCLUDE TIES", " EXCLUDE NO OTHERS"] as const;

/** A frame; `mode` RANGE needs one key that is a number. */
export function randomFrame(choices: Choices, mode: "ROWS" | "GROUPS" | "RANGE"): string {
  const start = choices.next(BOUNDS.length);
  // Both bounds of one side must be in order, so the end is searched from the start on.
  const end = start + choices.next(BOUNDS.length + 1 - start);
  const endText = end === BOUNDS.length || end === 0 ? "UNBOUNDED FOLLOWING" : (BOUNDS[end] ?? "CURRENT ROW");
  return ` ${mode} BETWEEN ${BOUNDS[start] ?? "CURRENT ROW"} AND ${endText}${choices.pick(EXCLUSIONS)}`;
}
