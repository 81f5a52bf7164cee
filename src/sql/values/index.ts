// SQL values: casts, text forms, comparison, exact arithmetic, calendar and time zones.

export { castKind, castScalar, compileCast, type CastEnvironment, type ScalarCast } from "./cast.ts";
export { scalarComparator, scalarKey, type ScalarComparator } from "./compare.ts";
export { scalarToText } from "./scalar-text.ts";
export { dataTypeToName, typesEqual } from "./type-name.ts";
