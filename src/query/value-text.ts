// How result values are written in JSON and CSV.
//
// | type | JSON | example |
// |---|---|---|
// | boolean | true / false | true |
// | int16, int32, float | number; NaN and ±Infinity as strings | 1.5, "NaN" |
// | int64, numeric | number with all its digits while |v| ≤ 2^53 - 1, else string | 12.50, "9007199254740993" |
// | string, uuid | string | "a" |
// | json | the value itself | {"k":1} |
// | binary | string, PostgreSQL's hex form | "\\x0aff" |
// | date | string, ISO 8601 | "2024-01-15" |
// | time | string, six fraction digits | "10:00:00.000000" |
// | timestamp with time zone | string, ISO 8601 in UTC, six fraction digits | "2024-01-15T10:00:00.000000Z" |
// | timestamp without | the same without Z | "2024-01-15T10:00:00.000000" |
// | interval | string, ISO 8601 duration | "P1M2DT3H4.5S" |
// | list / struct, map | array / object | [1,2] |
//
// CSV writes the same texts without JSON's quotes. Dates before year 1 and after 9999 keep the proleptic Gregorian
// calendar with astronomical years; PostgreSQL's infinities are "infinity" and "-infinity".

import { LakeError, bytesToHex, unreachable } from "#core";
import { decimalToString, type DataType, type Decimal, type Interval, type Scalar } from "#columnar";

const DAY_MICROS = 86_400_000_000;
const MAX_EXACT = BigInt(Number.MAX_SAFE_INTEGER);

/** The text of one non-null value. */
type ValueWriter = (value: Scalar) => string;

/** A function that writes values of a type as JSON; null becomes `null`. */
export function jsonWriter(type: DataType): ValueWriter {
  const write = nonNullJsonWriter(type);
  return (value) => (value === null ? "null" : write(value));
}

/** A function that writes values of a type as plain text, as in a CSV cell before quoting; never given null. */
export function plainWriter(type: DataType): ValueWriter {
  switch (type.kind) {
    case "null":
      return () => "";
    case "boolean":
    case "int16":
    case "int32":
    case "int64":
    case "float64":
    case "string":
    case "json":
    case "uuid":
      return primitiveToText;
    case "float32":
      return (value) => float32ToText(value as number);
    case "decimal":
      return (value) => decimalToString(value as Decimal);
    case "binary":
      return (value) => `\\x${bytesToHex(value as Uint8Array)}`;
    case "date":
      return (value) => dateToText(value as number);
    case "time":
      return (value) => timeToText(value as number);
    case "timestamp": {
      const suffix = type.utc ? "Z" : "";
      return (value) => timestampToText(value as number, suffix);
    }
    case "interval":
      return (value) => intervalToText(value as Interval);
    case "list":
    case "struct":
    case "map":
      return nonNullJsonWriter(type);
    default:
      return unreachable(type);
  }
}

function nonNullJsonWriter(type: DataType): ValueWriter {
  switch (type.kind) {
    case "null":
      return () => "null";
    case "boolean":
    case "int16":
    case "int32":
      return primitiveToText;
    case "float64":
      return (value) => floatToJson(value as number, primitiveToText(value));
    case "float32":
      return (value) => floatToJson(value as number, float32ToText(value as number));
    case "int64":
      return (value) => (typeof value === "bigint" ? integerToJson(value) : primitiveToText(value));
    case "decimal":
      return (value) => decimalToJson(value as Decimal);
    case "string":
    case "uuid":
      return (value) => JSON.stringify(value);
    case "json":
      return (value) => embeddedJson(value as string);
    case "binary":
      return (value) => `"\\\\x${bytesToHex(value as Uint8Array)}"`;
    case "date":
    case "time":
    case "timestamp":
    case "interval": {
      const plain = plainWriter(type);
      return (value) => `"${plain(value)}"`;
    }
    case "list": {
      const element = jsonWriter(type.element);
      return (value) => `[${(value as readonly Scalar[]).map(element).join(",")}]`;
    }
    case "struct": {
      const fields = type.fields.map(({ name, type }) => ({ name, write: jsonWriter(type) }));
      return (value) => {
        const record = value as { readonly [key: string]: Scalar };
        const members = fields.map(({ name, write }) => `${JSON.stringify(name)}:${write(record[name] ?? null)}`);
        return `{${members.join(",")}}`;
      };
    }
    case "map": {
      const keyText = plainWriter(type.key);
      const write = jsonWriter(type.value);
      return (value) => {
        const members = (value as readonly (readonly Scalar[])[]).map(
          ([key = null, item = null]) => `${JSON.stringify(keyText(key))}:${write(item)}`,
        );
        return `{${members.join(",")}}`;
      };
    }
    default:
      return unreachable(type);
  }
}

function primitiveToText(value: Scalar): string {
  return (value as string | number | bigint | boolean).toString();
}

function floatToJson(value: number, text: string): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? "-0" : text;
  return `"${text}"`;
}

function integerToJson(value: bigint): string {
  return value > MAX_EXACT || value < -MAX_EXACT ? `"${value}"` : value.toString();
}

function decimalToJson(value: Decimal): string {
  const text = decimalToString(value);
  const magnitude = value.unscaled < 0n ? -value.unscaled : value.unscaled;
  // Few digits are the common case and need no power of ten.
  const exact = magnitude <= MAX_EXACT || magnitude <= MAX_EXACT * 10n ** BigInt(value.scale);
  return exact ? text : `"${text}"`;
}

/** A json value is embedded as it is; text that does not parse is sent as a string so that the body stays JSON. */
function embeddedJson(text: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}

/** Shortest decimal that reads back as the same single-precision value, as PostgreSQL prints float4. */
function float32ToText(value: number): string {
  if (!Number.isFinite(value) || value === 0) return String(value);
  for (let digits = 1; digits <= 9; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === value) return String(candidate);
  }
  return String(value);
}

function infinityToText(value: number): string {
  if (Number.isNaN(value)) throw new LakeError("numeric_out_of_range", "A date or time is not a number.");
  return value > 0 ? "infinity" : "-infinity";
}

let lastDay = Number.NaN;
let lastDayText = "";

function dateToText(days: number): string {
  if (days === lastDay) return lastDayText;
  if (!Number.isFinite(days)) return infinityToText(days);
  // Civil from days, Howard Hinnant's algorithm: eras of 400 years starting on 1 March.
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const yearText = year < 0 ? `-${pad(-year, 4)}` : pad(year, 4);
  // Results are mostly sorted or grouped by time: the last day is the likeliest next.
  lastDayText = `${yearText}-${pad(month, 2)}-${pad(day, 2)}`;
  lastDay = days;
  return lastDayText;
}

/** "00" to "99". */
const TWO_DIGITS = Array.from({ length: 100 }, (_, value) => pad(value, 2));

function timeToText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000);
  const fraction = micros - seconds * 1_000_000;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) - hours * 60;
  const clock = `${TWO_DIGITS[hours]}:${TWO_DIGITS[minutes]}:${TWO_DIGITS[seconds - hours * 3600 - minutes * 60]}`;
  return fraction === 0 ? `${clock}.000000` : `${clock}.${pad(fraction, 6)}`;
}

function timestampToText(micros: number, suffix: string): string {
  if (!Number.isFinite(micros)) return infinityToText(micros);
  const days = Math.floor(micros / DAY_MICROS);
  return `${dateToText(days)}T${timeToText(micros - days * DAY_MICROS)}${suffix}`;
}

function intervalToText({ months, days, micros }: Interval): string {
  const years = Math.trunc(months / 12);
  const seconds = Math.trunc(micros / 1_000_000);
  const hours = Math.trunc(seconds / 3600);
  const minutes = Math.trunc((seconds % 3600) / 60);
  const date = intervalPart(years, "Y") + intervalPart(months % 12, "M") + intervalPart(days, "D");
  const time = intervalPart(hours, "H") + intervalPart(minutes, "M") + secondsPart(seconds % 60, micros % 1_000_000);
  if (date === "" && time === "") return "PT0S";
  return `P${date}${time === "" ? "" : `T${time}`}`;
}

function intervalPart(value: number, unit: string): string {
  return value === 0 ? "" : `${value}${unit}`;
}

function secondsPart(seconds: number, micros: number): string {
  if (seconds === 0 && micros === 0) return "";
  const sign = seconds < 0 || micros < 0 ? "-" : "";
  const fraction = micros === 0 ? "" : `.${pad(Math.abs(micros), 6).replace(/0+$/, "")}`;
  return `${sign}${Math.abs(seconds)}${fraction}S`;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, "0");
}
