// What the groups of a schema stand for: lists and maps in all the ways that writers have spelled them.
// Source: https://github.com/apache/parquet-format/blob/master/LogicalTypes.md (Lists, Maps, backward-compatibility rules)

import { corruptData } from "#codec";
import type { DataType, StructType } from "#columnar";
import type { ParquetColumn, ParquetNode } from "./metadata.ts";

/** What every shape has. */
interface ShapeBase {
  /** Definition level from which the value is not null; undefined when it never is. */
  readonly definedFrom: number | undefined;
  readonly fieldId: number | undefined;
}

/** A value that one leaf stores. */
export interface LeafShape extends ShapeBase {
  readonly kind: "leaf";
  readonly column: ParquetColumn;
}

/** A field of a struct. */
export interface ShapeField {
  readonly name: string;
  readonly shape: NestedShape;
}

/** A struct. */
export interface StructShape extends ShapeBase {
  readonly kind: "struct";
  /** Its fields are the parts of a variant. */
  readonly isVariant: boolean;
  readonly fields: readonly ShapeField[];
}

/** What repeats: an item is there from this definition level on; a further item of one list has this repetition level. */
interface Repeated {
  readonly itemFrom: number;
  readonly repetitionLevel: number;
}

/** A list. */
export interface ListShape extends ShapeBase, Repeated {
  readonly kind: "list";
  readonly element: NestedShape;
}

/** A map; some writers leave out the values of maps that are really sets. */
export interface MapShape extends ShapeBase, Repeated {
  readonly kind: "map";
  readonly key: NestedShape;
  readonly value: NestedShape | undefined;
}

/** What a field of the schema holds. */
export type NestedShape = LeafShape | StructShape | ListShape | MapShape;

/** The shape of a field. Errors: `data_invalid` for a list or map that is none. */
export function shapeOf(node: ParquetNode): NestedShape {
  if (node.repetition === "repeated") {
    // Neither in a list nor a map: a list that is never null.
    return {
      kind: "list",
      definedFrom: undefined,
      fieldId: node.fieldId,
      itemFrom: node.definitionLevel,
      repetitionLevel: node.repetitionLevel,
      element: itemShape(node),
    };
  }
  return valueShape(node, node.repetition === "optional" ? node.definitionLevel : undefined);
}

/** The shape of one item of a repeated field. */
function itemShape(node: ParquetNode): NestedShape {
  return valueShape(node, undefined);
}

function valueShape(node: ParquetNode, definedFrom: number | undefined): NestedShape {
  const base = { definedFrom, fieldId: node.fieldId };
  if (node.column !== undefined) return { kind: "leaf", ...base, column: node.column };
  if (node.annotation === "list") return listShape(node, base);
  if (node.annotation === "map") return mapShape(node, base);
  return structShape(node, base);
}

function structShape(node: ParquetNode, base: ShapeBase): StructShape {
  return {
    kind: "struct",
    ...base,
    isVariant: node.annotation === "variant",
    fields: node.children.map((child) => ({ name: child.name, shape: shapeOf(child) })),
  };
}

function listShape(node: ParquetNode, base: ShapeBase): ListShape {
  const repeated = onlyRepeated(node, "list");
  const element = listElementNode(node, repeated);
  return {
    kind: "list",
    ...base,
    itemFrom: repeated.definitionLevel,
    repetitionLevel: repeated.repetitionLevel,
    element: element === repeated ? itemShape(repeated) : shapeOf(element),
  };
}

/** The element of a list: what its repeated field holds, or that field itself in the ways older writers had. */
export function listElementNode(list: ParquetNode, repeated: ParquetNode): ParquetNode {
  const [only] = repeated.children;
  const isElementItself =
    only === undefined ||
    repeated.children.length > 1 ||
    only.repetition === "repeated" ||
    repeated.annotation !== undefined ||
    repeated.name === "array" ||
    repeated.name === `${list.name}_tuple`;
  return isElementItself ? repeated : only;
}

function mapShape(node: ParquetNode, base: ShapeBase): MapShape {
  const repeated = onlyRepeated(node, "map");
  const [key, value] = repeated.children;
  if (key === undefined || repeated.children.length > 2) throw corruptData(`map "${node.name}" has no keys`);
  return {
    kind: "map",
    ...base,
    itemFrom: repeated.definitionLevel,
    repetitionLevel: repeated.repetitionLevel,
    key: shapeOf(key),
    value: value === undefined ? undefined : shapeOf(value),
  };
}

function onlyRepeated(node: ParquetNode, kind: string): ParquetNode {
  const [repeated] = node.children;
  if (repeated === undefined || node.children.length > 1 || repeated.repetition !== "repeated") {
    throw corruptData(`${kind} "${node.name}" has no repeated field`);
  }
  return repeated;
}

/** A variant as it is stored when no part of it is a column of its own. */
export const VARIANT_TYPE: StructType = {
  kind: "struct",
  stored: "variant",
  fields: [
    { name: "metadata", type: { kind: "binary" }, required: true },
    { name: "value", type: { kind: "binary" }, required: true },
  ],
};

/** The shape as a column type of its own. Errors: `data_invalid` when a leaf's type is not supported. */
export function shapeType(shape: NestedShape): DataType {
  switch (shape.kind) {
    case "leaf":
      if (shape.column.type === undefined) {
        throw corruptData(`the type of column "${shape.column.path.join(".")}" is not supported`);
      }
      return shape.column.type;
    case "struct":
      if (shape.isVariant) return VARIANT_TYPE;
      return {
        kind: "struct",
        fields: shape.fields.map(({ name, shape: field }) => ({
          name,
          type: shapeType(field),
          ...(field.fieldId === undefined ? {} : { id: field.fieldId }),
          ...(field.definedFrom === undefined ? { required: true } : {}),
        })),
      };
    case "list":
      return {
        kind: "list",
        element: shapeType(shape.element),
        ...(shape.element.fieldId === undefined ? {} : { elementId: shape.element.fieldId }),
        ...(shape.element.definedFrom === undefined ? { elementRequired: true } : {}),
      };
    case "map": {
      const { key, value } = shape;
      return {
        kind: "map",
        key: shapeType(key),
        value: value === undefined ? { kind: "null" } : shapeType(value),
        ...(key.fieldId === undefined ? {} : { keyId: key.fieldId }),
        ...(value?.fieldId === undefined ? {} : { valueId: value.fieldId }),
        ...(value !== undefined && value.definedFrom === undefined ? { valueRequired: true } : {}),
      };
    }
  }
}

/** The first leaf below a shape: its levels tell how the shape's values lie. */
export function firstLeaf(shape: NestedShape): ParquetColumn {
  switch (shape.kind) {
    case "leaf":
      return shape.column;
    case "struct": {
      const [field] = shape.fields;
      if (field === undefined) throw corruptData("a struct has no fields");
      return firstLeaf(field.shape);
    }
    case "list":
      return firstLeaf(shape.element);
    case "map":
      return firstLeaf(shape.key);
  }
}
