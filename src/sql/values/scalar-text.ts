// PostgreSQL's text form of every value.

import { bytesToHex } from "#core";
import { decimalToString, type DataType, type Decimal, type Interval, type MapType, type Scalar } from "#columnar";
import { dateToText, timestampToText, timeToText } from "./datetime-text.ts";
import { intervalToText } from "./interval.ts";
import { floatToText } from "./number-text.ts";

const NEEDS_QUOTES = /[\s"\\{},]|^$|^null$/i;

function listItemToText(item: Scalar, type: DataType): string {
  if (item === null) return "NULL";
  if (Array.isArray(item) && type.kind !== "map") {
    const inner = type.kind === "list" ? type.element : type;
    return `{${item.map((each: Scalar) => listItemToText(each, inner)).join(",")}}`;
  }
  const text = type.kind === "boolean" ? (item === true ? "t" : "f") : scalarToText(item, type);
  if (!NEEDS_QUOTES.test(text)) return text;
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/**
 * The text that casting to text gives: booleans are `true` and `false`, timestamptz prints in UTC with `+00`,
 * floats in shortest round-trip form. Null is the caller's business.
 */
export function scalarToText(value: Exclude<Scalar, null>, type: DataType): string {
  switch (type.kind) {
    case "null":
    case "string":
    case "json":
    case "uuid":
      return value as string;
    case "int16":
    case "int32":
    case "int64":
      return (value as number | bigint).toString();
    case "boolean":
      return value === true || value === 1 ? "true" : "false";
    case "float32":
    case "float64":
      return floatToText(value as number, type.kind);
    case "decimal":
      return decimalToString(value as Decimal);
    case "binary":
      return `\\x${bytesToHex(value as Uint8Array)}`;
    case "date":
      return dateToText(value as number);
    case "time":
      return timeToText(value as number);
    case "timestamp":
      return timestampToText(value as number, type.utc);
    case "interval":
      return intervalToText(value as Interval);
    case "list":
      return listItemToText(value, type.element);
    case "struct": {
      const fields = type.fields.map((field) => {
        const item = (value as Record<string, Scalar>)[field.name] ?? null;
        if (item === null) return "";
        const text = field.type.kind === "boolean" ? (item === true ? "t" : "f") : scalarToText(item, field.type);
        return /[\s"\\(),]|^$/.test(text) ? `"${text.replace(/["\\]/g, "$&$&")}"` : text;
      });
      return `(${fields.join(",")})`;
    }
    case "map":
      return `{${(value as readonly (readonly Scalar[])[]).map((entry) => entryToText(entry, type)).join(",")}}`;
  }
}

/** A map's entry as a member of a JSON object. */
function entryToText([key = null, value = null]: readonly Scalar[], type: MapType): string {
  const name = key === null ? "" : scalarToText(key, type.key);
  if (value === null) return `${JSON.stringify(name)}:null`;
  const isBare = typeof value === "number" || typeof value === "bigint" || typeof value === "boolean";
  const text = scalarToText(value, type.value);
  return `${JSON.stringify(name)}:${isBare ? text : JSON.stringify(text)}`;
}
