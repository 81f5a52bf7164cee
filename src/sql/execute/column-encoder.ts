// Dense ids for the values of one column, across batches and whatever their encoding. Equal values share an id as
// SQL's grouping sees equality: NULL equals NULL, NaN equals NaN, 1.0 equals 1.00.

import {
  decimalBlockOf,
  decimalVector,
  looseTextOf,
  vectorFromScalars,
  type DataType,
  type Decimal,
  type DictionaryVector,
  type FlatVector,
  type Scalar,
  type LooseText,
  type Vector,
} from "#columnar";
import { scalarKey } from "../values/index.ts";
import { rowReader } from "./build.ts";
import { NumberTable } from "./hash-table.ts";
import { TextTable } from "./text-table.ts";

/** Gives the rows of one column dense ids. */
export interface ColumnEncoder {
  /** Number of ids given. */
  readonly count: number;
  /** The id of NULL; -1 while none was seen. */
  readonly nullId: number;
  readonly byteSize: number;
  /** Writes each row's id; -1 for unknown values when `insert` is false. */
  encode(vector: Vector, rowCount: number, insert: boolean, out: Int32Array): void;
  /** The values of the given ids, as a column. */
  decode(ids: Int32Array): Vector;
}

/** Estimated bytes of a Map entry with its key. */
const MAP_ENTRY_BYTES = 64;
const UNKNOWN = -2;
/** Of a dictionary entry that is about to be looked up. */
const PENDING = -3;

/** The ids of a dictionary's entries, and how many are not known. */
interface Translation {
  readonly ids: Int32Array;
  unknown: number;
}

/** What the encoders share: dictionaries are translated once, code by code. */
abstract class BaseEncoder implements ColumnEncoder {
  nullId = -1;
  protected readonly type: DataType;
  private readonly translations = new WeakMap<FlatVector, Translation>();

  constructor(type: DataType) {
    this.type = type;
  }

  abstract readonly count: number;
  abstract readonly byteSize: number;
  abstract decode(ids: Int32Array): Vector;
  protected abstract idOfScalar(value: Exclude<Scalar, null>, insert: boolean): number;
  protected abstract newNullId(): number;
  protected abstract encodeFlat(vector: FlatVector, rowCount: number, insert: boolean, out: Int32Array): void;

  protected idOfNull(insert: boolean): number {
    if (this.nullId < 0 && insert) this.nullId = this.newNullId();
    return this.nullId;
  }

  protected idOf(value: Scalar, insert: boolean): number {
    return value === null ? this.idOfNull(insert) : this.idOfScalar(value, insert);
  }

  /** Turns codes into the ids of their entries; -1 for unknown ones when `insert` is false. */
  protected encodeEntries(dictionary: FlatVector, codes: Int32Array, insert: boolean): void {
    const read = rowReader(dictionary);
    for (let k = 0; k < codes.length; k++) codes[k] = this.idOf(read(codes[k] as number), insert);
  }

  encode(vector: Vector, rowCount: number, insert: boolean, out: Int32Array): void {
    if (vector.encoding === "constant" || vector.type.kind === "null") {
      if (rowCount > 0) out.fill(this.idOf(vector.encoding === "constant" ? vector.value : null, insert), 0, rowCount);
    } else if (vector.encoding === "flat") this.encodeFlat(vector, rowCount, insert, out);
    else this.encodeCodes(vector, rowCount, insert, out);
  }

  /** Entries that rows use are looked up once each, together, in order of first use. */
  private encodeCodes(vector: DictionaryVector, rowCount: number, insert: boolean, out: Int32Array): void {
    const { dictionary, codes, validity } = vector;
    let translation = this.translations.get(dictionary);
    if (translation === undefined) {
      translation = { ids: new Int32Array(dictionary.length).fill(UNKNOWN), unknown: dictionary.length };
      this.translations.set(dictionary, translation);
    }
    const { ids } = translation;
    const met: number[] = [];
    if (translation.unknown > 0 || validity !== undefined) this.meet(vector, rowCount, insert, ids, met);
    if (validity === undefined) {
      for (let i = 0; i < rowCount; i++) out[i] = ids[codes[i] as number] as number;
    } else {
      const { nullId } = this;
      for (let i = 0; i < rowCount; i++) out[i] = validity[i] === 0 ? nullId : (ids[codes[i] as number] as number);
    }
    translation.unknown -= met.length;
    if (insert) return;
    // What is unknown now may be inserted later.
    for (const code of met) {
      if (ids[code] !== -1) continue;
      ids[code] = UNKNOWN;
      translation.unknown += 1;
    }
  }

  /** Gives the entries of rows that have none yet their ids; `met` takes their codes. */
  private meet(
    { dictionary, codes, validity }: DictionaryVector,
    rowCount: number,
    insert: boolean,
    ids: Int32Array,
    met: number[],
  ): void {
    let done = 0;
    for (let i = 0; i < rowCount; i++) {
      if (validity !== undefined && validity[i] === 0) {
        // NULL takes its id where it first appears, after the values before it.
        if (this.nullId < 0 && insert) {
          this.lookUpCodes(dictionary, ids, met.slice(done), insert);
          done = met.length;
          this.idOfNull(insert);
        }
        continue;
      }
      const code = codes[i] as number;
      if (ids[code] !== UNKNOWN) continue;
      ids[code] = PENDING;
      met.push(code);
    }
    this.lookUpCodes(dictionary, ids, done === 0 ? met : met.slice(done), insert);
  }

  private lookUpCodes(dictionary: FlatVector, ids: Int32Array, met: readonly number[], insert: boolean): void {
    if (met.length === 0) return;
    const found = Int32Array.from(met);
    this.encodeEntries(dictionary, found, insert);
    for (let k = 0; k < found.length; k++) ids[met[k] as number] = found[k] as number;
  }
}

/** Numbers, times and booleans. */
class NumberEncoder extends BaseEncoder {
  private readonly table = new NumberTable();
  private readonly bigIds = new Map<bigint, number>();
  private readonly bigValues = new Map<number, bigint>();

  get count(): number {
    return this.table.count;
  }

  get byteSize(): number {
    return this.table.byteSize + this.bigIds.size * MAP_ENTRY_BYTES * 2;
  }

  protected newNullId(): number {
    return this.table.addPhantom();
  }

  protected idOfScalar(value: Exclude<Scalar, null>, insert: boolean): number {
    if (typeof value === "bigint") {
      const known = this.bigIds.get(value);
      if (known !== undefined) return known;
      if (!insert) return -1;
      const id = this.table.addPhantom();
      this.bigIds.set(value, id);
      this.bigValues.set(id, value);
      return id;
    }
    return this.table.idOf(Number(value), insert);
  }

  protected encodeFlat(vector: FlatVector, rowCount: number, insert: boolean, out: Int32Array): void {
    const { values, validity } = vector;
    if (values instanceof BigInt64Array) {
      const read = rowReader(vector);
      for (let i = 0; i < rowCount; i++) out[i] = this.idOf(read(i), insert);
      return;
    }
    if (validity !== undefined) {
      this.encodeNullable(values as Float64Array | Int32Array, validity, rowCount, insert, out);
    } else {
      this.table.encode(values as Float64Array | Int32Array, rowCount, insert, out);
    }
  }

  private encodeNullable(
    values: Float64Array | Int32Array,
    validity: Uint8Array,
    rowCount: number,
    insert: boolean,
    out: Int32Array,
  ): void {
    for (let i = 0; i < rowCount; i++) {
      out[i] = validity[i] === 0 ? this.idOfNull(insert) : this.table.idOf(values[i] as number, insert);
    }
  }

  decode(ids: Int32Array): Vector {
    const { keys } = this.table;
    const { type } = this;
    const length = ids.length;
    if (this.bigValues.size > 0) {
      const scalars: Scalar[] = [];
      for (let i = 0; i < length; i++) {
        const id = ids[i] as number;
        scalars.push(id === this.nullId ? null : (this.bigValues.get(id) ?? (keys[id] as number)));
      }
      return vectorFromScalars(type, scalars);
    }
    const values = emptyValues(type, length);
    let validity: Uint8Array | undefined;
    for (let i = 0; i < length; i++) {
      const id = ids[i] as number;
      if (id === this.nullId) {
        validity ??= new Uint8Array(length).fill(1);
        validity[i] = 0;
      } else values[i] = keys[id] as number;
    }
    return { encoding: "flat", type, length, values, validity };
  }
}

function emptyValues({ kind }: DataType, length: number): Float64Array | Int32Array | Uint8Array {
  if (kind === "boolean") return new Uint8Array(length);
  return kind === "int16" || kind === "int32" || kind === "date" ? new Int32Array(length) : new Float64Array(length);
}

/** Text, by its bytes. */
class TextKeyEncoder extends BaseEncoder {
  private readonly table = new TextTable();

  get count(): number {
    return this.table.count;
  }

  get byteSize(): number {
    return this.table.byteSize;
  }

  protected newNullId(): number {
    return this.table.addPhantom();
  }

  protected idOfScalar(value: Exclude<Scalar, null>, insert: boolean): number {
    return this.table.idOfString(value as string, insert);
  }

  protected override encodeEntries(dictionary: FlatVector, codes: Int32Array, insert: boolean): void {
    const text = looseTextOf(dictionary);
    if (text === undefined || dictionary.validity !== undefined) super.encodeEntries(dictionary, codes, insert);
    else this.table.encodeTexts(text, codes, codes.length, insert, codes);
  }

  protected encodeFlat(vector: FlatVector, rowCount: number, insert: boolean, out: Int32Array): void {
    const { table } = this;
    const { validity } = vector;
    const text = looseTextOf(vector);
    if (text === undefined) {
      const values = vector.values as readonly string[];
      for (let i = 0; i < rowCount; i++) {
        out[i] = validity?.[i] === 0 ? this.idOfNull(insert) : table.idOfString(values[i] as string, insert);
      }
    } else if (validity === undefined) table.encodeTexts(text, undefined, rowCount, insert, out);
    else this.encodeNullable(text, validity, rowCount, insert, out);
  }

  private encodeNullable(
    text: LooseText,
    validity: Uint8Array,
    rowCount: number,
    insert: boolean,
    out: Int32Array,
  ): void {
    // NULL takes its id where it first appears, after the values before it.
    const firstNull = this.nullId < 0 ? validity.indexOf(0) : 0;
    const before = firstNull < 0 ? rowCount : Math.min(firstNull, rowCount);
    this.table.encodeTexts(text, undefined, before, insert, out);
    if (before === rowCount) return;
    const nullId = this.idOfNull(insert);
    const rows = new Int32Array(rowCount - before);
    let count = 0;
    for (let i = before; i < rowCount; i++) if (validity[i] !== 0) rows[count++] = i;
    const ids = new Int32Array(count);
    this.table.encodeTexts(text, rows, count, insert, ids);
    out.fill(nullId, before, rowCount);
    for (let k = 0; k < count; k++) out[rows[k] as number] = ids[k] as number;
  }

  decode(ids: Int32Array): Vector {
    return this.table.decode(this.type, ids, this.nullId);
  }
}

/** Everything else with a scalar key. */
class KeyEncoder extends BaseEncoder {
  private readonly ids = new Map<unknown, number>();
  private readonly values: Scalar[] = [];
  private valueBytes = 0;

  get count(): number {
    return this.values.length;
  }

  get byteSize(): number {
    return this.values.length * MAP_ENTRY_BYTES + this.valueBytes;
  }

  protected newNullId(): number {
    this.values.push(null);
    return this.values.length - 1;
  }

  protected idOfScalar(value: Exclude<Scalar, null>, insert: boolean): number {
    const key = scalarKey(this.type, value);
    const known = this.ids.get(key);
    if (known !== undefined) return known;
    if (!insert) return -1;
    const id = this.values.length;
    this.ids.set(key, id);
    this.values.push(value);
    this.valueBytes += typeof value === "string" ? value.length : MAP_ENTRY_BYTES;
    return id;
  }

  protected encodeFlat(vector: FlatVector, rowCount: number, insert: boolean, out: Int32Array): void {
    const read = rowReader(vector);
    let last: Scalar = null;
    let lastId = -1;
    for (let i = 0; i < rowCount; i++) {
      const value = read(i);
      if (value !== null && value === last && lastId >= 0) {
        out[i] = lastId;
        continue;
      }
      const id = this.idOf(value, insert);
      out[i] = id;
      last = value;
      lastId = id;
    }
  }

  decode(ids: Int32Array): Vector {
    const scalars: Scalar[] = [];
    for (let i = 0; i < ids.length; i++) scalars.push(this.values[ids[i] as number] ?? null);
    return vectorFromScalars(this.type, scalars);
  }
}

/** 10^22 is the last power of ten that is exact as a double. */
const MAX_EXPONENT = 22;

/**
 * Decimals, as integers in the scale of the first compact column. Values that are none there have keys of their own;
 * ids whose first value was written in another scale remember it.
 */
class DecimalKeyEncoder extends BaseEncoder {
  private readonly table = new NumberTable();
  private scale = -1;
  private readonly others = new Map<unknown, number>();
  private readonly otherValues = new Map<number, Decimal>();

  get count(): number {
    return this.table.count;
  }

  get byteSize(): number {
    return this.table.byteSize + this.otherValues.size * MAP_ENTRY_BYTES * 2;
  }

  protected newNullId(): number {
    return this.table.addPhantom();
  }

  /** The value as an integer in the encoder's scale; NaN when it is none. */
  private unscaledOf({ unscaled, scale }: Decimal): number {
    const shift = this.scale - scale;
    if (shift >= 0) return shift > MAX_EXPONENT ? Number.NaN : safeOrNaN(Number(unscaled) * 10 ** shift);
    const divisor = 10n ** BigInt(-shift);
    const cut = unscaled / divisor;
    return cut * divisor === unscaled ? safeOrNaN(Number(cut)) : Number.NaN;
  }

  protected idOfScalar(value: Exclude<Scalar, null>, insert: boolean): number {
    const decimal = value as Decimal;
    if (this.scale < 0) ({ scale: this.scale } = decimal);
    const number = this.unscaledOf(decimal);
    if (number === number) {
      const known = this.table.count;
      const id = this.table.idOf(number, insert);
      if (id === known && decimal.scale !== this.scale) this.otherValues.set(id, decimal);
      return id;
    }
    const key = scalarKey(this.type, decimal);
    const known = this.others.get(key);
    if (known !== undefined || !insert) return known ?? -1;
    const id = this.table.addPhantom();
    this.others.set(key, id);
    this.otherValues.set(id, decimal);
    return id;
  }

  protected encodeFlat(vector: FlatVector, rowCount: number, insert: boolean, out: Int32Array): void {
    const block = decimalBlockOf(vector);
    if (block !== undefined && this.scale < 0) ({ scale: this.scale } = block);
    if (block === undefined || block.scale !== this.scale) {
      const read = rowReader(vector);
      for (let i = 0; i < rowCount; i++) out[i] = this.idOf(read(i), insert);
      return;
    }
    const { unscaled } = block;
    const { validity } = vector;
    if (validity === undefined) {
      this.table.encode(unscaled, rowCount, insert, out);
      return;
    }
    for (let i = 0; i < rowCount; i++) {
      out[i] = validity[i] === 0 ? this.idOfNull(insert) : this.table.idOf(unscaled[i] as number, insert);
    }
  }

  decode(ids: Int32Array): Vector {
    const { keys } = this.table;
    const scale = Math.max(this.scale, 0);
    if (this.otherValues.size > 0) {
      const scalars: Scalar[] = [];
      for (let i = 0; i < ids.length; i++) {
        const id = ids[i] as number;
        const unscaled = keys[id] as number;
        const own = (): Decimal => this.otherValues.get(id) ?? { unscaled: BigInt(unscaled), scale };
        scalars.push(id === this.nullId ? null : own());
      }
      return vectorFromScalars(this.type, scalars);
    }
    const unscaled = new Float64Array(ids.length);
    let validity: Uint8Array | undefined;
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i] as number;
      if (id === this.nullId) {
        validity ??= new Uint8Array(ids.length).fill(1);
        validity[i] = 0;
      } else unscaled[i] = keys[id] as number;
    }
    return decimalVector(this.type, { unscaled, scale }, validity);
  }
}

function safeOrNaN(value: number): number {
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

/** An encoder for columns of a type. */
export function createColumnEncoder(type: DataType): ColumnEncoder {
  switch (type.kind) {
    case "boolean":
    case "int16":
    case "int32":
    case "int64":
    case "float32":
    case "float64":
    case "date":
    case "time":
    case "timestamp":
      return new NumberEncoder(type);
    case "json":
      return type.canonical === true ? new KeyEncoder(type) : new TextKeyEncoder(type);
    case "string":
    case "uuid":
      return new TextKeyEncoder(type);
    case "decimal":
      return new DecimalKeyEncoder(type);
    case "null":
    case "binary":
    case "interval":
    case "list":
    case "struct":
    case "map":
      return new KeyEncoder(type);
  }
}
