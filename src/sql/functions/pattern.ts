// LIKE patterns and PostgreSQL regular expressions as JavaScript matchers. Compiled patterns are kept, because a
// query uses few patterns on many rows.

import { LakeError } from "#core";
import { runtimeError } from "../values/errors.ts";
import { createTextPattern, type TextPattern } from "./text-pattern.ts";

const MAX_CACHED_PATTERNS = 256;

function createCache<T>(compile: (pattern: string, flags: string) => T): (pattern: string, flags: string) => T {
  const compiled = new Map<string, T>();
  let lastPattern: string | undefined;
  let lastFlags = "";
  let last: T | undefined;
  return (pattern, flags) => {
    if (last !== undefined && pattern === lastPattern && flags === lastFlags) return last;
    const key = `${flags}/${pattern}`;
    let value = compiled.get(key);
    if (value === undefined) {
      if (compiled.size >= MAX_CACHED_PATTERNS) compiled.clear();
      value = compile(pattern, flags);
      compiled.set(key, value);
    }
    lastPattern = pattern;
    lastFlags = flags;
    last = value;
    return value;
  };
}

type LikePart = { readonly kind: "text"; readonly text: string } | { readonly kind: "any" | "one" };

function parseLike(pattern: string): LikePart[] {
  const parts: LikePart[] = [];
  let text = "";
  const flush = (): void => {
    if (text !== "") parts.push({ kind: "text", text });
    text = "";
  };
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] ?? "";
    if (c === "\\") {
      i++;
      if (i >= pattern.length) throw runtimeError("LIKE pattern must not end with escape character");
      text += pattern[i] ?? "";
    } else if (c === "%" || c === "_") {
      flush();
      parts.push({ kind: c === "%" ? "any" : "one" });
    } else {
      text += c;
    }
  }
  flush();
  return parts;
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** A single text with % only around it needs no regular expression. */
function simpleLike(parts: readonly LikePart[]): ((value: string) => boolean) | undefined {
  const shape = parts.map((part) => part.kind).join(" ");
  const text = parts.find((part) => part.kind === "text")?.text ?? "";
  switch (shape) {
    case "":
      return (value) => value === "";
    case "any":
      return () => true;
    case "text":
      return (value) => value === text;
    case "text any":
      return (value) => value.startsWith(text);
    case "any text":
      return (value) => value.endsWith(text);
    case "any text any":
      return (value) => value.includes(text);
    default:
      return undefined;
  }
}

function compileLike(pattern: string, flags: string): (value: string) => boolean {
  const parts = parseLike(pattern);
  if (flags === "") {
    const simple = simpleLike(parts);
    if (simple !== undefined) return simple;
  }
  const isMatch = likeParts(parts, flags === "i");
  return flags === "i" ? (value) => isMatch(foldCase(value)) : isMatch;
}

/** One code point for one, so that "_" counts as it does without folding. */
function foldCase(text: string): string {
  const lower = text.toLowerCase();
  if (lower.length === text.length) return lower;
  return Array.from(text, (c) => (c.toLowerCase().length === c.length ? c.toLowerCase() : c)).join("");
}

/** Texts and single characters between two "%"; undefined is a single character. */
type LikeSegment = readonly (string | undefined)[];

/**
 * Matches the segments between "%" from left to right, each as early as it can be: never looks back.
 *
 * Cost: the length of the value times that of the longest segment.
 */
function likeParts(parts: readonly LikePart[], ignoreCase: boolean): (value: string) => boolean {
  const segments: (string | undefined)[][] = [[]];
  for (const part of parts) {
    if (part.kind === "text") segments.at(-1)?.push(ignoreCase ? foldCase(part.text) : part.text);
    else if (part.kind === "one") segments.at(-1)?.push(undefined);
    else segments.push([]);
  }
  const [head = [], ...rest] = segments;
  const tail = rest.pop();
  return (value) => {
    let at = segmentEnd(head, value, 0);
    if (tail === undefined) return at === value.length;
    for (const segment of rest) {
      if (at < 0) return false;
      at = findSegment(segment, value, at);
    }
    if (at < 0) return false;
    const start = value.length - segmentLength(tail, value);
    return start >= at && segmentEnd(tail, value, start) === value.length;
  };
}

function isSurrogatePair(value: string, at: number): boolean {
  return (value.codePointAt(at) ?? 0) > 0xff_ff;
}

/** Where a segment that begins at `at` ends, or -1. */
function segmentEnd(segment: LikeSegment, value: string, at: number): number {
  let end = at;
  for (const part of segment) {
    if (part === undefined) {
      if (end >= value.length) return -1;
      end += isSurrogatePair(value, end) ? 2 : 1;
    } else {
      if (!value.startsWith(part, end)) return -1;
      end += part.length;
    }
  }
  return end;
}

/** The end of a segment's first occurrence from `from` on, or -1. */
function findSegment(segment: LikeSegment, value: string, from: number): number {
  const [first] = segment;
  if (segment.length === 0) return from;
  for (let at = from; at <= value.length; at += isSurrogatePair(value, at) ? 2 : 1) {
    if (first !== undefined) at = value.indexOf(first, at);
    if (at < 0) return -1;
    const end = segmentEnd(segment, value, at);
    if (end >= 0) return end;
  }
  return -1;
}

/** Code units of a segment at the end of a value. */
function segmentLength(segment: LikeSegment, value: string): number {
  let at = value.length;
  for (const part of segment.toReversed()) {
    if (part !== undefined) at -= part.length;
    else at -= at >= 2 && isSurrogatePair(value, at - 2) ? 2 : 1;
  }
  return value.length - at;
}

const cachedLike = createCache(compileLike);

/** The predicate of a LIKE (or ILIKE) pattern with backslash as escape. Errors: sql_runtime_error. */
export function likeMatcher(pattern: string, ignoreCase: boolean): (value: string) => boolean {
  return cachedLike(pattern, ignoreCase ? "i" : "");
}

/** Rewrites a pattern with another escape character to one with backslash (LIKE … ESCAPE). */
export function likeEscape(pattern: string, escape: string): string {
  if (Array.from(escape).length > 1) throw runtimeError("invalid escape string: it must be empty or one character");
  if (escape === "\\") return pattern;
  let out = "";
  const characters = Array.from(pattern);
  for (let i = 0; i < characters.length; i++) {
    const c = characters[i] ?? "";
    if (c === escape) {
      i++;
      out += `\\${characters[i] ?? ""}`;
    } else {
      out += c === "\\" ? "\\\\" : c;
    }
  }
  return out;
}

const CLASSES: Readonly<Record<string, string>> = {
  alpha: "\\p{L}",
  digit: "0-9",
  alnum: "\\p{L}\\p{Nd}",
  upper: "\\p{Lu}",
  lower: "\\p{Ll}",
  space: "\\s",
  blank: " \\t",
  punct: "!-\\/:-@\\[-`{-~",
  xdigit: "0-9A-Fa-f",
  word: "\\w",
  cntrl: "\\x00-\\x1f\\x7f",
  print: "\\x20-\\x7e",
  graph: "\\x21-\\x7e",
};

/** Rewrites PostgreSQL's advanced regular expressions where JavaScript writes the same thing differently. */
function translateRegExp(pattern: string): string {
  let source = pattern.replace(/^\*\*\*[:=]/, "");
  source = source.replace(/\[:([a-z]+):\]/g, (whole, name: string) => CLASSES[name] ?? whole);
  return source.replace(/\\([\s\S])/g, (whole, c: string) => {
    switch (c) {
      case "m":
        return "\\b(?=\\w)";
      case "M":
        return "\\b(?<=\\w)";
      case "y":
        return "\\b";
      case "Y":
        return "\\B";
      case "A":
        return "^";
      case "Z":
        return "$";
      default:
        return /[a-zA-Z0-9^$.*+?()[\]{}|/\\-]/.test(c) ? whole : c;
    }
  });
}

function compilePattern(pattern: string, flags: string): TextPattern {
  return createTextPattern(compileRegExp(pattern, flags));
}

function compileRegExp(pattern: string, flags: string): RegExp {
  let source = pattern;
  let embedded = "";
  const option = /^\(\?([a-z]+)\)/.exec(pattern);
  if (option !== null) {
    embedded = option[1] ?? "";
    source = pattern.slice(option[0].length);
  }
  const all = flags + embedded;
  let jsFlags = "d";
  if (all.includes("i")) jsFlags += "i";
  const newlineSensitive = /[nm]/.test(all);
  if (newlineSensitive || all.includes("w")) jsFlags += "m";
  if (!newlineSensitive && !all.includes("p")) jsFlags += "s";
  jsFlags = jsFlags.slice(1);
  if (all.includes("q")) return new RegExp(escapeRegExp(source), `u${jsFlags}`);
  if (all.includes("x")) source = source.replace(/\\#|\\\s|\s+|#.*$/gm, (part) => (part.startsWith("\\") ? part : ""));
  const translated = translateRegExp(source);
  try {
    return new RegExp(translated, `u${jsFlags}`);
  } catch {
    try {
      return new RegExp(translated, jsFlags);
    } catch (error) {
      throw new LakeError("sql_runtime_error", `invalid regular expression: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
}

const cachedPattern = createCache(compilePattern);

/** A PostgreSQL regular expression with PostgreSQL's flag letters (i, n, s, x, q …; g has no effect). Errors: sql_runtime_error. */
export function postgresPattern(pattern: string, flags: string): TextPattern {
  if (!/^[gimnpqstwxce]*$/.test(flags)) throw runtimeError(`invalid regular expression option: "${flags}"`);
  return cachedPattern(pattern, flags);
}

/** SIMILAR TO's pattern as a regular expression that matches the whole text. */
export function similarToRegExp(pattern: string, escape: string): string {
  let out = "";
  let inClass = false;
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] ?? "";
    if (c === escape && escape !== "") {
      i++;
      out += `\\${pattern[i] ?? ""}`;
    } else if (inClass) {
      if (c === "]") inClass = false;
      out += c === "\\" ? "\\\\" : c;
    } else if (c === "[") {
      inClass = true;
      out += c;
    } else if (c === "%") {
      out += ".*";
    } else if (c === "_") {
      out += ".";
    } else if (c === "(") {
      out += "(?:";
    } else {
      out += /[\\^$.]/.test(c) ? `\\${c}` : c;
    }
  }
  return `^(?:${out})$`;
}
