// The order of texts by their UTF-8 bytes, which is the order of their code points: no strings are made.

import { textBlockOf, type DataType, type LooseText, type Utf8Block } from "#columnar";
import { sortSingle } from "./sort-numbers.ts";
import { TextTable } from "./text-table.ts";

/** Bytes that a double holds exactly as one number. */
const DIGIT_BYTES = 6;

/** Some texts that have their first bytes in common, as a range of the order being made. */
interface Range {
  readonly start: number;
  readonly end: number;
  /** Bytes in common. */
  readonly from: number;
}

/**
 * Ranks of texts: equal texts share one, greater texts have greater ones; null rows get 0.
 *
 * Cost: each text is hashed, and the different ones are sorted by six bytes at a time beyond what they share.
 */
export function rankTexts(
  type: DataType,
  text: LooseText,
  validity: Uint8Array | undefined,
  rowCount: number,
): Float64Array {
  const table = new TextTable();
  const ids = new Int32Array(rowCount);
  const rows = validity === undefined ? undefined : presentRows(validity, rowCount);
  const count = rows?.length ?? rowCount;
  table.encodeTexts(text, rows, count, true, ids);
  const every = Int32Array.from({ length: table.count }, (_, id) => id);
  const order = orderOf(textBlockOf(table.decode(type, every, -1)) as Utf8Block, table.count);
  const rankOfId = new Float64Array(table.count);
  for (let rank = 0; rank < order.length; rank++) rankOfId[order[rank] as number] = rank;
  const ranks = new Float64Array(rowCount);
  for (let k = 0; k < count; k++)
    ranks[rows === undefined ? k : (rows[k] as number)] = rankOfId[ids[k] as number] as number;
  return ranks;
}

function presentRows(validity: Uint8Array, rowCount: number): Int32Array {
  const rows = new Int32Array(rowCount);
  let count = 0;
  for (let i = 0; i < rowCount; i++) {
    rows[count] = i;
    count += validity[i] as number;
  }
  return rows.subarray(0, count);
}

/** The different texts of a block in their order. */
function orderOf({ bytes, offsets }: Utf8Block, count: number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  const open: Range[] = [{ start: 0, end: count, from: 0 }];
  const lengthOf = (index: number): number => (offsets[index + 1] as number) - (offsets[index] as number);
  for (let range = open.pop(); range !== undefined; range = open.pop()) {
    const { start, end } = range;
    if (end - start < 2) continue;
    const indices = order.slice(start, end);
    const from = range.from + sharedBytes(bytes, offsets, indices, range.from);
    const digits = new Float64Array(indices.length);
    let isLonger = false;
    for (let k = 0; k < indices.length; k++) {
      const index = indices[k] as number;
      const at = (offsets[index] as number) + from;
      const stop = offsets[index + 1] as number;
      let digit = 0;
      for (let b = 0; b < DIGIT_BYTES; b++) digit = digit * 256 + (at + b < stop ? (bytes[at + b] as number) : 0);
      digits[k] = digit;
      if (at + DIGIT_BYTES < stop) isLonger = true;
    }
    const places = sortSingle(digits, indices.length);
    for (let k = 0; k < places.length; k++) order[start + k] = indices[places[k] as number] as number;
    for (let first = 0; first < places.length;) {
      const digit = digits[places[first] as number];
      let next = first + 1;
      while (next < places.length && digits[places[next] as number] === digit) next++;
      const same = { start: start + first, end: start + next, from: from + DIGIT_BYTES };
      if (isLonger) open.push(same);
      // What differs in nothing but zeros at its end is in the order of its length.
      else if (next - first > 1) order.subarray(same.start, same.end).sort((a, b) => lengthOf(a) - lengthOf(b));
      first = next;
    }
  }
  return order;
}

/** How many bytes beyond the first `from` all the texts share. */
function sharedBytes(bytes: Uint8Array, offsets: Int32Array, indices: Int32Array, from: number): number {
  const first = indices[0] as number;
  const at = (offsets[first] as number) + from;
  let shared = (offsets[first + 1] as number) - at;
  for (let k = 1; k < indices.length && shared > 0; k++) {
    const index = indices[k] as number;
    const other = (offsets[index] as number) + from;
    shared = Math.min(shared, (offsets[index + 1] as number) - other);
    let b = 0;
    while (b < shared && bytes[at + b] === bytes[other + b]) b++;
    shared = b;
  }
  return Math.max(0, shared);
}

/** The rows of the least and the greatest text; undefined when all are null. */
export function extremeTexts(
  { bytes, starts, gap }: LooseText,
  validity: Uint8Array | undefined,
  rowCount: number,
): { readonly least: number; readonly greatest: number } | undefined {
  const isLess = (a: number, b: number): boolean => {
    const [atA, atB] = [starts[a] as number, starts[b] as number];
    const lengthA = (starts[a + 1] as number) - gap - atA;
    const lengthB = (starts[b + 1] as number) - gap - atB;
    const shared = Math.min(lengthA, lengthB);
    for (let i = 0; i < shared; i++) {
      const difference = (bytes[atA + i] as number) - (bytes[atB + i] as number);
      if (difference !== 0) return difference < 0;
    }
    return lengthA < lengthB;
  };
  let least = -1;
  let greatest = -1;
  for (let row = 0; row < rowCount; row++) {
    if (validity !== undefined && validity[row] === 0) continue;
    if (least < 0 || isLess(row, least)) least = row;
    if (greatest < 0 || isLess(greatest, row)) greatest = row;
  }
  return least < 0 ? undefined : { least, greatest };
}
