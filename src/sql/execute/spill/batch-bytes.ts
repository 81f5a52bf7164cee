// Batches as bytes, for reading back by the same query: the arrays as they are, everything else as tagged JSON.
//
// | part | content |
// |---|---|
// | header length | 4 bytes, little-endian |
// | header | JSON: rows, and for each column how it is kept and where its arrays lie |
// | arrays | each at a multiple of 8 from the start of the arrays |

import { invariant, stringToUtf8, utf8ToString } from "#core";
import {
  constantVector,
  decimalBlockOf,
  decimalVector,
  encodeUtf8Block,
  flattenVector,
  textBlockOf,
  textVector,
  type Batch,
  type DataType,
  type FlatVector,
  type Scalar,
  type Vector,
} from "#columnar";

const ALIGNMENT = 8;
const LENGTH_BYTES = 4;

/** Where an array lies: bytes from the start of the arrays, and its length in bytes. */
type Place = readonly [offset: number, length: number];

type ArrayKind = "u8" | "i32" | "f64" | "i64";

/** How a flat vector is kept. */
type FlatForm =
  | { readonly form: "array"; readonly array: ArrayKind; readonly at: Place; readonly validity?: Place }
  | { readonly form: "text"; readonly bytes: Place; readonly offsets: Place; readonly validity?: Place }
  | { readonly form: "decimals"; readonly at: Place; readonly scale: number; readonly validity?: Place }
  | { readonly form: "scalars"; readonly at: Place };

type ColumnForm =
  | FlatForm
  | { readonly form: "constant"; readonly value: unknown }
  | {
      readonly form: "codes";
      readonly codes: Place;
      readonly validity?: Place;
      readonly entries: number;
      readonly dictionary: FlatForm;
    };

interface Header {
  readonly rows: number;
  readonly columns: readonly ColumnForm[];
}

/** Collects arrays with the right alignment. */
class Arrays {
  readonly parts: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  size = 0;

  add(array: ArrayBufferView): Place {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    const offset = this.size;
    this.parts.push({ offset, bytes });
    this.size = Math.ceil((offset + bytes.length) / ALIGNMENT) * ALIGNMENT;
    return [offset, bytes.length];
  }

  validity(validity: Uint8Array | undefined): { readonly validity?: Place } {
    return validity === undefined ? {} : { validity: this.add(validity) };
  }
}

/** Encodes a batch. The types of its columns are not kept. */
export function batchToBytes({ rowCount, columns }: Batch): Uint8Array {
  const arrays = new Arrays();
  const header: Header = { rows: rowCount, columns: columns.map((column) => columnToForm(column, arrays)) };
  const text = stringToUtf8(JSON.stringify(header));
  const start = Math.ceil((LENGTH_BYTES + text.length) / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(start + arrays.size);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, LENGTH_BYTES);
  for (const part of arrays.parts) bytes.set(part.bytes, start + part.offset);
  return bytes;
}

function columnToForm(vector: Vector, arrays: Arrays): ColumnForm {
  if (vector.encoding === "constant") return { form: "constant", value: scalarToJson(vector.value) };
  if (vector.encoding === "flat") return flatToForm(vector, arrays);
  const { codes, dictionary, validity, length } = vector;
  // A dictionary that is larger than the rows that use it costs more than it saves.
  if (dictionary.length > length) return flatToForm(flattenVector(vector), arrays);
  return {
    form: "codes",
    codes: arrays.add(codes),
    ...arrays.validity(validity),
    entries: dictionary.length,
    dictionary: flatToForm(dictionary, arrays),
  };
}

function flatToForm(vector: FlatVector, arrays: Arrays): FlatForm {
  const { length, validity } = vector;
  const block = textBlockOf(vector);
  if (block !== undefined) {
    const first = block.offsets[0] as number;
    const bytes = block.bytes.subarray(first, block.offsets[length]);
    const offsets = block.offsets.slice(0, length + 1).map((offset) => offset - first);
    return { form: "text", bytes: arrays.add(bytes), offsets: arrays.add(offsets), ...arrays.validity(validity) };
  }
  const decimals = decimalBlockOf(vector);
  if (decimals !== undefined) {
    return { form: "decimals", at: arrays.add(decimals.unscaled), scale: decimals.scale, ...arrays.validity(validity) };
  }
  const { values, type } = vector;
  const array = arrayKind(values);
  if (array !== undefined && ArrayBuffer.isView(values)) {
    return { form: "array", array, at: arrays.add(values), ...arrays.validity(validity) };
  }
  const isText = type.kind === "string" || type.kind === "json" || type.kind === "uuid";
  if (isText && isWellFormed(values as readonly string[], length)) {
    const { bytes, offsets } = encodeUtf8Block((values as readonly string[]).slice(0, length), validity);
    return {
      form: "text",
      bytes: arrays.add(bytes),
      offsets: arrays.add(offsets),
      ...arrays.validity(validity),
    };
  }
  const scalars = (values as readonly Scalar[])
    .slice(0, length)
    .map((value, row) => (validity?.[row] === 0 ? null : scalarToJson(value)));
  return { form: "scalars", at: arrays.add(stringToUtf8(JSON.stringify(scalars))) };
}

function arrayKind(values: FlatVector["values"]): ArrayKind | undefined {
  if (values instanceof Uint8Array) return "u8";
  if (values instanceof Int32Array) return "i32";
  if (values instanceof Float64Array) return "f64";
  return values instanceof BigInt64Array ? "i64" : undefined;
}

function isWellFormed(values: readonly string[], length: number): boolean {
  for (let i = 0; i < length; i++) if (!(values[i] as string).isWellFormed()) return false;
  return true;
}

/** Decodes a batch of the given column types. Ownership: views of `bytes`, which must start at a multiple of 8. */
export function bytesToBatch(bytes: Uint8Array, types: readonly DataType[]): Batch {
  const textLength = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getUint32(0, true);
  const header = JSON.parse(utf8ToString(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + textLength))) as Header;
  const start = bytes.byteOffset + Math.ceil((LENGTH_BYTES + textLength) / ALIGNMENT) * ALIGNMENT;
  const source: Source = { buffer: bytes.buffer, start };
  const columns = types.map((type, index) => {
    const form = header.columns[index];
    invariant(form !== undefined, "a kept batch has all its columns");
    return formToColumn(form, type, header.rows, source);
  });
  return { rowCount: header.rows, columns };
}

interface Source {
  readonly buffer: ArrayBufferLike;
  readonly start: number;
}

function formToColumn(form: ColumnForm, type: DataType, length: number, source: Source): Vector {
  if (form.form === "constant") return constantVector(type, jsonToScalar(form.value), length);
  if (form.form !== "codes") return formToFlat(form, type, length, source);
  return {
    encoding: "dictionary",
    type,
    length,
    codes: int32At(source, form.codes),
    dictionary: formToFlat(form.dictionary, type, form.entries, source),
    validity: bytesAt(source, form.validity),
  };
}

function formToFlat(form: FlatForm, type: DataType, length: number, source: Source): FlatVector {
  if (form.form === "text") {
    const bytes = bytesAt(source, form.bytes);
    const block = { bytes, offsets: int32At(source, form.offsets) };
    return textVector(type, length, block, bytesAt(source, form.validity));
  }
  if (form.form === "array") {
    const values = arrayAt(source, form.array, form.at);
    return { encoding: "flat", type, length, values, validity: bytesAt(source, form.validity) };
  }
  if (form.form === "decimals") {
    const unscaled = arrayAt(source, "f64", form.at) as Float64Array;
    return decimalVector(type, { unscaled, scale: form.scale }, bytesAt(source, form.validity));
  }
  const json = JSON.parse(utf8ToString(bytesAt(source, form.at))) as unknown[];
  const filler = FILLERS[type.kind] ?? "";
  let validity: Uint8Array | undefined;
  const values = json.map((item, row) => {
    if (item !== null) return jsonToScalar(item);
    validity ??= new Uint8Array(length).fill(1);
    validity[row] = 0;
    return filler;
  });
  return { encoding: "flat", type, length, values: values as readonly string[], validity };
}

/** What stands at null rows of values that are no numbers. */
const FILLERS: { readonly [kind in DataType["kind"]]?: Scalar } = {
  decimal: { unscaled: 0n, scale: 0 },
  binary: new Uint8Array(0),
  interval: { months: 0, days: 0, micros: 0 },
  list: [],
  map: [],
  struct: {},
};

function bytesAt(source: Source, place: Place): Uint8Array;
function bytesAt(source: Source, place: Place | undefined): Uint8Array | undefined;
function bytesAt({ buffer, start }: Source, place: Place | undefined): Uint8Array | undefined {
  return place === undefined ? undefined : new Uint8Array(buffer, start + place[0], place[1]);
}

function int32At({ buffer, start }: Source, [offset, length]: Place): Int32Array {
  return new Int32Array(buffer, start + offset, length / Int32Array.BYTES_PER_ELEMENT);
}

function arrayAt(source: Source, kind: ArrayKind, place: Place): FlatVector["values"] {
  const { buffer, start } = source;
  const [offset, length] = place;
  switch (kind) {
    case "u8":
      return bytesAt(source, place);
    case "i32":
      return int32At(source, place);
    case "f64":
      return new Float64Array(buffer, start + offset, length / Float64Array.BYTES_PER_ELEMENT);
    case "i64":
      return new BigInt64Array(buffer, start + offset, length / BigInt64Array.BYTES_PER_ELEMENT);
  }
}

/** JSON that gives back the same scalar: what JSON has no word for is a pair of a tag and its text. */
function scalarToJson(value: Scalar): unknown {
  if (typeof value === "bigint") return ["n", value.toString()];
  if (typeof value === "number")
    return Number.isFinite(value) && !Object.is(value, -0) ? value : ["f", String(value === 0 ? "-0" : value)];
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array)
    return ["b", Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("")];
  if (Array.isArray(value)) return ["l", (value as readonly Scalar[]).map(scalarToJson)];
  return ["o", Object.entries(value).map(([key, item]) => [key, scalarToJson(item as Scalar)])];
}

function jsonToScalar(json: unknown): Scalar {
  if (!Array.isArray(json)) return json as Scalar;
  const [tag, content] = json as [string, unknown];
  switch (tag) {
    case "n":
      return BigInt(content as string);
    case "f":
      return Number(content);
    case "b":
      return Uint8Array.from((content as string).match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    case "l":
      return (content as unknown[]).map(jsonToScalar);
    default:
      return Object.fromEntries((content as [string, unknown][]).map(([key, item]) => [key, jsonToScalar(item)]));
  }
}
