// Text functions beyond the usual ones: identifiers, normal forms, escapes, positions of regular expressions.

import type { Scalar } from "#columnar";
import { runtimeError } from "../values/errors.ts";
import type { FunctionCatalog } from "./definition.ts";
import { postgresPattern, similarToRegExp } from "./pattern.ts";
import { codePointLength } from "./string.ts";
import type { PatternMatch } from "./text-pattern.ts";

function parseIdentifier(text: string, isStrict = true): Scalar {
  const parts: string[] = [];
  const part = /\s*(?:"((?:[^"]|"")+)"|([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*))\s*(\.|$|)/y;
  let at = 0;
  for (;;) {
    part.lastIndex = at;
    const match = part.exec(text);
    const isEnded = match?.[3] === "" && part.lastIndex < text.length;
    if (match === null || (isStrict && isEnded)) throw runtimeError(`string is not a valid identifier: "${text}"`);
    parts.push(match[1]?.replaceAll('""', '"') ?? (match[2] ?? "").toLowerCase());
    at = part.lastIndex;
    if (match[3] === "") return parts;
  }
}

function unescapeUnicode(text: string): string {
  return text.replaceAll(
    /\\(?:([0-9A-Fa-f]{4})|\+([0-9A-Fa-f]{6})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(\\)|)/g,
    (_whole, ...groups: (string | undefined)[]) => {
      const [short, long, u4, u8, backslash] = groups;
      if (backslash !== undefined) return "\\";
      const hex = short ?? long ?? u4 ?? u8;
      if (hex === undefined) throw runtimeError("invalid Unicode escape");
      return String.fromCodePoint(Number.parseInt(hex, 16));
    },
  );
}

const NORMAL_FORMS = new Set(["NFC", "NFD", "NFKC", "NFKD"]);

function normalForm(form: string): "NFC" | "NFD" | "NFKC" | "NFKD" {
  const upper = form.toUpperCase();
  if (!NORMAL_FORMS.has(upper)) throw runtimeError(`invalid normalization form: ${form}`);
  return upper as "NFC" | "NFD" | "NFKC" | "NFKD";
}

/** The n-th match from a position, 1-based in characters; positions of matches are in the whole text. */
function nthMatch(text: string, pattern: string, start: number, n: number, flags: string): PatternMatch | undefined {
  if (start < 1) throw runtimeError(`invalid value for parameter "start": ${start}`);
  if (n < 1) throw runtimeError(`invalid value for parameter "n": ${n}`);
  const skipped = Array.from(text)
    .slice(0, start - 1)
    .join("").length;
  let count = 0;
  for (const match of postgresPattern(pattern, flags).all(text.slice(skipped))) {
    count += 1;
    if (count === n) return { ...match, index: match.index + skipped, groups: match.groups };
  }
  return undefined;
}

function replaceFrom(text: string, pattern: string, replacement: string, start: number, n = 1, flags = ""): string {
  const skipped = Array.from(text)
    .slice(0, start - 1)
    .join("").length;
  let out = text.slice(0, skipped);
  let last = 0;
  let count = 0;
  const rest = text.slice(skipped);
  for (const { index, groups } of postgresPattern(pattern, flags).all(rest)) {
    count += 1;
    if (n !== 0 && count < n) continue;
    const replaced = replacement.replaceAll(/\\([\s\S])/g, (whole, c: string) => {
      if (c === "&") return groups[0] ?? "";
      if (c >= "1" && c <= "9") return groups[Number(c)] ?? "";
      return c === "\\" ? "\\" : whole;
    });
    out += rest.slice(last, index) + replaced;
    last = index + (groups[0] ?? "").length;
    if (n !== 0) break;
  }
  return out + rest.slice(last);
}

/** substring(text SIMILAR pattern ESCAPE escape): what stands between the two escaped double quotes. */
function substringSimilar(text: string, pattern: string, escape: string): string | null {
  const parts = pattern.split(`${escape}"`);
  if (parts.length === 1) return new RegExp(similarToRegExp(pattern, escape), "us").test(text) ? text : null;
  if (parts.length !== 3)
    throw runtimeError("SQL regular expression may not contain more than two escape-double-quote separators");
  const inner = parts.map((part) => similarToRegExp(part, escape).replaceAll(/^\^\(\?:|\)\$$/g, ""));
  const match = new RegExp(`^(?:${inner[0]})(${inner[1]})(?:${inner[2]})$`, "us").exec(text);
  return match?.[1] ?? null;
}

const instr = (text: string, pattern: string, start = 1, n = 1, end = 0, flags = "", group = 0): number => {
  const match = nthMatch(text, pattern, start, n, flags);
  const whole = match?.groups[0];
  const part = match?.groups[group];
  if (match === undefined || whole === undefined || part === undefined) return 0;
  const at = match.index + (group === 0 ? 0 : Math.max(0, whole.indexOf(part)));
  return codePointLength(text.slice(0, end === 1 ? at + part.length : at)) + 1;
};

const substr = (text: string, pattern: string, start = 1, n = 1, flags = "", group = 0): Scalar =>
  nthMatch(text, pattern, start, n, flags)?.groups[group] ?? null;

/** Adds text functions. */
export function defineTextDetails({ define }: FunctionCatalog): void {
  define("parse_ident", "text -> text[]", (text: string) => parseIdentifier(text));
  define("parse_ident", "text, bool -> text[]", parseIdentifier);
  define("unistr", "text -> text", unescapeUnicode);
  define("casefold", "text -> text", (text: string) => text.toLowerCase());
  define("normalize", "text -> text", (text: string) => text.normalize());
  define("normalize", "text, text -> text", (text: string, form: string) => text.normalize(normalForm(form)));
  define("is_normalized", "text -> bool", (text: string) => text.normalize() === text);
  define(
    "is_normalized",
    "text, text -> bool",
    (text: string, form: string) => text.normalize(normalForm(form)) === text,
  );
  define("substring_similar", "text, text, text -> text", substringSimilar);
  define("substring", "text, text, text -> text", substringSimilar);
  let signature = "text, text";
  define("regexp_instr", `${signature} -> int4`, instr);
  for (const type of ["int4", "int4", "int4", "text", "int4"]) {
    signature += `, ${type}`;
    define("regexp_instr", `${signature} -> int4`, instr);
  }
  signature = "text, text";
  for (const type of ["int4", "int4", "text", "int4"]) {
    signature += `, ${type}`;
    define("regexp_substr", `${signature} -> text`, substr);
  }
  define("regexp_replace", "text, text, text, int4 -> text", replaceFrom);
  define("regexp_replace", "text, text, text, int4, int4 -> text", replaceFrom);
  define("regexp_replace", "text, text, text, int4, int4, text -> text", replaceFrom);
}
