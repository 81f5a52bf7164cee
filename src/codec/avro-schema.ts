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

/** Names of the types that need no declaration. */
const PRIMITIVE_NAMES = new Set(["null", "boolean", "int", "long", "float", "double", "bytes", "string"]);

/** Types within types that are followed; files of tables have a handful. */
export const MAX_AVRO_DEPTH = 64;

/** Longest fixed value taken, bytes. */
const MAX_FIXED_BYTES = 2 ** 31 - 1;

/**
 * A schema out of JSON that anybody may have written: once it passes, decoders and skippers can be built from it.
 *
 * Errors: `metadata_invalid` for anything that is no schema, for types nested deeper than {@link MAX_AVRO_DEPTH}, and
 * for arrays of items that take no bytes, whose number nothing would bound.
 */
export function checkAvroSchema(json: unknown): AvroSchema {
  checkType(json, new Map(), 0);
  return json as AvroSchema;
}

/** Whether values of a declared type take no bytes, by name. */
type DeclaredTypes = Map<string, boolean>;

/** Answers whether a value of the type takes no bytes. */
function checkType(json: unknown, declared: DeclaredTypes, depth: number): boolean {
  if (depth > MAX_AVRO_DEPTH) throw avroError(`the schema nests deeper than ${MAX_AVRO_DEPTH} levels.`);
  if (typeof json === "string") return checkName(json, declared);
  if (Array.isArray(json)) {
    for (const branch of json) checkType(branch, declared, depth + 1);
    return false;
  }
  if (typeof json !== "object" || json === null) throw avroError("the schema holds something that is no type.");
  const schema = json as Readonly<Record<string, unknown>>;
  switch (schema["type"]) {
    case "record":
      // Within itself a type counts as one with bytes: one that is nothing but itself has no values.
      declareName(schema, declared, false);
      return declareName(schema, declared, checkFields(schema["fields"], declared, depth));
    case "array":
      if (checkType(schema["items"], declared, depth + 1)) throw avroError("an array has items of no bytes.");
      return false;
    case "map":
      checkType(schema["values"], declared, depth + 1);
      return false;
    case "fixed": {
      const size = schema["size"];
      if (typeof size !== "number" || !Number.isInteger(size) || size < 0 || size > MAX_FIXED_BYTES) {
        throw avroError("a fixed type has no size.");
      }
      return declareName(schema, declared, size === 0);
    }
    case "enum": {
      const symbols = schema["symbols"];
      if (!Array.isArray(symbols) || symbols.some((symbol) => typeof symbol !== "string")) {
        throw avroError("an enum has no symbols.");
      }
      return declareName(schema, declared, false);
    }
    default:
      return checkType(schema["type"], declared, depth + 1);
  }
}

function checkName(name: string, declared: DeclaredTypes): boolean {
  if (PRIMITIVE_NAMES.has(name)) return name === "null";
  const takesNone = declared.get(name);
  if (takesNone === undefined) throw avroError(`unknown type "${name}".`);
  return takesNone;
}

function declareName(schema: Readonly<Record<string, unknown>>, declared: DeclaredTypes, takesNone: boolean): boolean {
  const { name, namespace } = schema;
  if (typeof name !== "string" || name === "") throw avroError("a type has no name.");
  if (namespace !== undefined && typeof namespace !== "string") throw avroError("a namespace is no text.");
  for (const each of declaredNames(namespace === undefined ? { name } : { name, namespace })) {
    declared.set(each, takesNone);
  }
  return takesNone;
}

function checkFields(fields: unknown, declared: DeclaredTypes, depth: number): boolean {
  if (!Array.isArray(fields)) throw avroError("a record has no fields.");
  let takesNone = true;
  for (const field of fields as readonly unknown[]) {
    if (typeof field !== "object" || field === null) throw avroError("a record's field is none.");
    const { name, type } = field as { readonly name?: unknown; readonly type?: unknown };
    if (typeof name !== "string") throw avroError("a record's field has no name.");
    if (!checkType(type, declared, depth + 1)) takesNone = false;
  }
  return takesNone;
}
