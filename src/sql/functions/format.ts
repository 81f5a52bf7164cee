// PostgreSQL's format(): %s, %I, %L with positions, widths and left alignment.

import type { Scalar } from "#columnar";
import { runtimeError } from "../values/errors.ts";
import { checkTextLength } from "../values/limits.ts";
import { quoteIdentifier, quoteLiteral } from "./quoting.ts";

const SPECIFIER = /%(?:%|(?:(\d+)\$)?(-)?(\d+|\*(?:\d+\$)?)?([sIL])|([\s\S]?))/g;

/** Formats texts into a template; null when the template is. Errors: sql_runtime_error. */
export function formatText(template: Scalar, ...args: readonly Scalar[]): Scalar {
  if (template === null) return null;
  let next = 0;
  return (template as string).replace(
    SPECIFIER,
    (
      whole,
      index: string | undefined,
      minus: string | undefined,
      width: string | undefined,
      kind: string | undefined,
      bad: string | undefined,
    ) => {
      if (whole === "%%") return "%";
      if (kind === undefined) {
        throw runtimeError(
          bad === "" ? "unterminated format() type specifier" : `unrecognized format() type specifier "${bad ?? ""}"`,
        );
      }
      let size: number;
      if (width?.startsWith("*") === true) {
        const named = width.slice(1, -1);
        const from = named === "" ? next : Number(named) - 1;
        if (named === "") next += 1;
        if (from < 0 || from >= args.length) throw runtimeError("too few arguments for format()");
        size = Number(args[from] ?? 0);
      } else size = Number(width ?? 0);
      const at = index === undefined ? next : Number(index) - 1;
      next = at + 1;
      if (at < 0 || at >= args.length) throw runtimeError("too few arguments for format()");
      const text = formatOne(kind, args[at] as string | null);
      checkTextLength(Math.abs(size));
      return minus === undefined && size >= 0 ? text.padStart(size) : text.padEnd(Math.abs(size));
    },
  );
}

function formatOne(kind: string, value: string | null): string {
  if (kind === "s") return value ?? "";
  if (kind === "I") {
    if (value === null) throw runtimeError("null values cannot be formatted as an SQL identifier");
    return quoteIdentifier(value);
  }
  return value === null ? "NULL" : quoteLiteral(value);
}
