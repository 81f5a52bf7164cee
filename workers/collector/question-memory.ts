// Which questions the cache answered when they were last asked.

import type { QueryReply } from "#query";

/** Texts kept, and how long one may be, UTF-16 units. */
const MAX_QUESTIONS = 1000;
const MAX_LENGTH = 8192;

/** Bounded: the text noted longest ago goes first. */
export interface QuestionMemory {
  has(sql: string): boolean;
  /** Notes where a question's answer came from; undefined: not from the cache. */
  note(sql: string, reply: QueryReply | undefined): void;
}

/** Starts without questions. */
export function createQuestionMemory(): QuestionMemory {
  const known = new Set<string>();
  return {
    has: (sql) => known.has(sql),
    note(sql, reply) {
      known.delete(sql);
      if (reply === undefined || !isFromCache(reply) || sql.length > MAX_LENGTH) return;
      known.add(sql);
      const [oldest] = known;
      if (known.size > MAX_QUESTIONS && oldest !== undefined) known.delete(oldest);
    },
  };
}

function isFromCache({ ok, stats }: QueryReply): boolean {
  return ok && stats.cache !== "miss" && stats.cache !== "partial" && stats.cache !== "bypass";
}
