// Encodings shared by Parquet and Iceberg: varints, run lengths, Thrift, page compression, Avro.

export { readAvroFile, writeAvroFile, type AvroCodec, type AvroFile } from "./avro-file.ts";
export { type AvroField, type AvroSchema } from "./avro-schema.ts";
