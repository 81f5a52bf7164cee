// Small parts of many times at once: codes into a table of all the values a part can have.

import {
  flattenVector,
  vectorFromScalars,
  type DataType,
  type DictionaryVector,
  type FlatVector,
  type Scalar,
  type Vector,
} from "#columnar";
import { MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE } from "../values/civil.ts";
import { canonicalUnit, extractPart } from "./date-trunc.ts";
import type { VectorKernel } from "./definition.ts";

/** A part of few values: those between two, ends included, and how long it keeps one, microseconds. */
interface SmallPart {
  readonly first: number;
  readonly last: number;
  readonly width: number;
}

const SMALL_PARTS: Readonly<Record<string, SmallPart>> = {
  minute: { first: 0, last: 59, width: MICROS_PER_MINUTE },
  hour: { first: 0, last: 23, width: MICROS_PER_HOUR },
  day: { first: 1, last: 31, width: MICROS_PER_DAY },
  dow: { first: 0, last: 6, width: MICROS_PER_DAY },
  isodow: { first: 1, last: 7, width: MICROS_PER_DAY },
  doy: { first: 1, last: 366, width: MICROS_PER_DAY },
  week: { first: 1, last: 53, width: MICROS_PER_DAY },
  month: { first: 1, last: 12, width: MICROS_PER_DAY },
  quarter: { first: 1, last: 4, width: MICROS_PER_DAY },
  // Beyond these, years go row by row.
  year: { first: 1600, last: 2399, width: MICROS_PER_DAY },
};

const NUMERIC: DataType = { kind: "decimal" };
const FLOAT64: DataType = { kind: "float64" };

/** One for each part and type, so that what is known of a dictionary is known of all batches. */
const dictionaries = new Map<string, FlatVector>();

function dictionaryOf(unit: string, { first, last }: SmallPart, type: DataType): FlatVector {
  const key = `${unit} ${type.kind}`;
  let dictionary = dictionaries.get(key);
  if (dictionary === undefined) {
    const values: Scalar[] = [];
    for (let value = first; value <= last; value++) {
      values.push(type.kind === "decimal" ? { unscaled: BigInt(value), scale: 0 } : value);
    }
    dictionaries.set(key, (dictionary = vectorFromScalars(type, values)));
  }
  return dictionary;
}

/** The code of every row, or undefined when a row's part is not in the table. */
function codesOf(
  unit: string,
  { first, last, width }: SmallPart,
  values: Float64Array,
  validity: Uint8Array | undefined,
  rowCount: number,
): Int32Array | undefined {
  const codes = new Int32Array(rowCount);
  const known = new Map<number, number>();
  // Neighbours mostly share their hour and day.
  let from = Number.NaN;
  let to = Number.NaN;
  let code = 0;
  for (let i = 0; i < rowCount; i++) {
    if (validity !== undefined && validity[i] === 0) continue;
    const micros = values[i] as number;
    if (!(micros >= from && micros < to)) {
      const span = Math.floor(micros / width);
      from = span * width;
      to = from + width;
      if (width === MICROS_PER_HOUR) code = span - Math.floor(span / 24) * 24;
      else if (width === MICROS_PER_MINUTE) code = span - Math.floor(span / 60) * 60;
      else {
        let ofDay = known.get(span);
        if (ofDay === undefined) {
          if (!Number.isFinite(micros)) return undefined;
          const part = extractPart(unit, from);
          if (part === undefined || part < first || part > last) return undefined;
          known.set(span, (ofDay = part - first));
        }
        code = ofDay;
      }
      if (!(code >= 0 && code <= last - first)) return undefined;
    }
    codes[i] = code;
  }
  return codes;
}

function partKernel(type: DataType): VectorKernel {
  return ([unitVector, source], rowCount): Vector | undefined => {
    if (unitVector?.encoding !== "constant" || typeof unitVector.value !== "string") return undefined;
    if (source === undefined || source.encoding === "constant") return undefined;
    const unit = canonicalUnit(unitVector.value);
    const part = Object.hasOwn(SMALL_PARTS, unit) ? SMALL_PARTS[unit] : undefined;
    if (part === undefined) return undefined;
    const { values, validity } = flattenVector(source);
    if (!(values instanceof Float64Array)) return undefined;
    const codes = codesOf(unit, part, values, validity, rowCount);
    if (codes === undefined) return undefined;
    const dictionary = dictionaryOf(unit, part, type);
    const result: DictionaryVector = { encoding: "dictionary", type, length: rowCount, codes, dictionary, validity };
    return result;
  };
}

/** extract(constant unit FROM timestamps), for parts of few values. Undefined where rows go one by one. */
export const extractKernel: VectorKernel = partKernel(NUMERIC);

/** date_part(constant unit, timestamps), likewise. */
export const datePartKernel: VectorKernel = partKernel(FLOAT64);
