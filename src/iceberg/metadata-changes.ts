// Whether a change of metadata alone, one that makes no snapshot, is in a table: what a lost answer is found again by.

import { stringifyJson } from "#core";
import { schemaText } from "./metadata-layout-updates.ts";
import { currentSchema, defaultSortOrder, defaultSpec, type TableMetadata } from "./table-metadata.ts";

/**
 * Whether everything that differs between `before` and `after` is in `now` as `after` has it. What others changed
 * besides does not matter; ids of schemas, specs and orders are the catalog's to give.
 */
export function hasChanges(before: TableMetadata, after: TableMetadata, now: TableMetadata): boolean {
  const [old, wanted, found] = [parts(before), parts(after), parts(now)];
  return [...new Set([...old.keys(), ...wanted.keys()])].every(
    (key) => old.get(key) === wanted.get(key) || found.get(key) === wanted.get(key),
  );
}

/** The metadata in pieces that change one by one, each under its own key. */
function parts(metadata: TableMetadata): Map<string, string> {
  const statistics = [...(metadata.statistics ?? []), ...(metadata["partition-statistics"] ?? [])];
  return new Map([
    ["location", metadata.location],
    ["format", String(metadata["format-version"])],
    ["schema", schemaText(currentSchema(metadata))],
    ["spec", fieldsText(defaultSpec(metadata))],
    ["order", fieldsText(defaultSortOrder(metadata))],
    ...metadata.schemas.map((schema): [string, string] => [`schema ${schemaText(schema)}`, ""]),
    ...metadata["partition-specs"].map((spec): [string, string] => [`spec ${fieldsText(spec)}`, ""]),
    ...metadata["sort-orders"].map((order): [string, string] => [`order ${fieldsText(order)}`, ""]),
    ...Object.entries(metadata.properties).map(([key, value]): [string, string] => [`property ${key}`, value]),
    ...Object.entries(metadata.refs).map(([name, ref]): [string, string] => [`ref ${name}`, stringifyJson(ref)]),
    ...statistics.map((file): [string, string] => [`statistics ${stringifyJson(file)}`, ""]),
  ]);
}

function fieldsText(layout: { readonly fields: unknown }): string {
  return stringifyJson(layout.fields);
}
