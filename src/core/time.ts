// Time, randomness and identifiers are passed in, so that every behaviour can be replayed in a test.

/** Microseconds since 1970-01-01T00:00:00Z; may be negative. Exact in a double until the year 2255. */
export type TimestampMicros = number & { readonly __brand?: "TimestampMicros" };

/** Where the time comes from. In production Workers it advances only across I/O. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
}

/** The platform's clock. */
export const systemClock: Clock = { nowMs: () => Date.now() };

/** Where randomness comes from. */
export interface RandomSource {
  /** A uniformly random unsigned 63-bit integer, never zero. */
  nextInt63(): bigint;
  /** A random RFC 9562 version 4 UUID. */
  uuid(): string;
  /** Uniform in [0, 1). */
  nextUnit(): number;
}

/** Cryptographic randomness from the platform. */
export const systemRandom: RandomSource = {
  nextInt63() {
    const words = crypto.getRandomValues(new BigUint64Array(1));
    const value = (words[0] ?? 1n) & 0x7fff_ffff_ffff_ffffn;
    return value === 0n ? 1n : value;
  },
  uuid: () => crypto.randomUUID(),
  nextUnit: () => Math.random(),
};

const MILLIS_LENGTH = 48;

/** A time-ordered RFC 9562 version 7 UUID. */
export function uuidv7(clock: Clock, random: RandomSource): string {
  const time = BigInt(clock.nowMs()) & ((1n << BigInt(MILLIS_LENGTH)) - 1n);
  const hexTime = time.toString(16).padStart(12, "0");
  const tail = random.uuid();
  return `${hexTime.slice(0, 8)}-${hexTime.slice(8)}-7${tail.slice(15)}`;
}
