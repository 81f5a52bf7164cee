// Encodings shared by Parquet and Iceberg: varints, run lengths, Thrift, page compression, Avro.

export {
  compileAvroDecoder,
  compileAvroFieldDecoders,
  createAvroCursor,
  readAvroBytes,
  readAvroCount,
  readAvroLong,
  type AvroCursor,
  type AvroDecoder,
} from "./avro-decode.ts";
export {
  readAvroBlocks,
  readAvroFile,
  writeAvroFile,
  type AvroBlock,
  type AvroBlocks,
  type AvroCodec,
  type AvroFile,
} from "./avro-file.ts";
export { avroError, type AvroField, type AvroSchema } from "./avro-schema.ts";
export { compileAvroSkipper, skipAvroBytes, skipAvroLong, type AvroSkipper } from "./avro-skip.ts";
export { ByteCursor, ByteSink, corruptData } from "./byte-cursor.ts";
export {
  THRIFT_TYPE,
  readThriftStruct,
  thriftStructToBytes,
  writeThriftStruct,
  type ThriftField,
  type ThriftList,
  type ThriftMap,
  type ThriftStruct,
  type ThriftValue,
} from "./thrift.ts";
export {
  setThriftI64,
  thriftBinary,
  thriftBoolean,
  thriftInteger,
  thriftList,
  thriftStruct,
  thriftStructs,
} from "./thrift-fields.ts";
export { unpackBits } from "./bit-unpack.ts";
export { decodeBitPacked, decodeHybrid, gatherHybrid, decodeValidity } from "./hybrid.ts";
export { countHybrid } from "./hybrid-counts.ts";
export { decodeDelta32, decodeDelta64, decodeDeltaDoubles } from "./delta.ts";
export { snappyDecompress } from "./snappy.ts";
export { lz4Decompress } from "./lz4.ts";
export { COMPRESSION_CODEC, decompressPage } from "./page-compression.ts";
export { multiplyHigh, xxHash64 } from "./xxhash64.ts";
export { zstdCompress, zstdDecompress, type ZstdOutput } from "./zstd.ts";
