// How large one value may become. Functions that make values larger check before they do, so that a query ends with an
// error where the isolate would run out of memory.

import { LakeError } from "#core";
import type { Scalar } from "#columnar";

/** Longest text or binary value a function makes, UTF-16 units or bytes. Events end at 256 KiB. */
export const MAX_VALUE_LENGTH = 8 * 1024 * 1024;
/** What a list takes for an element beside its own size, bytes. */
const ELEMENT_BYTES = 8;
/** Most elements of a list that a function makes. */
export const MAX_LIST_LENGTH = 1024 * 1024;

/** Errors: `memory_limit_exceeded` for a text or binary value that is too long. */
export function checkTextLength(length: number): void {
  if (length > MAX_VALUE_LENGTH) {
    throw tooLarge(`a value of ${length} characters or bytes: at most ${MAX_VALUE_LENGTH} are allowed`);
  }
}

/**
 * Characters, bytes or elements of a value, lists with what they hold. Errors: `memory_limit_exceeded` when it is too
 * large.
 */
export function checkValueSize(value: Scalar): number {
  const size = sizeOf(value);
  checkTextLength(size);
  return size;
}

function sizeOf(value: Scalar): number {
  if (typeof value === "string" || value instanceof Uint8Array) return value.length;
  if (!Array.isArray(value)) return ELEMENT_BYTES;
  let size = 0;
  for (const item of value as readonly Scalar[]) size += sizeOf(item) + ELEMENT_BYTES;
  return size;
}

/** Errors: `memory_limit_exceeded` for a list with too many elements. */
export function checkListLength(length: number): void {
  if (length > MAX_LIST_LENGTH) throw tooLarge(`a list of ${length} elements: at most ${MAX_LIST_LENGTH} are allowed`);
}

/** Errors: `memory_limit_exceeded` for texts that are too long when joined. */
export function checkJoined(texts: readonly string[], separator: string): void {
  let length = separator.length * Math.max(texts.length - 1, 0);
  for (const text of texts) length += text.length;
  checkTextLength(length);
}

/** The error of a value that cannot be held. */
export function tooLarge(what: string): LakeError {
  return new LakeError("memory_limit_exceeded", `The query makes ${what}.`);
}
