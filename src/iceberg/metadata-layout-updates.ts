// Updates to what rows look like and where they go: schemas, partition specs, sort orders.

import { stringifyJson } from "#core";
import { badUpdate, type MetadataDraft } from "./metadata-draft.ts";
import { fieldsById, findColumn, highestFieldId, type IcebergSchema, type LocatedField } from "./schema.ts";
import { UNSORTED_ORDER, type PartitionField, type PartitionSpec, type SortOrder } from "./table-metadata.ts";
import type { PartitionFieldRequest, PartitionSpecRequest } from "./table-update.ts";
import { canTransform, parseTransform } from "./transform.ts";

/** In set-current-schema, set-default-spec and set-default-sort-order: the one added last in this commit. */
const LAST_ADDED = -1;

/** Types that format version 2 does not have. */
const VERSION_3_TYPES = /^(?:timestamp_ns|timestamptz_ns|unknown|variant|geometry|geography)/;

/** Adds a schema, or finds the equal one the table has. */
export function addSchema(draft: MetadataDraft, schema: IcebergSchema): void {
  for (const { field, path } of fieldsById(schema).values()) {
    if (draft.formatVersion < 3 && typeof field.type === "string" && VERSION_3_TYPES.test(field.type)) {
      throw badUpdate(`Column ${path}: type ${field.type} needs format version 3.`);
    }
  }
  const same = draft.schemas.find((known) => schemaText(known) === schemaText(schema));
  if (same !== undefined) {
    draft.lastAddedSchemaId = same["schema-id"];
    return;
  }
  const schemaId = Math.max(-1, ...draft.schemas.map((known) => known["schema-id"])) + 1;
  draft.schemas.push({ ...schema, "schema-id": schemaId });
  draft.lastColumnId = Math.max(draft.lastColumnId, highestFieldId(schema));
  draft.lastAddedSchemaId = schemaId;
}

/** Everything of a schema but its id: schemas of one text are the same. */
export function schemaText(schema: IcebergSchema): string {
  return stringifyJson([schema.fields, schema["identifier-field-ids"] ?? []]);
}

/** Makes a schema current. The default spec's and order's source columns have to be in it. */
export function setCurrentSchema(draft: MetadataDraft, schemaId: number): void {
  const id = schemaId === LAST_ADDED ? draft.lastAddedSchemaId : schemaId;
  const schema = draft.schemas.find((known) => known["schema-id"] === id);
  if (schema === undefined) throw badUpdate(unknownMessage("schema", schemaId));
  const fields = fieldsById(schema);
  const spec = draft.specs.find((known) => known["spec-id"] === draft.defaultSpecId);
  for (const field of spec?.fields ?? []) {
    if (field.transform !== "void") sourceField(fields, field["source-id"], `partition field ${field.name}`);
  }
  const order = draft.sortOrders.find((known) => known["order-id"] === draft.defaultSortOrderId);
  for (const field of order?.fields ?? []) sourceField(fields, field["source-id"], "the sort order");
  draft.currentSchemaId = schema["schema-id"];
}

function unknownMessage(what: string, id: number): string {
  return id === LAST_ADDED ? `No ${what} was added before the one added last is set.` : `There is no ${what} ${id}.`;
}

function sourceField(fields: ReadonlyMap<number, LocatedField>, id: number, user: string): LocatedField {
  const found = fields.get(id);
  if (found === undefined) throw badUpdate(`Cannot find the source column ${id} of ${user} in the schema.`);
  return found;
}

/** The current schema; while a table is being created, the one added last stands in until one is made current. */
function currentSchemaOf(draft: MetadataDraft): IcebergSchema {
  const schemaId = draft.currentSchemaId < 0 ? draft.lastAddedSchemaId : draft.currentSchemaId;
  const schema = draft.schemas.find((known) => known["schema-id"] === schemaId);
  if (schema === undefined) throw badUpdate("The table has no current schema to partition or sort by.");
  return schema;
}

/** Adds a partition spec, or finds the equivalent one the table has; field ids are reused for equal fields. */
export function addSpec(draft: MetadataDraft, request: PartitionSpecRequest): void {
  const schema = currentSchemaOf(draft);
  checkSpec(schema, request);
  const same = draft.specs.find((known) => isEquivalentSpec(known, request));
  if (same !== undefined) {
    draft.lastAddedSpecId = same["spec-id"];
    return;
  }
  const fields = request.fields.map((field) => assignFieldId(draft, field));
  if (new Set(fields.map((field) => field["field-id"])).size !== fields.length) {
    throw badUpdate("A partition spec uses a field id twice.");
  }
  const specId = Math.max(-1, ...draft.specs.map((known) => known["spec-id"])) + 1;
  draft.specs.push({ "spec-id": specId, fields });
  draft.lastAddedSpecId = specId;
}

function checkSpec(schema: IcebergSchema, request: PartitionSpecRequest): void {
  const fields = fieldsById(schema);
  const names = new Set<string>();
  for (const field of request.fields) {
    if (field.name === "" || names.has(field.name))
      throw badUpdate(`Partition field name "${field.name}" is not unique.`);
    names.add(field.name);
    if (field.transform === "void") continue;
    const source = sourceField(fields, field["source-id"], `partition field ${field.name}`);
    const transform = parseTransform(field.transform);
    if (source.repeated || !canTransform(transform, source.field.type)) {
      throw badUpdate(`Partition field ${field.name}: cannot apply ${field.transform} to column ${source.path}.`);
    }
    const namesake = findColumn(schema, field.name);
    if (namesake !== undefined && !(transform.kind === "identity" && namesake.id === source.field.id)) {
      throw badUpdate(`Partition field ${field.name} has the name of a column it is not the identity of.`);
    }
  }
}

/** Whether both specs partition alike: the same sources, transforms and names in the same order. */
export function isEquivalentSpec(spec: PartitionSpec, request: PartitionSpecRequest): boolean {
  return (
    spec.fields.length === request.fields.length &&
    spec.fields.every((field, index) => {
      const other = request.fields[index];
      return other !== undefined && isEqualField(field, other) && field.name === other.name;
    })
  );
}

function isEqualField(field: PartitionField, other: PartitionFieldRequest): boolean {
  return field["source-id"] === other["source-id"] && field.transform === other.transform;
}

function assignFieldId(draft: MetadataDraft, field: PartitionFieldRequest): PartitionField {
  const known = draft.specs.flatMap((spec) => spec.fields).findLast((candidate) => isEqualField(candidate, field));
  const fieldId = field["field-id"] ?? known?.["field-id"] ?? draft.lastPartitionId + 1;
  draft.lastPartitionId = Math.max(draft.lastPartitionId, fieldId);
  return { "source-id": field["source-id"], "field-id": fieldId, name: field.name, transform: field.transform };
}

/** Makes a spec the default for new files. */
export function setDefaultSpec(draft: MetadataDraft, specId: number): void {
  const id = specId === LAST_ADDED ? draft.lastAddedSpecId : specId;
  if (id === undefined || draft.specs.every((known) => known["spec-id"] !== id)) {
    throw badUpdate(unknownMessage("partition spec", specId));
  }
  draft.defaultSpecId = id;
}

/** Adds a sort order, or finds the equal one the table has; one without fields is order 0. */
export function addSortOrder(draft: MetadataDraft, order: SortOrder): void {
  const fields = order.fields.length === 0 ? undefined : fieldsById(currentSchemaOf(draft));
  for (const field of order.fields) {
    const source = fields === undefined ? undefined : sourceField(fields, field["source-id"], "the sort order");
    if (source?.repeated === true || !canTransform(parseTransform(field.transform), source?.field.type ?? "")) {
      throw badUpdate(`The sort order cannot apply ${field.transform} to column ${source?.path ?? ""}.`);
    }
  }
  const same = draft.sortOrders.find((known) => stringifyJson(known.fields) === stringifyJson(order.fields));
  const orderId =
    order.fields.length === 0
      ? UNSORTED_ORDER["order-id"]
      : Math.max(UNSORTED_ORDER["order-id"], ...draft.sortOrders.map((known) => known["order-id"])) + 1;
  if (same === undefined) draft.sortOrders.push({ "order-id": orderId, fields: order.fields });
  draft.lastAddedOrderId = same?.["order-id"] ?? orderId;
}

/** Makes an order the default for new files. */
export function setDefaultSortOrder(draft: MetadataDraft, orderId: number): void {
  const id = orderId === LAST_ADDED ? draft.lastAddedOrderId : orderId;
  if (id === undefined || draft.sortOrders.every((known) => known["order-id"] !== id)) {
    throw badUpdate(unknownMessage("sort order", orderId));
  }
  draft.defaultSortOrderId = id;
}

/** Removes specs that are not the default. */
export function removeSpecs(draft: MetadataDraft, specIds: readonly number[]): void {
  if (specIds.includes(draft.defaultSpecId)) throw badUpdate("The default partition spec cannot be removed.");
  draft.specs = draft.specs.filter((spec) => !specIds.includes(spec["spec-id"]));
}

/** Removes schemas that are not current. */
export function removeSchemas(draft: MetadataDraft, schemaIds: readonly number[]): void {
  if (schemaIds.includes(draft.currentSchemaId)) throw badUpdate("The current schema cannot be removed.");
  draft.schemas = draft.schemas.filter((schema) => !schemaIds.includes(schema["schema-id"]));
}
