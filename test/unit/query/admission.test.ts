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
