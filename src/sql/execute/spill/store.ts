// Where operators put rows that their memory does not hold, and what one execution has put there.

/** Keeps bytes for the time of one query. */
export interface SpillStore {
  /** Keeps bytes under a number of the caller's choice. Ownership: the bytes must not change afterwards. */
  put(piece: number, bytes: Uint8Array): Promise<void>;
  /** The bytes of a piece. Errors: `storage_unavailable`. */
  get(piece: number): Promise<Uint8Array>;
  /** Removes pieces; those already gone are no error. */
  delete(pieces: readonly number[]): Promise<void>;
}

/** The spilled pieces of one execution. */
export interface SpillSpace {
  /** Bytes put so far. */
  readonly writtenBytes: number;
  put(bytes: Uint8Array): Promise<number>;
  get(piece: number): Promise<Uint8Array>;
  /** Removes pieces that are not read again. Never fails. */
  drop(pieces: readonly number[]): Promise<void>;
  /** Removes everything. Called however the execution ends; what is still on its way is waited for. Never fails. */
  close(): Promise<void>;
}

/** Starts a space in a store. */
export function createSpillSpace(store: SpillStore): SpillSpace {
  const kept = new Set<number>();
  const underWay = new Set<Promise<void>>();
  let next = 0;
  let writtenBytes = 0;
  return {
    get writtenBytes() {
      return writtenBytes;
    },
    async put(bytes) {
      const piece = next++;
      // From here on: a write that fails may still have taken place.
      kept.add(piece);
      writtenBytes += bytes.length;
      const writing = store.put(piece, bytes);
      underWay.add(writing);
      try {
        await writing;
      } finally {
        underWay.delete(writing);
      }
      return piece;
    },
    get: (piece) => store.get(piece),
    drop: (pieces) => remove(pieces),
    async close() {
      await Promise.allSettled(underWay);
      await remove([...kept]);
      // What could not be removed the first time is tried once more; the answer does not depend on it.
      await remove([...kept]);
    },
  };

  async function remove(pieces: readonly number[]): Promise<void> {
    if (pieces.length === 0) return;
    try {
      await store.delete(pieces);
    } catch {
      return;
    }
    for (const piece of pieces) kept.delete(piece);
  }
}
