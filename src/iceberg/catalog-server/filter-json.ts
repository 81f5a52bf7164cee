// Filters as clients send them with a scan: the predicates of the expressions specification, and the terms that it
// replaced. Source: Iceberg expressions specification, Appendix B; Iceberg REST OpenAPI, Predicate.

import type { Scalar } from "#columnar";
import { isTransformOf, type Filter, type FilterOperator, type FilterTest } from "../filter.ts";
import { createJsonShape, type JsonObject } from "../json-shape.ts";
import type { LocatedField } from "../schema.ts";
import { parseTransform, transformResultType, type Transform } from "../transform.ts";
import { filterLiteral } from "./filter-literal.ts";

const shape = createJsonShape("invalid_request", "The filter");

/** How the columns of a filter are found. */
export interface FilterColumns {
  /** Errors: `invalid_request` when there is no such column, or several that differ in case alone. */
  byName(name: string): LocatedField;
  /** Errors: `invalid_request`. */
  byId(id: number): LocatedField;
  /** Whether the column's type is still the one it has in the schema that names are looked up in. */
  hasSameType(field: LocatedField): boolean;
}

type Comparison = "lt" | "lt-eq" | "gt" | "gt-eq" | "eq" | "not-eq" | "starts-with" | "not-starts-with";

interface OperatorForms {
  readonly operator: FilterOperator;
  readonly negated: FilterOperator;
}

const UNARY: Readonly<Record<string, OperatorForms>> = {
  "is-null": { operator: "is_null", negated: "is_not_null" },
  "not-null": { operator: "is_not_null", negated: "is_null" },
  "is-nan": { operator: "is_nan", negated: "not_nan" },
  "not-nan": { operator: "not_nan", negated: "is_nan" },
};

const COMPARISONS: Readonly<Record<Comparison, OperatorForms>> = {
  lt: { operator: "<", negated: ">=" },
  "lt-eq": { operator: "<=", negated: ">" },
  gt: { operator: ">", negated: "<=" },
  "gt-eq": { operator: ">=", negated: "<" },
  eq: { operator: "=", negated: "<>" },
  "not-eq": { operator: "<>", negated: "=" },
  "starts-with": { operator: "starts_with", negated: "not_starts_with" },
  "not-starts-with": { operator: "not_starts_with", negated: "starts_with" },
};

/** The comparison with its sides exchanged. */
const MIRRORED: Partial<Record<string, Comparison>> = {
  lt: "gt",
  "lt-eq": "gt-eq",
  gt: "lt",
  "gt-eq": "lt-eq",
  eq: "eq",
  "not-eq": "not-eq",
};

const SETS: Readonly<Record<string, OperatorForms>> = {
  in: { operator: "in", negated: "not_in" },
  "not-in": { operator: "not_in", negated: "in" },
};

/** Operators that rows without a value fulfil. */
const OF_NOTHING: ReadonlySet<FilterOperator> = new Set<FilterOperator>(["<>", "not_in", "not_starts_with"]);

/**
 * Reads a filter. Errors: `invalid_request` for what is no predicate, for columns and functions that are not there, and
 * for constants that a column cannot be compared with.
 */
export function parseFilter(json: unknown, columns: FilterColumns): Filter {
  return parsePredicate(json, columns, false);
}

function parsePredicate(json: unknown, columns: FilterColumns, isNegated: boolean): Filter {
  if (typeof json === "boolean") return { kind: "constant", value: json !== isNegated };
  const item = shape.object(json, "a predicate");
  const type = shape.string(item["type"], "type").toLowerCase();
  switch (type) {
    case "true":
    case "false":
      return { kind: "constant", value: (type === "true") !== isNegated };
    case "literal":
      return { kind: "constant", value: shape.boolean(item["value"], "value") !== isNegated };
    case "not":
      return parsePredicate(item["child"], columns, !isNegated);
    case "and":
    case "or":
      return {
        kind: (type === "and") === isNegated ? "or" : "and",
        left: parsePredicate(item["left"], columns, isNegated),
        right: parsePredicate(item["right"], columns, isNegated),
      };
  }
  const made = isNegated ? { type: "not", child: json } : json;
  const unary = own(UNARY, type);
  if (unary !== undefined) return unaryTest(item, unary, columns, isNegated, made);
  const set = own(SETS, type);
  if (set !== undefined) return setTest(item, set, columns, isNegated, made);
  if (own(COMPARISONS, type) !== undefined) return comparison(item, type as Comparison, columns, isNegated, made);
  throw shape.fail(`there is no predicate "${type}".`);
}

function own<T>(table: Readonly<Partial<Record<string, T>>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

function unaryTest(
  item: JsonObject,
  forms: OperatorForms,
  columns: FilterColumns,
  isNegated: boolean,
  json: unknown,
): Filter {
  const operand = parseOperand(item["child"] ?? item["term"], columns);
  if (operand.kind !== "value") return { kind: "opaque", json };
  const { type } = operand;
  const isOfNan = forms.operator === "is_nan" || forms.operator === "not_nan";
  if (isOfNan && type !== "float" && type !== "double") {
    throw shape.fail(`${operand.name} is ${type}, which has no NaN.`);
  }
  return testOf(operand, isNegated ? forms.negated : forms.operator, [], { orNothing: false, isLoose: false, json });
}

function setTest(
  item: JsonObject,
  forms: OperatorForms,
  columns: FilterColumns,
  isNegated: boolean,
  json: unknown,
): Filter {
  const operand = parseOperand(item["child"] ?? item["term"], columns);
  const literals = literalsOf(item["values"]);
  if (operand.kind !== "value") return { kind: "opaque", json };
  const operator = isNegated ? forms.negated : forms.operator;
  if (literals.length === 0) return { kind: "constant", value: operator === "not_in" };
  const found = literals.map((literal) => filterLiteral(operand.type, literal));
  const isLoose = found.some((literal) => literal.isLoose);
  if (isLoose && operator === "not_in") return { kind: "opaque", json };
  const values = found.flatMap((literal) => literal.values);
  return testOf(operand, operator, values, { orNothing: OF_NOTHING.has(operator), isLoose, json });
}

function comparison(
  item: JsonObject,
  type: Comparison,
  columns: FilterColumns,
  isNegated: boolean,
  json: unknown,
): Filter {
  const sides =
    item["term"] === undefined
      ? [parseOperand(item["left"], columns), parseOperand(item["right"], columns)]
      : [parseOperand(item["term"], columns), constantOf(item["value"])];
  const [left, right] = sides as [Operand, Operand];
  if (left.kind === "value" && right.kind === "constant") {
    return compare(left, type, right.json, isNegated, json);
  }
  const mirrored = MIRRORED[type];
  if (left.kind === "constant" && right.kind === "value" && mirrored !== undefined) {
    return compare(right, mirrored, left.json, isNegated, json);
  }
  return { kind: "opaque", json };
}

function compare(
  operand: ColumnOperand,
  type: Comparison,
  constant: unknown,
  isNegated: boolean,
  json: unknown,
): Filter {
  const forms = COMPARISONS[type];
  const operator = isNegated ? forms.negated : forms.operator;
  if (type.endsWith("starts-with") && operand.type !== "string") {
    throw shape.fail(`${operand.name} is ${operand.type}, which starts with nothing.`);
  }
  const { values, isLoose } = filterLiteral(operand.type, constant);
  // The negation of an order is fulfilled by rows without a value, if by the specification's rules only.
  const orNothing = OF_NOTHING.has(operator) || (isNegated && operator !== "=" && operator !== "starts_with");
  const [first, second] = values as [Scalar, Scalar?];
  const rest = { orNothing, isLoose, json };
  if (second === undefined) return testOf(operand, operator, [first], rest);
  // A float's constant as sent and as rounded: whichever lets more rows through.
  const [less, more] = Number(first) < Number(second) ? [first, second] : [second, first];
  if (operator === "=") return testOf(operand, "in", [less, more], rest);
  if (operator === "<" || operator === "<=") return testOf(operand, operator, [more], rest);
  if (operator === ">" || operator === ">=") return testOf(operand, operator, [less], rest);
  return { kind: "opaque", json };
}

/** A column or its transform. */
interface ColumnOperand {
  readonly kind: "value";
  readonly name: string;
  readonly fieldId: number;
  readonly source: string;
  readonly transform: Transform | undefined;
  /** Of the transform's results. */
  readonly type: string;
}

type Operand =
  | ColumnOperand
  | { readonly kind: "constant"; readonly json: unknown }
  /** Something that nothing is known of. */
  | { readonly kind: "opaque" };

function testOf(
  operand: ColumnOperand,
  operator: FilterOperator,
  values: readonly Scalar[],
  rest: Pick<FilterTest, "orNothing" | "isLoose" | "json">,
): FilterTest {
  const { fieldId, source, transform } = operand;
  return {
    kind: "test",
    fieldId,
    type: source,
    operator,
    values,
    ...rest,
    ...(transform === undefined ? {} : { transform }),
  };
}

function parseOperand(json: unknown, columns: FilterColumns): Operand {
  if (typeof json === "string") return columnOperand(columns.byName(json), columns);
  if (typeof json !== "object" || json === null) return constantOf(json);
  const item = shape.object(json, "a value");
  const type = shape.string(item["type"], "a value's type");
  switch (type) {
    case "literal":
      return constantOf(item);
    case "reference":
      return referenceOperand(item, columns);
    case "transform": {
      const source = parseOperand(item["term"], columns);
      return transformed(source, shape.string(item["transform"], "transform"));
    }
    case "apply":
      return applyOperand(item, columns);
    default:
      throw shape.fail(`there is no value of type "${type}".`);
  }
}

function referenceOperand(item: JsonObject, columns: FilterColumns): Operand {
  if (item["id"] !== undefined) return columnOperand(columns.byId(shape.integer(item["id"], "id")), columns);
  return columnOperand(columns.byName(shape.string(item["name"] ?? item["term"], "name")), columns);
}

function columnOperand(located: LocatedField, columns: FilterColumns): Operand {
  const { field, path } = located;
  if (!columns.hasSameType(located)) return { kind: "opaque" };
  const type = typeof field.type === "string" ? field.type : field.type.type;
  return { kind: "value", name: path, fieldId: field.id, source: type, transform: undefined, type };
}

function transformed(operand: Operand, name: string): Operand {
  const transform = parseTransform(name);
  if (operand.kind === "constant" || transform.kind === "unknown") {
    throw shape.fail(`"${name}" is no transform of a column.`);
  }
  if (operand.kind === "opaque" || transform.kind === "identity") return operand;
  const type = transformResultType(transform, operand.source);
  if (operand.transform !== undefined || typeof type !== "string" || !isTransformOf(transform, operand.source)) {
    throw shape.fail(`the transform ${name} does not apply to ${operand.name}.`);
  }
  return { ...operand, transform, type };
}

const ONE_ARGUMENT = new Set(["identity", "year", "month", "day", "hour"]);
const WITH_PARAMETER = new Set(["bucket", "truncate"]);

function applyOperand(item: JsonObject, columns: FilterColumns): Operand {
  const name = functionName(item["function"]);
  const arguments_ = shape.array(item["arguments"], "arguments");
  if (ONE_ARGUMENT.has(name) && arguments_.length === 1) return transformed(parseOperand(arguments_[0], columns), name);
  if (WITH_PARAMETER.has(name) && arguments_.length === 2) {
    const parameter = constantJson(arguments_[0]);
    return transformed(parseOperand(arguments_[1], columns), `${name}[${String(shape.integer(parameter, name))}]`);
  }
  if (name === "if_else" && arguments_.length === 3) return { kind: "opaque" };
  throw shape.fail(`there is no function ${name} of ${arguments_.length} arguments.`);
}

const FUNCTION_CATALOG = "iceberg_functions";

/** The name of one of Iceberg's own functions; of another catalog there are none. */
function functionName(json: unknown): string {
  if (typeof json === "string") return json;
  const reference = Array.isArray(json) ? { identifier: json as unknown } : shape.object(json, "function");
  const parts = shape.strings(reference["identifier"], "function.identifier");
  const catalog =
    "catalog" in reference ? shape.string(reference["catalog"] ?? FUNCTION_CATALOG, "catalog") : undefined;
  const [name] = parts;
  if (name !== undefined && parts.length === 1 && (catalog ?? FUNCTION_CATALOG) === FUNCTION_CATALOG) return name;
  throw shape.fail(`there is no function ${[catalog, ...parts].filter((part) => part !== undefined).join(".")}.`);
}

function constantOf(json: unknown): Operand {
  return { kind: "constant", json: constantJson(json) };
}

function constantJson(json: unknown): unknown {
  if (typeof json !== "object" || json === null) return json;
  const item = shape.object(json, "a constant");
  if (item["type"] !== "literal") throw shape.fail("a constant is neither a plain value nor a literal.");
  return item["value"];
}

function literalsOf(json: unknown): readonly unknown[] {
  if (Array.isArray(json)) return json.map(constantJson);
  const item = shape.object(json, "values");
  if (item["type"] !== "literals") throw shape.fail("values are neither an array nor literals.");
  return shape.array(item["values"], "values");
}
