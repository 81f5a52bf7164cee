// Which shard an event belongs to. Every event with the same id meets in the same shard, where it is deduplicated.

const FNV_OFFSET_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const HEX = "0123456789abcdef";

/** FNV-1a over UTF-16 units (http://www.isthe.com/chongo/tech/comp/fnv/), finished so that low bits are mixed. */
function hashText(text: string): number {
  let hash = FNV_OFFSET_BASIS;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The shard of an id, 0 ≤ shard < `shardCount`. Changing this function splits duplicates across shards. */
export function shardOf(eventId: string, shardCount: number): number {
  return shardCount === 1 ? 0 : hashText(eventId) % shardCount;
}

/**
 * The id with its last two characters, hexadecimal digits, replaced so that it belongs to `shard`: the events of a
 * request that brought no ids then share one shard, one write, one outcome. Random bits lost: at most 8.
 */
export function steerToShard(uuid: string, shard: number, shardCount: number): string {
  if (shardOf(uuid, shardCount) === shard) return uuid;
  const stem = uuid.slice(0, -2);
  for (let candidate = 0; candidate < 256; candidate++) {
    const steered = `${stem}${HEX[candidate >> 4]}${HEX[candidate & 15]}`;
    if (shardOf(steered, shardCount) === shard) return steered;
  }
  return uuid;
}
