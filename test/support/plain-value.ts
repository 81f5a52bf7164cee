// Scalars as JSON values, in the form that test/golden/parquet/expected.py writes them.

import { bytesToHex } from "#core";
import { decimalToString, type DataType, type Decimal, type Scalar } from "#columnar";

/** The value as JSON has it: what JSON cannot say is text. */
export function plainValue(value: Scalar, type: DataType): unknown {
  if (value === null) return null;
  switch (type.kind) {
    case "struct":
      return Object.fromEntries(
        type.fields.map((field) => [
          field.name,
          plainValue((value as { readonly [key: string]: Scalar })[field.name] ?? null, field.type),
        ]),
      );
    case "list":
      return (value as readonly Scalar[]).map((item) => plainValue(item, type.element));
    case "map":
      return (value as readonly (readonly Scalar[])[]).map(([key = null, item = null]) => [
        plainValue(key, type.key),
        plainValue(item, type.value),
      ]);
    case "decimal":
      return decimalToString(value as Decimal);
    case "binary":
      return `0x${bytesToHex(value as Uint8Array)}`;
    case "float32":
    case "float64":
      return floatValue(value as number);
    case "int64":
    case "timestamp":
      return typeof value === "bigint" ? value.toString() : value;
    case "null":
    case "boolean":
    case "int16":
    case "int32":
    case "string":
    case "json":
    case "uuid":
    case "date":
    case "time":
    case "interval":
      return value;
  }
}

/** As Python's repr writes what JSON has no number for. */
function floatValue(value: number): number | string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return value;
}
