// Zod's findings as `invalid_request`, each with the place it is about.

import { LakeError } from "#core";
import type { z } from "@hono/zod-openapi";

/** Where an invalid value was. */
export type RequestPart = "body" | "query" | "path";

/** One finding. `pointer` is a JSON Pointer (RFC 6901) into the body; `parameter` names a query or path parameter. */
export interface RequestFinding {
  readonly pointer?: string;
  readonly parameter?: string;
  readonly message: string;
}

/** More findings than this help nobody. */
const MAX_FINDINGS = 20;

/** A path into JSON as an RFC 6901 pointer; the empty path is the whole document, "". */
export function pathToPointer(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

function issuePaths(issue: z.core.$ZodIssue): readonly (readonly PropertyKey[])[] {
  return issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
}

function issueToFindings(part: RequestPart, issue: z.core.$ZodIssue): readonly RequestFinding[] {
  return issuePaths(issue).map((path) => {
    const message = issue.code === "unrecognized_keys" ? "Unknown name." : issue.message;
    return part === "body"
      ? { pointer: pathToPointer(path), message }
      : { parameter: path.map(String).join("."), message };
  });
}

/**
 * Checks a value against a schema and returns it with defaults filled in.
 *
 * Errors: `invalid_request` with every finding in `errors` and the first one's place in the message.
 */
export function validate<T extends z.ZodType>(schema: T, value: unknown, part: RequestPart): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const findings = result.error.issues.flatMap((issue) => issueToFindings(part, issue)).slice(0, MAX_FINDINGS);
  const [first] = findings;
  const place = part === "body" ? `body at "${first?.pointer ?? ""}"` : `${part} parameter "${first?.parameter ?? ""}"`;
  throw new LakeError("invalid_request", `The ${place}: ${first?.message ?? "is invalid"} Nothing was done.`, {
    details: { errors: findings, ...(first?.pointer === undefined ? {} : { pointer: first.pointer }) },
  });
}
