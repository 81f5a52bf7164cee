// Column vectors and their types.

export type { DataType, Decimal, Interval, Scalar, TypeKind } from "./data-type.ts";
export {
  BATCH_ROWS,
  type Batch,
  type ColumnSchema,
  type ConstantVector,
  type DictionaryVector,
  type FlatVector,
  type Vector,
  type VectorValues,
} from "./vector.ts";
