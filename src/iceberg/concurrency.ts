// Bounded parallel reads: a Worker has six connections that may await headers at once.

/** Manifests read at once. */
export const PARALLEL_READS = 6;

/** Maps items with at most `limit` calls under way; results keep the items' order. The first rejection rejects. */
export async function mapConcurrent<T, R>(
  items: readonly T[],
  limit: number,
  map: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length) {
      const index = next;
      next += 1;
      results[index] = await map(items[index] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work));
  return results;
}
