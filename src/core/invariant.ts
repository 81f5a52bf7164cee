// Violations of our own assumptions, as opposed to bad input or failing storage.

/** Thrown when the program contradicts itself; always a bug, always a 500. */
export class InvariantViolation extends Error {
  constructor(message: string) {
    super(`invariant violated: ${message}`);
    this.name = "InvariantViolation";
  }
}

/** Throws {@link InvariantViolation} unless the condition holds. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantViolation(message);
}

/** Marks a branch that the types prove unreachable. */
export function unreachable(value: never): never {
  throw new InvariantViolation(`unexpected value ${String(value)}`);
}

/** Returns the value, or throws {@link InvariantViolation} when it is null or undefined. */
export function required<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new InvariantViolation(`${what} is missing`);
  return value;
}
