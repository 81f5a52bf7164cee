// Byte sizes as people write them in configuration and requests: 50MB, 128 MiB, 1024.

import { LakeError } from "./errors.ts";

const UNIT_BYTES: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/**
 * Parses a byte size: a non-negative number (bytes) or a string with an optional unit. KB, MB, GB and TB are
 * powers of 1000, KiB … TiB powers of 1024 (IEC 80000-13); case and spaces do not matter.
 *
 * Errors: `invalid_option`, naming the option.
 */
export function parseSizeBytes(value: string | number, optionName: string): number {
  const text = String(value).trim().toLowerCase();
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(text);
  const unitBytes = match?.[2] === undefined ? undefined : UNIT_BYTES[match[2]];
  const sizeBytes =
    match?.[1] === undefined || unitBytes === undefined ? Number.NaN : Math.round(Number(match[1]) * unitBytes);
  if (!Number.isSafeInteger(sizeBytes)) {
    throw new LakeError(
      "invalid_option",
      `${optionName}: "${String(value)}" is not a byte size such as "50MB" or "128MiB".`,
      {
        details: { option: optionName },
      },
    );
  }
  return sizeBytes;
}
