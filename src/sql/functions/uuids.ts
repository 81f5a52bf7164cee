// UUIDs: made, and what they tell of themselves (RFC 9562).

import { bytesToHex } from "#core";
import type { Interval } from "#columnar";
import { addIntervalToTimestamp } from "./arithmetic.ts";
import type { EvaluationEnvironment, FunctionCatalog } from "./definition.ts";

function formatted(bytes: Uint8Array, version: number): string {
  bytes[6] = ((bytes[6] as number) & 0x0f) | (version << 4);
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = bytesToHex(bytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function randomBytes(randomUnit: () => number): Uint8Array {
  return Uint8Array.from({ length: 16 }, () => Math.floor(randomUnit() * 256));
}

function randomUuid({ randomUnit = Math.random }: EvaluationEnvironment): () => string {
  return () => formatted(randomBytes(randomUnit), 4);
}

/** Version 7: 48 bits of milliseconds, then chance. */
function timedUuid({
  randomUnit = Math.random,
  statementTimeMicros,
}: EvaluationEnvironment): (shift?: Interval) => string {
  return (shift) => {
    const time = shift === undefined ? statementTimeMicros : addIntervalToTimestamp(statementTimeMicros, shift);
    const millis = Math.floor(time / 1000);
    const bytes = randomBytes(randomUnit);
    for (let i = 0; i < 6; i++) bytes[i] = Math.floor(millis / 256 ** (5 - i)) % 256;
    return formatted(bytes, 7);
  };
}

/** The version; null for variants that have none. */
function versionOf(uuid: string): number | null {
  const variant = Number.parseInt(uuid.charAt(19), 16);
  return (variant & 0b1100) === 0b1000 ? Number.parseInt(uuid.charAt(14), 16) : null;
}

/** 100-nanosecond steps between 1582-10-15 and 1970-01-01. */
const GREGORIAN_OFFSET = 0x01b2_1dd2_1381_4000n;

/** When a UUID of version 1 or 7 was made, microseconds; null for the others. */
function timeOf(uuid: string): number | null {
  const hex = uuid.replaceAll("-", "");
  switch (versionOf(uuid)) {
    case 7:
      return Number.parseInt(hex.slice(0, 12), 16) * 1000;
    case 1:
      return Number((BigInt(`0x${hex.slice(13, 16)}${hex.slice(8, 12)}${hex.slice(0, 8)}`) - GREGORIAN_OFFSET) / 10n);
    case null:
    default:
      return null;
  }
}

/** Adds functions on UUIDs. */
export function defineUuids({ define, defineWith, alias }: FunctionCatalog): void {
  defineWith("gen_random_uuid", "-> uuid", randomUuid, { volatility: "volatile" });
  alias("gen_random_uuid", "uuid", "uuidv4");
  defineWith("uuidv7", "-> uuid", timedUuid, { volatility: "volatile" });
  defineWith("uuidv7", "interval -> uuid", timedUuid, { volatility: "volatile" });
  define("uuid_extract_version", "uuid -> int2", versionOf, { safe: true });
  define("uuid_extract_timestamp", "uuid -> timestamptz", timeOf, { safe: true });
}
