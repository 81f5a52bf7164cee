// Comparisons of text with a constant on UTF-8 bytes, whose order is the order of code points: no strings are made.

import { looseTextOf, type FlatVector, type LooseText, type Vector } from "#columnar";

const encoder = new TextEncoder();

/** Orders that each operator accepts, as a set of bits: less 1, equal 2, greater 4. */
const ACCEPTED: Readonly<Record<string, number>> = { "=": 2, "<>": 5, "<": 1, "<=": 3, ">": 4, ">=": 6 };

/** Stands for "starts with" beside the sets of orders. */
const PREFIX = 0;

/** Row numbers where the comparison is true; undefined when the vector does not hold text as bytes. */
export type TextSelection = (vector: Vector, rows: Int32Array | undefined, rowCount: number) => Int32Array | undefined;

/** What every text starts with that a LIKE pattern matches, when the pattern asks for no more; else undefined. */
export function likePrefix(pattern: string): string | undefined {
  const prefix = pattern.slice(0, -1);
  return pattern.endsWith("%") && !/[%_\\]/.test(prefix) ? prefix : undefined;
}

/**
 * `text operator constant`, where `^@` is "starts with"; undefined for other operators and for constants that UTF-8
 * cannot hold.
 */
export function compileTextSelection(operator: string, constant: string): TextSelection | undefined {
  const accepted = operator === "^@" ? PREFIX : ACCEPTED[operator];
  if (accepted === undefined || !constant.isWellFormed()) return undefined;
  const wanted = encoder.encode(constant);
  const verdictsOf = new WeakMap<FlatVector, Uint8Array>();

  return (vector, rows, rowCount) => {
    if (vector.encoding === "constant") return undefined;
    const count = rows === undefined ? rowCount : rows.length;
    const out = new Int32Array(count);
    let n = 0;
    let verdicts: Uint8Array | undefined;
    if (vector.encoding === "dictionary") {
      const { dictionary, codes } = vector;
      const text = looseTextOf(dictionary);
      if (text === undefined || dictionary.validity !== undefined) return undefined;
      verdicts = verdictsOf.get(dictionary);
      if (verdicts === undefined) {
        verdicts = new Uint8Array(dictionary.length);
        compareTexts(verdicts, text, wanted, accepted);
        verdictsOf.set(dictionary, verdicts);
      }
      if (!verdicts.includes(1)) return out.subarray(0, 0);
      for (let k = 0; k < count; k++) {
        const row = rows === undefined ? k : (rows[k] as number);
        out[n] = row;
        n += verdicts[codes[row] as number] as number;
      }
    } else {
      const text = looseTextOf(vector);
      if (text === undefined) return undefined;
      verdicts = new Uint8Array(vector.length);
      compareTexts(verdicts, text, wanted, accepted);
      for (let k = 0; k < count; k++) {
        const row = rows === undefined ? k : (rows[k] as number);
        out[n] = row;
        n += verdicts[row] as number;
      }
    }
    const { validity } = vector;
    if (validity === undefined) return out.subarray(0, n);
    let kept = 0;
    for (let k = 0; k < n; k++) {
      const row = out[k] as number;
      out[kept] = row;
      kept += validity[row] as number;
    }
    return out.subarray(0, kept);
  };
}

/** Writes 1 where the order of a value and the wanted bytes is accepted, else leaves 0. */
function compareTexts(out: Uint8Array, text: LooseText, wanted: Uint8Array, accepted: number): void {
  if (accepted === 2) {
    markEqual(out, text, wanted);
    return;
  }
  if (accepted === PREFIX) {
    markPrefixed(out, text, wanted);
    return;
  }
  const { bytes, starts, gap } = text;
  for (let i = 0; i < out.length; i++) {
    const start = starts[i] as number;
    const length = (starts[i + 1] as number) - gap - start;
    const shared = Math.min(length, wanted.length);
    let difference = 0;
    for (let b = 0; b < shared && difference === 0; b++)
      difference = (bytes[start + b] as number) - (wanted[b] as number);
    if (difference === 0) difference = length - wanted.length;
    out[i] = ((difference < 0 ? 1 : difference > 0 ? 4 : 2) & accepted) === 0 ? 0 : 1;
  }
}

/** From the last byte on: values of one column often share how they start. */
function markEqual(out: Uint8Array, { bytes, starts, gap }: LooseText, wanted: Uint8Array): void {
  const { length } = wanted;
  const stride = length + gap;
  let start = starts[0] as number;
  for (let i = 0; i < out.length; i++) {
    const next = starts[i + 1] as number;
    if (next - start === stride) {
      let b = length - 1;
      while (b >= 0 && bytes[start + b] === wanted[b]) b--;
      if (b < 0) out[i] = 1;
    }
    start = next;
  }
}

/** From the prefix's last byte on. */
function markPrefixed(out: Uint8Array, { bytes, starts, gap }: LooseText, prefix: Uint8Array): void {
  const { length } = prefix;
  const stride = length + gap;
  let start = starts[0] as number;
  for (let i = 0; i < out.length; i++) {
    const next = starts[i + 1] as number;
    if (next - start >= stride) {
      let b = length - 1;
      while (b >= 0 && bytes[start + b] === prefix[b]) b--;
      if (b < 0) out[i] = 1;
    }
    start = next;
  }
}
