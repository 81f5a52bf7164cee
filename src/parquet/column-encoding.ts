// Which encoding a column's values ask for.

import { hashRange, textBlockOf, type TypeKind, type Vector } from "#columnar";

/** Rows looked at to tell whether a column repeats its values. */
const SAMPLE_ROWS = 2048;

/** 2^32 / φ, odd: its multiples spread evenly. */
const GOLDEN_RATIO_32 = 0x9e37_79b1;

/** The writer gives up a dictionary beyond this size and stores the rest of the chunk plainly. */
const DICTIONARY_PAGE_BYTES = 1024 * 1024;

const TEXT_KINDS: ReadonlySet<TypeKind> = new Set(["string", "json", "binary"]);

/** Types that delta encoding suits where a dictionary does not pay. */
export const DELTA_KINDS: ReadonlySet<TypeKind> = new Set(["int16", "int32", "int64", "date", "time", "timestamp"]);

/**
 * Whether a dictionary pays: whether the values that a sample suggests (Chao's estimate from the values seen once and
 * twice) are few. Codes help scans most on text, so text may have more distinct values than numbers.
 */
export function dictionaryPays(vector: Vector, maxBytes = DICTIONARY_PAGE_BYTES): boolean {
  if (vector.type.kind === "boolean") return false;
  if (vector.encoding === "constant") return true;
  const maxDistinct = vector.length / (TEXT_KINDS.has(vector.type.kind) ? 3 : 20);
  if (vector.encoding === "dictionary") return vector.dictionary.length <= maxDistinct;
  const block = textBlockOf(vector);
  const counts = new Map<unknown, number>();
  let sampled = 0;
  let units = 0;
  for (let k = 0; k < SAMPLE_ROWS && k < vector.length; k++) {
    // Scattered positions: a regular stride would be fooled by values that cycle.
    const row: number = vector.length <= SAMPLE_ROWS ? k : Math.imul(k, GOLDEN_RATIO_32) >>> 0;
    const i: number = row % vector.length;
    if (vector.validity?.[i] === 0) continue;
    sampled += 1;
    if (block !== undefined) {
      const start = block.offsets[i] as number;
      const end = block.offsets[i + 1] as number;
      units += end - start;
      const hash = hashRange(block.bytes, start, end);
      counts.set(hash, (counts.get(hash) ?? 0) + 1);
      continue;
    }
    const value = vector.values[i];
    if (typeof value === "string") units += value.length;
    const key = typeof value === "object" && "unscaled" in value ? value.unscaled : value;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  if (sampled === 0) return true;
  let once = 0;
  let twice = 0;
  for (const count of counts.values()) {
    if (count === 1) once += 1;
    else if (count === 2) twice += 1;
  }
  const unseen = sampled === vector.length ? 0 : (once * once) / (2 * Math.max(1, twice));
  const distinct = counts.size + unseen;
  return distinct <= maxDistinct && (distinct * units) / sampled <= maxBytes;
}
