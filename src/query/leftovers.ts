// Objects that queries leave in the bucket when nobody is there to delete them: rows put aside by a query whose isolate
// died, and cached payloads whose entry in the key-value tier has expired.

import type { ObjectStore } from "#storage";

const HOUR_MS = 3_600_000;
/** A query lasts five minutes at most. */
const SPILL_LIFE_MS = 6 * HOUR_MS;
/** An entry that names a payload lives a day. */
const PAYLOAD_LIFE_MS = 48 * HOUR_MS;
/** Payloads are looked at by the first digit of their key's hash: one part an hour, all in sixteen. */
const PARTS = "0123456789abcdef";
/** Bounds of one call. */
const MAX_PAGES = 20;
const MAX_DELETED = 1000;

/**
 * Deletes leftovers, at most 1,000; gives how many. To be called once a minute: it acts in the first minute of an hour.
 *
 * Cost: one list call a thousand objects, at most twenty for each of three prefixes, and one to delete; all of them an
 * hour, none in the other minutes. Errors: `storage_unavailable`; what was deleted until then stays deleted.
 */
export async function deleteLeftovers(store: Pick<ObjectStore, "list" | "delete">, nowMs: number): Promise<number> {
  if (nowMs % HOUR_MS >= 60_000) return 0;
  const part = PARTS[Math.floor(nowMs / HOUR_MS) % PARTS.length] ?? "";
  const doomed: string[] = [];
  for (const [prefix, lifeMs] of [
    ["spill/", SPILL_LIFE_MS],
    [`cache/result/exact/${part}`, PAYLOAD_LIFE_MS],
    [`cache/result/loose/${part}`, PAYLOAD_LIFE_MS],
  ] as const) {
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES && doomed.length < MAX_DELETED; page++) {
      const listed = await store.list(prefix, cursor);
      for (const { key, uploadedMs } of listed.objects) if (uploadedMs < nowMs - lifeMs) doomed.push(key);
      ({ cursor } = listed);
      if (cursor === undefined) break;
    }
  }
  const keys = doomed.slice(0, MAX_DELETED);
  if (keys.length > 0) await store.delete(keys);
  return keys.length;
}
