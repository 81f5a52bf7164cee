// Comparisons of text with a constant on UTF-8 bytes, whose order is the order of code points: no strings are made.

import { looseTextOf, type FlatVector, type LooseText, type Vector } from "#columnar";
import { compileLike, type MarkTexts } from "./text-like.ts";

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
 * `text operator constant`, where `^@` is "starts with", `~~` LIKE and `!~~` NOT LIKE; undefined for other operators, for
 * constants that UTF-8 cannot hold and patterns that bytes do not decide.
 */
export function compileTextSelection(operator: string, constant: string): TextSelection | undefined {
  const compiled = compileMarks(operator, constant);
  if (compiled === undefined) return undefined;
  const mark: MarkTexts = compiled;
  const verdictsOf = new WeakMap<FlatVector, Uint8Array>();

  /** Verdicts on the entries of a dictionary of text; undefined when it does not hold bytes. */
  function ofDictionary(dictionary: FlatVector): Uint8Array | undefined {
    const known = verdictsOf.get(dictionary);
    if (known !== undefined) return known;
    const text = looseTextOf(dictionary);
    if (text === undefined || dictionary.validity !== undefined) return undefined;
    const verdicts = new Uint8Array(dictionary.length);
    mark(verdicts, text);
    verdictsOf.set(dictionary, verdicts);
    return verdicts;
  }

  function select(vector: Vector, rows: Int32Array | undefined, rowCount: number): Int32Array | undefined {
    if (vector.encoding === "constant") return undefined;
    if (vector.encoding === "dictionary") {
      const { dictionary, validity } = vector;
      const verdicts = ofDictionary(dictionary);
      if (verdicts === undefined) return undefined;
      if (!verdicts.includes(1)) return new Int32Array(0);
      // Of one entry, only nulls are left to tell apart.
      if (verdicts.length === 1 && validity !== undefined) return marked(validity, rows, rowCount);
      return markedCodes(verdicts, vector.codes, rows, rowCount);
    }
    const text = looseTextOf(vector);
    if (text === undefined) return undefined;
    const verdicts = new Uint8Array(vector.length);
    const matches = mark(verdicts, text);
    return rows === undefined && matches * SPARSE_ROWS < rowCount
      ? markedSparsely(verdicts, matches)
      : marked(verdicts, rows, rowCount);
  }

  return (vector, rows, rowCount) => {
    const selected = select(vector, rows, rowCount);
    const validity = vector.encoding === "constant" ? undefined : vector.validity;
    return selected === undefined || validity === undefined ? selected : marked(validity, selected, selected.length);
  };
}

function compileMarks(operator: string, constant: string): MarkTexts | undefined {
  if (operator === "~~" || operator === "!~~") return compileLike(constant, operator === "!~~");
  const accepted = operator === "^@" ? PREFIX : ACCEPTED[operator];
  if (accepted === undefined || !constant.isWellFormed()) return undefined;
  const wanted = encoder.encode(constant);
  return (out, text) => compareTexts(out, text, wanted, accepted);
}

/** Where less than one row of so many matches, searching for the next is faster than looking at each. */
const SPARSE_ROWS = 64;

/** The rows, of `rows` or of all, that are marked with 1 and not 0. */
function marked(marks: Uint8Array, rows: Int32Array | undefined, rowCount: number): Int32Array {
  const count = rows === undefined ? rowCount : rows.length;
  const out = new Int32Array(count);
  let n = 0;
  if (rows === undefined) {
    for (let row = 0; row < count; row++) {
      out[n] = row;
      n += marks[row] as number;
    }
  } else {
    for (let k = 0; k < count; k++) {
      const row = rows[k] as number;
      out[n] = row;
      n += marks[row] as number;
    }
  }
  return out.subarray(0, n);
}

/** As {@link marked}, by the marks of codes. */
function markedCodes(marks: Uint8Array, codes: Int32Array, rows: Int32Array | undefined, rowCount: number): Int32Array {
  const count = rows === undefined ? rowCount : rows.length;
  const out = new Int32Array(count);
  let n = 0;
  if (rows === undefined) {
    for (let row = 0; row < count; row++) {
      out[n] = row;
      n += marks[codes[row] as number] as number;
    }
  } else {
    for (let k = 0; k < count; k++) {
      const row = rows[k] as number;
      out[n] = row;
      n += marks[codes[row] as number] as number;
    }
  }
  return out.subarray(0, n);
}

function markedSparsely(marks: Uint8Array, matches: number): Int32Array {
  const out = new Int32Array(matches);
  for (let n = 0, row = -1; n < matches; n++) out[n] = row = marks.indexOf(1, row + 1);
  return out;
}

/** Writes 1 where the order of a value and the wanted bytes is accepted, else leaves 0; returns how many are. */
function compareTexts(out: Uint8Array, text: LooseText, wanted: Uint8Array, accepted: number): number {
  if (accepted === 2) return markEqual(out, text, wanted);
  if (accepted === PREFIX) return markPrefixed(out, text, wanted);
  let matches = 0;
  const { bytes, starts, gap } = text;
  for (let i = 0; i < out.length; i++) {
    const start = starts[i] as number;
    const length = (starts[i + 1] as number) - gap - start;
    const shared = Math.min(length, wanted.length);
    let difference = 0;
    for (let b = 0; b < shared && difference === 0; b++)
      difference = (bytes[start + b] as number) - (wanted[b] as number);
    if (difference === 0) difference = length - wanted.length;
    if (((difference < 0 ? 1 : difference > 0 ? 4 : 2) & accepted) === 0) continue;
    out[i] = 1;
    matches += 1;
  }
  return matches;
}

/** From the last byte on: values of one column often share how they start. */
function markEqual(out: Uint8Array, { bytes, starts, gap }: LooseText, wanted: Uint8Array): number {
  const { length } = wanted;
  let matches = 0;
  const stride = length + gap;
  let start = starts[0] as number;
  for (let i = 0; i < out.length; i++) {
    const next = starts[i + 1] as number;
    if (next - start === stride) {
      let b = length - 1;
      while (b >= 0 && bytes[start + b] === wanted[b]) b--;
      if (b < 0) {
        out[i] = 1;
        matches += 1;
      }
    }
    start = next;
  }
  return matches;
}

/** From the prefix's last byte on. */
function markPrefixed(out: Uint8Array, { bytes, starts, gap }: LooseText, prefix: Uint8Array): number {
  const { length } = prefix;
  let matches = 0;
  const stride = length + gap;
  let start = starts[0] as number;
  for (let i = 0; i < out.length; i++) {
    const next = starts[i + 1] as number;
    if (next - start >= stride) {
      let b = length - 1;
      while (b >= 0 && bytes[start + b] === prefix[b]) b--;
      if (b < 0) {
        out[i] = 1;
        matches += 1;
      }
    }
    start = next;
  }
  return matches;
}
