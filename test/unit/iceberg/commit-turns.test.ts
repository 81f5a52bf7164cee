// Turns of commits to one table, in virtual time.

import { AsyncLocalStorage } from "node:async_hooks";
import { expect, test } from "vitest";
import { LakeError } from "#core";
import { createCommitTurns, type CommitTurns } from "#iceberg";

interface VirtualTime {
  readonly clock: { readonly nowMs: () => number };
  readonly sleep: (ms: number) => Promise<void>;
  /** Runs until the work is done, or for so long. */
  run<T>(work: Promise<T>, limitMs?: number): Promise<T | "not done">;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function createVirtualTime(): VirtualTime {
  let nowMs = 1_000_000;
  let timers: { readonly atMs: number; readonly fire: () => void }[] = [];
  return {
    clock: { nowMs: () => nowMs },
    sleep: (ms) => new Promise((resolve) => timers.push({ atMs: nowMs + ms, fire: resolve })),
    async run(work, limitMs = 3_600_000) {
      const untilMs = nowMs + limitMs;
      let isDone = false;
      const done = (): void => void (isDone = true);
      work.then(done, done);
      for (;;) {
        await settle();
        if (isDone) return work;
        const next = timers.toSorted((a, b) => a.atMs - b.atMs)[0];
        if (next === undefined || next.atMs > untilMs) return "not done";
        nowMs = next.atMs;
        timers = timers.filter((timer) => timer !== next);
        next.fire();
      }
    },
  };
}

const conflict = (): LakeError => new LakeError("commit_conflict", "main moved");

/** A table whose commits take 20 ms, and a writer that loads in 5 ms and tries until it is in. */
function createRace(time: VirtualTime, turns: CommitTurns | undefined) {
  let head = 0n;
  let nextId = 1n;
  let attempts = 0;
  let running = 0;
  let mostRunning = 0;
  const commit = async (base: bigint, id: bigint): Promise<void> => {
    running += 1;
    mostRunning = Math.max(mostRunning, running);
    try {
      if (base !== head) throw conflict();
      await time.sleep(20);
      if (base !== head) throw conflict();
      head = id;
    } finally {
      running -= 1;
    }
  };
  const write = async (commits: number): Promise<void> => {
    let base = head;
    for (let done = 0; done < commits; done++) {
      const id = nextId++;
      for (;;) {
        attempts += 1;
        try {
          const run = (): Promise<void> => commit(base, id);
          await (turns === undefined ? run() : turns.run({ table: "t", snapshotIds: [id] }, run));
          base = id;
          break;
        } catch {
          await time.sleep(5);
          base = head;
          await time.sleep(5);
        }
      }
    }
  };
  return { write, attempts: () => attempts, mostRunning: () => mostRunning };
}

async function raceOf(withTurns: boolean): Promise<{ attemptsPerCommit: number; mostRunning: number }> {
  const time = createVirtualTime();
  const race = createRace(time, withTurns ? createCommitTurns(time) : undefined);
  await time.run(Promise.all(Array.from({ length: 16 }, () => race.write(3))));
  return { attemptsPerCommit: race.attempts() / (16 * 3), mostRunning: race.mostRunning() };
}

test("I210 commits to one table run one after the other, and a writer tries twice where it raced all others", async () => {
  const { attemptsPerCommit, mostRunning } = await raceOf(true);
  expect(mostRunning).toBe(1);
  expect(attemptsPerCommit).toBeLessThanOrEqual(2.1);
  expect((await raceOf(false)).attemptsPerCommit).toBeGreaterThan(6);
});

test("I210 nobody starves: with turns the slowest of many writers ends with the others", async () => {
  const time = createVirtualTime();
  const race = createRace(time, createCommitTurns(time));
  const endedMs: number[] = [];
  const write = async (): Promise<void> => {
    await race.write(5);
    endedMs.push(time.clock.nowMs());
  };
  const beganMs = time.clock.nowMs();
  await time.run(Promise.all(Array.from({ length: 16 }, write)));
  const [first, last] = [Math.min(...endedMs) - beganMs, Math.max(...endedMs) - beganMs];
  expect(endedMs).toHaveLength(16);
  expect(last / first).toBeLessThan(1.5);
});

test("I211 a lost race is held back until the writer before is in, and its retry is not overtaken", async () => {
  const time = createVirtualTime();
  const turns = createCommitTurns(time);
  const log: string[] = [];
  const lose = (id: bigint): Promise<void> =>
    turns
      .run({ table: "t", snapshotIds: [id] }, () => Promise.reject(conflict()))
      .catch(() => void log.push(`told ${id}`));
  const win = (id: bigint): Promise<void> =>
    turns.run({ table: "t", snapshotIds: [id] }, async () => {
      await time.sleep(20);
      log.push(`in ${id}`);
    });
  const second = async (): Promise<void> => {
    await lose(2n);
    await time.sleep(10);
    await win(2n);
  };
  const others = async (): Promise<void> => {
    await time.sleep(1);
    await Promise.all([lose(3n), win(4n)]);
  };
  await time.run(Promise.all([second(), others()]));
  expect(log).toEqual(["told 2", "in 2", "told 3", "in 4"]);
});

test("L210 no wait is without end: clients that vanish and turns that nobody takes delay others by seconds at most", async () => {
  const time = createVirtualTime();
  const turns = createCommitTurns(time);
  const never = new Promise<void>(() => {});
  void turns.run({ table: "t", snapshotIds: [1n] }, () => never);
  const beganMs = time.clock.nowMs();
  expect(await time.run(turns.run({ table: "t", snapshotIds: [2n] }, async () => "in"))).toBe("in");
  expect(time.clock.nowMs() - beganMs).toBeLessThanOrEqual(5000);
  const lost = turns.run({ table: "u", snapshotIds: [3n] }, () => Promise.reject(conflict())).catch(() => "told");
  expect(await time.run(lost)).toBe("told");
  const laterMs = time.clock.nowMs();
  expect(await time.run(turns.run({ table: "u", snapshotIds: [4n] }, async () => "in"))).toBe("in");
  expect(time.clock.nowMs() - laterMs).toBeLessThanOrEqual(200);
});

test("I211 other tables, other errors and commits without a snapshot are not held", async () => {
  const time = createVirtualTime();
  const turns = createCommitTurns(time);
  const never = new Promise<void>(() => {});
  void turns.run({ table: "t", snapshotIds: [1n] }, () => never);
  const beganMs = time.clock.nowMs();
  await time.run(turns.run({ table: "u", snapshotIds: [2n] }, async () => {}));
  const refused = (code: "commit_conflict" | "invalid_request", snapshotIds: readonly bigint[]): Promise<unknown> =>
    turns
      .run({ table: "v", snapshotIds }, () => Promise.reject(new LakeError(code, "no")))
      .catch((error: unknown) => error);
  expect(await time.run(refused("invalid_request", [3n]))).toMatchObject({ code: "invalid_request" });
  expect(await time.run(refused("commit_conflict", []))).toMatchObject({ code: "commit_conflict" });
  expect(time.clock.nowMs()).toBe(beganMs);
});

test("L210 a request that ended in the middle, running, waiting or held, keeps others half a second", async () => {
  const time = createVirtualTime();
  /** Within, timers never fire: as in a request whose client has left. */
  const gone = new AsyncLocalStorage<boolean>();
  const never = new Promise<void>(() => {});
  const sleep = (ms: number): Promise<void> => (gone.getStore() === true ? never : time.sleep(ms));
  const turns = createCommitTurns({ clock: time.clock, sleep });
  const lose = (id: bigint): Promise<unknown> =>
    turns.run({ table: "t", snapshotIds: [id] }, () => Promise.reject(conflict())).catch(() => "told");
  gone.run(true, () => void turns.run({ table: "t", snapshotIds: [1n] }, () => never));
  gone.run(true, () => void turns.run({ table: "t", snapshotIds: [2n] }, async () => {}));
  const beganMs = time.clock.nowMs();
  expect(await time.run(turns.run({ table: "t", snapshotIds: [3n] }, async () => "in"))).toBe("in");
  expect(time.clock.nowMs() - beganMs).toBeLessThanOrEqual(700);
  const held = time.run(lose(4n));
  gone.run(true, () => [5n, 6n, 7n, 8n, 9n].forEach((id) => void lose(id)));
  expect(await held).toBe("told");
  const laterMs = time.clock.nowMs();
  expect(await time.run(lose(10n))).toBe("told");
  expect(time.clock.nowMs() - laterMs).toBeLessThanOrEqual(700);
});
