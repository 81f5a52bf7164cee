// Schema evolution: columns are added, dropped, renamed, moved and widened by field id, so that no file is rewritten.
// Source: Iceberg table spec, "Schema Evolution"; Java's SchemaUpdate. Changes apply in the order they are given: a later
// one uses the names an earlier one leaves.

import { LakeError, stringifyJson } from "#core";
import { jsonToDefault } from "./default-value.ts";
import {
  canPromote,
  canonicalTypeName,
  changeField,
  changeSiblings,
  checkIdentifierField,
  findField,
  requireField,
  siblingsOf,
  withFreshIds,
} from "./schema-changes.ts";
import { schemaPropertyUpdates } from "./schema-properties.ts";
import { childFields, fieldsById, type IcebergField, type IcebergSchema, type IcebergType } from "./schema.ts";
import { baseRequirements } from "./snapshot-commit.ts";
import { metadataPlan } from "./table-changes.ts";
import type { OperationContext } from "./table-deps.ts";
import { currentSchema, defaultSortOrder, defaultSpec, type TableMetadata } from "./table-metadata.ts";
import type { AddColumnOptions, UpdateSchema } from "./table.ts";
import { fieldTransform } from "./transform.ts";

/** A schema while changes are applied to it. */
interface SchemaDraft {
  fields: readonly IcebergField[];
  identifiers: readonly number[];
  lastColumnId: number;
  readonly base: TableMetadata;
  allowsIncompatible: boolean;
}

type SchemaChange = (draft: SchemaDraft) => void;

/** Starts a change of the schema. */
export function createUpdateSchema({ submit }: OperationContext): UpdateSchema {
  const changes: SchemaChange[] = [];
  let allowsIncompatible = false;
  const add = (change: SchemaChange): UpdateSchema => {
    changes.push(change);
    return update;
  };
  const update: UpdateSchema = {
    allowIncompatibleChanges() {
      allowsIncompatible = true;
      return update;
    },
    addColumn: (name, type, options = {}) => add((draft) => addColumn(draft, name, type, false, options)),
    addRequiredColumn: (name, type, options = {}) => add((draft) => addColumn(draft, name, type, true, options)),
    renameColumn: (name, newName) => add((draft) => renameColumn(draft, name, newName)),
    updateColumn: (name, type) => add((draft) => updateColumn(draft, name, type)),
    updateColumnDoc: (name, doc) =>
      add((draft) =>
        change(draft, name, ({ doc: _former, ...field }) => (doc === undefined ? field : { ...field, doc })),
      ),
    updateColumnDefault: (name, value) => add((draft) => updateDefault(draft, name, value)),
    makeColumnOptional: (name) => add((draft) => change(draft, name, (field) => ({ ...field, required: false }))),
    requireColumn: (name) => add((draft) => requireColumn(draft, name)),
    deleteColumn: (name) => add((draft) => deleteColumn(draft, name)),
    moveFirst: (name) => add((draft) => moveColumn(draft, name, undefined, 0)),
    moveBefore: (name, beforeName) => add((draft) => moveColumn(draft, name, beforeName, 0)),
    moveAfter: (name, afterName) => add((draft) => moveColumn(draft, name, afterName, 1)),
    setIdentifierFields: (names) =>
      add((draft) => {
        draft.identifiers = names.map((name) => requireField(draft.fields, name).field.id);
      }),
    unionByNameWith: (schema) => add((draft) => unionFields(draft, schema.fields, "")),
    async commit(options) {
      let target: IcebergSchema | undefined;
      const plan = metadataPlan(
        (base) => {
          const draft = startDraft(base, allowsIncompatible);
          for (const apply of changes) apply(draft);
          const schema = finishDraft(draft);
          target = schema;
          const requirements = [
            ...baseRequirements(base),
            { type: "assert-current-schema-id", "current-schema-id": base["current-schema-id"] } as const,
            { type: "assert-last-assigned-field-id", "last-assigned-field-id": base["last-column-id"] } as const,
          ];
          if (schemaText(schema) === schemaText(currentSchema(base))) return { requirements, updates: [] };
          return {
            requirements,
            updates: [
              { action: "add-schema", schema, "last-column-id": draft.lastColumnId },
              { action: "set-current-schema", "schema-id": -1 },
              ...schemaPropertyUpdates(base, schema),
            ],
          };
        },
        (metadata) => target !== undefined && schemaText(currentSchema(metadata)) === schemaText(target),
      );
      return submit(plan, options);
    },
  };
  return update;
}

function schemaText(schema: IcebergSchema): string {
  return stringifyJson([schema.fields, (schema["identifier-field-ids"] ?? []).toSorted((a, b) => a - b)]);
}

function startDraft(base: TableMetadata, allowsIncompatible: boolean): SchemaDraft {
  const schema = currentSchema(base);
  return {
    fields: schema.fields,
    identifiers: schema["identifier-field-ids"] ?? [],
    lastColumnId: base["last-column-id"],
    base,
    allowsIncompatible,
  };
}

/** Errors: `invalid_option` for a schema that something of the table no longer fits. */
function finishDraft(draft: SchemaDraft): IcebergSchema {
  const { fields, identifiers, base } = draft;
  const known = fieldsById({ fields });
  for (const id of identifiers) checkIdentifierField(fields, id);
  for (const field of defaultSpec(base).fields) {
    if (field.transform !== "void" && !known.has(field["source-id"])) {
      throw new LakeError("invalid_option", `The partition field ${field.name} needs a column that would be dropped.`);
    }
  }
  if (defaultSortOrder(base).fields.some((field) => !known.has(field["source-id"]))) {
    throw new LakeError("invalid_option", "The sort order needs a column that would be dropped.");
  }
  return {
    type: "struct",
    "schema-id": currentSchema(base)["schema-id"],
    ...(identifiers.length === 0 ? {} : { "identifier-field-ids": identifiers }),
    fields,
  };
}

function change(draft: SchemaDraft, name: string, apply: (field: IcebergField) => IcebergField): void {
  const { field } = requireField(draft.fields, name);
  draft.fields = changeField(draft.fields, field.id, apply);
}

function nextId(draft: SchemaDraft): number {
  draft.lastColumnId += 1;
  return draft.lastColumnId;
}

/** The parent of a dotted name and the name within it. A top-level name with dots is only found, never made. */
function splitName(name: string): readonly [parent: string | undefined, leaf: string] {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? [undefined, name] : [name.slice(0, dot), name.slice(dot + 1)];
}

function addColumn(
  draft: SchemaDraft,
  name: string,
  type: IcebergType,
  required: boolean,
  options: AddColumnOptions,
): void {
  const [parentName, leaf] = splitName(name);
  const parent = parentName === undefined ? undefined : requireField(draft.fields, parentName).field;
  if (leaf === "") throw new LakeError("invalid_option", "A column needs a name.");
  if (findField(draft.fields, name) !== undefined) {
    throw new LakeError("already_exists", `The table has a column ${name} already.`);
  }
  const hasDefault = options.defaultValue !== undefined && options.defaultValue !== null;
  if (required && !hasDefault && !draft.allowsIncompatible) {
    throw new LakeError("invalid_option", `The required column ${name} needs a default: rows without it exist.`);
  }
  if (hasDefault) checkDefault(draft, name, type, options.defaultValue);
  if (type === "unknown" && required) {
    throw new LakeError("invalid_option", `The column ${name} of type unknown cannot be required.`);
  }
  const id = nextId(draft);
  const field: IcebergField = {
    id,
    name: leaf,
    required,
    type: withFreshIds(type, () => nextId(draft)),
    ...(options.doc === undefined ? {} : { doc: options.doc }),
    ...(hasDefault ? { "initial-default": options.defaultValue, "write-default": options.defaultValue } : {}),
  };
  draft.fields = changeSiblings(draft.fields, parent?.id, (siblings) => [...siblings, field]);
}

function checkDefault(draft: SchemaDraft, name: string, type: IcebergType, value: unknown): void {
  if (draft.base["format-version"] < 3) {
    throw new LakeError("unsupported_operation", `The default of ${name} needs format version 3.`);
  }
  if (typeof type !== "string" || type === "unknown" || type === "variant" || type.startsWith("geo")) {
    throw new LakeError("invalid_option", `The column ${name} can have no default but null.`);
  }
  try {
    jsonToDefault(type, value);
  } catch (cause) {
    throw new LakeError("invalid_option", `The default of ${name} is no JSON value of type ${type}.`, { cause });
  }
}

function renameColumn(draft: SchemaDraft, name: string, newName: string): void {
  const { field } = requireField(draft.fields, name);
  const place = siblingsOf(draft.fields, field.id);
  if (place === undefined) throw new LakeError("invalid_option", `${name} has no name of its own to change.`);
  if (newName === "") throw new LakeError("invalid_option", "A column needs a name.");
  if (place.siblings.some((sibling) => sibling.id !== field.id && sibling.name === newName)) {
    throw new LakeError("already_exists", `There is a column ${newName} beside ${name} already.`);
  }
  draft.fields = changeField(draft.fields, field.id, (found) => ({ ...found, name: newName }));
}

/** Partition transforms whose values are the same for a date and the timestamp of its midnight. */
const DATE_TRANSFORMS = new Set(["year", "month", "day", "void"]);

function updateColumn(draft: SchemaDraft, name: string, wanted: IcebergType): void {
  const type = typeof wanted === "string" ? canonicalTypeName(wanted) : wanted;
  const { field, path } = requireField(draft.fields, name);
  if (stringifyJson(field.type) === stringifyJson(type)) return;
  if (isMapKey(draft.fields, field.id)) {
    throw new LakeError("invalid_option", `The map key ${path} cannot be changed.`);
  }
  if (!canPromote(field.type, type, draft.base["format-version"])) {
    const from = typeof field.type === "string" ? field.type : field.type.type;
    const to = typeof type === "string" ? type : type.type;
    throw new LakeError("invalid_option", `The column ${path} cannot be changed from ${from} to ${to}.`);
  }
  const isPartitioned = draft.base["partition-specs"].some((spec) =>
    spec.fields.some(
      (partition) => partition["source-id"] === field.id && !DATE_TRANSFORMS.has(fieldTransform(partition).kind),
    ),
  );
  if (field.type === "date" && isPartitioned) {
    throw new LakeError("invalid_option", `The column ${path} is partitioned by: its values would change.`);
  }
  draft.fields = changeField(draft.fields, field.id, (found) => ({
    ...found,
    type: withFreshIds(type, () => nextId(draft)),
  }));
}

function isMapKey(fields: readonly IcebergField[], id: number): boolean {
  return [...fieldsById({ fields }).values()].some(
    ({ field }) => typeof field.type !== "string" && field.type.type === "map" && field.type["key-id"] === id,
  );
}

function updateDefault(draft: SchemaDraft, name: string, value: unknown): void {
  const { field } = requireField(draft.fields, name);
  if (value !== null && value !== undefined) checkDefault(draft, name, field.type, value);
  change(draft, name, ({ "write-default": _former, ...rest }) =>
    value === null || value === undefined ? rest : { ...rest, "write-default": value },
  );
}

function requireColumn(draft: SchemaDraft, name: string): void {
  const { field } = requireField(draft.fields, name);
  if (field.required) return;
  const isNew = field.id > draft.base["last-column-id"] && field["initial-default"] !== undefined;
  if (!draft.allowsIncompatible && !isNew) {
    throw new LakeError("invalid_option", `The column ${name} may hold nulls: it cannot be made required.`);
  }
  change(draft, name, (found) => ({ ...found, required: true }));
}

function deleteColumn(draft: SchemaDraft, name: string): void {
  const { field, path } = requireField(draft.fields, name);
  const place = siblingsOf(draft.fields, field.id);
  if (place === undefined) throw new LakeError("invalid_option", `${path} cannot be dropped on its own.`);
  const gone = new Set([field.id, ...fieldsById({ fields: childFields(field.type) }).keys()]);
  if (draft.identifiers.some((id) => gone.has(id))) {
    throw new LakeError("invalid_option", `The column ${path} identifies rows: change the identifier fields first.`);
  }
  if (place.siblings.length === 1) {
    throw new LakeError("invalid_option", `${path} is the only column there: it cannot be dropped.`);
  }
  draft.fields = changeSiblings(draft.fields, place.parentId, (siblings) =>
    siblings.filter((sibling) => sibling.id !== field.id),
  );
}

/** Moves a column to the front, or to `offset` places after the front of another. */
function moveColumn(draft: SchemaDraft, name: string, reference: string | undefined, offset: 0 | 1): void {
  const { field } = requireField(draft.fields, name);
  const place = siblingsOf(draft.fields, field.id);
  if (place === undefined) throw new LakeError("invalid_option", `${name} cannot be moved.`);
  const beside = reference === undefined ? undefined : requireField(draft.fields, reference).field;
  if (beside?.id === field.id) throw new LakeError("invalid_option", `${name} cannot be moved beside itself.`);
  if (beside !== undefined && place.siblings.every((sibling) => sibling.id !== beside.id)) {
    throw new LakeError("invalid_option", `${name} and ${reference ?? ""} are not in the same struct.`);
  }
  draft.fields = changeSiblings(draft.fields, place.parentId, (siblings) => {
    const others = siblings.filter((sibling) => sibling.id !== field.id);
    const at = beside === undefined ? 0 : others.findIndex((sibling) => sibling.id === beside.id) + offset;
    return others.toSpliced(at, 0, field);
  });
}

function unionFields(draft: SchemaDraft, fields: readonly IcebergField[], prefix: string): void {
  for (const wanted of fields) {
    const name = prefix + wanted.name;
    const present = findField(draft.fields, name)?.field;
    if (present === undefined) {
      addColumn(draft, name, wanted.type, false, wanted.doc === undefined ? {} : { doc: wanted.doc });
      continue;
    }
    if (present.required && !wanted.required) change(draft, name, (field) => ({ ...field, required: false }));
    if (wanted.doc !== undefined && wanted.doc !== present.doc) {
      change(draft, name, (field) => ({ ...field, ...(wanted.doc === undefined ? {} : { doc: wanted.doc }) }));
    }
    if (typeof wanted.type === "string" || typeof present.type === "string") {
      // The table's type is the wider one: nothing to do.
      if (canPromote(wanted.type, present.type, draft.base["format-version"])) continue;
      updateColumn(draft, name, wanted.type);
      continue;
    }
    if (wanted.type.type === present.type.type) unionFields(draft, childFields(wanted.type), `${name}.`);
    else updateColumn(draft, name, wanted.type);
  }
}
