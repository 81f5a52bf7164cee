// Matches REST paths. Segments are split before they are decoded, so an encoded slash in a name stays a name.

import { LakeError } from "#core";

/** Values of a pattern's {names}, decoded. */
export type PathParams = Readonly<Record<string, string>>;

/** A method and a path pattern such as /v1/namespaces/{namespace}. */
export interface RoutePattern {
  readonly method: string;
  readonly pattern: string;
}

/**
 * The route of a request with its parameters.
 *
 * Errors: `not_found`, `method_not_allowed`, and `invalid_request` for a path that does not decode.
 */
export function matchRoute<Route extends RoutePattern>(
  routes: readonly Route[],
  method: string,
  path: string,
): { readonly route: Route; readonly params: PathParams } {
  const segments = path.split("/").filter((segment) => segment !== "");
  const candidates = routes.flatMap((route) => {
    const params = matchPattern(route.pattern, segments);
    return params === undefined ? [] : [{ route, params }];
  });
  const match = candidates.find(({ route }) => route.method === method);
  if (match !== undefined) return match;
  if (candidates.length === 0) throw new LakeError("not_found", `The catalog has no endpoint ${path}.`);
  throw new LakeError("method_not_allowed", `The catalog does not answer ${method} on ${path}.`);
}

function matchPattern(pattern: string, segments: readonly string[]): PathParams | undefined {
  const parts = pattern.split("/").filter((part) => part !== "");
  if (parts.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const segment = segments[index] as string;
    if (part.startsWith("{")) params[part.slice(1, -1)] = decodeSegment(segment);
    else if (part !== segment) return undefined;
  }
  return params;
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new LakeError("invalid_request", `The path segment ${segment} is not valid percent encoding.`);
  }
}
