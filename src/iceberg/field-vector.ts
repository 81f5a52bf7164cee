// The values of a field inside a column: partition and sort fields may name members of structs.

import { scalarAt, vectorFromScalars, type Batch, type Scalar, type Vector } from "#columnar";
import type { IcebergField, IcebergSchema, IcebergType } from "./schema.ts";
import { icebergTypeToStoredType } from "./type-conversion.ts";

/** One field's values, a row each. */
export interface FieldVector {
  readonly field: IcebergField;
  /** Null where a struct on the way is. */
  readonly vector: Vector;
}

/** A column by its position, and the names of the members that lead to a field in it. */
interface FieldPath {
  readonly column: number;
  readonly members: readonly string[];
  readonly field: IcebergField;
}

/**
 * The values of a field, as files hold them, of a batch whose columns begin with the schema's, in order; undefined when the schema does not
 * have the field, or has it inside a list or map, where a row has no one value. A column's own vector is returned as it is.
 *
 * Cost: members of structs are copied out, one pass.
 */
export function fieldVector(batch: Batch, schema: IcebergSchema, fieldId: number): FieldVector | undefined {
  const path = findPath(schema, fieldId);
  const column = path === undefined ? undefined : batch.columns[path.column];
  if (path === undefined || column === undefined) return undefined;
  if (path.members.length === 0) return { field: path.field, vector: column };
  const values: Scalar[] = [];
  for (let row = 0; row < batch.rowCount; row++) values.push(memberOf(scalarAt(column, row), path.members));
  return { field: path.field, vector: vectorFromScalars(icebergTypeToStoredType(path.field.type), values) };
}

/** The field of that id that is a column or inside structs alone; undefined when there is none. */
export function findSingleValued(schema: IcebergSchema, fieldId: number): IcebergField | undefined {
  return findPath(schema, fieldId)?.field;
}

function findPath(schema: IcebergSchema, fieldId: number): FieldPath | undefined {
  for (const [column, field] of schema.fields.entries()) {
    if (field.id === fieldId) return { column, members: [], field };
    const inside = findMember(field.type, fieldId);
    if (inside !== undefined) return { column, ...inside };
  }
  return undefined;
}

function findMember(type: IcebergType, fieldId: number): Omit<FieldPath, "column"> | undefined {
  if (typeof type === "string" || type.type !== "struct") return undefined;
  for (const field of type.fields) {
    if (field.id === fieldId) return { members: [field.name], field };
    const inside = findMember(field.type, fieldId);
    if (inside !== undefined) return { members: [field.name, ...inside.members], field: inside.field };
  }
  return undefined;
}

function memberOf(value: Scalar, members: readonly string[]): Scalar {
  let member = value;
  for (const name of members) {
    if (member === null) return null;
    member = (member as Readonly<Record<string, Scalar>>)[name] ?? null;
  }
  return member;
}
