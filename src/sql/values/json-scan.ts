// Finding values inside JSON text without building objects: extraction keeps the text as it is written, numbers
// with all their digits included, as PostgreSQL's json type does.

import { invalidText } from "./errors.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

function fail(text: string): never {
  throw invalidText("json", text);
}

function skipSpace(text: string, from: number): number {
  let at = from;
  for (;;) {
    const c = text.charCodeAt(at);
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return at;
    at++;
  }
}

/** Position after the string that starts at `from` with a quote. */
function skipString(text: string, from: number): number {
  let at = from + 1;
  for (;;) {
    const end = text.indexOf('"', at);
    if (end < 0) return fail(text);
    let back = end - 1;
    while (text.charCodeAt(back) === BACKSLASH) back--;
    if ((end - back) % 2 === 1) return end + 1;
    at = end + 1;
  }
}

/** Position after the value that starts at `from`. */
function skipValue(text: string, from: number): number {
  const first = text.charCodeAt(from);
  if (first === QUOTE) return skipString(text, from);
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) {
    let at = from;
    while (at < text.length && !/[\s,\]}]/.test(text[at] ?? "")) at++;
    return at === from ? fail(text) : at;
  }
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const c = text.charCodeAt(at);
    if (c === QUOTE) {
      at = skipString(text, at);
      continue;
    }
    at++;
    if (c === OPEN_BRACE || c === OPEN_BRACKET) depth++;
    else if ((c === CLOSE_BRACE || c === CLOSE_BRACKET) && --depth === 0) return at;
  }
  return fail(text);
}

function keyEquals(text: string, from: number, end: number, key: string): boolean {
  if (end - from - 2 === key.length && text.startsWith(key, from + 1)) {
    return !key.includes("\\");
  }
  const raw = text.slice(from, end);
  return raw.includes("\\") && JSON.parse(raw) === key;
}

/** Calls `visit` with key span and value span of each member; the document must be an object. */
function eachMember(text: string, visit: (keyStart: number, keyEnd: number, start: number, end: number) => void): void {
  let at = skipSpace(text, skipSpace(text, 0) + 1);
  if (text.charCodeAt(at) === CLOSE_BRACE) return;
  for (;;) {
    at = skipSpace(text, at);
    if (text.charCodeAt(at) !== QUOTE) fail(text);
    const keyEnd = skipString(text, at);
    const colon = skipSpace(text, keyEnd);
    if (text.charCodeAt(colon) !== COLON) fail(text);
    const start = skipSpace(text, colon + 1);
    const end = skipValue(text, start);
    visit(at, keyEnd, start, end);
    at = skipSpace(text, end);
    const c = text.charCodeAt(at);
    if (c === CLOSE_BRACE) return;
    if (c !== COMMA) fail(text);
    at++;
  }
}

/** The texts of an array's elements; undefined when the document is no array. */
export function jsonElementTexts(text: string): string[] | undefined {
  const open = skipSpace(text, 0);
  if (text.charCodeAt(open) !== OPEN_BRACKET) return undefined;
  const items: string[] = [];
  let at = skipSpace(text, open + 1);
  if (text.charCodeAt(at) === CLOSE_BRACKET) return items;
  for (;;) {
    at = skipSpace(text, at);
    const end = skipValue(text, at);
    items.push(text.slice(at, end));
    at = skipSpace(text, end);
    const c = text.charCodeAt(at);
    if (c === CLOSE_BRACKET) return items;
    if (c !== COMMA) fail(text);
    at++;
  }
}

/** Keys and value texts of an object's members in order; undefined when the document is no object. */
export function jsonMemberTexts(text: string): [key: string, value: string][] | undefined {
  if (text.charCodeAt(skipSpace(text, 0)) !== OPEN_BRACE) return undefined;
  const members: [string, string][] = [];
  eachMember(text, (keyStart, keyEnd, start, end) => {
    members.push([JSON.parse(text.slice(keyStart, keyEnd)) as string, text.slice(start, end)]);
  });
  return members;
}

/**
 * The text of an object's member, or of an array's element (negative counts from the end); the last of equal keys.
 * Undefined where there is none. Errors: invalid_text_representation where the text stops being JSON on the way.
 */
export function jsonChildText(text: string, key: string | number): string | undefined {
  if (typeof key === "number") return jsonElementTexts(text)?.at(key);
  if (text.charCodeAt(skipSpace(text, 0)) !== OPEN_BRACE) return undefined;
  let foundStart = -1;
  let foundEnd = -1;
  eachMember(text, (keyStart, keyEnd, start, end) => {
    if (keyEquals(text, keyStart, keyEnd, key)) {
      foundStart = start;
      foundEnd = end;
    }
  });
  return foundStart < 0 ? undefined : text.slice(foundStart, foundEnd);
}

/** Follows a path of keys; an integer text indexes arrays. */
export function jsonPathText(text: string, path: readonly (string | null)[]): string | undefined {
  let current: string | undefined = text.trim();
  for (const step of path) {
    if (step === null || current === undefined) return undefined;
    if (current.startsWith("[")) current = /^-?\d+$/.test(step) ? jsonChildText(current, Number(step)) : undefined;
    else current = jsonChildText(current, step);
  }
  return current;
}

/** What `->>` gives: strings without quotes, JSON null as SQL NULL, everything else as it is written. */
export function jsonTextToPlain(value: string | undefined): string | null {
  if (value === undefined || value === "null") return null;
  if (value.charCodeAt(0) !== QUOTE) return value;
  return value.includes("\\") ? (JSON.parse(value) as string) : value.slice(1, -1);
}
