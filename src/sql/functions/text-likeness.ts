// How alike two texts are: distances and similarities, by characters.

import { runtimeError } from "../values/errors.ts";
import { checkListLength } from "../values/limits.ts";
import type { FunctionCatalog } from "./definition.ts";

/** Edits that turn one text into the other; with `swaps`, two neighbours that change places are one edit. */
function editDistance(left: string, right: string, swaps: boolean): number {
  const a = Array.from(left);
  const b = Array.from(right);
  checkListLength(a.length * b.length);
  let older: number[] = [];
  let before = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      let cost = Math.min(
        (before[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (before[j - 1] as number) + (isSame ? 0 : 1),
      );
      const isSwap = swaps && i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) cost = Math.min(cost, (older[j - 2] as number) + 1);
      row.push(cost);
    }
    older = before;
    before = row;
  }
  return before[b.length] as number;
}

function hamming(left: string, right: string): number {
  const a = Array.from(left);
  const b = Array.from(right);
  if (a.length !== b.length) throw runtimeError("texts of one length are needed");
  return a.filter((character, i) => character !== b[i]).length;
}

function jaro(left: string, right: string): number {
  const a = Array.from(left);
  const b = Array.from(right);
  if (a.length === 0 || b.length === 0) return a.length === b.length ? 1 : 0;
  const reach = Math.max(0, Math.floor(Math.max(a.length, b.length) / 2) - 1);
  const taken = new Set<number>();
  const matchesOfA: string[] = [];
  for (const [i, character] of a.entries()) {
    for (let j = Math.max(0, i - reach); j <= Math.min(b.length - 1, i + reach); j++) {
      if (taken.has(j) || b[j] !== character) continue;
      taken.add(j);
      matchesOfA.push(character);
      break;
    }
  }
  const matches = matchesOfA.length;
  if (matches === 0) return 0;
  const matchesOfB = b.filter((_, j) => taken.has(j));
  const moved = matchesOfA.filter((character, i) => character !== matchesOfB[i]).length / 2;
  return (matches / a.length + matches / b.length + (matches - moved) / matches) / 3;
}

/** Winkler's bonus for a shared beginning of up to four characters, where the texts are alike at all. */
function jaroWinkler(left: string, right: string): number {
  const similarity = jaro(left, right);
  if (similarity <= 0.7) return similarity;
  const a = Array.from(left);
  const b = Array.from(right);
  let shared = 0;
  while (shared < 4 && shared < a.length && a[shared] === b[shared]) shared++;
  return similarity + shared * 0.1 * (1 - similarity);
}

/** The share of characters that both have among those that either has. */
function jaccard(left: string, right: string): number {
  const a = new Set(left);
  const b = new Set(right);
  if (a.size === 0 || b.size === 0) throw runtimeError("an empty text is like nothing");
  const shared = [...a].filter((character) => b.has(character)).length;
  return shared / (a.size + b.size - shared);
}

/** Adds measures of likeness. */
export function defineTextLikeness({ define, alias }: FunctionCatalog): void {
  define("levenshtein", "text, text -> int4", (a: string, b: string) => editDistance(a, b, false));
  alias("levenshtein", "levenshtein_distance", "editdist3");
  define("damerau_levenshtein", "text, text -> int4", (a: string, b: string) => editDistance(a, b, true));
  define("hamming", "text, text -> int4", hamming);
  alias("hamming", "hamming_distance", "mismatches");
  define("jaro_similarity", "text, text -> float8", jaro);
  define("jaro_winkler_similarity", "text, text -> float8", jaroWinkler);
  define("jaccard", "text, text -> float8", jaccard);
}
