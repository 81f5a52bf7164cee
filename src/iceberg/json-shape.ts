// Reads values of known shape out of parsed JSON, naming the place of the first one that is not as it should be.

import { LakeError, type ErrorCode } from "#core";

/** A JSON object whose members are not yet checked. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Checks for one source of JSON; every method takes the value and its name for the message. */
export interface JsonShape {
  readonly object: (value: unknown, name: string) => JsonObject;
  readonly array: (value: unknown, name: string) => readonly unknown[];
  readonly string: (value: unknown, name: string) => string;
  readonly boolean: (value: unknown, name: string) => boolean;
  /** A safe integer. */
  readonly integer: (value: unknown, name: string) => number;
  /** A 64-bit integer. */
  readonly long: (value: unknown, name: string) => bigint;
  readonly strings: (value: unknown, name: string) => string[];
  readonly integers: (value: unknown, name: string) => number[];
  /** An object of strings. */
  readonly stringMap: (value: unknown, name: string) => Record<string, string>;
  readonly fail: (message: string) => LakeError;
}

/** Checks whose failures are errors of that code, their messages led by `subject`. */
export function createJsonShape(code: ErrorCode, subject: string): JsonShape {
  const fail = (message: string): LakeError => new LakeError(code, `${subject}: ${message}`);
  const wrong = (name: string, expected: string): LakeError => fail(`${name} must be ${expected}.`);
  const shape: JsonShape = {
    fail,
    object(value, name) {
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(name, "an object");
      return value as JsonObject;
    },
    array(value, name) {
      if (!Array.isArray(value)) throw wrong(name, "an array");
      return value;
    },
    string(value, name) {
      if (typeof value !== "string") throw wrong(name, "a string");
      return value;
    },
    boolean(value, name) {
      if (typeof value !== "boolean") throw wrong(name, "true or false");
      return value;
    },
    integer(value, name) {
      if (typeof value !== "number" || !Number.isSafeInteger(value)) throw wrong(name, "an integer");
      return value;
    },
    long(value, name) {
      if (typeof value === "bigint" && BigInt.asIntN(64, value) === value) return value;
      if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
      throw wrong(name, "a 64-bit integer");
    },
    strings: (value, name) => shape.array(value, name).map((item, index) => shape.string(item, `${name}[${index}]`)),
    integers: (value, name) => shape.array(value, name).map((item, index) => shape.integer(item, `${name}[${index}]`)),
    stringMap(value, name) {
      const entries = Object.entries(shape.object(value, name));
      return Object.fromEntries(entries.map(([key, item]) => [key, shape.string(item, `${name}.${key}`)]));
    },
  };
  return shape;
}
