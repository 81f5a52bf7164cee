// Answers from the cache under keys that are known: the kept answer, made current.

import type { CacheEntry, CacheTier } from "#cache";
import { entryToAnswer, type Answer } from "./answer.ts";
import type { QueryDeps } from "./query-deps.ts";
import type { WatchedInputs } from "./repeats.ts";
import type { ValidQuery } from "./request.ts";

/** Whether the answer may come without its plan, which nothing of the reply then shows. */
export function mayRepeat(query: ValidQuery): boolean {
  return query.cache === "use" && !query.explainAnalyze && !query.profile;
}

/** The kept answer to a question whose plan would be what it was; undefined when it has to be planned. */
export async function repeat(
  deps: QueryDeps,
  query: ValidQuery,
  question: string,
  watched: WatchedInputs,
  asOfMs: number,
): Promise<{ readonly answer: Answer; readonly cache: CacheTier } | undefined> {
  const known = deps.repeats.get(question);
  if (known === undefined || !(await watched.areSame(known.inputs))) return undefined;
  const hit = await deps.cache.lookup(known.exactKey, known.shared);
  const answer = hit === undefined ? undefined : entryToAnswer(hit.entry);
  if (hit === undefined || answer === undefined) return undefined;
  return { answer: await keepCurrent(deps, query, known.looseKey, answer, asOfMs), cache: hit.tier };
}

/** Equal inputs: what was right when an answer was computed is right now. */
export async function keepCurrent(
  deps: QueryDeps,
  query: ValidQuery,
  looseKey: string,
  answer: Answer,
  asOfMs: number,
): Promise<Answer> {
  const current = { ...answer, asOfMs };
  await deps.cache.store(looseKey, answerToEntry(query, current), { shared: false, ttlSeconds: 0 });
  return current;
}

/** As much of a text as patterns are matched with, UTF-16 units. */
const MAX_PATTERN_TEXT = 4096;

/** A query's answer as the cache keeps it. */
export function answerToEntry(query: ValidQuery, answer: Answer): CacheEntry {
  const text = query.sql.slice(0, MAX_PATTERN_TEXT).trim().replaceAll(/\s+/g, " ");
  return { ...answer, text, ...(query.tags.length === 0 ? {} : { tags: query.tags }) };
}
