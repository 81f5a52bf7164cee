// The annotations of columns of shapes, between the footer and ours.
// Source: parquet.thrift (GeometryType, GeographyType, EdgeInterpolationAlgorithm)

import { stringToUtf8, utf8ToString } from "#core";
import { THRIFT_TYPE, thriftBinary, thriftInteger, type ThriftStruct } from "#codec";
import type { StoredShapes } from "#columnar";

/** Field ids of GeometryType and GeographyType. */
const SHAPES = { crs: 1, algorithm: 2 } as const;

/** EdgeInterpolationAlgorithm by its number. */
const ALGORITHMS = ["spherical", "vincenty", "thomas", "andoyer", "karney"];

/** Reads GeometryType or GeographyType. */
export function readShapes(kind: StoredShapes["kind"], detail: ThriftStruct): StoredShapes {
  const crs = thriftBinary(detail, SHAPES.crs);
  const algorithm = kind === "geography" ? ALGORITHMS[thriftInteger(detail, SHAPES.algorithm) ?? -1] : undefined;
  return {
    kind,
    ...(crs === undefined ? {} : { crs: utf8ToString(crs) }),
    ...(algorithm === undefined ? {} : { algorithm }),
  };
}

/** The struct that {@link readShapes} reads. */
export function shapesToThrift({ crs, algorithm }: StoredShapes): ThriftStruct {
  const detail: ThriftStruct = new Map();
  if (crs !== undefined) detail.set(SHAPES.crs, { type: THRIFT_TYPE.binary, value: stringToUtf8(crs) });
  const number = algorithm === undefined ? -1 : ALGORITHMS.indexOf(algorithm);
  if (number >= 0) detail.set(SHAPES.algorithm, { type: THRIFT_TYPE.i32, value: number });
  return detail;
}
