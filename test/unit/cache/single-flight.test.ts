import { afterEach, expect, test, vi } from "vitest";
import { LakeError } from "#core";
import { createSingleFlight } from "#cache";

afterEach(() => {
  vi.useRealTimers();
});

const fail = (): Promise<number> => Promise.reject(new LakeError("division_by_zero", "no"));

test("I61 a hundred identical concurrent calls run once", async () => {
  const flights = createSingleFlight<number>();
  let runs = 0;
  const work = async (): Promise<number> => {
    runs += 1;
    await new Promise((resolve) => setTimeout(resolve, 5));
    return runs;
  };
  const results = await Promise.all(Array.from({ length: 100 }, () => flights.run("k", 1000, work)));
  expect(runs).toBe(1);
  expect(results.filter(({ shared }) => shared)).toHaveLength(99);
  expect(results.every(({ value }) => value === 1)).toBe(true);
  expect(await flights.run("k", 1000, work)).toEqual({ value: 2, shared: false });
});

test("different keys do not wait for each other, and an error reaches every waiter once", async () => {
  const flights = createSingleFlight<number>();
  const results = await Promise.allSettled([
    flights.run("a", 1000, fail),
    flights.run("a", 1000, () => Promise.resolve(1)),
    flights.run("b", 1000, () => Promise.resolve(2)),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
  expect(await flights.run("a", 1000, () => Promise.resolve(3))).toEqual({ value: 3, shared: false });
});

test("a follower of a leader that never settles leads itself after its patience", async () => {
  vi.useFakeTimers();
  const flights = createSingleFlight<string>();
  void flights.run("k", 50, () => new Promise(() => {}));
  const follower = flights.run("k", 50, () => Promise.resolve("own"));
  await vi.advanceTimersByTimeAsync(50);
  expect(await follower).toEqual({ value: "own", shared: false });
});

test("when the one who asked first leaves, one of those who wait does the work", async () => {
  const flights = createSingleFlight<string>();
  let runs = 0;
  const leave = Promise.withResolvers<string>();
  const leader = flights.run("k", 1000, () => leave.promise);
  const followers = [1, 2, 3].map(() =>
    flights.run("k", 1000, () => {
      runs += 1;
      return Promise.resolve("answer");
    }),
  );
  leave.reject(new LakeError("query_cancelled", "left"));
  await expect(leader).rejects.toMatchObject({ code: "query_cancelled" });
  expect((await Promise.all(followers)).map(({ value }) => value)).toEqual(["answer", "answer", "answer"]);
  expect(runs).toBe(1);
});
