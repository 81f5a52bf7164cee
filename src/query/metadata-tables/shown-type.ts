// How metadata tables show values of a table's columns: as they are where the engine has the type, else as text.

import type { DataType, Scalar } from "#columnar";
import { defaultToJson, icebergTypeToDataType, type IcebergType } from "#iceberg";

/** A type and how stored values become values of it. */
export interface ShownType {
  readonly type: DataType;
  readonly show: (value: Scalar) => Scalar;
}

const NANOSECONDS = new Set<IcebergType>(["timestamp_ns", "timestamptz_ns"]);

const WITHOUT_ORDER = /^(?:variant|geometry|geography)/;

/** Undefined for types whose bounds are no values of them. Nanosecond timestamps are text, all digits kept. */
export function shownType(type: IcebergType): ShownType | undefined {
  if (NANOSECONDS.has(type)) {
    return { type: { kind: "string" }, show: (value) => defaultToJson(type, value) as Scalar };
  }
  if (typeof type === "string" && WITHOUT_ORDER.test(type)) return undefined;
  return { type: icebergTypeToDataType(type), show: (value) => value };
}
