// Column vectors and their types, row selection, and Arrow in and out.

export type {
  DataType,
  Decimal,
  Interval,
  ListType,
  MapType,
  Scalar,
  StoredNanoseconds,
  StoredShapes,
  StructField,
  StructType,
  TypeKind,
} from "./data-type.ts";
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
export { constantVector, vectorFromScalars } from "./build.ts";
export { flattenVector, isNullAt, nullVector, rowAt, scalarAt } from "./access.ts";
export { gather, gatherBatch, pick } from "./gather.ts";
export { concatBatches, concatVectors, sliceBatch, sliceVector } from "./concat.ts";
export { decimalBlockOf, decimalOfBlock, decimalsToBlock, decimalVector, type DecimalBlock } from "./decimal-vector.ts";
export { countCodes, packedVector, passCodes, withDictionary, type PackedCodes } from "./packed-codes.ts";
export { passPending, pendingVector, type PendingValues } from "./pending-vector.ts";
export { batchByteSize, vectorByteSize } from "./size.ts";
export { decimalToString, stringToDecimal } from "./decimal.ts";
export { FIELD_ID_KEY } from "./arrow-type.ts";
export { batchToArrowIpc, type ArrowWriteOptions } from "./arrow-write.ts";
export { arrowIpcToBatches, readArrowIpc, uuidText, type ArrowContents, type ArrowReadOptions } from "./arrow-read.ts";
export { exactTimestamps, wordsToInt64 } from "./int64.ts";
export {
  LONG_BYTES,
  concatBlocks,
  copyShort,
  gatherBlock,
  hashRange,
  internBlock,
  looseTextOf,
  looseTextVector,
  textBlockOf,
  textVector,
  viewOf,
  type InternedBlock,
  type LooseText,
} from "./text-vector.ts";
export { decodeUtf8Block, encodeUtf8Block, isAsciiOnly, isWellFormedBlock, type Utf8Block } from "./utf8-block.ts";
