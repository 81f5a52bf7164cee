// Field ids for files that hold none, such as files imported from Hive.
// Source: Iceberg table spec, "Column Projection" and "Name Mapping Serialization"

import type { ParquetColumn, ParquetMetadata, ParquetNode } from "./metadata.ts";
import { listElementNode } from "./nested-shape.ts";

/** A field of an Iceberg name mapping. */
export interface NamedFieldId {
  /** Literal names: a dot is a part of the name. */
  readonly names: readonly string[];
  readonly fieldId?: number;
  readonly fields: readonly NamedFieldId[];
}

/** Names that a mapping gives to what lists and maps hold, whatever the file calls it. */
const ELEMENT = "element";
const KEY = "key";
const VALUE = "value";

/**
 * The metadata of a file without field ids with the ids of a name mapping; fields it does not name stay without. A
 * file that has an id anywhere is left as it is.
 *
 * Cost: one walk over the schema. Ownership: shares row groups with `metadata`.
 */
export function withFieldIds(metadata: ParquetMetadata, mapping: readonly NamedFieldId[]): ParquetMetadata {
  if (metadata.fields.some(hasId)) return metadata;
  const columns: ParquetColumn[] = [...metadata.columns];

  function assign(
    node: ParquetNode,
    mapped: NamedFieldId | undefined,
    below: readonly NamedFieldId[],
    rootId: number | undefined,
  ): ParquetNode {
    const fieldId = mapped?.fieldId;
    const column = node.column === undefined ? undefined : { ...node.column, fieldId, rootFieldId: rootId };
    if (column !== undefined) columns[column.leafIndex] = column;
    return { ...node, fieldId, column, children: assignChildren(node, below, rootId) };
  }

  function assignChildren(
    node: ParquetNode,
    fields: readonly NamedFieldId[],
    rootId: number | undefined,
  ): ParquetNode[] {
    if (node.annotation === "list")
      return node.children.map((repeated) => assignElement(node, repeated, fields, rootId));
    if (node.annotation === "map") {
      return node.children.map((entries) => ({
        ...entries,
        children: entries.children.map((child, index) => {
          const mapped = named(fields, index === 0 ? KEY : VALUE);
          return assign(child, mapped, mapped?.fields ?? [], rootId);
        }),
      }));
    }
    return node.children.map((child) => {
      const mapped = named(fields, child.name);
      return assign(child, mapped, mapped?.fields ?? [], rootId);
    });
  }

  function assignElement(
    list: ParquetNode,
    repeated: ParquetNode,
    fields: readonly NamedFieldId[],
    rootId: number | undefined,
  ): ParquetNode {
    const element = named(fields, ELEMENT);
    if (listElementNode(list, repeated) === repeated) return assign(repeated, element, element?.fields ?? [], rootId);
    const children = repeated.children.map((child) => assign(child, element, element?.fields ?? [], rootId));
    return { ...repeated, children };
  }

  const fields = metadata.fields.map((node) => {
    const mapped = named(mapping, node.name);
    return assign(node, mapped, mapped?.fields ?? [], mapped?.fieldId);
  });
  return { ...metadata, fields, columns };
}

function named(fields: readonly NamedFieldId[], name: string): NamedFieldId | undefined {
  return fields.find(({ names }) => names.includes(name));
}

function hasId(node: ParquetNode): boolean {
  return node.fieldId !== undefined || node.children.some(hasId);
}
