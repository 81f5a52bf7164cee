// Results that cross a Worker border. RPC rebuilds errors without their class, so failures travel as values.

import { errorToProblem, problemToError, type ProblemDetails } from "./errors.ts";

/** What an RPC method that can fail returns. */
export type RpcResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: ProblemDetails };

/** Runs the body of an RPC method; a thrown error becomes its problem details. */
export async function toRpcResult<T>(run: () => Promise<T>): Promise<RpcResult<T>> {
  try {
    return { ok: true, value: await run() };
  } catch (error) {
    return { ok: false, problem: errorToProblem(error) };
  }
}

/** The value of a result, or the error it carries, as a {@link LakeError} again. */
export function fromRpcResult<T>(result: RpcResult<T>): T {
  if (result.ok) return result.value;
  throw problemToError(result.problem, "The request failed inside Firn.");
}
