// Reading rows of any vector and building a vector row by row: what serves where no kernel does.

import { scalarAt, vectorFromScalars, type DataType, type FlatVector, type Scalar, type Vector } from "#columnar";

/** Reads a row as a scalar. */
export type RowReader = (row: number) => Scalar;

/** A reader specialized for the vector's encoding. */
export function rowReader(vector: Vector): RowReader {
  if (vector.encoding === "constant") {
    const { value } = vector;
    return () => value;
  }
  if (vector.encoding === "flat" && vector.type.kind === "decimal") return (row) => scalarAt(vector, row);
  if (vector.encoding === "flat" && vector.validity === undefined) {
    const { values, type } = vector;
    if (type.kind === "null") return () => null;
    if (values instanceof Float64Array) return (row) => values[row] as number;
    if (values instanceof Int32Array) return (row) => values[row] as number;
    if (!(values instanceof BigInt64Array) && !(values instanceof Uint8Array)) return (row) => values[row] as Scalar;
  }
  return (row) => scalarAt(vector, row);
}

function buildNumbers(
  type: DataType,
  rowCount: number,
  at: RowReader,
  values: Float64Array | Int32Array | Uint8Array,
): FlatVector | undefined {
  let validity: Uint8Array | undefined;
  for (let i = 0; i < rowCount; i++) {
    const value = at(i);
    if (value === null) {
      validity ??= new Uint8Array(rowCount).fill(1);
      validity[i] = 0;
    } else if (typeof value === "bigint") {
      return undefined;
    } else {
      values[i] = value as number;
    }
  }
  return { encoding: "flat", type, length: rowCount, values, validity };
}

/** A vector whose row i is `at(i)`; `at` is called once a row, in row order. */
export function buildVector(type: DataType, rowCount: number, at: RowReader): FlatVector {
  switch (type.kind) {
    case "boolean":
      return buildBooleans(type, rowCount, at);
    case "int16":
    case "int32":
    case "date": {
      const built = buildNumbers(type, rowCount, at, new Int32Array(rowCount));
      if (built !== undefined) return built;
      break;
    }
    case "float32":
    case "float64":
    case "time":
    case "timestamp": {
      const built = buildNumbers(type, rowCount, at, new Float64Array(rowCount));
      if (built !== undefined) return built;
      break;
    }
    case "int64":
    case "null":
    case "decimal":
    case "string":
    case "json":
    case "uuid":
    case "binary":
    case "interval":
    case "list":
    case "struct":
    case "map":
      break;
  }
  const scalars: Scalar[] = [];
  for (let i = 0; i < rowCount; i++) scalars.push(at(i));
  return vectorFromScalars(type, scalars);
}

function buildBooleans(type: DataType, rowCount: number, at: RowReader): FlatVector {
  const values = new Uint8Array(rowCount);
  let validity: Uint8Array | undefined;
  for (let i = 0; i < rowCount; i++) {
    const value = at(i);
    if (value === null) {
      validity ??= new Uint8Array(rowCount).fill(1);
      validity[i] = 0;
    } else if (value === true) values[i] = 1;
  }
  return { encoding: "flat", type, length: rowCount, values, validity };
}
