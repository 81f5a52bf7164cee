// Encodings shared by Parquet and Iceberg: varints, run lengths, Thrift, page compression, Avro.

export { readAvroFile, writeAvroFile, type AvroCodec, type AvroFile } from "./avro-file.ts";
export { type AvroField, type AvroSchema } from "./avro-schema.ts";
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
