// Passes over encoded Avro values without decoding them. Mirrors avro-decode.ts.

import { enterAvroType, isUnion, readAvroCount, type AvroCursor } from "./avro-decode.ts";
import { avroError, declaredNames, type AvroRecord, type AvroSchema } from "./avro-schema.ts";

/**
 * Moves the cursor behind one value. The end of the data is not checked: a cursor beyond it means truncated data, which
 * the caller has to test for.
 */
export type AvroSkipper = (cursor: AvroCursor) => void;

/** Builds the skipper of a schema. Errors: `metadata_invalid` for an unknown type name. */
export function compileAvroSkipper(schema: AvroSchema): AvroSkipper {
  return compile(schema, new Map());
}

/** Moves behind a variable-length integer. */
export function skipAvroLong(cursor: AvroCursor): void {
  const { bytes } = cursor;
  let { offset } = cursor;
  while ((bytes[offset++] as number) >= 0x80);
  cursor.offset = offset;
}

/** Moves behind a length-prefixed byte string. */
export function skipAvroBytes(cursor: AvroCursor): void {
  const length = readAvroCount(cursor);
  if (length < 0) throw avroError("a length is negative.");
  cursor.offset += length;
}

function skipFixed(length: number): AvroSkipper {
  return (cursor) => {
    cursor.offset += length;
  };
}

const PRIMITIVES: Readonly<Record<string, AvroSkipper>> = {
  null: () => {},
  boolean: skipFixed(1),
  int: skipAvroLong,
  long: skipAvroLong,
  float: skipFixed(4),
  double: skipFixed(8),
  bytes: skipAvroBytes,
  string: skipAvroBytes,
};

/** Skippers by declared name; a recursive type finds itself here once it is built. */
type NamedSkippers = Map<string, { skip: AvroSkipper }>;

function compile(schema: AvroSchema, named: NamedSkippers): AvroSkipper {
  if (typeof schema === "string") {
    if (Object.hasOwn(PRIMITIVES, schema)) return PRIMITIVES[schema] as AvroSkipper;
    const slot = named.get(schema);
    if (slot === undefined) throw avroError(`unknown type "${schema}".`);
    return (cursor) => {
      enterAvroType(cursor);
      slot.skip(cursor);
      cursor.depth -= 1;
    };
  }
  if (isUnion(schema)) return compileUnion(schema, named);
  switch (schema.type) {
    case "record":
      return compileRecord(schema as AvroRecord, named);
    case "array":
      return compileBlocks(compile((schema as { readonly items: AvroSchema }).items, named));
    case "map": {
      const skipValue = compile((schema as { readonly values: AvroSchema }).values, named);
      return compileBlocks((cursor) => {
        skipAvroBytes(cursor);
        skipValue(cursor);
      });
    }
    case "fixed": {
      const { size, name } = schema as { readonly size: number; readonly name: string };
      return declare({ ...schema, name }, named, skipFixed(size));
    }
    case "enum":
      return declare({ ...schema, name: (schema as { readonly name: string }).name }, named, skipAvroLong);
    default:
      return compile(schema.type, named);
  }
}

function declare(
  schema: { readonly name: string; readonly namespace?: string },
  named: NamedSkippers,
  skip: AvroSkipper,
): AvroSkipper {
  for (const name of declaredNames(schema)) named.set(name, { skip });
  return skip;
}

function compileRecord(schema: AvroRecord, named: NamedSkippers): AvroSkipper {
  const slot: { skip: AvroSkipper } = { skip: () => {} };
  for (const name of declaredNames(schema)) named.set(name, slot);
  const skippers = schema.fields.map((field) => compile(field.type, named));
  slot.skip = (cursor) => {
    for (let i = 0; i < skippers.length; i++) (skippers[i] as AvroSkipper)(cursor);
  };
  return slot.skip;
}

function compileUnion(branches: readonly AvroSchema[], named: NamedSkippers): AvroSkipper {
  const skippers = branches.map((branch) => compile(branch, named));
  return (cursor) => {
    const skip = skippers[readAvroCount(cursor)];
    if (skip === undefined) throw avroError("a union names a branch it does not have.");
    skip(cursor);
  };
}

function compileBlocks(skipItem: AvroSkipper): AvroSkipper {
  return (cursor) => {
    for (;;) {
      const count = readAvroCount(cursor);
      if (count === 0) return;
      if (count < 0) {
        skipAvroBytes(cursor);
        continue;
      }
      // Every item but null takes a byte: a longer count is no count.
      if (count > cursor.bytes.length - cursor.offset) throw avroError("a block counts more items than it has bytes.");
      for (let i = 0; i < count; i++) skipItem(cursor);
    }
  };
}
