// The text of an SQL/JSON path as a tree.

import { textToDecimal } from "../values/decimal.ts";
import { runtimeError } from "../values/errors.ts";
import { JsonNumber, type Jsonb } from "../values/jsonb.ts";

/** An expression of a path. */
export type PathExpr =
  | { readonly kind: "literal"; readonly value: Jsonb }
  | { readonly kind: "root" | "current" | "last" }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "path"; readonly start: PathExpr; readonly steps: readonly PathStep[] }
  | { readonly kind: "negate" | "plus" | "not" | "exists" | "is_unknown"; readonly arg: PathExpr }
  | { readonly kind: "and" | "or"; readonly left: PathExpr; readonly right: PathExpr }
  | {
      readonly kind: "arithmetic";
      readonly operator: "+" | "-" | "*" | "/" | "%";
      readonly left: PathExpr;
      readonly right: PathExpr;
    }
  | { readonly kind: "compare"; readonly operator: string; readonly left: PathExpr; readonly right: PathExpr }
  | { readonly kind: "starts_with"; readonly left: PathExpr; readonly right: PathExpr }
  | { readonly kind: "like_regex"; readonly arg: PathExpr; readonly pattern: string; readonly flags: string };

/** A step from an item to others. */
export type PathStep =
  | { readonly kind: "member"; readonly name: string }
  | { readonly kind: "members" | "elements" }
  | { readonly kind: "descendants"; readonly from: number; readonly to: number }
  | { readonly kind: "subscripts"; readonly ranges: readonly (readonly [from: PathExpr, to: PathExpr | undefined])[] }
  | { readonly kind: "filter"; readonly condition: PathExpr }
  | { readonly kind: "method"; readonly name: string; readonly args: readonly Jsonb[] };

/** A parsed path. */
export interface JsonPath {
  readonly isLax: boolean;
  readonly expr: PathExpr;
}

const TOKEN =
  /\s*(?:(?<string>"(?:[^"\\]|\\[\s\S])*")|(?<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)|(?<symbol>\*\*|==|!=|<>|<=|>=|&&|\|\||[$@.,*()[\]{}?!<>+\-/%])|(?<word>[^\s"$@.,*()[\]{}?!<>+\-/%=&|]+))/y;

interface Token {
  readonly kind: "string" | "number" | "symbol" | "word" | "end";
  readonly text: string;
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (text.slice(at).trim() !== "") {
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(text)?.groups;
    const kind = (["string", "number", "symbol", "word"] as const).find((name) => groups?.[name] !== undefined);
    if (groups === undefined || kind === undefined) throw wrongPath(text);
    tokens.push({ kind, text: groups[kind] ?? "" });
    at = TOKEN.lastIndex;
  }
  return tokens;
}

function wrongPath(text: string): Error {
  return runtimeError(`invalid input syntax for type jsonpath: "${text}"`);
}

const END: Token = { kind: "end", text: "" };
const COMPARISONS = new Set(["==", "!=", "<>", "<", "<=", ">", ">="]);

const unquoted = (token: Token): string => JSON.parse(token.text.replaceAll(/\\([^"\\/bfnrtu])/g, "$1")) as string;

/** Parses a path. Errors: `sql_runtime_error`. */
export function parsePath(text: string): JsonPath {
  const tokens = tokensOf(text);
  let at = 0;
  const peek = (ahead = 0): Token => tokens[at + ahead] ?? END;
  const isNext = (word: string, ahead = 0): boolean => peek(ahead).kind !== "string" && peek(ahead).text === word;
  const take = (): Token => tokens[at++] ?? END;
  const accept = (word: string): boolean => {
    if (!isNext(word)) return false;
    at += 1;
    return true;
  };
  const expectNext = (word: string): void => {
    if (!accept(word)) throw wrongPath(text);
  };

  function or(): PathExpr {
    let left = and();
    while (accept("||")) left = { kind: "or", left, right: and() };
    return left;
  }
  function and(): PathExpr {
    let left = comparison();
    while (accept("&&")) left = { kind: "and", left, right: comparison() };
    return left;
  }
  function comparison(): PathExpr {
    if (isNext("!") && isNext("(", 1)) {
      at += 1;
      return { kind: "not", arg: primary() };
    }
    const left = sum();
    const { text: operator, kind } = peek();
    if (kind === "symbol" && COMPARISONS.has(operator)) {
      at += 1;
      return { kind: "compare", operator, left, right: sum() };
    }
    if (accept("starts")) {
      expectNext("with");
      return { kind: "starts_with", left, right: sum() };
    }
    if (accept("like_regex")) {
      const pattern = unquoted(take());
      const flags = accept("flag") ? unquoted(take()) : "";
      return { kind: "like_regex", arg: left, pattern, flags: flags.replaceAll("s", "") };
    }
    if (isNext("is") && isNext("unknown", 1)) {
      at += 2;
      return { kind: "is_unknown", arg: left };
    }
    return left;
  }
  function sum(): PathExpr {
    let left = product();
    while (isNext("+") || isNext("-")) {
      left = { kind: "arithmetic", operator: take().text as "+" | "-", left, right: product() };
    }
    return left;
  }
  function product(): PathExpr {
    let left = unary();
    while (isNext("*") || isNext("/") || isNext("%")) {
      left = { kind: "arithmetic", operator: take().text as "*" | "/" | "%", left, right: unary() };
    }
    return left;
  }
  function unary(): PathExpr {
    if (accept("-")) return { kind: "negate", arg: unary() };
    if (accept("+")) return { kind: "plus", arg: unary() };
    return withSteps(primary());
  }
  function primary(): PathExpr {
    const token = take();
    if (token.kind === "string") return { kind: "literal", value: unquoted(token) };
    if (token.kind === "number") return { kind: "literal", value: new JsonNumber(textToDecimal(token.text)) };
    if (token.kind === "symbol") {
      if (token.text === "(") {
        const inner = or();
        expectNext(")");
        return inner;
      }
      if (token.text === "@") return { kind: "current" };
      if (token.text === "$") {
        const next = peek();
        if (next.kind === "word" && !["like_regex", "starts", "is", "to"].includes(next.text)) {
          at += 1;
          return { kind: "variable", name: next.text };
        }
        if (next.kind === "string") {
          at += 1;
          return { kind: "variable", name: unquoted(next) };
        }
        return { kind: "root" };
      }
      throw wrongPath(text);
    }
    if (token.text === "null") return { kind: "literal", value: null };
    if (token.text === "true" || token.text === "false") return { kind: "literal", value: token.text === "true" };
    if (token.text === "last") return { kind: "last" };
    if (token.text === "exists") {
      expectNext("(");
      const arg = or();
      expectNext(")");
      return { kind: "exists", arg };
    }
    throw wrongPath(text);
  }
  function withSteps(start: PathExpr): PathExpr {
    const steps: PathStep[] = [];
    for (;;) {
      if (accept(".")) steps.push(afterDot());
      else if (accept("[")) steps.push(inBrackets());
      else if (accept("?")) {
        expectNext("(");
        const condition = or();
        expectNext(")");
        steps.push({ kind: "filter", condition });
      } else return steps.length === 0 ? start : { kind: "path", start, steps };
    }
  }
  function afterDot(): PathStep {
    if (accept("**")) {
      if (!accept("{")) return { kind: "descendants", from: 0, to: Infinity };
      const level = (): number => (accept("last") ? Infinity : Number(take().text));
      const from = level();
      const to = accept("to") ? level() : from;
      expectNext("}");
      return { kind: "descendants", from, to };
    }
    if (accept("*")) return { kind: "members" };
    const token = take();
    if (token.kind === "string") return { kind: "member", name: unquoted(token) };
    if (token.kind !== "word") throw wrongPath(text);
    if (accept("(")) return { kind: "method", name: token.text, args: methodArguments() };
    return { kind: "member", name: token.text };
  }
  function methodArguments(): readonly Jsonb[] {
    const args: Jsonb[] = [];
    while (!accept(")")) {
      if (args.length > 0) expectNext(",");
      const sign = accept("-") ? "-" : "";
      const token = take();
      if (token.kind === "string") args.push(unquoted(token));
      else if (token.kind === "number") args.push(new JsonNumber(textToDecimal(sign + token.text)));
      else throw wrongPath(text);
    }
    return args;
  }
  function inBrackets(): PathStep {
    if (accept("*")) {
      expectNext("]");
      return { kind: "elements" };
    }
    const ranges: (readonly [PathExpr, PathExpr | undefined])[] = [];
    do {
      const from = sum();
      ranges.push([from, accept("to") ? sum() : undefined]);
    } while (accept(","));
    expectNext("]");
    return { kind: "subscripts", ranges };
  }

  const isStrict = accept("strict");
  if (!isStrict) accept("lax");
  const expr = or();
  if (peek() !== END) throw wrongPath(text);
  return { isLax: !isStrict, expr };
}
