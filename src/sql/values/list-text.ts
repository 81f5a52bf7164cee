// PostgreSQL's array literals: {1,2,NULL,"a b"}.

import type { Scalar } from "#columnar";
import { invalidText } from "./errors.ts";

/** Behind the brace that closes the one at `start`. */
function innerEnd(source: string, start: number): number {
  let depth = 0;
  for (let at = start; at < source.length; at++) {
    if (source[at] === '"') {
      at += 1;
      while (at < source.length && source[at] !== '"') at += source[at] === "\\" ? 2 : 1;
    } else if (source[at] === "{") depth += 1;
    else if (source[at] === "}") {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  throw invalidText("array", source);
}

/** How many braces a literal opens with: its dimensions. */
export function listDepth(text: string): number {
  return (/^[\s{]*/.exec(text)?.[0] ?? "").replaceAll(/\s/g, "").length;
}

/** Parses an array literal; `element` takes the text of each item, of an inner array too. Errors: invalid_text_representation. */
export function parseList(text: string, element: (text: string) => Scalar): Scalar[] {
  const source = text.trim();
  if (!source.startsWith("{") || !source.endsWith("}")) throw invalidText("array", text);
  const items: Scalar[] = [];
  let position = 1;
  const end = source.length - 1;
  const skip = (): void => {
    while (position < end && /\s/.test(source[position] ?? "")) position++;
  };
  skip();
  if (position === end) return items;
  for (;;) {
    skip();
    if (source[position] === "{") {
      // The element's own parser takes the text of an inner array; one of a scalar refuses it.
      const start = position;
      position = innerEnd(source, position);
      items.push(element(source.slice(start, position)));
    } else if (source[position] === '"') {
      let value = "";
      position++;
      while (position < end && source[position] !== '"') {
        if (source[position] === "\\") position++;
        value += source[position++] ?? "";
      }
      if (position >= end) throw invalidText("array", text);
      position++;
      items.push(element(value));
    } else {
      const start = position;
      while (position < end && source[position] !== ",") position++;
      const value = source.slice(start, position).trim();
      if (value === "" || /[{}"]/.test(value)) throw invalidText("array", text);
      items.push(value.toLowerCase() === "null" ? null : element(value));
    }
    skip();
    if (position === end) return items;
    if (source[position] !== ",") throw invalidText("array", text);
    position++;
  }
}
