// NaNs of the columns being written: the footer does not say them, Iceberg's metrics do.

import type { DataType, Scalar, Vector } from "#columnar";

/** NaNs of each leaf below the columns in schema order; undefined where the type has none. */
export function countNans(columns: readonly Vector[]): (number | undefined)[] {
  return columns.flatMap((column) => {
    if (!isNested(column.type)) return [flatNans(column)];
    const counts = leafTypes(column.type).map((type) => (isFloat(type) ? 0 : undefined));
    if (counts.every((count) => count === undefined)) return counts;
    forEachScalar(column, (value) => countInside(column.type, value, counts, 0));
    return counts;
  });
}

function isNested(type: DataType): boolean {
  return type.kind === "list" || type.kind === "struct" || type.kind === "map";
}

function isFloat(type: DataType): boolean {
  return type.kind === "float32" || type.kind === "float64";
}

/** The leaves of a type in the order that files have them. */
export function leafTypes(type: DataType): DataType[] {
  if (type.kind === "list") return leafTypes(type.element);
  if (type.kind === "struct") return type.fields.flatMap((field) => leafTypes(field.type));
  return type.kind === "map" ? [...leafTypes(type.key), ...leafTypes(type.value)] : [type];
}

function forEachScalar(vector: Vector, visit: (value: Scalar) => void): void {
  if (vector.encoding === "constant") {
    for (let i = 0; i < vector.length; i++) visit(vector.value);
    return;
  }
  const isDictionary = vector.encoding === "dictionary";
  const values = (isDictionary ? vector.dictionary.values : vector.values) as readonly Scalar[];
  for (let i = 0; i < vector.length; i++) {
    if (vector.validity?.[i] === 0) continue;
    visit(values[isDictionary ? (vector.codes[i] as number) : i] as Scalar);
  }
}

/** Adds the NaNs below a value to the counts from `leaf` on; returns the leaf after the value's. */
function countInside(type: DataType, value: Scalar, counts: (number | undefined)[], leaf: number): number {
  if (type.kind === "list") {
    for (const item of (value ?? []) as readonly Scalar[]) countInside(type.element, item, counts, leaf);
    return leaf + leafTypes(type.element).length;
  }
  if (type.kind === "struct") {
    let next = leaf;
    const record = value as { readonly [key: string]: Scalar } | null;
    for (const field of type.fields) next = countInside(field.type, record?.[field.name] ?? null, counts, next);
    return next;
  }
  if (type.kind === "map") {
    const valueLeaf = leaf + leafTypes(type.key).length;
    for (const [key = null, item = null] of (value ?? []) as readonly (readonly Scalar[])[]) {
      countInside(type.key, key, counts, leaf);
      countInside(type.value, item, counts, valueLeaf);
    }
    return valueLeaf + leafTypes(type.value).length;
  }
  const count = counts[leaf];
  if (count !== undefined && Number.isNaN(value)) counts[leaf] = count + 1;
  return leaf + 1;
}

function flatNans(vector: Vector): number | undefined {
  if (!isFloat(vector.type)) return undefined;
  if (vector.encoding === "constant") return Number.isNaN(vector.value) ? vector.length : 0;
  const isDictionary = vector.encoding === "dictionary";
  const values = (isDictionary ? vector.dictionary.values : vector.values) as Float64Array;
  const { validity } = vector;
  let nans = 0;
  for (let i = 0; i < vector.length; i++) {
    const value = values[isDictionary ? (vector.codes[i] as number) : i] as number;
    if (value !== value && validity?.[i] !== 0) nans += 1;
  }
  return nans;
}
