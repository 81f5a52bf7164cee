// What a scalar function is: signatures written as text, one implementation on scalars, optionally one on vectors.

import { InvariantViolation } from "#core";
import type { DataType, Scalar, Vector } from "#columnar";

/** What evaluation may depend on beside its arguments. */
export interface EvaluationEnvironment {
  /** The time that now() gives, microseconds since the epoch. */
  readonly statementTimeMicros: number;
  /** Told when a text that is cast, such as 'today', makes the answer depend on that time. */
  readonly noteTimeRead?: () => void;
  /** Uniform in [0, 1); for random() and its kin. Absent: the platform's. */
  readonly randomUnit?: () => number;
  /** What ends a query that evaluates too much; absent where constants are folded. */
  readonly limits?: EvaluationLimits;
}

/** The running query's memory and time, as evaluation sees them. */
export interface EvaluationLimits {
  /** An account for the latest result of one function. Errors of `resize`: `memory_limit_exceeded`. */
  readonly open: () => { resize(bytes: number): void };
  /** Errors: `time_limit_exceeded`, or what the query was cancelled with. */
  readonly checkTime: () => void;
}

/** immutable: foldable; stable: one value a query; volatile: evaluated for each row. */
export type Volatility = "immutable" | "stable" | "volatile";

/** A function on scalars. Strict functions never see null. */
export type ScalarImplementation = (...args: never[]) => Scalar;

/**
 * A function on whole vectors; undefined when it has no fast path for these encodings, and then the scalar
 * implementation serves. Must handle nulls itself.
 */
export type VectorKernel = (args: readonly Vector[], rowCount: number) => Vector | undefined;

/** How to run a resolved function. */
export interface FunctionImplementation {
  readonly evaluate: ScalarImplementation;
  /** Null arguments give null without a call. */
  readonly strict: boolean;
  /** Never raises an error, so it may run on rows that a condition excludes. */
  readonly safe: boolean;
  readonly volatility: Volatility;
  readonly kernel?: VectorKernel | undefined;
}

/** One signature of a function. */
export interface ScalarOverload {
  readonly argTypes: readonly DataType[];
  /** The last argument type may repeat, or be absent. */
  readonly variadic: boolean;
  readonly returnType: DataType;
  readonly options: OverloadOptions;
  readonly make: (env: EvaluationEnvironment) => ScalarImplementation;
}

/** What differs from a strict, immutable function that may raise errors. */
export interface OverloadOptions {
  readonly strict?: boolean;
  readonly safe?: boolean;
  readonly volatility?: Volatility;
  readonly kernel?: VectorKernel;
}

/** A function whose types follow a rule instead of a list of signatures. */
export interface PolymorphicFunction {
  /** The types the arguments must be cast to, or undefined when the arguments do not fit. */
  readonly resolve: (
    argTypes: readonly DataType[],
  ) => { argTypes: readonly DataType[]; returnType: DataType } | undefined;
  readonly implement: (argTypes: readonly DataType[], returnType: DataType) => ScalarImplementation;
  readonly options: OverloadOptions;
  /** For documentation, such as `greatest(any, …) → any`. */
  readonly signature: string;
  readonly kernel?: (argTypes: readonly DataType[], returnType: DataType) => VectorKernel | undefined;
}

/** All ways to call one name. */
export interface FunctionFamily {
  readonly name: string;
  readonly overloads: ScalarOverload[];
  polymorphic: PolymorphicFunction | undefined;
}

const TYPE_NAMES: Readonly<Record<string, DataType>> = {
  unknown: { kind: "null" },
  bool: { kind: "boolean" },
  int2: { kind: "int16" },
  int4: { kind: "int32" },
  int8: { kind: "int64" },
  float4: { kind: "float32" },
  float8: { kind: "float64" },
  numeric: { kind: "decimal" },
  text: { kind: "string" },
  json: { kind: "json" },
  jsonb: { kind: "json", canonical: true },
  uuid: { kind: "uuid" },
  bytea: { kind: "binary" },
  date: { kind: "date" },
  time: { kind: "time" },
  timestamp: { kind: "timestamp", utc: false },
  timestamptz: { kind: "timestamp", utc: true },
  interval: { kind: "interval" },
};

/** The type of a short PostgreSQL name such as `int4`, `timestamptz` or `text[]`. */
export function typeOf(name: string): DataType {
  if (name.endsWith("[]")) return { kind: "list", element: typeOf(name.slice(0, -2)) };
  const type = TYPE_NAMES[name];
  if (type === undefined) throw new InvariantViolation(`no type ${name}`);
  return type;
}

/** A parsed signature. */
export interface Signature {
  readonly argTypes: readonly DataType[];
  readonly variadic: boolean;
  readonly returnType: DataType;
}

/** Parses `int4, text -> text`; a last argument `...text` is variadic. */
export function parseSignature(text: string): Signature {
  const [args = "", result = ""] = text.split("->").map((part) => part.trim());
  const names = args === "" ? [] : args.split(",").map((name) => name.trim());
  const last = names.at(-1);
  const variadic = last?.startsWith("...") === true;
  return {
    argTypes: names.map((name) => typeOf(name.replace("...", ""))),
    variadic,
    returnType: typeOf(result),
  };
}

/** Collects function families by name. */
export interface FunctionCatalog {
  readonly families: Map<string, FunctionFamily>;
  /** Adds one signature. */
  readonly define: (name: string, signature: string, evaluate: ScalarImplementation, options?: OverloadOptions) => void;
  /** Adds one signature whose implementation depends on the evaluation's environment. */
  readonly defineWith: (
    name: string,
    signature: string,
    make: (env: EvaluationEnvironment) => ScalarImplementation,
    options?: OverloadOptions,
  ) => void;
  readonly definePolymorphic: (name: string, definition: PolymorphicFunction) => void;
  /** Other names for a function that is already complete. */
  readonly alias: (name: string, ...others: string[]) => void;
  readonly aliases: Map<string, string>;
}

/** An empty catalog. */
export function createFunctionCatalog(): FunctionCatalog {
  const families = new Map<string, FunctionFamily>();
  const aliases = new Map<string, string>();
  const familyOf = (name: string): FunctionFamily => {
    let family = families.get(name);
    if (family === undefined) families.set(name, (family = { name, overloads: [], polymorphic: undefined }));
    return family;
  };
  const catalog: FunctionCatalog = {
    families,
    aliases,
    define(name, signature, evaluate, options = {}) {
      catalog.defineWith(name, signature, () => evaluate, options);
    },
    defineWith(name, signature, make, options = {}) {
      familyOf(name).overloads.push({ ...parseSignature(signature), options, make });
    },
    definePolymorphic(name, definition) {
      familyOf(name).polymorphic = definition;
    },
    alias(name, ...others) {
      for (const other of others) aliases.set(other, name);
    },
  };
  return catalog;
}
