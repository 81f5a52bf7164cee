// Leaves a handler whose change turned out to be made already, for the same Idempotency-Key.

/** Thrown where the store says that a receipt's change was made before; the reply is then given again. */
export class DoneBeforeError extends Error {
  constructor() {
    super("The change of this key was made before.");
    this.name = "DoneBeforeError";
  }
}
