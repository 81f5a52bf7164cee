// Casts between numbers and times on whole vectors, where a loop over typed arrays does it.

import { flattenVector, type DataType, type FlatVector, type Vector } from "#columnar";
import { decimalCastKernel, type VectorKernel } from "../functions/index.ts";
import { dateToMicros, microsToDate } from "../values/infinite.ts";
import { castKind, typesEqual } from "../values/index.ts";

const INTEGER_WIDTH: Readonly<Record<string, number>> = { int16: 2, int32: 4, int64: 8 };

/** Casts that never fail: to a wider number, to text, between dates and times. */
export function isSafeCast(from: DataType, to: DataType): boolean {
  if (typesEqual(from, to)) return to.kind !== "decimal" || to.precision === undefined;
  if (from.kind === "string" || from.kind === "json") return to.kind === "string";
  if (to.kind === "string") return true;
  if (to.kind === "decimal") return to.precision === undefined && INTEGER_WIDTH[from.kind] !== undefined;
  if (from.kind === "decimal") return to.kind === "float64" && from.precision !== undefined;
  return castKind(from, to) === "implicit" || from.kind === "timestamp" || from.kind === "interval";
}

/** Builds the result from the flat source; the source's array must be of the expected kind. */
type Convert = (values: FlatVector["values"], length: number) => FlatVector["values"] | undefined;

function widen(values: FlatVector["values"]): FlatVector["values"] | undefined {
  if (values instanceof Float64Array) return values;
  return values instanceof Int32Array ? new Float64Array(values) : undefined;
}

function convertFor(from: DataType, to: DataType): Convert | undefined {
  const fromWidth = INTEGER_WIDTH[from.kind];
  const toWidth = INTEGER_WIDTH[to.kind];
  if (fromWidth !== undefined && toWidth !== undefined && fromWidth <= toWidth) {
    return to.kind === "int64" ? widen : (values) => values;
  }
  if ((fromWidth !== undefined || from.kind === "float32") && to.kind === "float64") return widen;
  if (from.kind === "date" && to.kind === "timestamp") {
    return (values, length) => {
      if (!(values instanceof Int32Array)) return undefined;
      const out = new Float64Array(length);
      for (let i = 0; i < length; i++) out[i] = dateToMicros(values[i] as number);
      return out;
    };
  }
  if (from.kind === "timestamp" && to.kind === "date") {
    return (values, length) => {
      if (!(values instanceof Float64Array)) return undefined;
      const out = new Int32Array(length);
      for (let i = 0; i < length; i++) out[i] = microsToDate(values[i] as number);
      return out;
    };
  }
  if (from.kind === "timestamp" && to.kind === "timestamp") return (values) => values;
  if (from.kind === "json" && to.kind === "string") return (values) => values;
  return undefined;
}

/** The kernel of a cast, or undefined when values go one by one. */
export function castKernel(from: DataType, to: DataType): VectorKernel | undefined {
  if (from.kind === "decimal" || to.kind === "decimal") return decimalCastKernel(from, to);
  const convert = convertFor(from, to);
  if (convert === undefined) return undefined;
  return ([source], rowCount): Vector | undefined => {
    if (source === undefined) return undefined;
    const flat = flattenVector(source);
    const values = convert(flat.values, rowCount);
    if (values === undefined) return undefined;
    return { encoding: "flat", type: to, length: rowCount, values, validity: flat.validity };
  };
}
