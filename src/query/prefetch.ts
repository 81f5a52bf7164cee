// Overlaps the reads of coming scan units with the work on the current one, within bounds on units and bytes.

import type { Batch } from "#columnar";

/** A piece of a scan that is read by itself: a row group of one file. */
export interface ScanUnit<B extends Batch = Batch> {
  /** Bytes it holds in memory while it is read, estimated. */
  readonly estimatedBytes: number;
  open(): AsyncIterable<B>;
}

/** How far ahead to read. */
export interface PrefetchBounds {
  /** Units read at once, the one being consumed included; at least 1. */
  readonly maxUnits: number;
  /** Estimated bytes of units read at once; one unit is always read, whatever its size. */
  readonly maxBytes: number;
}

interface StartedUnit<B> {
  readonly estimatedBytes: number;
  readonly iterator: AsyncIterator<B>;
  pending: Promise<IteratorResult<B, unknown>>;
}

/**
 * Yields the batches of the units in order. A unit is started by asking for its first batch.
 *
 * Ownership: leaving the iteration early returns every started unit's iterator. Errors: those of a unit, when its
 * turn comes.
 */
export async function* prefetchUnits<B extends Batch>(
  units: AsyncIterable<ScanUnit<B>>,
  bounds: PrefetchBounds,
): AsyncGenerator<B, void, undefined> {
  const source = units[Symbol.asyncIterator]();
  const started: StartedUnit<B>[] = [];
  let heldBytes = 0;
  let exhausted = false;
  let filling: Promise<void> | undefined;

  async function fill(): Promise<void> {
    while (!exhausted && started.length < bounds.maxUnits && (started.length === 0 || heldBytes < bounds.maxBytes)) {
      const next = await source.next();
      if (next.done === true) {
        exhausted = true;
        return;
      }
      const iterator = next.value.open()[Symbol.asyncIterator]();
      const pending = iterator.next();
      // Awaited when the unit's turn comes; until then a failure must not count as unhandled.
      pending.catch(() => {});
      heldBytes += next.value.estimatedBytes;
      started.push({ estimatedBytes: next.value.estimatedBytes, iterator, pending });
    }
  }

  function pump(): Promise<void> {
    filling ??= fill().finally(() => {
      filling = undefined;
    });
    filling.catch(() => {});
    return filling;
  }

  try {
    for (;;) {
      const filled = pump();
      if (started.length === 0) await filled;
      const head = started[0];
      if (head === undefined) {
        if (exhausted) return;
        continue;
      }
      for (;;) {
        const result = await head.pending;
        if (result.done === true) break;
        void pump();
        yield result.value;
        head.pending = head.iterator.next();
      }
      started.shift();
      heldBytes -= head.estimatedBytes;
    }
  } finally {
    exhausted = true;
    await Promise.allSettled([
      ...started.map((unit) => unit.iterator.return?.(undefined)),
      source.return?.(undefined),
      filling,
    ]);
  }
}

/**
 * Maps items in order with up to `concurrency` calls of `load` under way ahead of the consumer. Errors: those of
 * `load`, when the item's turn comes.
 */
export async function* mapAhead<T, R>(
  items: readonly T[],
  concurrency: number,
  load: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const pending: Promise<R>[] = [];
  let next = 0;
  while (next < items.length || pending.length > 0) {
    while (next < items.length && pending.length < concurrency) {
      const loading = load(items[next] as T);
      loading.catch(() => {});
      pending.push(loading);
      next += 1;
    }
    yield await (pending.shift() as Promise<R>);
  }
}
