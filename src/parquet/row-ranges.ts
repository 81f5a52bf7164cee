// Sets of rows as ascending ranges.

/** Rows [start, end) of a row group. */
export interface RowRange {
  readonly start: number;
  readonly end: number;
}

/** Rows that are in both lists. Both ascend and do not overlap; so does the result. */
export function intersectRows(left: readonly RowRange[], right: readonly RowRange[]): RowRange[] {
  const both: RowRange[] = [];
  for (let i = 0, j = 0; i < left.length && j < right.length;) {
    const a = left[i] as RowRange;
    const b = right[j] as RowRange;
    const start = Math.max(a.start, b.start);
    const end = Math.min(a.end, b.end);
    if (start < end) both.push({ start, end });
    if (a.end < b.end) i += 1;
    else j += 1;
  }
  return both;
}

/** Ascending ranges with neighbours that touch joined and empty ones left out. */
export function joinRows(ranges: Iterable<RowRange>): RowRange[] {
  const joined: { start: number; end: number }[] = [];
  for (const { start, end } of ranges) {
    if (start >= end) continue;
    const last = joined.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else joined.push({ start, end });
  }
  return joined;
}
