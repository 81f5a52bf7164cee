// I280 a plan made for a client holds every file with a matching row, and leaves no row to a file's residual that the
// filter would have judged otherwise: random filters as JSON against rows, by the specification's rules and by SQL's.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { stringifyJson } from "#core";
import { vectorFromScalars, type Scalar } from "#columnar";
import { applyTransform, icebergTypeToDataType, parseTransform, splitByPartition } from "#iceberg";
import { parseFilter, type FilterColumns } from "../../src/iceberg/catalog-server/filter-json.ts";
import { defaultToJson } from "../../src/iceberg/default-value.ts";
import { createSpecTests } from "../../src/iceberg/filter.ts";
import { encodeManifest, sequenceManifest } from "../../src/iceberg/manifest-write.ts";
import { partitionTuple } from "../../src/iceberg/manifest-schema.ts";
import type { LocatedField } from "../../src/iceberg/schema.ts";
import { transformResultType } from "../../src/iceberg/transform.ts";
import { comparePlainly } from "../support/plain-filter.ts";
import { FIELDS, SCHEMA, VALUES, fileOf, partitionField, row } from "../support/row-arbitraries.ts";

/** A filter as these tests know it. */
type Node =
  | { readonly kind: "constant"; readonly value: boolean }
  | { readonly kind: "not"; readonly child: Node }
  | { readonly kind: "and" | "or"; readonly left: Node; readonly right: Node }
  | { readonly kind: "test"; readonly test: Test };

interface Test {
  readonly fieldId: number;
  readonly transform: string | undefined;
  readonly type: string;
  readonly values: readonly Scalar[];
  readonly isOldStyle: boolean;
}

const TRANSFORMS: Readonly<Record<number, readonly string[]>> = {
  1: ["bucket[3]", "truncate[10]"],
  2: ["year", "month", "day", "hour", "bucket[3]"],
  3: ["truncate[2]"],
  4: [],
  5: ["truncate[50]"],
  6: ["year", "month", "day"],
};

const finite = (id: number): fc.Arbitrary<Scalar> =>
  (VALUES[id] as fc.Arbitrary<Scalar>).filter((value) => typeof value !== "number" || Number.isFinite(value));

const comparison = fc.constantFrom("eq", "not-eq", "lt", "lt-eq", "gt", "gt-eq");

const oneTest: fc.Arbitrary<Test> = fc.integer({ min: 1, max: 6 }).chain((fieldId) => {
  const values = fc.array(finite(fieldId), { minLength: 1, maxLength: 3 });
  const types = [
    comparison,
    fc.constantFrom("is-null", "not-null", "in", "not-in"),
    ...(fieldId === 3 ? [fc.constantFrom("starts-with", "not-starts-with")] : []),
    ...(fieldId === 4 ? [fc.constantFrom("is-nan", "not-nan")] : []),
  ];
  const transform = fc.option(fc.constantFrom("identity", ...(TRANSFORMS[fieldId] ?? [])), {
    nil: undefined,
    freq: 2,
  });
  return fc
    .tuple(fc.oneof(...types), values, transform, fc.boolean())
    .filter(([type, , name]) => name === undefined || !type.endsWith("starts-with"))
    .map(([type, found, name, isOldStyle]) => ({
      fieldId,
      transform: name,
      type,
      values: found.map((value) => transformedValue(fieldId, name, value)),
      isOldStyle,
    }));
});

const node = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    oneTest.map((made): Node => ({ kind: "test", test: made })),
    fc.boolean().map((value): Node => ({ kind: "constant", value })),
    tie("node").map((child): Node => ({ kind: "not", child })),
    fc
      .tuple(fc.constantFrom<("and" | "or")[]>("and", "or"), tie("node"), tie("node"))
      .map(([kind, left, right]): Node => ({ kind, left, right })),
  ),
})).node;

function typeOf(fieldId: number): string {
  return FIELDS.get(fieldId)?.field.type as string;
}

function transformedValue(fieldId: number, transform: string | undefined, value: Scalar): Scalar {
  return transform === undefined ? value : applyTransform(parseTransform(transform), typeOf(fieldId), value);
}

function toJson(item: Node): unknown {
  switch (item.kind) {
    case "constant":
      return item.value;
    case "not":
      return { type: "not", child: toJson(item.child) };
    case "and":
    case "or":
      return { type: item.kind, left: toJson(item.left), right: toJson(item.right) };
    case "test":
      return testToJson(item.test);
  }
}

/** In the deprecated form of terms or in that of expressions, sides exchanged where that says the same. */
function testToJson({ fieldId, transform, type, values, isOldStyle }: Test): unknown {
  const name = FIELDS.get(fieldId)?.path as string;
  const source = typeOf(fieldId);
  const result = transform === undefined ? source : (transformResultType(parseTransform(transform), source) as string);
  const constants = values.map((value) => defaultToJson(result, value));
  const [, kind, parameter] = /^(\w+)(?:\[(\d+)\])?$/.exec(transform ?? "") ?? [];
  const reference = isOldStyle ? name : { type: "reference", name };
  const term =
    transform === undefined
      ? reference
      : isOldStyle
        ? { type: "transform", transform, term: name }
        : {
            type: "apply",
            function: { catalog: "iceberg_functions", identifier: [kind] },
            arguments: [...(parameter === undefined ? [] : [Number(parameter)]), reference],
          };
  if (/^(?:is|not)-(?:null|nan)$/.test(type)) return { type, [isOldStyle ? "term" : "child"]: term };
  if (type === "in" || type === "not-in") {
    if (isOldStyle) return { type, term, values: constants };
    return { type, child: term, values: { type: "literals", values: constants, "data-type": result } };
  }
  if (isOldStyle) return { type, term, value: constants[0] };
  const literal = { type: "literal", value: constants[0] };
  const mirrored = new Map([
    ["lt", "gt"],
    ["eq", "eq"],
    ["gt-eq", "lt-eq"],
  ]).get(type);
  return mirrored === undefined ? { type, left: term, right: literal } : { type: mirrored, left: literal, right: term };
}

type Truth = boolean | null;

/** The filter of a row by the specification, where each predicate is true or false, or by SQL, where it may be null. */
function judge(item: Node, values: readonly Scalar[], isSql: boolean): Truth {
  switch (item.kind) {
    case "constant":
      return item.value;
    case "not": {
      const truth = judge(item.child, values, isSql);
      return truth === null ? null : !truth;
    }
    case "and":
    case "or": {
      const sides = [judge(item.left, values, isSql), judge(item.right, values, isSql)];
      const decisive = item.kind === "or";
      if (sides.includes(decisive)) return decisive;
      return sides.includes(null) ? null : !decisive;
    }
    case "test":
      return judgeTest(item.test, values, isSql);
  }
}

function isNan(value: Scalar): boolean {
  return typeof value === "number" && Number.isNaN(value);
}

function judgeTest({ fieldId, transform, type, values }: Test, row_: readonly Scalar[], isSql: boolean): Truth {
  const value = transformedValue(fieldId, transform, row_[fieldId - 1] ?? null);
  if (type === "is-null") return value === null;
  if (type === "not-null") return value !== null;
  if (type === "is-nan") return isNan(value);
  if (type === "not-nan") return !isNan(value);
  const isNegative = type.startsWith("not-");
  if (value === null && isSql) return null;
  // By the specification NaN is in no order; by SQL it is above all others.
  if (value === null || (isNan(value) && !isSql)) return isNegative;
  const [first = null] = values;
  const order = comparePlainly(value, first);
  switch (type) {
    case "eq":
      return order === 0;
    case "not-eq":
      return order !== 0;
    case "lt":
      return order < 0;
    case "lt-eq":
      return order <= 0;
    case "gt":
      return order > 0;
    case "gt-eq":
      return order >= 0;
    case "in":
    case "not-in":
      return values.some((candidate) => comparePlainly(value, candidate) === 0) !== isNegative;
    default:
      return (value as string).startsWith(first as string) !== isNegative;
  }
}

const COLUMNS: FilterColumns = {
  byName: (name) => [...FIELDS.values()].find(({ path }) => path === name) as LocatedField,
  byId: (id) => FIELDS.get(id) as LocatedField,
  hasSameType: () => true,
};

/** The tests of a filter by their JSON, to judge residuals, which are made of the same. */
function testsByJson(item: Node, found: Map<string, Node>): Map<string, Node> {
  if (item.kind === "test") found.set(stringifyJson(toJson(item)), item);
  else if (item.kind === "not") testsByJson(item.child, found);
  else if (item.kind !== "constant") {
    testsByJson(item.left, found);
    testsByJson(item.right, found);
  }
  return found;
}

function fromResidual(json: unknown, tests: ReadonlyMap<string, Node>): Node {
  if (typeof json === "boolean") return { kind: "constant", value: json };
  const known = tests.get(stringifyJson(json));
  if (known !== undefined) return known;
  const { type, child, left, right } = json as Readonly<Record<string, unknown>>;
  if (type === "not") return { kind: "not", child: fromResidual(child, tests) };
  if (type !== "and" && type !== "or") throw new Error(`a residual of type ${String(type)}`);
  return { kind: type, left: fromResidual(left, tests), right: fromResidual(right, tests) };
}

test("I280 plans drop no file with a matching row, and residuals judge the rows of a file as the filter does", () => {
  let dropped = 0;
  let simpler = 0;
  fc.assert(
    fc.property(
      fc.array(row, { minLength: 1, maxLength: 12 }),
      fc.array(partitionField, { maxLength: 2 }),
      node,
      (rows, partitioning, filter) => {
        const spec = {
          "spec-id": 0,
          fields: partitioning.map(({ id, transform }, index) => ({
            "source-id": id,
            "field-id": 1000 + index,
            name: `p${index}`,
            transform,
          })),
        };
        const columns = SCHEMA.fields.map((field, index) =>
          vectorFromScalars(
            icebergTypeToDataType(field.type),
            rows.map((values) => values[index] ?? null),
          ),
        );
        const tuple = partitionTuple(spec, FIELDS);
        const json = toJson(filter);
        const tests = createSpecTests(parseFilter(json, COLUMNS), spec, tuple, FIELDS);
        const known = testsByJson(filter, new Map());
        const files = splitByPartition({ rowCount: rows.length, columns }, SCHEMA, spec).map((part) => {
          const held = Array.from(part.rows, (index) => rows[index] as readonly Scalar[]);
          return { held, file: fileOf(held, part.partition) };
        });
        const entries = files.map(({ file }) => ({
          status: 1 as const,
          snapshotId: 1n,
          sequenceNumber: null,
          fileSequenceNumber: null,
          dataFile: file,
        }));
        const encoded = encodeManifest({
          path: "m",
          formatVersion: 2,
          schema: SCHEMA,
          spec,
          tuple,
          entries,
          snapshotId: 1n,
        });
        const isWanted = (values: readonly Scalar[]): boolean =>
          [true, false].some((isSql) => judge(filter, values, isSql) === true);
        const isHeld = tests.mightHoldMatch(sequenceManifest(encoded.file, 1n));
        for (const { held, file } of files) {
          expect(!held.some(isWanted) || (isHeld && tests.mightMatch(file))).toBe(true);
          if (!tests.mightMatch(file)) {
            dropped += 1;
            continue;
          }
          const residual = tests.residual(file);
          if (stringifyJson(residual) !== stringifyJson(json)) simpler += 1;
          const left = fromResidual(residual, known);
          for (const values of held) {
            for (const isSql of [true, false]) {
              expect(judge(left, values, isSql) === true).toBe(judge(filter, values, isSql) === true);
            }
          }
        }
      },
    ),
    { numRuns: 1500 },
  );
  // Neither proves anything if it never happens.
  expect(dropped).toBeGreaterThan(150);
  expect(simpler).toBeGreaterThan(150);
});
