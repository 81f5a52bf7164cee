// Cache keys. An exact key names an answer by everything that determines it; a loose key names a question.

import { sha256Hex, stringifyJson } from "#core";

/** Bumped when the meaning of a payload or of a key part changes, so that old entries are never read as new. */
const EXACT_FORMAT = "firn-exact-1";
const LOOSE_FORMAT = "firn-loose-1";
const PARTIAL_FORMAT = "firn-partial-1";

/** Everything that determines an answer's bytes. */
export interface ExactKeyParts {
  /** Canonical bound plan. */
  readonly planText: string;
  /** As an array, or by name. */
  readonly params: object;
  /** Identity of the rows every scan reads: surviving immutable files and the ingest log's state. */
  readonly scanIdentity: string;
  /** Encoding of the payload. */
  readonly format: string;
}

/**
 * Key of an answer that cannot go stale: equal keys mean equal bytes, so age does not matter. Requests made: none.
 */
export async function exactCacheKey(parts: ExactKeyParts): Promise<string> {
  const text = stringifyJson([EXACT_FORMAT, parts.planText, parts.params, parts.scanIdentity, parts.format]);
  return `result/exact/${await sha256Hex(text)}`;
}

/** A question as asked. */
export interface LooseKeyParts {
  readonly sql: string;
  readonly params: object;
  readonly format: string;
  /** Words to invalidate the answer by: who asks with other words is answered apart. */
  readonly tags: readonly string[];
}

/**
 * Key of a question as asked, and nothing about the data. An entry under it is an answer of some age, for clients that
 * accept one.
 */
export async function looseCacheKey({ sql, params, format, tags }: LooseKeyParts): Promise<string> {
  const text = stringifyJson([LOOSE_FORMAT, sql.trim(), params, format, tags.toSorted()]);
  return `result/loose/${await sha256Hex(text)}`;
}

/** Key of the results that a plan gave for immutable pieces of its table; the entry names each piece. */
export async function partialCacheKey(planText: string): Promise<string> {
  return `result/partial/${await sha256Hex(stringifyJson([PARTIAL_FORMAT, planText]))}`;
}
