// Decisions of a random query as a list of numbers: a shorter list, or smaller numbers, is a simpler query, so a
// failing one shrinks by what fast-check does to arrays.

/** Takes decisions one after the other. */
export interface Choices {
  /** A number from 0 to count - 1; 0, the simplest, when the list has ended. */
  next(count: number): number;
  /** One of the items; the first, the simplest, when the list has ended. */
  pick<T>(items: readonly [T, ...T[]]): T;
  /** True once in `count` times; false when the list has ended. */
  chance(count: number): boolean;
}

/** Choices that a list of whole numbers makes. */
export function choicesFrom(list: readonly number[]): Choices {
  let at = 0;
  const next = (count: number): number => {
    const value = list[at] ?? 0;
    at += 1;
    return value % count;
  };
  return {
    next,
    pick: (items) => items[next(items.length)] ?? items[0],
    chance: (count) => next(count) === count - 1,
  };
}
