// Parquet files: footers and statistics, streaming writes, and scans that keep dictionary codes.

export { initParquetWasm } from "./wasm.ts";
export {
  type FileSlice,
  type ParquetColumn,
  type ParquetColumnChunk,
  type ParquetField,
  type ParquetMetadata,
  type ParquetNode,
  type ParquetRowGroup,
  type PhysicalType,
  type RangeReader,
} from "./metadata.ts";
export { readParquetMetadata } from "./footer.ts";
export { columnStatistics, compareBounds, type ColumnTotals } from "./statistics.ts";
export { createParquetWriter, encodeParquet, type ParquetWriter } from "./write.ts";
export { type ParquetWriteOptions } from "./encode-row-group.ts";
export { type ParquetCompression } from "./compress-pages.ts";
export { type BloomFilterColumn } from "./bloom-columns.ts";
export {
  bloomMightHold,
  bloomProbe,
  bytesToBloomFilter,
  chunkMightHold,
  readBloomFilter,
  type BloomFilter,
  type BloomProbe,
} from "./bloom-filter.ts";
export { isPromotion, promoteVector } from "./promote.ts";
export { scanParquet, type ScanBatch, type ScanColumn, type ScanOptions, type WantedRows } from "./scan.ts";
export {
  knownIndexBytes,
  loadPageIndexes,
  type PageBounds,
  type PageIndexes,
  type PageIndexWant,
  type PagePlacement,
} from "./page-index.ts";
export { intersectRows, joinRows, type RowRange } from "./row-ranges.ts";
export { VARIANT_TYPE } from "./nested-shape.ts";
export { variantToJson } from "./variant-json.ts";
export { jsonToVariant } from "./variant-write.ts";
export type { Variant } from "./variant-value.ts";
export { withFieldIds, type NamedFieldId } from "./field-ids.ts";
