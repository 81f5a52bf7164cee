// Answers a question whose answer is known, and no other: nothing is parsed, planned, queued or read. What it costs is
// asking whether the tables are what they were, or nothing at all within `maxAge`.

import { entryToAnswer } from "./answer.ts";
import type { QueryDeps } from "./query-deps.ts";
import { keepCurrent, mayRepeat } from "./repeat-answer.ts";
import { areUnchanged, questionKey } from "./repeats.ts";
import { validateQueryRequest, type QueryRequest, type ValidQuery } from "./request.ts";
import type { RunOutcome } from "./run-query.ts";
import { answerWithinAge, replyWith, type QueryContext, type QueryReply } from "./service.ts";
import { startStats, type MutableStats } from "./stats.ts";

/**
 * The reply to a question when it is known; undefined for any other, which `executeQuery` answers, or tells what is wrong
 * with it. Never throws. It takes no longer than asking does, so nobody has to be able to stop it; a large result ends
 * when its stream is cancelled.
 *
 * Cost: within `maxAge` none; else one catalog call and one a shard, at the same time.
 */
export async function answerKnown(
  deps: QueryDeps,
  request: QueryRequest,
  context: QueryContext,
): Promise<QueryReply | undefined> {
  try {
    const query = validateQueryRequest(request);
    if (!mayRepeat(query)) return undefined;
    const stats = startStats(query.sql);
    const outcome =
      (await answerWithinAge(deps, query, context, stats)) ?? (await answerUnchanged(deps, query, context, stats));
    return outcome && (await replyWith(deps, query, context, stats, outcome));
  } catch {
    // Whatever it is, the execution meets it again.
    return undefined;
  }
}

/** The kept answer, if all that its plan was made from is what it was. */
async function answerUnchanged(
  deps: QueryDeps,
  query: ValidQuery,
  { namespaces }: QueryContext,
  stats: MutableStats,
): Promise<RunOutcome | undefined> {
  const known = deps.repeats.get(questionKey(query, namespaces));
  if (known === undefined || deps.probe === undefined) return undefined;
  const startMs = deps.clock.nowMs();
  if (!(await areUnchanged(known.inputs, deps.probe))) return undefined;
  const hit = await deps.cache.lookup(known.exactKey, known.shared);
  const kept = hit === undefined ? undefined : entryToAnswer(hit.entry);
  if (hit === undefined || kept === undefined) return undefined;
  const answer = await keepCurrent(deps, query, known.looseKey, kept, startMs);
  stats.cache = hit.tier;
  stats.plan_ms = deps.clock.nowMs() - startMs;
  const timings = { queue_ms: 0, plan_ms: stats.plan_ms, total_ms: stats.plan_ms };
  return { answer, timings: () => timings, profile: () => ({ plan: null, operators: [], scans: [] }) };
}
