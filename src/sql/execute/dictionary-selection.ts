// Conditions on one dictionary-coded column: decided once for each entry, then looked up by code.

import {
  constantVector,
  passCodes,
  pick,
  type Batch,
  type DictionaryVector,
  type FlatVector,
  type Vector,
} from "#columnar";
import { keepRows, rowScratch, type Selection } from "./row-scratch.ts";

/** Narrows a selection of a batch to the rows where the condition is true. */
type Select = (batch: Batch, rows: Selection) => Selection;

/** A dictionary this many times larger than the batch is not worth deciding on. */
const MAX_DICTIONARY_RATIO = 4;
/** Codes of fewer rows than one in so many are picked. */
const PICK_SHARE = 8;

/** What a condition says of a dictionary's entries. */
interface Verdicts {
  /** 1 where it is true. */
  readonly marks: Uint8Array;
  readonly accepted: number;
  readonly acceptsNull: boolean;
}

/**
 * The condition `select`, which reads column `index` only and cannot fail, decided once for each entry of a dictionary;
 * elsewhere as it is. Memory: a byte for each entry, as long as the dictionary lives.
 */
export function selectByDictionary(select: Select, index: number): Select {
  const known = new WeakMap<FlatVector, Verdicts>();

  function verdictsOf(batch: Batch, { type, dictionary }: DictionaryVector): Verdicts {
    const decide = (values: Vector): Selection => {
      const columns = batch.columns.map((other, i) =>
        i === index ? values : constantVector(other.type, null, values.length),
      );
      return select({ rowCount: values.length, columns }, undefined);
    };
    const marks = new Uint8Array(dictionary.length);
    const accepted = dictionary.length === 0 ? new Int32Array(0) : decide(dictionary);
    if (accepted === undefined) marks.fill(1);
    else for (const entry of accepted) marks[entry] = 1;
    const acceptsNull = decide(constantVector(type, null, 1))?.length !== 0;
    return { marks, accepted: accepted?.length ?? dictionary.length, acceptsNull };
  }

  return (batch, rows) => {
    const vector = batch.columns[index];
    if (vector?.encoding !== "dictionary" || vector.dictionary.length > batch.rowCount * MAX_DICTIONARY_RATIO) {
      return select(batch, rows);
    }
    let verdicts = known.get(vector.dictionary);
    if (verdicts === undefined) known.set(vector.dictionary, (verdicts = verdictsOf(batch, vector)));
    return lookUp(vector, verdicts, batch.rowCount, rows);
  };
}

function lookUp(vector: DictionaryVector, verdicts: Verdicts, rowCount: number, rows: Selection): Selection {
  const { marks, accepted, acceptsNull } = verdicts;
  const { validity } = vector;
  if (accepted === 0 && (validity === undefined || !acceptsNull)) return new Int32Array(0);
  if (accepted === marks.length && (validity === undefined || acceptsNull)) return rows;
  const count = rows === undefined ? rowCount : rows.length;
  const out = rowScratch(count);
  let n = 0;
  if (accepted === marks.length && validity !== undefined) n = writePresent(out, validity, rows, count);
  else if (validity !== undefined)
    n = writeNullable(out, marks, vector.codes, validity, acceptsNull ? 1 : 0, rows, count);
  else if (rows !== undefined && count * PICK_SHARE < rowCount) {
    const picked = pick(vector, rows);
    if (picked.encoding === "dictionary") n = writePicked(out, marks, picked.codes, rows);
  } else n = writeMarked(out, marks, passCodes(vector), rows, count);
  return keepRows(out, n, rows, count);
}

function writeMarked(out: Int32Array, marks: Uint8Array, codes: Int32Array, rows: Selection, count: number): number {
  let n = 0;
  if (rows === undefined) {
    for (let row = 0; row < count; row++) {
      out[n] = row;
      n += marks[codes[row] as number] as number;
    }
    return n;
  }
  for (let k = 0; k < count; k++) {
    const row = rows[k] as number;
    out[n] = row;
    n += marks[codes[row] as number] as number;
  }
  return n;
}

function writePicked(out: Int32Array, marks: Uint8Array, codes: Int32Array, rows: Int32Array): number {
  let n = 0;
  for (let k = 0; k < rows.length; k++) {
    out[n] = rows[k] as number;
    n += marks[codes[k] as number] as number;
  }
  return n;
}

function writePresent(out: Int32Array, validity: Uint8Array, rows: Selection, count: number): number {
  let n = 0;
  for (let k = 0; k < count; k++) {
    const row = rows === undefined ? k : (rows[k] as number);
    out[n] = row;
    n += validity[row] as number;
  }
  return n;
}

function writeNullable(
  out: Int32Array,
  marks: Uint8Array,
  codes: Int32Array,
  validity: Uint8Array,
  ofNull: number,
  rows: Selection,
  count: number,
): number {
  let n = 0;
  for (let k = 0; k < count; k++) {
    const row = rows === undefined ? k : (rows[k] as number);
    out[n] = row;
    n += validity[row] === 0 ? ofNull : (marks[codes[row] as number] as number);
  }
  return n;
}
