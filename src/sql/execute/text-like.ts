// LIKE with a constant pattern on UTF-8 bytes. A pattern's texts are whole characters, so they are found among the bytes of
// well-formed text exactly where they are found among its characters.

import type { LooseText } from "#columnar";

const encoder = new TextEncoder();

/** A text to look for and how far to go on where a byte is not its last one (Horspool). */
interface Needle {
  readonly bytes: Uint8Array;
  readonly steps: Int32Array;
}

/** Writes 1 for each text that matches, else leaves 0; returns how many do. */
export type MarkTexts = (out: Uint8Array, text: LooseText) => number;

/**
 * Marks what a LIKE pattern matches, or what it does not; undefined for patterns with "_" or an escape.
 *
 * Cost: looks at one byte in as many as the texts between two "%" are long, as a rule.
 */
export function compileLike(pattern: string, isNegated: boolean): MarkTexts | undefined {
  if (/[_\\]/.test(pattern) || !pattern.isWellFormed()) return undefined;
  const [head = "", ...rest] = pattern.split("%");
  const tail = rest.pop();
  const first = encoder.encode(head);
  const last = tail === undefined ? undefined : encoder.encode(tail);
  const needles = rest.filter((segment) => segment !== "").map((segment) => needleOf(encoder.encode(segment)));
  const wanted = isNegated ? 0 : 1;
  return (out, { bytes, starts, gap }) => {
    let matches = 0;
    for (let i = 0; i < out.length; i++) {
      const start = starts[i] as number;
      const end = (starts[i + 1] as number) - gap;
      const found = matchesBetween(bytes, start, end, first, needles, last) ? 1 : 0;
      if (found !== wanted) continue;
      out[i] = 1;
      matches += 1;
    }
    return matches;
  };
}

function needleOf(bytes: Uint8Array): Needle {
  const { length } = bytes;
  const steps = new Int32Array(256).fill(length);
  for (let i = 0; i < length - 1; i++) steps[bytes[i] as number] = length - 1 - i;
  return { bytes, steps };
}

/** Each segment as early as it can be, the last one at the end. */
function matchesBetween(
  bytes: Uint8Array,
  start: number,
  end: number,
  first: Uint8Array,
  needles: readonly Needle[],
  last: Uint8Array | undefined,
): boolean {
  if (end - start < first.length || !isAt(bytes, start, first)) return false;
  let at = start + first.length;
  if (last === undefined) return at === end;
  const until = end - last.length;
  if (at > until || !isAt(bytes, until, last)) return false;
  for (const needle of needles) {
    at = endOf(needle, bytes, at, until);
    if (at < 0) return false;
  }
  return true;
}

function isAt(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let b = 0; b < wanted.length; b++) if (bytes[at + b] !== wanted[b]) return false;
  return true;
}

/** The end of the first occurrence within [from, until), or -1. */
function endOf({ bytes: wanted, steps }: Needle, bytes: Uint8Array, from: number, until: number): number {
  const last = wanted.length - 1;
  const lastByte = wanted[last];
  for (let at = from + last; at < until;) {
    const byte = bytes[at] as number;
    if (byte === lastByte) {
      let b = last - 1;
      while (b >= 0 && bytes[at - last + b] === wanted[b]) b--;
      if (b < 0) return at + 1;
    }
    at += steps[byte] as number;
  }
  return -1;
}
