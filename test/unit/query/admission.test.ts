import { afterEach, expect, test, vi } from "vitest";
import { LakeError } from "#core";
import { createAdmission, type AdmissionOptions } from "../../../src/query/admission.ts";

afterEach(() => {
  vi.useRealTimers();
});

function create(overrides: Partial<AdmissionOptions> = {}): ReturnType<typeof createAdmission> {
  vi.useFakeTimers({ now: 0 });
  return createAdmission({
    maxRunning: 2,
    maxQueued: 2,
    maxWaitMs: 1000,
    leaseMs: 60_000,
    clock: { nowMs: () => Date.now() },
    ...overrides,
  });
}

test("I57 never more than the bound runs, and the queue is first come first served", async () => {
  const admission = create();
  const first = await admission.acquire();
  const second = await admission.acquire();
  const order: number[] = [];
  const third = admission.acquire().then((lease) => {
    order.push(3);
    return lease;
  });
  const fourth = admission.acquire().then((lease) => {
    order.push(4);
    return lease;
  });
  expect([admission.running, admission.queued]).toEqual([2, 2]);
  await vi.advanceTimersByTimeAsync(250);
  expect(order).toEqual([]);
  first.release();
  first.release();
  expect((await third).waitedMs).toBe(250);
  expect(admission.running).toBe(2);
  second.release();
  await fourth;
  expect(order).toEqual([3, 4]);
});

test("a full queue and a wait that is too long are rate_limited", async () => {
  const admission = create({ maxQueued: 1 });
  await admission.acquire();
  await admission.acquire();
  const waiting = admission.acquire().catch((error: unknown) => error);
  await expect(admission.acquire()).rejects.toBeInstanceOf(LakeError);
  await vi.advanceTimersByTimeAsync(1000);
  expect(await waiting).toMatchObject({ code: "rate_limited" });
  expect(admission.queued).toBe(0);
});

test("the place of a request that was cancelled without releasing is taken back", async () => {
  const admission = create({ maxRunning: 1 });
  const lost = await admission.acquire();
  await vi.advanceTimersByTimeAsync(60_000);
  const next = await admission.acquire();
  expect(admission.running).toBe(1);
  lost.release();
  expect(admission.running).toBe(1);
  next.release();
  expect(admission.running).toBe(0);
});

test("an exclusive lease runs alone, in its turn", async () => {
  const admission = create({ maxQueued: 5 });
  const order: string[] = [];
  const start = (name: string, kind: "shared" | "exclusive"): ReturnType<typeof admission.acquire> =>
    admission.acquire(kind).then((lease) => {
      order.push(`${name}:${admission.running}`);
      return lease;
    });
  const first = await start("first", "shared");
  const alone = start("alone", "exclusive");
  const later = start("later", "shared");
  await vi.advanceTimersByTimeAsync(10);
  expect(order).toEqual(["first:1"]);
  first.release();
  const heavy = await alone;
  await vi.advanceTimersByTimeAsync(10);
  expect(order).toEqual(["first:1", "alone:1"]);
  heavy.release();
  (await later).release();
  expect(order).toEqual(["first:1", "alone:1", "later:1"]);
  expect(admission.running).toBe(0);
});

test("an exclusive waiter that gives up lets those behind it start", async () => {
  const admission = create({ maxQueued: 5 });
  await admission.acquire();
  const alone = admission.acquire("exclusive").catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(500);
  const behind = admission.acquire();
  await vi.advanceTimersByTimeAsync(500);
  expect(await alone).toMatchObject({ code: "rate_limited" });
  expect((await behind).waitedMs).toBe(500);
});
