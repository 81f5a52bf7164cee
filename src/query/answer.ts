// A query's answer apart from the request that asked: what is cached and shared.

import type { CacheEntry, Payload } from "#cache";
import type { QueryPredicate } from "./stats.ts";

/** What is known of an answer beside its payload; JSON. */
export interface AnswerMeta {
  readonly rowCount: number;
  readonly pattern: string;
  readonly fingerprint: string;
  readonly predicates: readonly QueryPredicate[];
  readonly filesTotal: number;
  readonly rowGroupsTotal: number;
  readonly bytesTotal: number;
}

/** An answer in one format; the payload is what the format's encoder made. */
export interface Answer {
  readonly tables: readonly string[];
  /** The tables were as the answer says at this time, milliseconds since the epoch. */
  readonly asOfMs: number;
  readonly meta: AnswerMeta;
  readonly payload: Payload;
  /** What computing it took. */
  readonly cost: { readonly bytes: number; readonly ms: number };
}

/** The answer a cache entry holds, or undefined when its metadata is not an answer's. */
export function entryToAnswer(entry: CacheEntry): Answer | undefined {
  const { meta } = entry;
  if (typeof meta !== "object" || meta === null || !("rowCount" in meta)) return undefined;
  const { tables, asOfMs, payload, cost = { bytes: 0, ms: 0 } } = entry;
  return { tables, asOfMs, payload, cost, meta: meta as AnswerMeta };
}
