// Invalidation marks: the time before which an operator no longer wants cached answers, for all tables or one.
// One key each and no read-modify-write, so that concurrent invalidations cannot lose one another.

import { stringToUtf8, utf8ToString, type Clock } from "#core";
import type { CacheEntry } from "./entry.ts";
import type { KeyValueStore } from "./key-value-store.ts";

/** What to invalidate. */
export type InvalidationTarget = { readonly all: true } | { readonly table: string };

/** How long an isolate trusts a mark it has read, milliseconds. */
const MARK_FRESH_MS = 30_000;
/** Marks outlive every entry they can concern (see RESULT_TTL_SECONDS), seconds. */
const MARK_TTL_SECONDS = 2 * 86_400;
const ALL = "all";

/** The marks as one isolate knows them. */
export interface InvalidationMarks {
  /** Whether an entry was made after every mark that concerns it. Cost: one read a mark and 30 s, else none. */
  allows(entry: CacheEntry): Promise<boolean>;
  /** Sets a mark at the current time. Errors: `storage_unavailable`, after the mark holds in this isolate. */
  set(target: InvalidationTarget): Promise<void>;
}

interface KnownMark {
  readonly invalidatedMs: number;
  readonly readMs: number;
}

/** Marks in `store`. An unreadable mark counts as not set: entries under exact keys are right regardless. */
export function createInvalidationMarks(store: KeyValueStore | undefined, clock: Clock): InvalidationMarks {
  const known = new Map<string, KnownMark>();

  async function invalidatedMs(name: string): Promise<number> {
    const previous = known.get(name);
    const now = clock.nowMs();
    if (previous !== undefined && now - previous.readMs < MARK_FRESH_MS) return previous.invalidatedMs;
    let stored = 0;
    try {
      const bytes = await store?.get(markKey(name));
      stored = bytes === undefined ? 0 : Number(utf8ToString(bytes)) || 0;
    } catch {
      // The previous mark still holds; the next look is due in MARK_FRESH_MS.
    }
    // KV may still show an older mark than the one this isolate set.
    const newest = Math.max(stored, known.get(name)?.invalidatedMs ?? 0);
    known.set(name, { invalidatedMs: newest, readMs: now });
    return newest;
  }

  return {
    async allows(entry) {
      const marks = await Promise.all([ALL, ...entry.tables.map(tableMark)].map(invalidatedMs));
      return marks.every((mark) => entry.asOfMs > mark);
    },
    async set(target) {
      const name = "all" in target ? ALL : tableMark(target.table);
      const now = clock.nowMs();
      known.set(name, { invalidatedMs: now, readMs: now });
      await store?.put(markKey(name), stringToUtf8(String(now)), { ttlSeconds: MARK_TTL_SECONDS });
    },
  };
}

function tableMark(table: string): string {
  return `table/${table}`;
}

/** Marks lie apart from results, so that purging results keeps them. */
function markKey(name: string): string {
  return `invalidated/${name}`;
}
