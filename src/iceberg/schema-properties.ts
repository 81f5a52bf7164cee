// Table properties that name columns, kept in step with a schema change: the name mapping, and settings of one column.

import {
  nameMappingToText,
  tableNameMapping,
  type MappedField,
  type NameMapping,
  NAME_MAPPING_PROPERTY,
} from "./name-mapping.ts";
import { childFields, fieldsById, type IcebergField, type IcebergSchema } from "./schema.ts";
import { currentSchema, type TableMetadata } from "./table-metadata.ts";
import type { TableUpdate } from "./table-update.ts";

/** Properties whose names end with a column's. */
const COLUMN_PREFIXES = [
  "write.metadata.metrics.column.",
  "write.parquet.bloom-filter-enabled.column.",
  "write.parquet.bloom-filter-fpp.column.",
  "write.parquet.bloom-filter-ndv.column.",
  "write.parquet.stats-enabled.column.",
];

/** Updates that make the properties fit the next schema; none when they do. */
export function schemaPropertyUpdates(base: TableMetadata, next: Pick<IcebergSchema, "fields">): TableUpdate[] {
  const sets = new Map<string, string>();
  const removals: string[] = [];
  const mapping = tableNameMapping(base);
  if (mapping !== undefined) {
    const text = nameMappingToText(updateNameMapping(mapping, next.fields));
    if (text !== nameMappingToText(mapping)) sets.set(NAME_MAPPING_PROPERTY, text);
  }
  const after = fieldsById(next);
  for (const [id, { path }] of fieldsById(currentSchema(base))) {
    const newPath = after.get(id)?.path;
    if (newPath === path) continue;
    for (const prefix of COLUMN_PREFIXES) {
      const value = base.properties[prefix + path];
      if (value === undefined) continue;
      removals.push(prefix + path);
      if (newPath !== undefined) sets.set(prefix + newPath, value);
    }
  }
  const removed = removals.filter((key) => !sets.has(key));
  return [
    ...(sets.size === 0 ? [] : [{ action: "set-properties", updates: Object.fromEntries(sets) } as const]),
    ...(removed.length === 0 ? [] : [{ action: "remove-properties", removals: removed } as const]),
  ];
}

/**
 * The mapping with every field's name of the schema added. Former names stay, so that files written under them are still
 * read; a name that another field took is that field's alone.
 */
export function updateNameMapping(mapping: NameMapping, fields: readonly IcebergField[]): NameMapping {
  const byId = new Map(mapping.flatMap((mapped) => (mapped.fieldId === undefined ? [] : [[mapped.fieldId, mapped]])));
  const owners = new Map(fields.map((field) => [field.name, field.id]));
  const known = mapping.map((mapped): MappedField => {
    const field = fields.find((candidate) => candidate.id === mapped.fieldId);
    const names = mapped.names.filter((name) => (owners.get(name) ?? mapped.fieldId) === mapped.fieldId);
    if (field === undefined) return { ...mapped, names };
    return {
      ...mapped,
      names: names.includes(field.name) ? names : [...names, field.name],
      fields: updateNameMapping(mapped.fields, childFields(field.type)),
    };
  });
  const added = fields.filter((field) => !byId.has(field.id));
  return [...known, ...added.map(newMapping)];
}

function newMapping(field: IcebergField): MappedField {
  return { names: [field.name], fieldId: field.id, fields: childFields(field.type).map(newMapping) };
}
