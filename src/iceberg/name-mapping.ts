// Name mapping: field ids for data files that hold none, such as files imported from Hive.
// Source: Iceberg table spec, "Column Projection" and Appendix C, "Name Mapping Serialization".

import { LakeError, parseJson, stringifyJson } from "#core";
import { createJsonShape, type JsonShape } from "./json-shape.ts";
import { childFields, type IcebergField, type IcebergSchema } from "./schema.ts";
import type { TableMetadata } from "./table-metadata.ts";

/** Names a field may have in files without ids, and those of its children. */
export interface MappedField {
  /** Literal names: a dot is a part of the name. May be empty. */
  readonly names: readonly string[];
  /** Absent for fields that are in files but not in the table. */
  readonly fieldId?: number;
  readonly fields: readonly MappedField[];
}

/** The top-level fields of a mapping. */
export type NameMapping = readonly MappedField[];

/** The table property that holds the mapping. */
export const NAME_MAPPING_PROPERTY = "schema.name-mapping.default";

const shape = createJsonShape("metadata_invalid", "The table's name mapping");
const MAX_DEPTH = 64;

/** The table's mapping, or undefined when it has none. Errors: `metadata_invalid`. */
export function tableNameMapping(metadata: TableMetadata): NameMapping | undefined {
  const text = metadata.properties[NAME_MAPPING_PROPERTY];
  return text === undefined ? undefined : parseNameMapping(text);
}

/** A mapping out of its JSON text. Errors: `metadata_invalid`. */
export function parseNameMapping(text: string): NameMapping {
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (cause) {
    throw new LakeError("metadata_invalid", "The table's name mapping is not JSON.", { cause });
  }
  return readFields(shape, json, "mapping", 0);
}

function readFields(shape: JsonShape, value: unknown, name: string, depth: number): MappedField[] {
  if (depth > MAX_DEPTH) throw shape.fail(`it nests deeper than ${MAX_DEPTH} levels.`);
  const fields = shape.array(value, name).map((item, index): MappedField => {
    const at = `${name}[${index}]`;
    const json = shape.object(item, at);
    const id = json["field-id"];
    const children = json["fields"];
    return {
      names: shape.strings(json["names"] ?? [], `${at}.names`),
      ...(id === undefined || id === null ? {} : { fieldId: shape.integer(id, `${at}.field-id`) }),
      fields: children === undefined || children === null ? [] : readFields(shape, children, `${at}.fields`, depth + 1),
    };
  });
  const names = fields.flatMap((field) => [...new Set(field.names)]);
  if (new Set(names).size !== names.length) throw shape.fail(`${name} maps one name to two fields.`);
  return fields;
}

/** The mapping that names every field of a schema as the schema does. */
export function schemaNameMapping(schema: IcebergSchema): NameMapping {
  const map = (field: IcebergField): MappedField => ({
    names: [field.name],
    fieldId: field.id,
    fields: childFields(field.type).map(map),
  });
  return schema.fields.map(map);
}

/** A mapping as the table property holds it; inverse of {@link parseNameMapping}. */
export function nameMappingToText(mapping: NameMapping): string {
  const toJson = (field: MappedField): unknown => ({
    ...(field.fieldId === undefined ? {} : { "field-id": field.fieldId }),
    names: field.names,
    ...(field.fields.length === 0 ? {} : { fields: field.fields.map(toJson) }),
  });
  return stringifyJson(mapping.map(toJson));
}

/**
 * The field id of each column path a mapping knows. A path is the names from the top; list elements are `element`, map
 * entries `key` and `value`. Key a path by {@link pathKey}.
 */
export function fieldIdsByPath(mapping: NameMapping): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const collect = (fields: NameMapping, parents: readonly (readonly string[])[]): void => {
    for (const field of fields) {
      const paths = parents.flatMap((parent) => field.names.map((name) => [...parent, name]));
      if (field.fieldId !== undefined) for (const path of paths) found.set(pathKey(path), field.fieldId);
      if (paths.length > 0) collect(field.fields, paths);
    }
  };
  collect(mapping, [[]]);
  return found;
}

/** One key for the names of a path; different paths have different keys. */
export function pathKey(names: readonly string[]): string {
  return stringifyJson(names);
}
