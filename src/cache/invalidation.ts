// Invalidation marks: the time before which an operator no longer wants cached answers: of all tables or one, with a tag,
// to questions like a pattern. One key each and no read-modify-write, so that concurrent invalidations cannot lose one
// another.

import { sha256Hex, stringToUtf8, utf8ToString, type Clock } from "#core";
import type { EntryHeader } from "./entry.ts";
import { matchesGlob } from "./glob.ts";
import type { KeyValueStore } from "./key-value-store.ts";

/** What to invalidate; a pattern (`*`, `?`) describes the SQL text of the questions. */
export type InvalidationTarget =
  | { readonly all: true }
  | { readonly table: string }
  | { readonly tag: string }
  | { readonly pattern: string };

/** Whether an entry, whatever its age, is one that a target means. */
export function concerns(target: InvalidationTarget, entry: EntryHeader): boolean {
  if ("all" in target) return true;
  if ("table" in target) return entry.tables.includes(target.table);
  if ("tag" in target) return entry.tags?.includes(target.tag) === true;
  return matchesGlob(target.pattern, entry.text ?? "");
}

/** How long an isolate trusts a mark it has read, milliseconds. */
const MARK_FRESH_MS = 30_000;
/** Marks outlive every entry they can concern (see RESULT_TTL_SECONDS), seconds. */
const MARK_TTL_SECONDS = 2 * 86_400;
const ALL = "all";
/** When the newest pattern was set. */
const PATTERNS = "patterns";
const PATTERN_PREFIX = "pattern/";
/** KV may show a pattern's mark a minute after the mark that says there is one, milliseconds. */
const LIST_OVERLAP_MS = 120_000;

/** The marks as one isolate knows them. */
export interface InvalidationMarks {
  /**
   * Whether an entry was made after every mark that concerns it. Cost: one read a mark and 30 s, else none; for two
   * minutes after a pattern was set, one list of the patterns and a read of each in 30 s.
   */
  allows(entry: EntryHeader): Promise<boolean>;
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

  const patterns = new Map<string, number>();
  let listedMs = 0;
  let looked = { mark: 0, atMs: 0, done: Promise.resolve() };

  /**
   * Patterns newer than the last look at them. The mark PATTERNS spares listing where none was ever set; while KV may
   * still hide one, the list is looked at again as rarely as the marks are.
   */
  async function lookForPatterns(): Promise<void> {
    const mark = await invalidatedMs(PATTERNS);
    if (mark <= listedMs || store === undefined) return;
    const now = clock.nowMs();
    if (mark !== looked.mark || now - looked.atMs >= MARK_FRESH_MS) {
      looked = { mark, atMs: now, done: listPatterns(store, now) };
    }
    await looked.done;
  }

  async function listPatterns(from: KeyValueStore, now: number): Promise<void> {
    try {
      for await (const { key } of from.list(markKey(PATTERN_PREFIX))) {
        const bytes = await from.get(key);
        const mark = bytes === undefined ? undefined : parsePatternMark(utf8ToString(bytes));
        if (mark !== undefined) remember(mark);
      }
      listedMs = now - LIST_OVERLAP_MS;
    } catch {
      // The patterns known so far still hold; the next look is due in MARK_FRESH_MS.
    }
  }

  function remember({ pattern, ms }: PatternMark): void {
    patterns.set(pattern, Math.max(ms, patterns.get(pattern) ?? 0));
  }

  async function put(name: string, value: string): Promise<void> {
    await store?.put(markKey(name), stringToUtf8(value), { ttlSeconds: MARK_TTL_SECONDS });
  }

  return {
    async allows(entry) {
      const names = [ALL, ...entry.tables.map(tableMark), ...(entry.tags ?? []).map(tagMark)];
      const marks = await Promise.all(names.map(invalidatedMs));
      if (!marks.every((mark) => entry.asOfMs > mark)) return false;
      await lookForPatterns();
      return [...patterns].every(([pattern, ms]) => entry.asOfMs > ms || !concerns({ pattern }, entry));
    },
    async set(target) {
      const now = clock.nowMs();
      if ("pattern" in target) {
        const mark: PatternMark = { pattern: target.pattern, ms: now };
        remember(mark);
        known.set(PATTERNS, { invalidatedMs: now, readMs: now });
        await put(`${PATTERN_PREFIX}${await sha256Hex(target.pattern)}`, JSON.stringify(mark));
        await put(PATTERNS, String(now));
        return;
      }
      const name = "all" in target ? ALL : "table" in target ? tableMark(target.table) : tagMark(target.tag);
      known.set(name, { invalidatedMs: now, readMs: now });
      await put(name, String(now));
    },
  };
}

function tableMark(table: string): string {
  return `table/${table}`;
}

function tagMark(tag: string): string {
  return `tag/${tag}`;
}

interface PatternMark {
  readonly pattern: string;
  readonly ms: number;
}

function parsePatternMark(text: string): PatternMark | undefined {
  try {
    const { pattern, ms } = JSON.parse(text) as Partial<PatternMark>;
    return typeof pattern === "string" && typeof ms === "number" ? { pattern, ms } : undefined;
  } catch {
    return undefined;
  }
}

/** Marks lie apart from results, so that purging results keeps them. */
function markKey(name: string): string {
  return `invalidated/${name}`;
}
