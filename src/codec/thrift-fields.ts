// Typed access to the fields of a generic thrift struct; a field of another type than asked for is corruption.

import { corruptData } from "./byte-cursor.ts";
import { THRIFT_TYPE, type ThriftList, type ThriftStruct } from "./thrift.ts";

/** An integer field within ±(2^53 - 1), or undefined when absent. Errors: `data_invalid` for another type. */
export function thriftInteger(struct: ThriftStruct, id: number): number | undefined {
  const field = struct.get(id);
  if (field === undefined) return undefined;
  if (typeof field.value !== "number") throw corruptData(`thrift field ${id} is not an integer`);
  return field.value;
}

/** A binary field as a view, or undefined when absent. Errors: `data_invalid` for another type. */
export function thriftBinary(struct: ThriftStruct, id: number): Uint8Array | undefined {
  const field = struct.get(id);
  if (field === undefined) return undefined;
  if (!(field.value instanceof Uint8Array)) throw corruptData(`thrift field ${id} is not binary`);
  return field.value;
}

/** A bool field, or undefined when absent. Errors: `data_invalid` for another type. */
export function thriftBoolean(struct: ThriftStruct, id: number): boolean | undefined {
  const field = struct.get(id);
  if (field === undefined) return undefined;
  if (typeof field.value !== "boolean") throw corruptData(`thrift field ${id} is not a boolean`);
  return field.value;
}

/** A struct field, or undefined when absent. Errors: `data_invalid` for another type. */
export function thriftStruct(struct: ThriftStruct, id: number): ThriftStruct | undefined {
  const field = struct.get(id);
  if (field === undefined) return undefined;
  if (!(field.value instanceof Map)) throw corruptData(`thrift field ${id} is not a struct`);
  return field.value;
}

/** A list field, or undefined when absent. Errors: `data_invalid` for another type. */
export function thriftList(struct: ThriftStruct, id: number): ThriftList | undefined {
  const field = struct.get(id);
  if (field === undefined) return undefined;
  const { value } = field;
  if (typeof value !== "object" || !("items" in value)) throw corruptData(`thrift field ${id} is not a list`);
  return value;
}

/** The structs of a list field; empty when absent. Errors: `data_invalid` for another type. */
export function thriftStructs(struct: ThriftStruct, id: number): ThriftStruct[] {
  return (thriftList(struct, id)?.items ?? []).map((item) => {
    if (!(item instanceof Map)) throw corruptData(`thrift field ${id} is not a list of structs`);
    return item;
  });
}

/** Sets an i64 field. */
export function setThriftI64(struct: ThriftStruct, id: number, value: number): void {
  struct.set(id, { type: THRIFT_TYPE.i64, value });
}
