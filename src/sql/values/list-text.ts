// PostgreSQL's array literals: {1,2,NULL,"a b"}.

import type { Scalar } from "#columnar";
import { invalidText } from "./errors.ts";

/** Parses an array literal; inner arrays become lists of lists of one length. Errors: invalid_text_representation. */
export function parseList(text: string, element: (text: string) => Scalar): Scalar[] {
  const items = parseItems(text, element);
  if (shapeOf(items) === undefined) throw invalidText("array", text);
  return items;
}

/** Lengths of an array's dimensions as text; undefined when its inner arrays differ. */
function shapeOf(items: readonly Scalar[]): string | undefined {
  const inner = items.map((item) => (Array.isArray(item) ? shapeOf(item as readonly Scalar[]) : ""));
  return inner.every((shape) => shape !== undefined && shape === inner[0])
    ? `${items.length} ${inner[0] ?? ""}`
    : undefined;
}

function parseItems(text: string, element: (text: string) => Scalar): Scalar[] {
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
      const start = position;
      let depth = 0;
      let quoted = false;
      do {
        const c = source[position++];
        if (c === "\\") position++;
        else if (c === '"') quoted = !quoted;
        else if (!quoted && c === "{") depth++;
        else if (!quoted && c === "}") depth--;
      } while (depth > 0 && position < end);
      items.push(parseItems(source.slice(start, position), element));
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
