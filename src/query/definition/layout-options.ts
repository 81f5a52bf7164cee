// Partitioning and sort order as WITH writes them: Trino's and Spark's forms.

import { LakeError, nearestName } from "#core";
import type { IcebergField, PartitionSpecRequest, SortField, SortOrder } from "#iceberg";
import type { OptionText } from "#sql";

/** `day(ts)`, `bucket(id, 16)`, Spark's `days(ts)` and `bucket(16, id)`, or a column's name alone. */
const TRANSFORM =
  /^(?:(?<name>\w+)\s*\(\s*(?<first>"[^"]+"|[^,()]+?)\s*(?:,\s*(?<second>"[^"]+"|[^,()]+?)\s*)?\)|(?<column>"[^"]+"|[\w.$\u0080-\uffff]+))$/u;
const TIME_TRANSFORMS: ReadonlyMap<string, string> = new Map(
  ["year", "month", "day", "hour"].flatMap((name) => [
    [name, name],
    [`${name}s`, name],
  ]),
);
const SIZED_TRANSFORMS = new Set(["bucket", "truncate"]);

/** A transform of a column, by its text. */
interface ColumnTransform {
  readonly field: IcebergField;
  readonly transform: string;
  /** What the partition field is called, as Trino names it. */
  readonly name: string;
}

function optionError({ text, span }: OptionText, why: string, nearest?: string): LakeError {
  const place = span === undefined ? {} : { position: span.start + 1, start: span.start, end: span.end };
  const hint = nearest === undefined ? "" : ` Did you mean "${nearest}"?`;
  return new LakeError("invalid_option", `"${text}": ${why}${hint}`, { details: place });
}

function readTransform(option: OptionText, text: string, fields: readonly IcebergField[]): ColumnTransform {
  const { groups } = TRANSFORM.exec(text) ?? {};
  if (groups === undefined) throw optionError(option, "write a column, or a transform of one such as day(ts).");
  const fieldOf = (written: string): IcebergField => {
    const name = written.replace(/^"(.*)"$/s, "$1");
    const found = fields.find((field) => field.name === name);
    if (found !== undefined) return found;
    const names = fields.map((field) => field.name);
    throw optionError(option, `there is no column ${name}.`, nearestName(name, names));
  };
  const { name: function_ = "", first = "", second, column } = groups;
  if (column !== undefined) {
    const field = fieldOf(column);
    return { field, transform: "identity", name: field.name };
  }
  const lower = function_.toLowerCase();
  const time = TIME_TRANSFORMS.get(lower);
  if (time !== undefined && second === undefined) {
    const field = fieldOf(first);
    return { field, transform: time, name: `${field.name}_${time}` };
  }
  if (SIZED_TRANSFORMS.has(lower) && second !== undefined) {
    // Trino writes the column first, Spark the size.
    const [written, size] = /^\d+$/.test(first) ? [second, first] : [first, second];
    if (!/^[1-9]\d{0,8}$/.test(size)) throw optionError(option, `${lower} needs a whole number above 0.`);
    const field = fieldOf(written);
    return { field, transform: `${lower}[${size}]`, name: `${field.name}_${lower === "bucket" ? "bucket" : "trunc"}` };
  }
  const known = [...new Set(TIME_TRANSFORMS.values()), ...SIZED_TRANSFORMS];
  throw optionError(option, `transforms are ${known.join(", ")}.`, nearestName(lower, known));
}

/** The partition spec of `partitioning = ARRAY[…]`. Errors: `invalid_option` with its place. */
export function readPartitioning(
  options: readonly OptionText[],
  fields: readonly IcebergField[],
): PartitionSpecRequest {
  return {
    fields: options.map((option) => {
      const { field, transform, name } = readTransform(option, option.text, fields);
      return { name, transform, "source-id": field.id };
    }),
  };
}

const DIRECTION = /^(?<key>.*?)(?:\s+(?<direction>asc|desc))?(?:\s+nulls\s+(?<nulls>first|last))?$/is;

/** The sort order of `sorted_by = ARRAY['ts DESC', …]`. Errors: `invalid_option` with its place. */
export function readSortedBy(options: readonly OptionText[], fields: readonly IcebergField[]): SortOrder {
  const keys = options.map((option): SortField => {
    const { key = "", direction, nulls } = DIRECTION.exec(option.text)?.groups ?? {};
    const { field, transform } = readTransform(option, key.trim(), fields);
    const isDescending = direction?.toLowerCase() === "desc";
    // PostgreSQL puts NULLs last when ascending and first when descending.
    const first = nulls === undefined ? isDescending : nulls.toLowerCase() === "first";
    return {
      "source-id": field.id,
      transform,
      direction: isDescending ? "desc" : "asc",
      "null-order": first ? "nulls-first" : "nulls-last",
    };
  });
  return { "order-id": 1, fields: keys };
}
