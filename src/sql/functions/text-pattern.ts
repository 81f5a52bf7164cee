// Regular expressions whose matching always ends soon. The platform's engine backtracks: "(a+)+$" on forty letters runs
// for hours, and nothing can interrupt it. It serves where its work is bounded; RE2, which is linear in the text, serves
// everywhere else.

import { RE2JS } from "re2js";
import { runtimeError } from "../values/errors.ts";

/** One match. `groups[0]` is the whole match; a group that took no part is undefined. */
export interface PatternMatch {
  readonly index: number;
  readonly groups: readonly (string | undefined)[];
}

/** A compiled regular expression; leftmost, first alternative first. */
export interface TextPattern {
  test(text: string): boolean;
  first(text: string): PatternMatch | undefined;
  /** All matches, none overlapping. */
  all(text: string): Iterable<PatternMatch>;
}

/** Backtracking steps that one match may take, as a power of two: some tens of milliseconds. */
const MAX_STEPS_LOG2 = 22;

/**
 * Wraps a JavaScript expression without the g flag. `source` is what it was made of.
 *
 * Errors of matching: `sql_runtime_error` for an expression that can neither be bounded nor run by RE2, on a text too
 * long for it.
 */
export function createTextPattern(native: RegExp): TextPattern {
  const maxLength = affordableLength(native);
  const global = new RegExp(native.source, `${native.flags}g`);
  let linear: TextPattern | undefined;
  const linearPattern = (text: string): TextPattern => (linear ??= createLinearPattern(native, text.length));
  return {
    test: (text) => (text.length <= maxLength ? native.test(text) : linearPattern(text).test(text)),
    first(text) {
      if (text.length > maxLength) return linearPattern(text).first(text);
      const match = native.exec(text);
      return match === null ? undefined : { index: match.index, groups: match };
    },
    all: (text) => (text.length <= maxLength ? nativeMatches(global, text) : linearPattern(text).all(text)),
  };
}

function* nativeMatches(global: RegExp, text: string): Generator<PatternMatch> {
  for (const match of text.matchAll(global)) yield { index: match.index, groups: match };
}

function createLinearPattern(native: RegExp, length: number): TextPattern {
  const flags =
    (native.flags.includes("i") ? RE2JS.CASE_INSENSITIVE : 0) |
    (native.flags.includes("s") ? RE2JS.DOTALL : 0) |
    (native.flags.includes("m") ? RE2JS.MULTILINE : 0);
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(native.source.replaceAll(/\\u\{?([0-9A-Fa-f]{4,6})\}?/g, String.raw`\x{$1}`), flags);
  } catch {
    throw runtimeError(
      `regular expression could take too long on a text of ${length} characters: ` +
        "avoid repetitions within or beside each other, back references and lookaround",
    );
  }
  return {
    test: (text) => compiled.matcher(text).find(),
    first(text) {
      for (const match of linearMatches(compiled, text)) return match;
      return undefined;
    },
    all: (text) => linearMatches(compiled, text),
  };
}

function* linearMatches(compiled: RE2JS, text: string): Generator<PatternMatch> {
  const matcher = compiled.matcher(text);
  while (matcher.find()) {
    const groups: (string | undefined)[] = [];
    for (let group = 0; group <= matcher.groupCount(); group++) groups.push(matcher.group(group) ?? undefined);
    yield { index: matcher.start(), groups };
  }
}

/** What backtracking may cost on n characters: n to the power of `degree`, times 2 to the power of `choicesLog2`. */
interface Effort {
  readonly degree: number;
  readonly choicesLog2: number;
}

/** Longest text that an expression surely matches within the bounded steps. */
function affordableLength({ source, multiline }: RegExp): number {
  const { degree, choicesLog2 } = measure(source);
  const isAnchored = source.startsWith("^") && !multiline && !source.includes("|");
  const power = degree + (isAnchored ? 0 : 1);
  if (choicesLog2 > MAX_STEPS_LOG2) return 0;
  return power === 0 ? Number.POSITIVE_INFINITY : Math.floor(2 ** ((MAX_STEPS_LOG2 - choicesLog2) / power));
}

const QUANTIFIER = /[*+?]|\{(\d+)(,(\d*))?\}/y;
/** An optional part that repeats at most this often counts as choices, more as a repetition without end. */
const MAX_COUNTED_REPEATS = 8;

/** Measures an expression, one level of parentheses a stack entry. A repetition of what varies is beyond any bound. */
function measure(source: string): Effort {
  const stack: { degree: number; choicesLog2: number; alternatives: number }[] = [];
  let level = { degree: 0, choicesLog2: 0, alternatives: 1 };
  let inner: Effort = { degree: 0, choicesLog2: 0 };
  for (let at = 0; at < source.length;) {
    const c = source[at] as string;
    at += 1;
    if (c === "(") {
      stack.push(level);
      level = { degree: 0, choicesLog2: 0, alternatives: 1 };
      if (source[at] === "?") at += 1;
      continue;
    }
    if (c === "|") {
      level.alternatives += 1;
      continue;
    }
    inner = { degree: 0, choicesLog2: 0 };
    if (c === "\\") at += 1;
    else if (c === "[") at = classEnd(source, at);
    else if (c === ")") {
      inner = { degree: level.degree, choicesLog2: level.choicesLog2 + Math.log2(level.alternatives) };
      level = stack.pop() ?? level;
    }
    QUANTIFIER.lastIndex = at;
    const quantifier = QUANTIFIER.exec(source);
    if (quantifier !== null) {
      at += quantifier[0].length;
      inner = repeated(inner, quantifier);
    }
    level.degree += inner.degree;
    level.choicesLog2 += inner.choicesLog2;
  }
  return { degree: level.degree, choicesLog2: level.choicesLog2 + Math.log2(level.alternatives) };
}

function classEnd(source: string, from: number): number {
  for (let at = from; at < source.length; at++) {
    if (source[at] === "\\") at += 1;
    else if (source[at] === "]") return at + 1;
  }
  return source.length;
}

function repeated(inner: Effort, [text, least, range, most]: RegExpExecArray): Effort {
  if (text === "?") return { degree: inner.degree, choicesLog2: inner.choicesLog2 + 1 };
  const low = Number(least ?? 0);
  const high = text === "*" || text === "+" || most === "" ? Number.POSITIVE_INFINITY : Number(most ?? low);
  const isVariable = inner.degree > 0 || inner.choicesLog2 > 0;
  if (isVariable && high > 1) return { degree: Number.POSITIVE_INFINITY, choicesLog2: 0 };
  if (high === low || (range === undefined && least !== undefined)) return inner;
  if (high - low <= MAX_COUNTED_REPEATS) return { degree: 0, choicesLog2: Math.log2(high - low + 1) };
  return { degree: 1, choicesLog2: 0 };
}
