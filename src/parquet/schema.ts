// The footer's flattened schema tree to fields, and to leaf columns with our types.
// Source: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift (SchemaElement)

import { utf8ToString } from "#core";
import { corruptData, thriftBinary, thriftInteger, thriftStruct, type ThriftStruct } from "#codec";
import { readingOf } from "./logical-types.ts";
import { PHYSICAL_TYPES, type ParquetColumn, type ParquetNode } from "./metadata.ts";

const REPETITIONS = ["required", "optional", "repeated"] as const;
const MAX_SCHEMA_DEPTH = 64;

/** Field ids of SchemaElement. */
const ELEMENT = {
  type: 1,
  typeLength: 2,
  repetition: 3,
  name: 4,
  children: 5,
  converted: 6,
  fieldId: 9,
  logical: 10,
} as const;
/** LogicalType's members and ConvertedType's numbers of groups; MAP_KEY_VALUE was used for MAP by old writers. */
const LOGICAL = { map: 2, list: 3, variant: 16 } as const;
const CONVERTED = { map: 1, mapKeyValue: 2, list: 3 } as const;

/** A schema as a tree and as its leaves, both in file order. */
export interface FileSchema {
  readonly fields: readonly ParquetNode[];
  readonly columns: readonly ParquetColumn[];
}

/** What a node inherits from those above it. */
interface Place {
  readonly path: readonly string[];
  readonly definition: number;
  readonly repetition: number;
  readonly rootId: number | undefined;
}

/** Parses a schema. Errors: `data_invalid` when the tree is malformed. */
export function parseSchema(elements: readonly ThriftStruct[]): FileSchema {
  const columns: ParquetColumn[] = [];
  let next = 0;

  function visit(place: Place): ParquetNode {
    const path = place.path;
    if (path.length > MAX_SCHEMA_DEPTH) throw corruptData("the schema nests too deep");
    const element = elements[next++];
    if (element === undefined) throw corruptData("the schema has too few elements");
    const name = utf8ToString(thriftBinary(element, ELEMENT.name) ?? new Uint8Array(0));
    const repetition = REPETITIONS[thriftInteger(element, ELEMENT.repetition) ?? 0];
    if (repetition === undefined) throw corruptData("a schema element repeats in an unknown way");
    const fieldId = thriftInteger(element, ELEMENT.fieldId);
    const below = {
      path: [...path, name],
      definition: place.definition + (repetition === "required" ? 0 : 1),
      repetition: place.repetition + (repetition === "repeated" ? 1 : 0),
      rootId: path.length === 0 ? fieldId : place.rootId,
    };
    const children = childrenOf(element, below);
    return {
      name,
      fieldId,
      repetition,
      annotation: children.length === 0 ? undefined : annotationOf(element),
      definitionLevel: below.definition,
      repetitionLevel: below.repetition,
      children,
      column: children.length === 0 ? leaf(element, below, fieldId) : undefined,
    };
  }

  function childrenOf(element: ThriftStruct, place: Place): ParquetNode[] {
    const count = thriftInteger(element, ELEMENT.children) ?? 0;
    if (count < 0 || count > elements.length) throw corruptData("a schema element's child count is false");
    return Array.from({ length: count }, () => visit(place));
  }

  function leaf(element: ThriftStruct, place: Place, fieldId: number | undefined): ParquetColumn {
    const physicalType = PHYSICAL_TYPES[thriftInteger(element, ELEMENT.type) ?? -1];
    if (physicalType === undefined) throw corruptData("a leaf has no physical type");
    const typeLength = thriftInteger(element, ELEMENT.typeLength) ?? 0;
    if (physicalType === "fixed_len_byte_array" && typeLength < 0) throw corruptData("a fixed width is negative");
    const reading = readingOf(element, physicalType, typeLength);
    const column: ParquetColumn = {
      leafIndex: columns.length,
      path: place.path,
      fieldId,
      rootFieldId: place.rootId,
      type: reading?.type,
      physicalType,
      typeLength,
      conversion: reading?.conversion ?? "none",
      ...(reading?.isByte === true ? { isByte: true } : {}),
      maxDefinitionLevel: place.definition,
      maxRepetitionLevel: place.repetition,
    };
    columns.push(column);
    return column;
  }

  const root = elements[next++];
  if (root === undefined) throw corruptData("the schema has too few elements");
  const fields = childrenOf(root, { path: [], definition: 0, repetition: 0, rootId: undefined });
  if (next !== elements.length) throw corruptData("the schema has elements outside its tree");
  return { fields, columns };
}

function annotationOf(element: ThriftStruct): ParquetNode["annotation"] {
  const logical = thriftStruct(element, ELEMENT.logical);
  if (logical?.has(LOGICAL.list) === true) return "list";
  if (logical?.has(LOGICAL.map) === true) return "map";
  if (logical?.has(LOGICAL.variant) === true) return "variant";
  const converted = thriftInteger(element, ELEMENT.converted);
  if (converted === CONVERTED.list) return "list";
  return converted === CONVERTED.map || converted === CONVERTED.mapKeyValue ? "map" : undefined;
}
