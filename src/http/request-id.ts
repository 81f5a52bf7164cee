// Request ids tie a client's report to log lines.

import { uuidv7, type Clock, type RandomSource } from "#core";

/** The header that carries the id, in both directions. */
export const REQUEST_ID_HEADER = "x-request-id";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** The client's id when it is a UUID, else a fresh version 7 UUID. */
export function chooseRequestId(inbound: string | undefined, clock: Clock, random: RandomSource): string {
  return inbound !== undefined && UUID.test(inbound) ? inbound.toLowerCase() : uuidv7(clock, random);
}
