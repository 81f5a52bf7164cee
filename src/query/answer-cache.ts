// Where a planned query's answer comes from and where it is kept: the cache, another request's execution, its own.

import { LakeError, stringifyJson, uuidv7 } from "#core";
import {
  exactCacheKey,
  isLarge,
  looseCacheKey,
  type CacheTier,
  type Departure,
  type LargePayload,
  type PayloadRecorder,
} from "#cache";
import type { PreparedQuery, ScanStatistics } from "#sql";
import { entryToAnswer, type Answer } from "./answer.ts";
import type { LiveAnswer } from "./live-answer.ts";
import type { QueryDeps } from "./query-deps.ts";
import { answerToEntry, keepCurrent } from "./repeat-answer.ts";
import { MIN_SHARED_AGE_SECONDS, type ValidQuery } from "./request.ts";
import type { MutableStats } from "./stats.ts";

/** Life of an exact entry in the shared tier, seconds: a day, so that layouts long gone do not pile up. */
const EXACT_TTL_SECONDS = 86_400;

/** Where a planned query's answer may be kept. */
export interface CachePolicy {
  readonly exactKey: string;
  readonly looseKey: string;
  /** Equal inputs give the equal answer: the exact key may be used. */
  readonly exact: boolean;
  /** Worth the shared tier: files were read, and no fresh rows took part that the next second outdates. */
  readonly shared: boolean;
}

/** The keys of a planned query's answer, and where it may be kept. */
export async function cachePolicy(
  query: ValidQuery,
  prepared: PreparedQuery,
  scanIdentity: string,
  scans: readonly ScanStatistics[],
): Promise<CachePolicy> {
  const { params, format } = query;
  const plannedFiles = scans.some((scan) => scan.filesTotal > scan.pruning.reduce((sum, { files }) => sum + files, 0));
  return {
    exactKey: await exactCacheKey({ planText: planText(prepared), params, scanIdentity, format }),
    looseKey: await looseCacheKey(query),
    // Asked again after execution, when it may have turned out that the answer depends on the time.
    get exact() {
      return query.cache === "use" && !query.explainAnalyze && prepared.isDeterministic;
    },
    shared: plannedFiles && scans.every((scan) => scan.freshRows === 0),
  };
}

/** The plan and the names its columns go by: a payload holds both. */
function planText(prepared: PreparedQuery): string {
  return JSON.stringify([prepared.cacheText, prepared.columns.map(({ name, type }) => [name, type])]);
}

/** What computing an answer gives. */
export type Executed = Departure<Answer | LiveAnswer, Answer | undefined>;

/** Bytes that a remembered failure takes beside its key: message and details are short. */
const FAILURE_ENTRY_BYTES = 1024;

/**
 * The answer from the cache, from an execution of the same question that is under way, or from one of its own. Many who
 * ask for what does not fit the memory would run it one after another, each alone: the first failure is told to all.
 *
 * Errors: those of `execute`.
 */
export async function obtain(
  deps: QueryDeps,
  query: ValidQuery,
  policy: CachePolicy,
  asOfMs: number,
  execute: () => Promise<Executed>,
): Promise<{ readonly answer: Answer | LiveAnswer; readonly cache: MutableStats["cache"] }> {
  const executed = async (cache: "bypass" | "miss"): ReturnType<typeof obtain> => {
    const { own } = await execute();
    return { answer: own, cache };
  };
  if (query.cache === "bypass" || query.explainAnalyze) return executed("bypass");
  if (!policy.exact) return executed("miss");
  let tier: CacheTier | undefined;
  // The limits decide whether an execution fails, so only requests with equal limits share one.
  const flightKey = `${policy.exactKey} ${stringifyJson(query.limits)}`;
  const flight = await deps.flights.depart<Answer | LiveAnswer>(flightKey, query.limits.timeMs / 2, async () => {
    const hit = await deps.cache.lookup(policy.exactKey, policy.shared);
    const answer = hit === undefined ? undefined : entryToAnswer(hit.entry);
    if (hit === undefined || answer === undefined) return executeOnce(deps, flightKey, execute);
    tier = hit.tier;
    const current = await keepCurrent(deps, query, policy.looseKey, answer, asOfMs);
    return { own: current, landing: Promise.resolve(current) };
  });
  if (!flight.shared) return { answer: flight.value, cache: tier ?? "miss" };
  // What was too large to be kept is computed for each who asks.
  if (flight.value === undefined) return executed("miss");
  return { answer: flight.value, cache: isLarge(flight.value.payload) ? tierOf(flight.value.payload) : "memory" };
}

/** Executes unless the same is known to need more memory than it may use. */
async function executeOnce(deps: QueryDeps, key: string, execute: () => Promise<Executed>): Promise<Executed> {
  const known = deps.failures.get(key);
  if (known !== undefined) throw known;
  try {
    return await execute();
  } catch (error) {
    if (error instanceof LakeError && error.code === "memory_limit_exceeded") {
      deps.failures.set(key, error, key.length * 2 + FAILURE_ENTRY_BYTES);
    }
    throw error;
  }
}

function tierOf({ stored }: LargePayload): CacheTier {
  return stored.kind === "blob" ? "r2" : "memory";
}

/** Keeps a computed answer where its policy says. Never fails. */
export async function keep(deps: QueryDeps, query: ValidQuery, policy: CachePolicy, answer: Answer): Promise<void> {
  const entry = answerToEntry(query, answer);
  const writes: Promise<void>[] = [];
  if (policy.exact) {
    writes.push(deps.cache.store(policy.exactKey, entry, { shared: policy.shared, ttlSeconds: EXACT_TTL_SECONDS }));
  }
  if (mayKeep(query)) {
    const shared = query.maxAgeSeconds >= MIN_SHARED_AGE_SECONDS;
    writes.push(deps.cache.store(policy.looseKey, entry, { shared, ttlSeconds: query.maxAgeSeconds }));
  }
  await Promise.all(writes);
}

/** Whether the request lets its answer be kept. */
export function mayKeep(query: ValidQuery): boolean {
  return query.cache === "use" && !query.explainAnalyze;
}

/** Copies of large payloads go where the entry does that all isolates see. */
export function startRecorder(deps: QueryDeps, query: ValidQuery, policy: CachePolicy): PayloadRecorder | undefined {
  if (!mayKeep(query)) return undefined;
  const isShared = policy.exact ? policy.shared : query.maxAgeSeconds >= MIN_SHARED_AGE_SECONDS;
  const id = isShared ? uuidv7(deps.clock, deps.random) : undefined;
  return deps.cache.record(policy.exact ? policy.exactKey : policy.looseKey, id);
}
