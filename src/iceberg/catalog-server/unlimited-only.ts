// Another catalog answers with its own credentials and knows nothing of our tokens' limits.

import { LakeError } from "#core";
import { isUnlimited, readCaller } from "./caller.ts";
import { errorResponse } from "./catalog-errors.ts";

/** The same handler, for callers without limits alone; the others get 403 and reach nothing. */
export function forUnlimitedCallers(
  handle: (request: Request) => Promise<Response>,
): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      const caller = readCaller(request.headers);
      if (isUnlimited(caller)) return await handle(request);
      const message = `The token "${caller.name}" is limited, and the catalog in use cannot keep to limits of ours.`;
      return errorResponse(new LakeError("forbidden", message));
    } catch (error) {
      return errorResponse(error);
    }
  };
}
