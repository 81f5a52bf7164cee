// Changes of a schema tree, one at a time: each takes fields and returns fields. Source: Iceberg table spec, "Schema
// Evolution".

import { LakeError, unreachable } from "#core";
import { childFields, fieldsById, type IcebergField, type IcebergType, type LocatedField } from "./schema.ts";
import { parseDecimalType, parseFixedType } from "./type-names.ts";

type Fields = readonly IcebergField[];

/**
 * The field of a dotted name; in lists and maps `element` and `value` may be left out. Errors: `undefined_column`.
 */
export function requireField(fields: Fields, name: string): LocatedField {
  const found = findField(fields, name);
  if (found === undefined) throw new LakeError("undefined_column", `The table has no column ${name}.`);
  return found;
}

/** The field of a dotted name, or undefined. */
export function findField(fields: Fields, name: string): LocatedField | undefined {
  const all = [...fieldsById({ fields }).values()];
  return all.find((located) => located.path === name) ?? findShort(fields, name);
}

function findShort(fields: Fields, name: string): LocatedField | undefined {
  let found: LocatedField | undefined;
  const visit = (siblings: Fields, prefix: string, path: string, repeated: boolean): void => {
    for (const field of siblings) {
      const short = prefix + field.name;
      const full = path + field.name;
      if (short === name) found ??= { field, path: full, repeated };
      let inner = field.type;
      let innerPath = full;
      let isRepeated = repeated;
      while (typeof inner !== "string" && inner.type !== "struct") {
        innerPath += inner.type === "list" ? ".element" : ".value";
        inner = inner.type === "list" ? inner.element : inner.value;
        isRepeated = true;
      }
      if (typeof inner !== "string") visit(inner.fields, `${short}.`, `${innerPath}.`, isRepeated);
    }
  };
  visit(fields, "", "", false);
  return found;
}

/** The fields with one of them, at any depth, changed. List elements and map values are fields too. */
export function changeField(fields: Fields, id: number, change: (field: IcebergField) => IcebergField): Fields {
  return fields.map((field) =>
    field.id === id ? change(field) : { ...field, type: changeType(field.type, id, change) },
  );
}

function changeType(type: IcebergType, id: number, change: (field: IcebergField) => IcebergField): IcebergType {
  if (typeof type === "string") return type;
  switch (type.type) {
    case "struct":
      return { ...type, fields: changeField(type.fields, id, change) };
    case "list": {
      const [element] = changeField(childFields(type), id, change);
      return element === undefined ? type : { ...type, element: element.type, "element-required": element.required };
    }
    case "map": {
      const [key, value] = changeField(childFields(type), id, change);
      return key === undefined || value === undefined
        ? type
        : { ...type, key: key.type, value: value.type, "value-required": value.required };
    }
    default:
      return unreachable(type);
  }
}

/** The fields with the list that `parentId` has, or the top one, changed. */
export function changeSiblings(
  fields: Fields,
  parentId: number | undefined,
  change: (siblings: Fields) => Fields,
): Fields {
  if (parentId === undefined) return change(fields);
  return changeField(fields, parentId, (parent) => ({ ...parent, type: changeInnerStruct(parent.type, change) }));
}

/** Through lists and map values to the struct inside. */
function changeInnerStruct(type: IcebergType, change: (siblings: Fields) => Fields): IcebergType {
  if (typeof type === "string") throw new LakeError("invalid_option", "Only structs have columns inside them.");
  switch (type.type) {
    case "struct":
      return { ...type, fields: change(type.fields) };
    case "list":
      return { ...type, element: changeInnerStruct(type.element, change) };
    case "map":
      return { ...type, value: changeInnerStruct(type.value, change) };
    default:
      return unreachable(type);
  }
}

/** The siblings of a field, itself among them; undefined for list elements, map keys and map values. */
export function siblingsOf(
  fields: Fields,
  id: number,
): { readonly siblings: Fields; readonly parentId?: number } | undefined {
  if (fields.some((field) => field.id === id)) return { siblings: fields };
  for (const { field } of fieldsById({ fields }).values()) {
    if (typeof field.type === "string" || field.type.type !== "struct") continue;
    const { fields: siblings } = field.type;
    if (siblings.some((sibling) => sibling.id === id)) return { siblings, parentId: field.id };
  }
  return undefined;
}

/** A primitive's name as metadata spells it. */
export function canonicalTypeName(name: string): string {
  const decimal = parseDecimalType(name);
  if (decimal !== undefined) return `decimal(${decimal.precision}, ${decimal.scale})`;
  const length = parseFixedType(name);
  return length === undefined ? name : `fixed[${length}]`;
}

/** The type with fresh field ids, parents before children, and its primitives' names as metadata spells them. */
export function withFreshIds(type: IcebergType, nextId: () => number): IcebergType {
  if (typeof type === "string") return canonicalTypeName(type);
  switch (type.type) {
    case "struct": {
      const ids = type.fields.map(() => nextId());
      return {
        ...type,
        fields: type.fields.map((field, index) => ({
          ...field,
          id: ids[index] as number,
          type: withFreshIds(field.type, nextId),
        })),
      };
    }
    case "list": {
      const elementId = nextId();
      return { ...type, "element-id": elementId, element: withFreshIds(type.element, nextId) };
    }
    case "map": {
      const keyId = nextId();
      const valueId = nextId();
      return {
        ...type,
        "key-id": keyId,
        key: withFreshIds(type.key, nextId),
        "value-id": valueId,
        value: withFreshIds(type.value, nextId),
      };
    }
    default:
      return unreachable(type);
  }
}

/**
 * Whether files of the one type can be read as the other. Source: Iceberg table spec, "Schema Evolution"; dates widen and
 * unknown becomes anything from format version 3.
 */
export function canPromote(from: IcebergType, to: IcebergType, formatVersion: number): boolean {
  if (from === to) return true;
  if (typeof from !== "string") return false;
  if (formatVersion >= 3 && from === "unknown") return true;
  if (typeof to !== "string") return false;
  if (from === "int") return to === "long";
  if (from === "float") return to === "double";
  if (from === "date") return formatVersion >= 3 && (to === "timestamp" || to === "timestamp_ns");
  const before = parseDecimalType(from);
  const after = parseDecimalType(to);
  if (before === undefined || after === undefined) return false;
  return before.scale === after.scale && before.precision <= after.precision;
}

const UNORDERED_IDENTIFIERS = new Set(["float", "double"]);

/**
 * Checks that a column may be part of what names a row: primitive, required, not floating point, and in no list, map or
 * optional struct. Errors: `invalid_option`.
 */
export function checkIdentifierField(fields: Fields, id: number): void {
  const path: IcebergField[] = [];
  const find = (siblings: Fields, above: readonly IcebergField[]): boolean =>
    siblings.some((field) => {
      if (field.id === id) {
        path.push(...above, field);
        return true;
      }
      return find(childFields(field.type), [...above, field]);
    });
  if (!find(fields, [])) throw new LakeError("invalid_option", `The identifier field ${id} is not in the schema.`);
  const name = path.map((field) => field.name).join(".");
  const refuse = (why: string): LakeError => new LakeError("invalid_option", `${name} cannot identify rows: ${why}.`);
  const last = path.at(-1);
  if (last === undefined || typeof last.type !== "string") throw refuse("it is nested");
  if (UNORDERED_IDENTIFIERS.has(last.type)) throw refuse("it is a floating point number");
  for (const field of path) {
    if (!field.required) throw refuse(`${field.name} is optional`);
    if (typeof field.type !== "string" && field.type.type !== "struct") throw refuse(`it is inside ${field.name}`);
  }
}
