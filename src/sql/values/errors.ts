// The errors that evaluating SQL values raises, with PostgreSQL's wording.

import { LakeError } from "#core";

/** Text that is not a value of the type. */
export function invalidText(typeName: string, text: string): LakeError {
  return new LakeError("invalid_text_representation", `invalid input syntax for type ${typeName}: "${text}"`);
}

/** A value outside a type's range. */
export function outOfRange(what: string): LakeError {
  return new LakeError("numeric_out_of_range", `${what} out of range`);
}

/** Text of a number that its type cannot hold; `shown` is the text as PostgreSQL shows it. */
export function outOfTypeRange(shown: string, typeName: string): LakeError {
  return new LakeError("numeric_out_of_range", `${shown} is out of range for type ${typeName}`);
}

/** A zero divisor. */
export function divisionByZero(): LakeError {
  return new LakeError("division_by_zero", "division by zero");
}

/** Any other error of a value at run time. */
export function runtimeError(message: string): LakeError {
  return new LakeError("sql_runtime_error", message);
}

/** A field of a date or time outside its range. */
export function fieldOutOfRange(message: string): LakeError {
  return new LakeError("invalid_text_representation", `date/time field value out of range: ${message}`);
}
