// One execution for identical concurrent requests in an isolate.

import { LakeError } from "#core";

/** What a caller of {@link SingleFlight.run} got, and whether another caller's work produced it. */
export interface FlightResult<T> {
  readonly value: T;
  readonly shared: boolean;
}

/** Work whose caller goes on before those who wait for it get theirs. */
export interface Departure<O, T> {
  /** What the caller who did the work gets. */
  readonly own: O;
  /** What the others get, once it is there. */
  readonly landing: Promise<T>;
}

/** What a caller of {@link SingleFlight.depart} got: its own, or what another caller's work landed with. */
export type Boarded<O, T> =
  | { readonly shared: false; readonly value: O }
  | { readonly shared: true; readonly value: T };

/** Collapses concurrent calls with one key into one. */
export interface SingleFlight<T> {
  /**
   * Runs `work`, or waits for the run of the same key that is under way and takes its value or error. When that run
   * ends because whoever asked for it left (`query_cancelled`), one of those who wait runs its own.
   *
   * Concurrency: a leader whose request the platform cancels never settles, so a follower waits at most
   * `patienceMs` and then leads itself.
   */
  run(key: string, patienceMs: number, work: () => Promise<T>): Promise<FlightResult<T>>;
  /** As {@link run}, for work that hands something to its caller first: others wait until it landed. */
  depart<O>(key: string, patienceMs: number, work: () => Promise<Departure<O, T>>): Promise<Boarded<O, T>>;
}

const TIMED_OUT = Symbol("timed out");

/** Creates an empty single-flight group. */
export function createSingleFlight<T>(): SingleFlight<T> {
  const flights = new Map<string, Promise<T>>();

  async function lead<O>(key: string, work: () => Promise<Departure<O, T>>): Promise<Boarded<O, T>> {
    const departure = work();
    const flight = departure.then(({ landing }) => landing);
    flights.set(key, flight);
    const clear = (): void => {
      if (flights.get(key) === flight) flights.delete(key);
    };
    flight.then(clear, clear);
    const { own } = await departure;
    return { value: own, shared: false };
  }

  async function depart<O>(
    key: string,
    patienceMs: number,
    work: () => Promise<Departure<O, T>>,
  ): Promise<Boarded<O, T>> {
    const underWay = flights.get(key);
    if (underWay === undefined) return lead(key, work);
    try {
      const value = await withPatience(underWay, patienceMs);
      return value === TIMED_OUT ? lead(key, work) : { value, shared: true };
    } catch (error) {
      if (!(error instanceof LakeError) || error.code !== "query_cancelled") throw error;
    }
    if (flights.get(key) === underWay) flights.delete(key);
    return depart(key, patienceMs, work);
  }

  return {
    depart,
    async run(key, patienceMs, work) {
      return depart(key, patienceMs, async () => {
        const own = await work();
        return { own, landing: Promise.resolve(own) };
      });
    },
  };
}

async function withPatience<T>(promise: Promise<T>, patienceMs: number): Promise<T | typeof TIMED_OUT> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<typeof TIMED_OUT>((resolve) => {
    timer = setTimeout(() => resolve(TIMED_OUT), patienceMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
