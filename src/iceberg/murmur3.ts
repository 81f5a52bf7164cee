// MurmurHash3 x86 32-bit, seed 0: the hash of Iceberg's bucket transform (table spec, Appendix B).

const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

/** The hash of the bytes as a signed 32-bit integer. */
export function murmur3(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blockEnd = bytes.length & ~3;
  let hash = 0;
  for (let offset = 0; offset < blockEnd; offset += 4) {
    hash ^= scramble(view.getInt32(offset, true));
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let index = bytes.length - 1; index >= blockEnd; index--) tail = (tail << 8) | (bytes[index] as number);
  if (blockEnd < bytes.length) hash ^= scramble(tail);
  hash ^= bytes.length;
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function scramble(block: number): number {
  const mixed = Math.imul(block, C1);
  return Math.imul((mixed << 15) | (mixed >>> 17), C2);
}
