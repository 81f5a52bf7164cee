// Rows that a query's operators put aside, as objects of the lake's bucket.

import { LakeError } from "#core";
import type { SpillStore } from "#sql";
import type { ObjectStore } from "#storage";

/** Objects that requests to delete name at most. */
const MAX_DELETED = 1000;

/**
 * The spilled pieces of one query: `spill/<query id>/<n>`. Cost: one request a piece written, one a piece read, and one
 * for up to 1000 that are deleted. Errors: `storage_unavailable`.
 */
export function createSpillStore(store: ObjectStore, queryId: string): SpillStore {
  const keyOf = (piece: number): string => `spill/${queryId}/${piece}`;
  return {
    async put(piece, bytes) {
      await store.put(keyOf(piece), bytes);
    },
    async get(piece) {
      const bytes = await store.get(keyOf(piece));
      if (bytes !== undefined) return bytes;
      throw new LakeError("storage_unavailable", "Rows that the query had put aside are gone; run it again.", {
        context: { key: keyOf(piece) },
      });
    },
    async delete(pieces) {
      for (let start = 0; start < pieces.length; start += MAX_DELETED) {
        await store.delete(pieces.slice(start, start + MAX_DELETED).map((piece) => keyOf(piece)));
      }
    },
  };
}
