// SQL errors carry where they are in the text and, for names, the nearest name that exists.

import { LakeError, type ErrorCode } from "#core";
import type { SourceSpan } from "../plan.ts";

/**
 * An error at a place of the query. Details: `position` (1-based, UTF-16 units), `start` and `end` (0-based,
 * end exclusive), `nearest` when a similar name exists.
 */
export function sqlError(code: ErrorCode, message: string, span?: SourceSpan, nearest?: string): LakeError {
  const details: Record<string, unknown> = {};
  if (span !== undefined) Object.assign(details, { position: span.start + 1, start: span.start, end: span.end });
  if (nearest !== undefined) details["nearest"] = nearest;
  const hint = nearest === undefined ? "" : ` Did you mean "${nearest}"?`;
  return new LakeError(code, message + hint, { details });
}

/** The same error with a position, when it has none. Other values pass through. */
export function withSpan(error: unknown, span: SourceSpan | undefined): unknown {
  if (!(error instanceof LakeError) || span === undefined || "position" in error.details) return error;
  return new LakeError(error.code, error.message, {
    context: error.context,
    details: { ...error.details, position: span.start + 1, start: span.start, end: span.end },
    cause: error.cause,
  });
}
