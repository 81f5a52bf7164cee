// Arguments of a call: by position, by name (name => value), and as the elements of an array (VARIADIC).

import type { FuncCall, Node } from "libpg-query";
import { UNKNOWN, literal } from "../expressions.ts";
import type { Expr, SourceSpan } from "../plan.ts";
import { arrayElements } from "./arrays.ts";
import { bindCall } from "./coerce.ts";
import { unsupported } from "./context.ts";
import type { ExprEnvironment } from "./environment.ts";
import { sqlError } from "./errors.ts";
import { nearestName } from "#core";

interface Parameters {
  readonly names: readonly string[];
  /** What parameters that are left out before a given one are; absent: they must be given. */
  readonly defaults?: Readonly<Record<string, string>>;
}

const PATH: Parameters = { names: ["target", "path", "vars", "silent"], defaults: { vars: "{}", silent: "false" } };
const ZERO = { years: "0", months: "0", weeks: "0", days: "0", hours: "0", mins: "0", secs: "0" };

/** PostgreSQL's names of parameters, for the functions that people call by them. */
const PARAMETERS: Readonly<Record<string, Parameters>> = {
  make_interval: { names: Object.keys(ZERO), defaults: ZERO },
  make_date: { names: ["year", "month", "day"] },
  make_time: { names: ["hour", "min", "sec"] },
  make_timestamp: { names: ["year", "month", "mday", "hour", "min", "sec"] },
  make_timestamptz: { names: ["year", "month", "mday", "hour", "min", "sec", "timezone"] },
  jsonb_set: { names: ["jsonb_in", "path", "replacement", "create_if_missing"] },
  jsonb_set_lax: {
    names: ["jsonb_in", "path", "replacement", "create_if_missing", "null_value_treatment"],
    defaults: { create_if_missing: "true" },
  },
  jsonb_insert: { names: ["jsonb_in", "path", "replacement", "insert_after"] },
  jsonb_path_exists: PATH,
  jsonb_path_match: PATH,
  jsonb_path_query: PATH,
  jsonb_path_query_array: PATH,
  jsonb_path_query_first: PATH,
  array_sort: { names: ["array", "descending", "nulls_first"] },
  random: { names: ["min", "max"] },
  random_normal: { names: ["mean", "stddev"], defaults: { mean: "0", stddev: "1" } },
  parse_ident: { names: ["str", "strict"] },
};

/** Binds a call's arguments in the order of its parameters. Errors: `undefined_function` for names it does not have. */
export function bindArguments(name: string, node: FuncCall, env: ExprEnvironment, span: SourceSpan): readonly Expr[] {
  const args = node.args ?? [];
  if (args.every((arg) => !("NamedArgExpr" in arg))) return args.map((arg) => env.bind(arg, env));
  const { context } = env;
  const parameters = PARAMETERS[name];
  if (parameters === undefined) throw unsupported(context, `Calling ${name} with named arguments is`, node.location);
  const { names, defaults = {} } = parameters;
  const given: (Expr | undefined)[] = [];
  for (const [i, arg] of args.entries()) {
    if (!("NamedArgExpr" in arg)) {
      given[i] = env.bind(arg, env);
      continue;
    }
    const wanted = arg.NamedArgExpr.name ?? "";
    const at = names.findIndex((each) => each.toLowerCase() === wanted.toLowerCase());
    if (at < 0) {
      const message = `Function ${name} has no parameter "${wanted}".`;
      throw sqlError("undefined_function", message, span, nearestName(wanted, names));
    }
    if (given[at] !== undefined) {
      throw sqlError("undefined_function", `Parameter "${wanted}" of ${name} is given more than once.`, span);
    }
    given[at] = env.bind(arg.NamedArgExpr.arg, env);
  }
  return Array.from({ length: given.length }, (_, i) => {
    const value = given[i];
    if (value !== undefined) return value;
    const parameter = names[i] ?? "";
    const byDefault = defaults[parameter];
    if (byDefault !== undefined) return literal(byDefault, UNKNOWN);
    throw sqlError("undefined_function", `Parameter "${parameter}" of ${name} is not given.`, span);
  });
}

/** Functions that take any number of arguments. */
const TAKES_MANY =
  /^(concat|concat_ws|format|jsonb?_build_(array|object)|jsonb?_extract_path(_text)?|num_(non)?nulls|greatest|least)$/;

/** f(…, VARIADIC array): the elements as arguments where they are written out, else what gives the same of an array. */
export function bindVariadic(name: string, node: FuncCall, env: ExprEnvironment, span: SourceSpan): Expr {
  const { context } = env;
  const args = node.args ?? [];
  const first = args.slice(0, -1).map((arg) => env.bind(arg, env));
  const last: Node | undefined = args.at(-1);
  if (!TAKES_MANY.test(name)) {
    throw sqlError("undefined_function", `Function ${name} takes no VARIADIC argument.`, span);
  }
  const elements = arrayElements(last, env);
  if (elements !== undefined) return bindCall(context, name, [...first, ...elements], span);
  const list = env.bind(last, env);
  switch (name) {
    case "concat":
      return bindCall(context, "array_to_string", [list, literal("", UNKNOWN)], span);
    case "concat_ws": {
      const [separator] = first;
      if (first.length === 1 && separator !== undefined) {
        return bindCall(context, "array_to_string", [list, separator], span);
      }
      break;
    }
    case "jsonb_build_array":
      if (first.length === 0) return bindCall(context, "to_jsonb", [list], span);
      break;
    case "json_extract_path":
    case "jsonb_extract_path":
      if (first.length === 1) return bindCall(context, "#>", [...first, list], span);
      break;
    case "json_extract_path_text":
    case "jsonb_extract_path_text":
      if (first.length === 1) return bindCall(context, "#>>", [...first, list], span);
      break;
    default:
  }
  throw unsupported(context, `VARIADIC with an array that is not written out, in a call of ${name}, is`, node.location);
}
