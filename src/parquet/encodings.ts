// parquet.thrift's Encoding and PageType numbers.

/** How a page's values are stored. */
export const ENCODING = {
  plain: 0,
  plainDictionary: 2,
  rle: 3,
  bitPacked: 4,
  deltaBinaryPacked: 5,
  deltaLengthByteArray: 6,
  deltaByteArray: 7,
  rleDictionary: 8,
  byteStreamSplit: 9,
} as const;

/** What a page holds. */
export const PAGE_TYPE = { data: 0, index: 1, dictionary: 2, dataV2: 3 } as const;
