// WITH (…) of CREATE TABLE, and SET (…) of ALTER TABLE.

import type { DefElem, Node } from "libpg-query";
import { nearestName } from "#core";
import { stringOf } from "../bind/ast.ts";
import { spanAt, type BindContext } from "../bind/context.ts";
import { sqlError } from "../bind/errors.ts";
import type { TableOptions } from "./definition.ts";
import { optionItems } from "./option-arrays.ts";

const OPTIONS = ["partitioning", "sorted_by", "format_version", "format"];
const FORMAT_VERSIONS = [2, 3];

/** Reads the options of a table. Errors: `invalid_option` naming the option. */
export function readTableOptions(context: BindContext, nodes: readonly Node[]): TableOptions {
  const properties = new Map<string, string>();
  let partitioning: TableOptions["partitioning"] = [];
  let sortedBy: TableOptions["sortedBy"] = [];
  let formatVersion: number | undefined;
  for (const node of nodes) {
    if (!("DefElem" in node)) continue;
    const { DefElem: element } = node;
    const { location } = element;
    const name = optionName(element);
    const value = optionValue(context, element);
    const items = (): TableOptions["partitioning"] =>
      optionItems(value).map((text) => ({ text, span: spanAt(context, location) }));
    if (name.includes(".")) properties.set(name, value);
    else if (name === "partitioning") partitioning = items();
    else if (name === "sorted_by") sortedBy = items();
    else if (name === "format_version") {
      formatVersion = Number(value);
      if (!FORMAT_VERSIONS.includes(formatVersion)) {
        throw invalid(context, element, `format_version is ${FORMAT_VERSIONS.join(" or ")}, not ${value}.`);
      }
    } else if (name === "format") {
      if (value.toLowerCase() !== "parquet") throw invalid(context, element, `Files are Parquet, not ${value}.`);
    } else {
      const message = `The option "${name}" is not known: there are ${OPTIONS.join(", ")}, and table properties such as "write.delete.mode".`;
      throw invalid(context, element, message, nearestName(name, OPTIONS));
    }
  }
  return { partitioning, sortedBy, formatVersion, properties };
}

/** The name of a table property that ALTER TABLE sets or resets. Errors: `invalid_option`. */
export function propertyName(context: BindContext, element: DefElem): string {
  const name = optionName(element);
  if (name.includes(".")) return name;
  throw invalid(context, element, `"${name}" is no table property: their names have dots, as "write.delete.mode".`);
}

/** The value of an option as text. Errors: `invalid_option` when it has none. */
export function optionValue(context: BindContext, element: DefElem): string {
  const { arg } = element;
  if (arg !== undefined) {
    const text = stringOf(arg);
    if (text !== undefined) return text;
    if ("Integer" in arg) return String(arg.Integer.ival ?? 0);
    if ("Float" in arg) return arg.Float.fval ?? "";
    if ("Boolean" in arg) return String(arg.Boolean.boolval ?? false);
    if ("TypeName" in arg) {
      const word = stringOf(arg.TypeName.names?.at(-1));
      if (word !== undefined) return word;
    }
  }
  throw invalid(context, element, `The option "${optionName(element)}" needs a value: a number, or a text in quotes.`);
}

function optionName({ defnamespace, defname = "" }: DefElem): string {
  return defnamespace === undefined ? defname : `${defnamespace}.${defname}`;
}

function invalid(context: BindContext, { location }: DefElem, message: string, nearest?: string): Error {
  return sqlError("invalid_option", message, spanAt(context, location), nearest);
}
