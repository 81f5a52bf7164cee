// Iceberg schemas exactly as they stand in table metadata JSON, with the lookups everything else needs.
// Source: Iceberg table spec, "Schemas and Data Types" and Appendix C.

import { LakeError, unreachable } from "#core";

/** A primitive's name as the specification writes it: long, timestamptz, decimal(9,2), fixed[16]. */
export type IcebergPrimitive = string;

/** A struct inside a schema. */
export interface IcebergStruct {
  readonly type: "struct";
  readonly fields: readonly IcebergField[];
}

/** A list inside a schema. */
export interface IcebergList {
  readonly type: "list";
  readonly "element-id": number;
  readonly "element-required": boolean;
  readonly element: IcebergType;
}

/** A map inside a schema. */
export interface IcebergMap {
  readonly type: "map";
  readonly "key-id": number;
  readonly key: IcebergType;
  readonly "value-id": number;
  readonly "value-required": boolean;
  readonly value: IcebergType;
}

/** Any type of a field. */
export type IcebergType = IcebergPrimitive | IcebergStruct | IcebergList | IcebergMap;

/** A column or a struct's member. */
export interface IcebergField {
  readonly id: number;
  readonly name: string;
  readonly required: boolean;
  readonly type: IcebergType;
  readonly doc?: string;
  readonly "initial-default"?: unknown;
  readonly "write-default"?: unknown;
}

/** A schema of a table. */
export interface IcebergSchema {
  readonly type: "struct";
  readonly "schema-id": number;
  readonly "identifier-field-ids"?: readonly number[];
  readonly fields: readonly IcebergField[];
}

/** A field found in a schema, with its full name. */
export interface LocatedField {
  readonly field: IcebergField;
  /** Dotted path, such as address.city. */
  readonly path: string;
  /** Whether the field sits inside a list or map, where bounds mean nothing. */
  readonly repeated: boolean;
}

/** The top-level column of that name, or undefined. Names are case sensitive. */
export function findColumn(schema: IcebergSchema, name: string): IcebergField | undefined {
  return schema.fields.find((field) => field.name === name);
}

/** Every field of the schema by id, nested ones included; list elements and map entries appear as fields too. */
export function fieldsById(schema: { readonly fields: readonly IcebergField[] }): ReadonlyMap<number, LocatedField> {
  const found = new Map<number, LocatedField>();
  collectFields(schema.fields, "", false, found);
  return found;
}

function collectFields(
  fields: readonly IcebergField[],
  prefix: string,
  repeated: boolean,
  found: Map<number, LocatedField>,
): void {
  for (const field of fields) {
    const path = prefix + field.name;
    found.set(field.id, { field, path, repeated });
    collectFields(childFields(field.type), `${path}.`, repeated || isRepeatedType(field.type), found);
  }
}

function isRepeatedType(type: IcebergType): boolean {
  return typeof type !== "string" && type.type !== "struct";
}

/** The fields directly inside a type; none for primitives. Lists have `element`, maps `key` and `value`. */
export function childFields(type: IcebergType): readonly IcebergField[] {
  if (typeof type === "string") return [];
  switch (type.type) {
    case "struct":
      return type.fields;
    case "list":
      return [{ id: type["element-id"], name: "element", required: type["element-required"], type: type.element }];
    case "map":
      return [
        { id: type["key-id"], name: "key", required: true, type: type.key },
        { id: type["value-id"], name: "value", required: type["value-required"], type: type.value },
      ];
    default:
      return unreachable(type);
  }
}

/** The largest field id of a schema, 0 for one without fields. */
export function highestFieldId(schema: { readonly fields: readonly IcebergField[] }): number {
  return Math.max(0, ...fieldsById(schema).keys());
}

/**
 * The schema with every field id assigned afresh from 1, parents before children, level by level as Iceberg's own
 * `AssignFreshIds` does; `idByOldId` maps what was sent to what was assigned.
 */
export function assignFreshIds(schema: IcebergSchema): {
  readonly schema: IcebergSchema;
  readonly idByOldId: ReadonlyMap<number, number>;
} {
  let lastId = 0;
  const idByOldId = new Map<number, number>();
  const nextId = (oldId: number): number => {
    lastId += 1;
    idByOldId.set(oldId, lastId);
    return lastId;
  };
  const assignFields = (fields: readonly IcebergField[]): IcebergField[] => {
    const ids = fields.map((field) => nextId(field.id));
    return fields.map((field, index) => ({ ...field, id: ids[index] as number, type: assignType(field.type) }));
  };
  const assignType = (type: IcebergType): IcebergType => {
    if (typeof type === "string") return type;
    switch (type.type) {
      case "struct":
        return { type: "struct", fields: assignFields(type.fields) };
      case "list": {
        const elementId = nextId(type["element-id"]);
        return { ...type, "element-id": elementId, element: assignType(type.element) };
      }
      case "map": {
        const keyId = nextId(type["key-id"]);
        const valueId = nextId(type["value-id"]);
        return {
          ...type,
          "key-id": keyId,
          key: assignType(type.key),
          "value-id": valueId,
          value: assignType(type.value),
        };
      }
      default:
        return unreachable(type);
    }
  };
  const fields = assignFields(schema.fields);
  const identifiers = schema["identifier-field-ids"]?.map((id) => mappedId(idByOldId, id));
  return {
    schema: { ...schema, fields, ...(identifiers === undefined ? {} : { "identifier-field-ids": identifiers }) },
    idByOldId,
  };
}

/** The assigned id of a field named by its id in a request. Errors: `invalid_request` when there is none. */
export function mappedId(idByOldId: ReadonlyMap<number, number>, id: number): number {
  const mapped = idByOldId.get(id);
  if (mapped === undefined) throw new LakeError("invalid_request", `The schema has no field with id ${id}.`);
  return mapped;
}
