// PostgreSQL's array literals: {1,2,NULL,"a b"}.

import { LakeError } from "#core";
import type { Scalar } from "#columnar";
import { invalidText } from "./errors.ts";

/**
 * Parses an array literal of one dimension: the type is a list of elements, which arrays are not. Errors:
 * invalid_text_representation; `sql_unsupported` for more dimensions.
 */
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
      throw new LakeError(
        "sql_unsupported",
        "Array literals of several dimensions are not supported: write ARRAY[ARRAY[…], …].",
      );
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
