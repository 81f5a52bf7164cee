// Which encoding a column's values ask for.

import {
  decimalBlockOf,
  hashRange,
  textBlockOf,
  type DataType,
  type FlatVector,
  type TypeKind,
  type Vector,
} from "#columnar";

/** How a column chunk starts out; the writer leaves a dictionary that outgrows its page. */
export type ColumnEncoding = "dictionary" | "delta" | "plain";

/** Rows looked at to tell whether a column repeats its values. */
const SAMPLE_ROWS = 2048;

/** 2^32 / φ, odd: its multiples spread evenly. */
const GOLDEN_RATIO_32 = 0x9e37_79b1;

/** The writer gives up a dictionary beyond this size and stores the rest of the chunk plainly. */
const DICTIONARY_PAGE_BYTES = 1024 * 1024;

/** Stretches of neighbouring rows looked at to tell how far values step, and the steps of each: a miniblock's. */
const SAMPLE_STRETCHES = 64;
const STRETCH_STEPS = 32;
/** A block of 128 values has its least step and the widths of its four miniblocks beside them. */
const DELTA_OVERHEAD_BITS = 0.4;
/** Delta has to be this much smaller than a dictionary: codes save scans more than bytes. */
const DELTA_SHARE = 0.6;
/** Where so many values equal the one before, codes are runs. */
const RUN_SHARE = 0.875;

/** The widest decimal that is stored as a 64-bit integer. */
const MAX_INTEGER_PRECISION = 18;

const INTEGER_KINDS: ReadonlySet<TypeKind> = new Set(["int16", "int32", "int64", "date", "time", "timestamp"]);

/** Whether values of the type are stored as integers, which delta encoding takes. */
export function takesDelta(type: DataType): boolean {
  if (type.kind === "decimal") return (type.precision ?? Number.POSITIVE_INFINITY) <= MAX_INTEGER_PRECISION;
  return INTEGER_KINDS.has(type.kind);
}

/**
 * The encoding for a column: a dictionary where the values that a sample suggests are few, unless they ascend in steps
 * so small that delta takes much less; else delta for what is stored as integers. Cost: looks at a few thousand rows.
 */
export function columnEncoding(vector: Vector, maxBytes = DICTIONARY_PAGE_BYTES): ColumnEncoding {
  const otherwise = takesDelta(vector.type) ? "delta" : "plain";
  if (vector.type.kind === "boolean") return "plain";
  if (vector.encoding === "constant") return "dictionary";
  const sample = sampleDistinct(vector);
  if (sample === undefined) return "dictionary";
  const { distinct, meanBytes } = sample;
  // Codes help scans most on text, so text may have more distinct values than numbers.
  const maxDistinct = vector.length / (isText(vector.type) ? 3 : 20);
  if (distinct > maxDistinct || distinct * meanBytes > maxBytes) return otherwise;
  if (otherwise === "plain") return "dictionary";
  const codeBits = Math.ceil(Math.log2(Math.max(2, distinct)));
  const dictionaryBits = codeBits + (distinct * valueBits(vector.type)) / vector.length;
  return deltaBits(vector) < dictionaryBits * DELTA_SHARE ? "delta" : "dictionary";
}

function isText({ kind }: DataType): boolean {
  return kind === "string" || kind === "json" || kind === "binary";
}

function valueBits(type: DataType): number {
  const isNarrow = type.kind === "int16" || type.kind === "int32" || type.kind === "date";
  return isNarrow || (type.kind === "decimal" && (type.precision ?? 0) <= 9) ? 32 : 64;
}

/** How many different values there are, and how long the text of one is; undefined when all are NULL. */
function sampleDistinct(
  vector: Exclude<Vector, { encoding: "constant" }>,
): { readonly distinct: number; readonly meanBytes: number } | undefined {
  if (vector.encoding === "dictionary") return { distinct: vector.dictionary.length, meanBytes: 0 };
  const block = textBlockOf(vector);
  const decimals = decimalBlockOf(vector)?.unscaled;
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
    const value = decimals === undefined ? vector.values[i] : decimals[i];
    if (typeof value === "string") units += value.length;
    const key = typeof value === "object" && "unscaled" in value ? value.unscaled : value;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  if (sampled === 0) return undefined;
  let once = 0;
  let twice = 0;
  for (const count of counts.values()) {
    if (count === 1) once += 1;
    else if (count === 2) twice += 1;
  }
  // Chao's estimate from the values seen once and twice.
  const unseen = sampled === vector.length ? 0 : (once * once) / (2 * Math.max(1, twice));
  return { distinct: counts.size + unseen, meanBytes: units / sampled };
}

/** Bits that delta encoding takes for a value, as some stretches of neighbours suggest; infinite where values are runs. */
function deltaBits(vector: Exclude<Vector, { encoding: "constant" }>): number {
  const source = vector.encoding === "dictionary" ? vector.dictionary : vector;
  const values = numbersOf(source);
  if (values === undefined) return Number.POSITIVE_INFINITY;
  const codes = vector.encoding === "dictionary" ? vector.codes : undefined;
  let bits = 0;
  let steps = 0;
  let repeats = 0;
  const stride = Math.max(STRETCH_STEPS, Math.floor(vector.length / SAMPLE_STRETCHES));
  for (let start = 0; start < vector.length; start += stride) {
    let least = Number.POSITIVE_INFINITY;
    let greatest = Number.NEGATIVE_INFINITY;
    let before: number | undefined;
    for (let row = start; row <= start + STRETCH_STEPS && row < vector.length; row++) {
      if (vector.validity?.[row] === 0) continue;
      const value = values[codes === undefined ? row : (codes[row] as number)] as number;
      if (before !== undefined) {
        const step = value - before;
        least = Math.min(least, step);
        greatest = Math.max(greatest, step);
        steps += 1;
        if (step === 0) repeats += 1;
      }
      before = value;
    }
    if (greatest > least) bits += STRETCH_STEPS * Math.ceil(Math.log2(greatest - least + 1));
  }
  if (steps === 0 || repeats > steps * RUN_SHARE) return Number.POSITIVE_INFINITY;
  return bits / steps + DELTA_OVERHEAD_BITS;
}

/** The integers that a column stores, where doubles hold them. */
function numbersOf(vector: FlatVector): Float64Array | Int32Array | undefined {
  const decimals = decimalBlockOf(vector);
  if (decimals !== undefined) return decimals.unscaled;
  if (vector.type.kind === "decimal") return undefined;
  const { values } = vector;
  return values instanceof Float64Array || values instanceof Int32Array ? values : undefined;
}
