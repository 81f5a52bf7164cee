// Avro schemas as parsed JSON. Attributes that Avro itself ignores (field-id, element-id) are kept: Iceberg reads
// them. Source: Apache Avro 1.12 specification, "Schema Declaration".

import { LakeError } from "#core";

/** A field of an Avro record. */
export interface AvroField {
  readonly name: string;
  readonly type: AvroSchema;
  readonly default?: unknown;
  readonly doc?: string;
  readonly "field-id"?: number;
}

/** A record; `name` lets later parts of the schema refer to it. */
export interface AvroRecord {
  readonly type: "record";
  readonly name: string;
  readonly namespace?: string;
  readonly fields: readonly AvroField[];
}

/** An array; `logicalType: map` marks Iceberg's maps with keys that are not strings. */
export interface AvroArray {
  readonly type: "array";
  readonly items: AvroSchema;
  readonly logicalType?: string;
  readonly "element-id"?: number;
}

/** A map with string keys. */
export interface AvroMap {
  readonly type: "map";
  readonly values: AvroSchema;
}

/** A fixed number of bytes. */
export interface AvroFixed {
  readonly type: "fixed";
  readonly name: string;
  readonly namespace?: string;
  readonly size: number;
  readonly logicalType?: string;
  readonly precision?: number;
  readonly scale?: number;
}

/** An enumeration of names. */
export interface AvroEnum {
  readonly type: "enum";
  readonly name: string;
  readonly namespace?: string;
  readonly symbols: readonly string[];
}

/** A primitive written as an object, to carry a logical type. */
export interface AvroAnnotated {
  readonly type: string;
  readonly logicalType?: string;
  readonly [attribute: string]: unknown;
}

/** Any Avro schema; a plain string is a primitive or the name of a type declared before, an array is a union. */
export type AvroSchema =
  | string
  | readonly AvroSchema[]
  | AvroRecord
  | AvroArray
  | AvroMap
  | AvroFixed
  | AvroEnum
  | AvroAnnotated;

/** Names a type declares, as references may write them: bare and with its namespace. */
export function declaredNames(schema: { readonly name: string; readonly namespace?: string }): string[] {
  const bare = schema.name.slice(schema.name.lastIndexOf(".") + 1);
  return [...new Set([schema.name, bare, schema.namespace === undefined ? bare : `${schema.namespace}.${bare}`])];
}

/** The error of bytes that are not what their schema says. */
export function avroError(message: string): LakeError {
  return new LakeError("metadata_invalid", `Avro: ${message}`);
}
