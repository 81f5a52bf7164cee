// Lists, structs and maps: values put together from their leaves' levels, row by row.
// Source: Melnik et al., "Dremel: Interactive Analysis of Web-Scale Datasets" (2010), record assembly

import { LakeError } from "#core";
import { corruptData } from "#codec";
import { type DataType, type Scalar, type StructField, type Vector } from "#columnar";
import type { LeafCursor } from "./leaf-cursor.ts";
import type { ParquetColumn, ParquetNode } from "./metadata.ts";
import { firstLeaf, shapeOf, shapeType, type NestedShape } from "./nested-shape.ts";
import { variantToJson } from "./variant-json.ts";
import { planVariant } from "./variant-shredded.ts";

/** A nested column of a file as a column of the type wanted. */
export interface NestedPlan {
  readonly type: DataType;
  /** The leaves to read; others of the column are not needed. */
  readonly leaves: readonly { readonly column: ParquetColumn; readonly type: DataType | undefined }[];
  /** Starts reading a row group; `cursors` belong to `leaves` in their order. */
  open(cursors: readonly LeafCursor[]): NestedReader;
}

/** Hands out a nested column of a row group, rows in order. */
export interface NestedReader {
  /** The next `rows` rows. Errors: `data_invalid` when the leaves disagree. */
  read(rows: number): Vector;
  skip(rows: number): void;
}

/** Reads one value after the other. */
interface ValueReader {
  /** Never empty. */
  readonly cursors: readonly LeafCursor[];
  read(): Scalar;
}

type Opener = (cursors: readonly LeafCursor[]) => ValueReader;

/**
 * Plans reading a top-level field that is no plain leaf. Struct fields are matched by id where both sides have ids,
 * else by name; those the file lacks have their default.
 *
 * Errors: `data_invalid` when the file's field cannot be read as `type`.
 */
export function planNested(node: ParquetNode, type: DataType | undefined): NestedPlan {
  const shape = shapeOf(node);
  const wanted = type ?? shapeType(shape);
  const leaves: NestedPlan["leaves"][number][] = [];
  const opener = planValue(shape, wanted, leaves, node.name);
  return {
    type: wanted,
    leaves,
    open(cursors) {
      const value = opener(cursors);
      const next = (): Scalar => {
        expectRowStart(value.cursors);
        const row = value.read();
        return row;
      };
      return {
        read: (rows) => readRows(next, rows, value.cursors, wanted),
        skip(rows) {
          for (let i = 0; i < rows; i++) next();
        },
      };
    },
  };
}

function readRows(next: () => Scalar, rows: number, cursors: readonly LeafCursor[], type: DataType): Vector {
  const filler: Scalar = type.kind === "struct" ? {} : type.kind === "json" ? "" : [];
  const values: Scalar[] = [];
  let validity: Uint8Array | undefined;
  for (let i = 0; i < rows; i++) {
    const value = next();
    if (value === null) (validity ??= new Uint8Array(rows).fill(1))[i] = 0;
    values.push(value ?? filler);
  }
  expectRowStart(cursors);
  return { encoding: "flat", type, length: rows, values: values as readonly (readonly Scalar[])[], validity };
}

function expectRowStart(cursors: readonly LeafCursor[]): void {
  for (const cursor of cursors) {
    if (cursor.repetitionLevel !== 0) throw corruptData("the columns of a nested field disagree");
  }
}

function planValue(shape: NestedShape, type: DataType, leaves: NestedPlan["leaves"][number][], path: string): Opener {
  const reading = planPresent(shape, type, leaves, path);
  const { definedFrom } = shape;
  if (definedFrom === undefined || shape.kind === "leaf") return reading;
  return (all) => {
    const present = reading(all);
    const { cursors } = present;
    return {
      cursors,
      read: () => (agree(cursors, (cursor) => cursor.definitionLevel >= definedFrom) ? present.read() : pass(cursors)),
    };
  };
}

/** Passes over the one entry that a null or empty value has in each leaf. */
function pass(cursors: readonly LeafCursor[]): null {
  for (const cursor of cursors) cursor.take();
  return null;
}

/** What all leaves say. Errors: `data_invalid` when they say different things. */
function agree(cursors: readonly LeafCursor[], test: (cursor: LeafCursor) => boolean): boolean {
  const answer = test(cursors[0] as LeafCursor);
  for (let i = 1; i < cursors.length; i++) {
    if (test(cursors[i] as LeafCursor) !== answer) throw corruptData("the columns of a nested field disagree");
  }
  return answer;
}

/** Reads values that are not null at this level; a leaf's own null is its cursor's business. */
function planPresent(shape: NestedShape, type: DataType, leaves: NestedPlan["leaves"][number][], path: string): Opener {
  switch (shape.kind) {
    case "leaf": {
      if (isNested(type)) throw mismatch(path, shape.column.physicalType, type);
      return planLeaf(shape.column, type, leaves);
    }
    case "struct":
      if (isVariantType(type)) return planVariantValue(shape, type, leaves, path);
      if (type.kind !== "struct") throw mismatch(path, shape.kind, type);
      return planStruct(shape, type.fields, leaves, path);
    case "list": {
      if (type.kind !== "list") throw mismatch(path, shape.kind, type);
      const element = planValue(shape.element, type.element, leaves, `${path}.element`);
      return (all) => {
        const reader = element(all);
        return { cursors: reader.cursors, read: () => readItems(shape, reader.cursors, () => reader.read()) };
      };
    }
    case "map": {
      if (type.kind !== "map") throw mismatch(path, shape.kind, type);
      const keys = planValue(shape.key, type.key, leaves, `${path}.key`);
      const values =
        shape.value === undefined ? undefined : planValue(shape.value, type.value, leaves, `${path}.value`);
      return (all) => {
        const key = keys(all);
        const value = values?.(all);
        const cursors = [...key.cursors, ...(value?.cursors ?? [])];
        return { cursors, read: () => readItems(shape, cursors, () => [key.read(), value?.read() ?? null]) };
      };
    }
  }
}

/** Whether values of the type are variants: as they are stored, or as JSON. */
function isVariantType(type: DataType): boolean {
  return type.kind === "json" || (type.kind === "struct" && type.stored === "variant");
}

function planVariantValue(
  shape: NestedShape & { readonly kind: "struct" },
  type: DataType,
  leaves: NestedPlan["leaves"][number][],
  path: string,
): Opener {
  const variant = planVariant(shape, path);
  const group = planStruct(shape, variant.type.fields, leaves, path);
  return (all) => {
    const reader = group(all);
    return {
      cursors: reader.cursors,
      read() {
        const value = variant.assemble(reader.read());
        return type.kind === "json" ? variantToJson(value) : { metadata: value.metadata, value: value.value };
      },
    };
  };
}

function readItems(
  { itemFrom, repetitionLevel }: { readonly itemFrom: number; readonly repetitionLevel: number },
  cursors: readonly LeafCursor[],
  readItem: () => Scalar,
): Scalar[] {
  const items: Scalar[] = [];
  if (!agree(cursors, (cursor) => cursor.definitionLevel >= itemFrom)) {
    pass(cursors);
    return items;
  }
  do items.push(readItem());
  while (agree(cursors, (cursor) => cursor.repetitionLevel === repetitionLevel));
  return items;
}

function planLeaf(column: ParquetColumn, type: DataType | undefined, leaves: NestedPlan["leaves"][number][]): Opener {
  const index = leaves.length;
  leaves.push({ column, type });
  return (all) => {
    const cursor = all[index] as LeafCursor;
    return { cursors: [cursor], read: () => cursor.take() };
  };
}

function planStruct(
  shape: NestedShape & { readonly kind: "struct" },
  fields: readonly StructField[],
  leaves: NestedPlan["leaves"][number][],
  path: string,
): Opener {
  const hasIds = shape.fields.some((field) => field.shape.fieldId !== undefined);
  const planned = fields.map((field) => {
    const stored = shape.fields.find((candidate) =>
      hasIds && field.id !== undefined ? candidate.shape.fieldId === field.id : candidate.name === field.name,
    );
    const opener =
      stored === undefined ? undefined : planValue(stored.shape, field.type, leaves, `${path}.${field.name}`);
    return { name: field.name, missing: field.missing ?? null, opener };
  });
  // Some leaf must tell where the struct is, even when none of its fields is wanted.
  const witness = planned.some((field) => field.opener !== undefined)
    ? undefined
    : planWitness(firstLeaf(shape), shape, leaves);
  return (all) => {
    const readers = planned.map(({ name, missing, opener }) => ({ name, missing, reader: opener?.(all) }));
    const watched = witness?.(all);
    const cursors = watched?.cursors ?? readers.flatMap(({ reader }) => reader?.cursors ?? []);
    return {
      cursors,
      read() {
        watched?.read();
        const record: { [key: string]: Scalar } = {};
        for (const { name, missing, reader } of readers)
          setField(record, name, reader?.read() ?? missingOf(reader, missing));
        return record;
      },
    };
  };
}

/** A null that the file has stays null; only what it lacks has a default. */
function missingOf(reader: ValueReader | undefined, missing: Scalar): Scalar {
  return reader === undefined ? missing : null;
}

/** Reads over all entries of one struct through its first leaf, which may repeat within it. */
function planWitness(column: ParquetColumn, shape: NestedShape, leaves: NestedPlan["leaves"][number][]): Opener {
  const opener = planLeaf(column, undefined, leaves);
  const depth = outerRepetition(shape, column);
  return (all) => {
    const leaf = opener(all);
    const [cursor] = leaf.cursors as readonly [LeafCursor];
    return {
      cursors: leaf.cursors,
      read() {
        do cursor.take();
        while (cursor.repetitionLevel > depth);
        return null;
      },
    };
  };
}

/** Repetition level at which the shape itself repeats: that of its first leaf without the lists in between. */
function outerRepetition(shape: NestedShape, column: ParquetColumn): number {
  let inner = 0;
  for (let at = shape; at.kind !== "leaf";) {
    if (at.kind === "struct") at = (at.fields[0] as { readonly shape: NestedShape }).shape;
    else {
      inner += 1;
      at = at.kind === "list" ? at.element : at.key;
    }
  }
  return column.maxRepetitionLevel - inner;
}

/** Plain assignment to `__proto__` would set the prototype. */
function setField(record: { [key: string]: Scalar }, name: string, value: Scalar): void {
  if (name === "__proto__") {
    Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true });
  } else record[name] = value;
}

function isNested(type: DataType): boolean {
  return type.kind === "list" || type.kind === "struct" || type.kind === "map";
}

function mismatch(path: string, stored: string, type: DataType): LakeError {
  return new LakeError(
    "data_invalid",
    `Column "${path}" is stored as ${stored}, which cannot be read as ${type.kind}.`,
  );
}
