// Turns of commits to one table. Optimistic writers that race redo each other's work: of many, one gets in and all others
// load, prepare and lose again. Here commits to a table run one after the other, and who lost hears of it only when it is
// its turn to load the table again; until it is back, commits that add other snapshots wait a little. Nothing rests on
// it: a commit that waited too long runs out of turn, and the swap of the pointer decides as ever. Turns are an isolate's:
// writers that reach different ones meet at the swap.

import { LakeError, type Clock } from "#core";

/** A commit that takes part. */
export interface TurnRequest {
  readonly table: string;
  /** Snapshots it adds: by these a writer that tries again is known. None: it neither waits for a turn nor gets one. */
  readonly snapshotIds: readonly bigint[];
}

/** Lets commits of a table take turns. */
export interface CommitTurns {
  /**
   * Runs a commit after the ones before it. Of one that ends as `commit_conflict` the error is held back until its
   * writer should load the table again.
   *
   * Cost: waits at most {@link MAX_WAIT_MS} before and as long after. Errors: those of `commit`.
   */
  run<T>(request: TurnRequest, commit: () => Promise<T>): Promise<T>;
}

/** What turns need. */
export interface TurnDeps {
  readonly clock: Clock;
  readonly sleep: (ms: number) => Promise<void>;
}

/** Longest wait for other commits, and longest time a lost race is held back (L210). */
const MAX_WAIT_MS = 5000;
/** Lost races held back for a table; more are answered at once. */
const MAX_HELD = 256;
/** A commit that is not done by then no longer keeps others waiting. */
const COMMIT_LIMIT_MS = 5000;
/** Requests show that they are alive this often; a request ends in the middle when its client leaves. */
const BEAT_MS = 100;
/** One not seen for this long is gone. Taking a slow one for gone lets commits race, nothing else. */
const GONE_MS = 500;
/** How long others wait for the writer whose turn it is: at first, and at most. */
const FIRST_TURN_MS = 60;
const MAX_TURN_MS = 400;
/** A turn that was not taken makes the following ones shorter, by this; one that was, as long as this many returns. */
const UNUSED_TURN_FACTOR = 0.5;
const TURN_MARGIN = 2;
/** Weight of the newest return in the mean. */
const NEWEST_WEIGHT = 0.3;
/** Writers remembered for the time they take to come back. */
const MAX_RELEASED = 64;

interface Waiter {
  readonly ids: readonly bigint[];
  isReleased: boolean;
  seenMs: number;
  wake: () => void;
}

interface Running {
  readonly sinceMs: number;
  seenMs: number;
  /** Whether it was its writer's turn. */
  readonly hadTurn: boolean;
}

interface Line {
  running: Running | undefined;
  readonly waiting: Set<Waiter>;
  readonly held: Waiter[];
  turn: { readonly id: bigint; readonly untilMs: number } | undefined;
  turnMs: number;
  /** When writers were told to try again. */
  readonly releasedMs: Map<bigint, number>;
}

/** Creates the turns of an isolate. */
export function createCommitTurns({ clock, sleep }: TurnDeps): CommitTurns {
  const lines = new Map<string, Line>();

  const lineOf = (table: string): Line => {
    const known = lines.get(table);
    if (known !== undefined) return known;
    const line: Line = {
      running: undefined,
      waiting: new Set(),
      held: [],
      turn: undefined,
      turnMs: FIRST_TURN_MS,
      releasedMs: new Map(),
    };
    lines.set(table, line);
    return line;
  };

  const isGone = ({ seenMs }: { readonly seenMs: number }): boolean => clock.nowMs() - seenMs > GONE_MS;

  const isRunning = ({ running }: Line): boolean =>
    running !== undefined && !isGone(running) && clock.nowMs() - running.sinceMs < COMMIT_LIMIT_MS;

  /** The turn as it stands; one that nobody took in time is over. */
  const turnOf = (line: Line): Line["turn"] => {
    if (line.turn !== undefined && clock.nowMs() >= line.turn.untilMs) {
      line.turn = undefined;
      line.turnMs *= UNUSED_TURN_FACTOR;
    }
    return line.turn;
  };

  const mayRun = (line: Line, { ids }: Waiter): boolean => {
    const turn = turnOf(line);
    return !isRunning(line) && (turn === undefined || ids.length === 0 || ids.includes(turn.id));
  };

  /** Gives the turn to the writer that has waited longest. */
  const advance = (line: Line): void => {
    if (isRunning(line) || turnOf(line) !== undefined) return;
    let next = line.held.shift();
    while (next !== undefined && isGone(next)) next = line.held.shift();
    const id = next?.ids[0];
    if (next === undefined || id === undefined) return;
    const nowMs = clock.nowMs();
    line.turn = { id, untilMs: nowMs + line.turnMs };
    line.releasedMs.set(id, nowMs);
    const [oldest] = line.releasedMs.keys();
    if (line.releasedMs.size > MAX_RELEASED && oldest !== undefined) line.releasedMs.delete(oldest);
    next.isReleased = true;
    next.wake();
  };

  const wakeAll = (line: Line): void => {
    for (const waiter of line.waiting) {
      if (isGone(waiter)) line.waiting.delete(waiter);
      else waiter.wake();
    }
  };

  const noteReturn = (line: Line, ids: readonly bigint[]): void => {
    for (const id of ids) {
      const sinceMs = line.releasedMs.get(id);
      if (sinceMs === undefined) continue;
      line.releasedMs.delete(id);
      const tookMs = (clock.nowMs() - sinceMs) * TURN_MARGIN;
      line.turnMs = Math.min(MAX_TURN_MS, line.turnMs * (1 - NEWEST_WEIGHT) + tookMs * NEWEST_WEIGHT);
    }
  };

  /** Waits until `isOver` or for {@link MAX_WAIT_MS}; looks when woken and when a turn ends. */
  const waitUntil = async (line: Line, waiter: Waiter, isOver: () => boolean): Promise<void> => {
    let waitedMs = 0;
    do {
      const woken = new Promise<"woken">((resolve) => {
        waiter.wake = () => resolve("woken");
      });
      const turnMs = line.turn === undefined ? COMMIT_LIMIT_MS : line.turn.untilMs - clock.nowMs();
      const ms = Math.max(1, Math.min(MAX_WAIT_MS - waitedMs, turnMs, BEAT_MS));
      const beganMs = clock.nowMs();
      const outcome = await Promise.race([woken, sleep(ms)]);
      waitedMs += outcome === "woken" ? clock.nowMs() - beganMs : ms;
      waiter.seenMs = clock.nowMs();
    } while (!isOver() && waitedMs < MAX_WAIT_MS);
  };

  const newWaiter = (ids: readonly bigint[]): Waiter => ({
    ids,
    isReleased: false,
    seenMs: clock.nowMs(),
    wake: () => {},
  });

  /** Shows others that the commit is under way for as long as it is, and its request too. */
  const alive = async <T>(running: Running, commit: Promise<T>): Promise<T> => {
    const isOver = commit.then(
      () => true,
      () => true,
    );
    while (!(await Promise.race([isOver, sleep(BEAT_MS).then(() => false)]))) running.seenMs = clock.nowMs();
    return commit;
  };

  /** Waits for the line to be free, or long enough. */
  const enter = async (line: Line, ids: readonly bigint[]): Promise<Running> => {
    const waiter = newWaiter(ids);
    noteReturn(line, ids);
    const start = (): Running => {
      const nowMs = clock.nowMs();
      const running = { sinceMs: nowMs, seenMs: nowMs, hadTurn: hasTurn() };
      if (running.hadTurn) line.turn = undefined;
      line.running = running;
      return running;
    };
    let running: Running | undefined;
    const hasTurn = (): boolean => line.turn !== undefined && ids.includes(line.turn.id);
    // Taken in the same step as it is found free: others are woken at the same time.
    const take = (): boolean => {
      if (mayRun(line, waiter)) running = start();
      return running !== undefined;
    };
    if (hasTurn() || line.waiting.size === 0) take();
    if (running !== undefined) return running;
    line.waiting.add(waiter);
    const waited = waitUntil(line, waiter, take);
    // Those before it go first; one whose client left will not.
    if (!isRunning(line)) wakeAll(line);
    await waited;
    line.waiting.delete(waiter);
    return running ?? start();
  };

  const leave = (line: Line, running: Running): void => {
    // One that waited too long may have started beside it.
    if (line.running === running) line.running = undefined;
    advance(line);
    wakeAll(line);
  };

  const hold = async (line: Line, ids: readonly bigint[], hadTurn: boolean): Promise<void> => {
    if (line.held.length >= MAX_HELD) return;
    const waiter = newWaiter(ids);
    // Who lost in its own turn has waited already.
    if (hadTurn) line.held.unshift(waiter);
    else line.held.push(waiter);
    const isOver = (): boolean => {
      advance(line);
      return waiter.isReleased || !line.held.includes(waiter);
    };
    if (!isOver()) await waitUntil(line, waiter, isOver);
    const at = line.held.indexOf(waiter);
    if (at >= 0) line.held.splice(at, 1);
  };

  return {
    async run({ table, snapshotIds }, commit) {
      const line = lineOf(table);
      const running = await enter(line, snapshotIds);
      try {
        const result = await alive(running, commit());
        leave(line, running);
        return result;
      } catch (error) {
        if (!isLostRace(error) || snapshotIds.length === 0) {
          leave(line, running);
          throw error;
        }
        if (line.running === running) line.running = undefined;
        const held = hold(line, snapshotIds, running.hadTurn);
        wakeAll(line);
        await held;
        throw error;
      } finally {
        const isIdle = line.waiting.size === 0 && line.held.length === 0;
        if (isIdle && line.running === undefined && line.turn === undefined) lines.delete(table);
      }
    },
  };
}

function isLostRace(error: unknown): boolean {
  return error instanceof LakeError && error.code === "commit_conflict";
}
