// Names of primitive types that carry arguments.

import type { StoredShapes } from "#columnar";

const DECIMAL = /^decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)$/;
const FIXED = /^fixed\[\s*(\d+)\s*\]$/;

/** Precision and scale of a decimal type's name, or undefined for any other name. */
export function parseDecimalType(name: string): { readonly precision: number; readonly scale: number } | undefined {
  const match = DECIMAL.exec(name);
  return match === null ? undefined : { precision: Number(match[1]), scale: Number(match[2]) };
}

/** Length in bytes of a fixed type's name, or undefined for any other name. */
export function parseFixedType(name: string): number | undefined {
  const match = FIXED.exec(name);
  return match === null ? undefined : Number(match[1]);
}

const SHAPES = /^(geometry|geography)(?:\(\s*([^,()]*?)\s*(?:,\s*([a-z]+)\s*)?\))?$/;

/** What a type of shapes says, or undefined for any other name. */
export function parseShapesType(name: string): StoredShapes | undefined {
  const match = SHAPES.exec(name);
  if (match === null) return undefined;
  const [, kind, crs, algorithm] = match;
  return {
    kind: kind as StoredShapes["kind"],
    ...(crs === undefined || crs === "" ? {} : { crs }),
    ...(algorithm === undefined || kind === "geometry" ? {} : { algorithm }),
  };
}
