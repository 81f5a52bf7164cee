// String functions. Lengths and positions count Unicode code points, as PostgreSQL does for UTF-8.

import { concatenateJson } from "./jsonb.ts";
import { bytesToHex, stringToUtf8 } from "#core";
import type { DataType, Scalar } from "#columnar";
import { runtimeError } from "../values/errors.ts";
import { compileCast } from "../values/index.ts";
import { checkJoined, checkListLength, checkTextLength, MAX_LIST_LENGTH, MAX_VALUE_LENGTH } from "../values/limits.ts";
import type { FunctionCatalog, PolymorphicFunction } from "./definition.ts";
import { formatText } from "./format.ts";
import { md5Hex } from "./md5.ts";

const ASTRAL = /[\ud800-\udbff][\udc00-\udfff]/;
const TEXT = { kind: "string" } as const;

/** Code points of a text. */
export function codePointLength(text: string): number {
  if (!ASTRAL.test(text)) return text.length;
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Code points [start, end) of a text. */
function sliceCodePoints(text: string, start: number, end: number): string {
  if (!ASTRAL.test(text)) return text.slice(start, end);
  return Array.from(text).slice(start, end).join("");
}

/** SQL's substring: `start` counts from 1 and may lie outside; a negative length is an error. */
export function substring(text: string, start: number, length?: number): string {
  if (length !== undefined && length < 0) throw runtimeError("negative substring length not allowed");
  const from = Math.max(start - 1, 0);
  const to = length === undefined ? Number.MAX_SAFE_INTEGER : Math.max(start - 1 + length, 0);
  return to <= from ? "" : sliceCodePoints(text, from, to);
}

function position(text: string, part: string): number {
  const index = text.indexOf(part);
  return index < 0 ? 0 : codePointLength(text.slice(0, index)) + 1;
}

function trimmer(left: boolean, right: boolean): (text: string, characters?: string) => string {
  return (text, characters = " ") => {
    const set = new Set(characters);
    if (!ASTRAL.test(text)) {
      let start = 0;
      let end = text.length;
      if (left) while (start < end && set.has(text[start] as string)) start++;
      if (right) while (end > start && set.has(text[end - 1] as string)) end--;
      return text.slice(start, end);
    }
    const points = Array.from(text);
    let start = 0;
    let end = points.length;
    if (left) while (start < end && set.has(points[start] as string)) start++;
    if (right) while (end > start && set.has(points[end - 1] as string)) end--;
    return points.slice(start, end).join("");
  };
}

function pad(text: string, length: number, fill: string, atStart: boolean): string {
  checkTextLength(length);
  const have = codePointLength(text);
  if (length <= have || fill === "") return sliceCodePoints(text, 0, Math.min(Math.max(length, 0), have));
  const missing = length - have;
  const fillPoints = Array.from(fill);
  const filler = fillPoints.join("").repeat(Math.ceil(missing / fillPoints.length));
  const padding = sliceCodePoints(filler, 0, missing);
  return atStart ? padding + text : text + padding;
}

function repeat(text: string, count: number): string {
  if (count <= 0) return "";
  checkTextLength(text.length * count);
  return text.repeat(count);
}

function left(text: string, count: number): string {
  const length = codePointLength(text);
  return sliceCodePoints(text, 0, count < 0 ? Math.max(length + count, 0) : count);
}

function right(text: string, count: number): string {
  const length = codePointLength(text);
  return sliceCodePoints(text, count < 0 ? Math.min(-count, length) : Math.max(length - count, 0), length);
}

function splitPart(text: string, delimiter: string, index: number): string {
  if (index === 0) throw runtimeError("field position must not be zero");
  const parts = delimiter === "" ? [text] : text.split(delimiter);
  return (index > 0 ? parts[index - 1] : parts[parts.length + index]) ?? "";
}

function initcap(text: string): string {
  return text.toLowerCase().replace(/[\p{L}\p{N}]+/gu, (word) => {
    const [first = "", ...rest] = word;
    return first.toUpperCase() + rest.join("");
  });
}

function translate(text: string, from: string, to: string): string {
  const targets = Array.from(to);
  const map = new Map<string, string>();
  for (const [i, c] of Array.from(from).entries()) if (!map.has(c)) map.set(c, targets[i] ?? "");
  let out = "";
  for (const c of text) out += map.get(c) ?? c;
  return out;
}

function overlay(text: string, replacement: string, start: number, length = codePointLength(replacement)): string {
  if (start <= 0) throw runtimeError("negative substring length not allowed");
  return substring(text, 1, start - 1) + replacement + substring(text, start + Math.max(length, 0));
}

function chr(code: number): string {
  if (code === 0) throw runtimeError("null character not permitted");
  if (code < 0 || code > 0x10_ffff || (code >= 0xd800 && code <= 0xdfff))
    throw runtimeError(`requested character too large for encoding: ${code}`);
  return String.fromCodePoint(code);
}

function encodeBytes(bytes: Uint8Array, format: string): string {
  switch (format.toLowerCase()) {
    case "hex":
      return bytesToHex(bytes);
    case "base64": {
      let binary = "";
      for (const byte of bytes) binary += String.fromCharCode(byte);
      return btoa(binary).replace(/.{76}(?=.)/g, "$&\n");
    }
    case "escape": {
      let out = "";
      for (const byte of bytes) {
        if (byte === 92) out += "\\\\";
        else if (byte === 0 || byte > 127) out += `\\${byte.toString(8).padStart(3, "0")}`;
        else out += String.fromCharCode(byte);
      }
      return out;
    }
    default:
      throw runtimeError(`unrecognized encoding: "${format}"`);
  }
}

function decodeText(text: string, format: string): Uint8Array {
  if (format.toLowerCase() === "base64") {
    try {
      return Uint8Array.from(atob(text.replace(/\s+/g, "")), (c) => c.charCodeAt(0));
    } catch {
      throw runtimeError("invalid base64 end sequence");
    }
  }
  if (format.toLowerCase() === "hex") {
    const hex = text.replace(/\s+/g, "");
    if (hex.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(hex)) throw runtimeError("invalid hexadecimal data");
    return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
  }
  if (format.toLowerCase() === "escape") return compileCast(TEXT, { kind: "binary" })?.(text) as Uint8Array;
  throw runtimeError(`unrecognized encoding: "${format}"`);
}

const isText = (kind: string): boolean => kind === "string" || kind === "null";

function replaceText(text: string, from: string, to: string): string {
  if (from === "" || !text.includes(from)) return text;
  if (text.length * to.length <= MAX_VALUE_LENGTH) return text.replaceAll(from, () => to);
  let count = 0;
  for (let at = text.indexOf(from); at >= 0; at = text.indexOf(from, at + from.length)) count += 1;
  checkTextLength(text.length + count * (to.length - from.length));
  return text.replaceAll(from, () => to);
}

function joinTexts(parts: readonly (string | null)[], separator: string): string {
  const texts = parts.filter((part) => part !== null);
  checkJoined(texts, separator);
  return texts.join(separator);
}

/** Arguments of any type become text; null ones are skipped. */
function concatenation(separated: boolean): PolymorphicFunction {
  return {
    signature: separated ? "text, any, ... -> text" : "any, ... -> text",
    options: { strict: false, safe: true },
    resolve(given) {
      if (given.length < (separated ? 2 : 1)) return undefined;
      return { argTypes: given.map((type) => (type.kind === "boolean" ? type : TEXT)), returnType: TEXT };
    },
    implement: (types) => {
      // Booleans are written as their output form, t and f, not as their cast to text.
      const hasBooleans = types.some((type) => type.kind === "boolean");
      const texts = (parts: readonly Scalar[]): readonly (string | null)[] =>
        (hasBooleans
          ? parts.map((part) => (typeof part === "boolean" ? (part ? "t" : "f") : part))
          : parts) as readonly (string | null)[];
      return separated
        ? (separator: string | null, ...parts: readonly Scalar[]) =>
            separator === null ? null : joinTexts(texts(parts), separator)
        : (...parts: readonly Scalar[]) => joinTexts(texts(parts), "");
    },
  };
}

const JSONB: DataType = { kind: "json", canonical: true };

function isJsonOr(type: DataType, other: DataType["kind"]): boolean {
  return type.kind === "json" || type.kind === other;
}

/** `||`: text with anything that has a text form, lists with lists or elements. */
const CONCATENATE: PolymorphicFunction = {
  signature: "text, any -> text; any[], any[] -> any[]",
  options: { safe: true },
  resolve([a, b, ...rest]) {
    if (a === undefined || b === undefined || rest.length > 0) return undefined;
    if (a.kind === "list" && (b.kind === "list" || b.kind === "null")) return { argTypes: [a, a], returnType: a };
    if (b.kind === "list" && a.kind === "null") return { argTypes: [b, b], returnType: b };
    if (a.kind === "list") return { argTypes: [a, a.element], returnType: a };
    if (b.kind === "list") return { argTypes: [b.element, b], returnType: b };
    if (a.kind === "binary" && b.kind === "binary") return { argTypes: [a, b], returnType: a };
    if (isJsonOr(a, "null") && isJsonOr(b, "null") && (a.kind === "json" || b.kind === "json")) {
      return { argTypes: [JSONB, JSONB], returnType: JSONB };
    }
    return isText(a.kind) || isText(b.kind) ? { argTypes: [TEXT, TEXT], returnType: TEXT } : undefined;
  },
  implement([a, b]) {
    if (a?.kind === "list" && b?.kind === "list") {
      return (x: readonly Scalar[], y: readonly Scalar[]) => [...x, ...y];
    }
    if (a?.kind === "list") return (x: readonly Scalar[], y: Scalar) => [...x, y];
    if (b?.kind === "list") return (x: Scalar, y: readonly Scalar[]) => [x, ...y];
    if (a?.kind === "json") return concatenateJson;
    if (a?.kind === "binary") return (x: Uint8Array, y: Uint8Array) => Uint8Array.from([...x, ...y]);
    return (x: string, y: string) => x + y;
  },
};

function defineShapes({ define, alias }: FunctionCatalog): void {
  const safe = { safe: true };
  define("length", "text -> int4", codePointLength, safe);
  define("length", "bytea -> int4", (bytes: Uint8Array) => bytes.length, safe);
  alias("length", "len", "char_length", "character_length");
  define("octet_length", "text -> int4", (text: string) => stringToUtf8(text).length, safe);
  define("octet_length", "bytea -> int4", (bytes: Uint8Array) => bytes.length, safe);
  define("bit_length", "text -> int4", (text: string) => stringToUtf8(text).length * 8, safe);
  define("lower", "text -> text", (text: string) => text.toLowerCase(), safe);
  define("upper", "text -> text", upperCase, safe);
  alias("lower", "lcase");
  alias("upper", "ucase");
  define("initcap", "text -> text", initcap, safe);
  for (const [name, trim] of [
    ["btrim", trimmer(true, true)],
    ["ltrim", trimmer(true, false)],
    ["rtrim", trimmer(false, true)],
  ] as const) {
    define(name, "text -> text", (text: string) => trim(text), safe);
    define(name, "text, text -> text", trim, safe);
  }
  alias("btrim", "trim");
  define("lpad", "text, int4 -> text", (text: string, n: number) => pad(text, n, " ", true));
  define("lpad", "text, int4, text -> text", (text: string, n: number, fill: string) => pad(text, n, fill, true));
  define("rpad", "text, int4 -> text", (text: string, n: number) => pad(text, n, " ", false));
  define("rpad", "text, int4, text -> text", (text: string, n: number, fill: string) => pad(text, n, fill, false));
  define("repeat", "text, int4 -> text", repeat);
  define("reverse", "text -> text", (text: string) => Array.from(text).toReversed().join(""), safe);
}

function defineParts({ define, alias }: FunctionCatalog): void {
  const safe = { safe: true };
  define("substring", "text, int4 -> text", (text: string, start: number) => substring(text, start));
  define("substring", "text, int4, int4 -> text", substring);
  define("substring", "bytea, int4 -> bytea", (bytes: Uint8Array, start: number) =>
    bytes.slice(Math.max(start - 1, 0)),
  );
  define("substring", "bytea, int4, int4 -> bytea", (bytes: Uint8Array, start: number, length: number) => {
    if (length < 0) throw runtimeError("negative substring length not allowed");
    return bytes.slice(Math.max(start - 1, 0), Math.max(start - 1 + length, 0));
  });
  alias("substring", "substr");
  define("position", "text, text -> int4", position, safe);
  define("strpos", "text, text -> int4", position, safe);
  alias("strpos", "instr");
  define("replace", "text, text, text -> text", (text: string, from: string, to: string) =>
    replaceText(text, from, to),
  );
  define("split_part", "text, text, int4 -> text", splitPart);
  define("left", "text, int4 -> text", left, safe);
  define("right", "text, int4 -> text", right, safe);
  define("starts_with", "text, text -> bool", (text: string, prefix: string) => text.startsWith(prefix), safe);
  define("^@", "text, text -> bool", (text: string, prefix: string) => text.startsWith(prefix), safe);
  define("ends_with", "text, text -> bool", (text: string, suffix: string) => text.endsWith(suffix), safe);
  define("contains", "text, text -> bool", (text: string, part: string) => text.includes(part), safe);
  define("translate", "text, text, text -> text", translate, safe);
  define("overlay", "text, text, int4 -> text", (text: string, part: string, start: number) =>
    overlay(text, part, start),
  );
  define("overlay", "text, text, int4, int4 -> text", overlay);
  define(
    "string_to_array",
    "text, text -> text[]",
    (text: string, delimiter: Scalar) => {
      if (text === null) return null;
      if (text === "") return [];
      if (delimiter === null) return Array.from(text);
      if (delimiter === "") return [text];
      const parts = text.split(delimiter as string, MAX_LIST_LENGTH + 1);
      checkListLength(parts.length);
      return parts;
    },
    { strict: false, safe: true },
  );
}

function defineCodes({ define }: FunctionCatalog): void {
  const safe = { safe: true };
  define("ascii", "text -> int4", (text: string) => text.codePointAt(0) ?? 0, safe);
  define("chr", "int4 -> text", chr);
  define("md5", "text -> text", (text: string) => md5Hex(stringToUtf8(text)), safe);
  define("md5", "bytea -> text", md5Hex, safe);
  define("encode", "bytea, text -> text", encodeBytes);
  define("decode", "text, text -> bytea", decodeText);
}

/** Upper case one code point at a time, as PostgreSQL maps it: nothing grows, so ß becomes ẞ and ŉ stays. */
function upperCase(text: string): string {
  const upper = text.toUpperCase();
  if (upper.length === text.length) return upper;
  return Array.from(text, (character) => {
    if (character === "ß") return "ẞ";
    const mapped = character.toUpperCase();
    return Array.from(mapped).length === 1 ? mapped : character;
  }).join("");
}

/** Adds string functions. */
export function defineStrings(catalog: FunctionCatalog): void {
  defineShapes(catalog);
  defineParts(catalog);
  defineCodes(catalog);
  catalog.definePolymorphic("||", CONCATENATE);
  catalog.definePolymorphic("concat", concatenation(false));
  catalog.definePolymorphic("concat_ws", concatenation(true));
  catalog.definePolymorphic("format", {
    signature: "text, any, ... -> text",
    options: { strict: false },
    resolve: (given) => (given.length === 0 ? undefined : { argTypes: given.map(() => TEXT), returnType: TEXT }),
    implement: () => formatText,
  });
}
