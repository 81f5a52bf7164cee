// What parquet-wasm gets from Arrow and writes otherwise than Iceberg's readers expect: uuids, variants and shapes
// without their annotations, and the entries of maps under Arrow's name.

import { invariant, stringToUtf8 } from "#core";
import { THRIFT_TYPE, type ThriftStruct } from "#codec";
import type { DataType } from "#columnar";
import type { ParquetField } from "./metadata.ts";
import { leafTypes } from "./nan-counts.ts";
import { shapesToThrift } from "./shape-types.ts";

/** Field ids of SchemaElement, and members of LogicalType. */
const ELEMENT = { name: 4, logicalType: 10 } as const;
const LOGICAL = { uuid: 14, variant: 16, geometry: 17, geography: 18 } as const;

/** VariantType's field of the encoding's version, and the version that is written. */
const VARIANT_VERSION_FIELD = 1;
const VARIANT_VERSION = 1;

/** Name of the repeated group in a map. */
const MAP_ENTRIES = "key_value";
/** Name of the repeated group in a list. */
const LIST_ITEMS = "list";

/** Corrects the schema elements of the fields, the root being the first. */
export function correctSchema(elements: readonly ThriftStruct[], fields: readonly ParquetField[]): void {
  let next = 1;
  const take = (): ThriftStruct => {
    const element = elements[next++];
    invariant(element !== undefined, "the schema has an element for every field");
    return element;
  };
  const visit = (type: DataType): void => {
    const element = take();
    if (type.kind === "uuid") {
      annotate(element, LOGICAL.uuid, new Map());
    } else if (type.kind === "binary" && type.stored !== undefined) {
      annotate(element, LOGICAL[type.stored.kind], shapesToThrift(type.stored));
    } else if (type.kind === "struct") {
      if (type.stored === "variant") {
        const version = { type: THRIFT_TYPE.i8, value: VARIANT_VERSION };
        annotate(element, LOGICAL.variant, new Map([[VARIANT_VERSION_FIELD, version]]));
      }
      for (const field of type.fields) visit(field.type);
    } else if (type.kind === "list") {
      take();
      visit(type.element);
    } else if (type.kind === "map") {
      take().set(ELEMENT.name, { type: THRIFT_TYPE.binary, value: stringToUtf8(MAP_ENTRIES) });
      visit(type.key);
      visit(type.value);
    }
  };
  for (const { type } of fields) visit(type);
  invariant(next === elements.length, "the schema has no element but its fields'");
}

function annotate(element: ThriftStruct, member: number, detail: ThriftStruct): void {
  const union: ThriftStruct = new Map([[member, { type: THRIFT_TYPE.struct, value: detail }]]);
  element.set(ELEMENT.logicalType, { type: THRIFT_TYPE.struct, value: union });
}

/** Leaves whose values have no order that bounds could follow, in schema order. */
export function unorderedLeaves(fields: readonly ParquetField[]): readonly boolean[] {
  return fields.flatMap(({ type }) =>
    leafTypes(type).map((leaf) => leaf.kind === "binary" && leaf.stored !== undefined),
  );
}

/** The path of every leaf in schema order; undefined when there is no map, and so none to correct. */
export function leafPaths(fields: readonly ParquetField[]): readonly (readonly string[])[] | undefined {
  if (!fields.some(({ type }) => hasMap(type))) return undefined;
  return fields.flatMap(({ name, type }) => pathsBelow([name], type));
}

function hasMap(type: DataType): boolean {
  if (type.kind === "list") return hasMap(type.element);
  return type.kind === "struct" ? type.fields.some((field) => hasMap(field.type)) : type.kind === "map";
}

function pathsBelow(path: readonly string[], type: DataType): (readonly string[])[] {
  if (type.kind === "list") return pathsBelow([...path, LIST_ITEMS, "element"], type.element);
  if (type.kind === "struct") return type.fields.flatMap((field) => pathsBelow([...path, field.name], field.type));
  if (type.kind !== "map") return [path];
  return [
    ...pathsBelow([...path, MAP_ENTRIES, "key"], type.key),
    ...pathsBelow([...path, MAP_ENTRIES, "value"], type.value),
  ];
}
