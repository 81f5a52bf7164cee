// How metadata tables show values of a table's columns: as they are where the engine has the type, else as text.

import type { DataType, Scalar } from "#columnar";
import { defaultToJson, icebergTypeToDataType, unreadableType, type IcebergType } from "#iceberg";

/** A type and how stored values become values of it. */
export interface ShownType {
  readonly type: DataType;
  readonly show: (value: Scalar) => Scalar;
}

const NANOSECONDS = new Set<IcebergType>(["timestamp_ns", "timestamptz_ns"]);

/** Undefined for types that have no value here, such as variant. Nanosecond timestamps are text, all digits kept. */
export function shownType(type: IcebergType): ShownType | undefined {
  if (NANOSECONDS.has(type)) {
    return { type: { kind: "string" }, show: (value) => defaultToJson(type, value) as Scalar };
  }
  if (unreadableType(type, "") !== undefined) return undefined;
  return { type: icebergTypeToDataType(type), show: (value) => value };
}
