// How large one value may become. Functions that make values larger check before they do, so that a query ends with an
// error where the isolate would run out of memory.

import { LakeError } from "#core";

/** Longest text or binary value a function makes, UTF-16 units or bytes. Events end at 256 KiB. */
export const MAX_VALUE_LENGTH = 8 * 1024 * 1024;
/** Most elements of a list that a function makes. */
const MAX_LIST_LENGTH = 1024 * 1024;

/** Errors: `memory_limit_exceeded` for a text or binary value that is too long. */
export function checkTextLength(length: number): void {
  if (length > MAX_VALUE_LENGTH) {
    throw tooLarge(`a value of ${length} characters or bytes: at most ${MAX_VALUE_LENGTH} are allowed`);
  }
}

/** Errors: `memory_limit_exceeded` for a list with too many elements. */
export function checkListLength(length: number): void {
  if (length > MAX_LIST_LENGTH) throw tooLarge(`a list of ${length} elements: at most ${MAX_LIST_LENGTH} are allowed`);
}

/** The error of a value that cannot be held. */
export function tooLarge(what: string): LakeError {
  return new LakeError("memory_limit_exceeded", `The query makes ${what}.`);
}
