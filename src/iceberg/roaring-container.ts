// One container of a Roaring bitmap: the low 16 bits of values that share the others.
// Source: https://github.com/RoaringBitmap/RoaringFormatSpec
//
// In memory a container is a sorted list while it is small and a bit field beyond that. Runs of a file stay runs until
// something is added between them: a vector of a few bytes may stand for a whole file.

import { corruptData, type ByteCursor } from "#codec";

/** Values a container can hold. */
export const CONTAINER_SPAN = 65_536;
/** A list longer than this takes more bytes than the bit field. */
export const MAX_LIST_VALUES = 4096;
const FIELD_BYTES = CONTAINER_SPAN / 8;

/** Sorted distinct values; `count` of them are in use. */
interface ListContainer {
  readonly kind: "list";
  values: Uint16Array<ArrayBuffer>;
  count: number;
}

/** One bit a value, least significant bit first. */
interface FieldContainer {
  readonly kind: "field";
  readonly bits: Uint8Array<ArrayBuffer>;
  count: number;
}

/** Ranges in order and apart, never changed: their starts, and their lengths less one. */
interface RunContainer {
  readonly kind: "runs";
  readonly starts: Uint16Array<ArrayBuffer>;
  readonly lengths: Uint16Array<ArrayBuffer>;
  readonly count: number;
}

/** A set of numbers from 0 to 65,535. */
export type RoaringContainer = ListContainer | FieldContainer | RunContainer;

/** How a container is best stored. */
export interface StoredForm {
  readonly form: "list" | "field" | "runs";
  readonly sizeBytes: number;
  readonly runCount: number;
}

/** An empty container. */
export function emptyContainer(): RoaringContainer {
  return { kind: "list", values: new Uint16Array(8), count: 0 };
}

/** The container with one more value; the one given may not be used any more. */
export function addToContainer(container: RoaringContainer, value: number): RoaringContainer {
  if (container.kind === "field") {
    setBit(container, value);
    return container;
  }
  if (container.kind === "runs") {
    return containerHas(container, value) ? container : addToContainer(withoutRuns(container), value);
  }
  const { values, count } = container;
  const at = count > 0 && (values[count - 1] as number) < value ? count : lowerBound(values, count, value);
  if (at < count && values[at] === value) return container;
  if (count === MAX_LIST_VALUES) return addToContainer(toField(container), value);
  if (count === values.length) {
    const grown = new Uint16Array(Math.min(MAX_LIST_VALUES, count * 2));
    grown.set(values);
    container.values = grown;
  }
  container.values.copyWithin(at + 1, at, count);
  container.values[at] = value;
  container.count += 1;
  return container;
}

/** The container with every value of [start, end). */
export function addRangeToContainer(container: RoaringContainer, start: number, end: number): RoaringContainer {
  if (container.kind === "list" && container.count + end - start <= MAX_LIST_VALUES) {
    let result: RoaringContainer = container;
    for (let value = start; value < end; value++) result = addToContainer(result, value);
    return result;
  }
  if (container.kind === "runs") {
    const run = runAt(container, start);
    if (run >= 0 && end <= endOfRun(container, run)) return container;
    return addRangeToContainer(withoutRuns(container), start, end);
  }
  const field = container.kind === "list" ? toField(container) : container;
  for (let value = start; value < end; value++) setBit(field, value);
  return field;
}

/** Whether the container holds a value. */
export function containerHas(container: RoaringContainer, value: number): boolean {
  if (container.kind === "field") return ((container.bits[value >> 3] as number) >> (value & 7)) % 2 === 1;
  if (container.kind === "runs") {
    const run = runAt(container, value);
    return run >= 0 && value < endOfRun(container, run);
  }
  const at = lowerBound(container.values, container.count, value);
  return at < container.count && container.values[at] === value;
}

/** Calls back with the values of [start, end) in ascending order. */
export function forEachInContainer(
  container: RoaringContainer,
  start: number,
  end: number,
  visit: (value: number) => void,
): void {
  if (container.kind === "list") {
    for (let at = lowerBound(container.values, container.count, start); at < container.count; at++) {
      const value = container.values[at] as number;
      if (value >= end) return;
      visit(value);
    }
    return;
  }
  if (container.kind === "runs") {
    for (let run = Math.max(0, runAt(container, start)); run < container.starts.length; run++) {
      const from = Math.max(start, container.starts[run] as number);
      const to = Math.min(end, endOfRun(container, run));
      if (from >= end) return;
      for (let value = from; value < to; value++) visit(value);
    }
    return;
  }
  for (let byteAt = start >> 3; byteAt <= (end - 1) >> 3; byteAt++) {
    const byte = container.bits[byteAt] as number;
    if (byte === 0) continue;
    for (let bit = 0; bit < 8; bit++) {
      const value = byteAt * 8 + bit;
      if ((byte >> bit) % 2 === 1 && value >= start && value < end) visit(value);
    }
  }
}

/** The smallest of a container's stored forms; runs only where they save bytes. */
export function storedForm(container: RoaringContainer): StoredForm {
  const { count } = container;
  const runCount = countRuns(container);
  const plain = plainBytes(count);
  const runs = 2 + runCount * 4;
  if (runs < plain) return { form: "runs", sizeBytes: runs, runCount };
  return { form: count > MAX_LIST_VALUES ? "field" : "list", sizeBytes: plain, runCount };
}

/** Writes a container in a stored form at an offset. */
export function writeContainer(container: RoaringContainer, stored: StoredForm, view: DataView, offset: number): void {
  let at = offset;
  if (stored.form === "list") {
    forEachInContainer(container, 0, CONTAINER_SPAN, (value) => {
      view.setUint16(at, value, true);
      at += 2;
    });
    return;
  }
  if (stored.form === "field") {
    const { bits } = container.kind === "field" ? container : toField(container);
    new Uint8Array(view.buffer, view.byteOffset + offset, FIELD_BYTES).set(bits);
    return;
  }
  view.setUint16(at, stored.runCount, true);
  at -= 2;
  let last = -2;
  forEachInContainer(container, 0, CONTAINER_SPAN, (value) => {
    if (value !== last + 1) {
      at += 4;
      view.setUint16(at, value, true);
      view.setUint16(at + 2, 0, true);
    } else {
      view.setUint16(at + 2, view.getUint16(at + 2, true) + 1, true);
    }
    last = value;
  });
}

/** Reads a container of `count` values. Errors: `data_invalid` when values are out of order or of another number. */
export function readContainer(cursor: ByteCursor, form: StoredForm["form"], count: number): RoaringContainer {
  switch (form) {
    case "list":
      return readList(cursor, count);
    case "field": {
      const bits = cursor.readBytes(FIELD_BYTES).slice();
      const container: RoaringContainer = { kind: "field", bits, count: 0 };
      for (const byte of bits) container.count += bitsOf(byte);
      if (container.count !== count) throw corruptData("a bitmap container holds another number of values");
      return container;
    }
    case "runs":
      return readRuns(cursor, count);
  }
}

function readList(cursor: ByteCursor, count: number): RoaringContainer {
  const bytes = cursor.readBytes(count * 2);
  const values = new Uint16Array(count);
  let last = -1;
  for (let at = 0; at < count; at++) {
    const value = (bytes[at * 2] as number) | ((bytes[at * 2 + 1] as number) << 8);
    if (value <= last) throw corruptData("a bitmap container is out of order");
    values[at] = value;
    last = value;
  }
  return { kind: "list", values, count };
}

function readRuns(cursor: ByteCursor, count: number): RoaringContainer {
  const head = cursor.readBytes(2);
  const runCount = (head[0] as number) | ((head[1] as number) << 8);
  const bytes = cursor.readBytes(runCount * 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const starts = new Uint16Array(runCount);
  const lengths = new Uint16Array(runCount);
  let next = 0;
  let found = 0;
  let kept = 0;
  for (let run = 0; run < runCount; run++) {
    const start = view.getUint16(run * 4, true);
    const length = view.getUint16(run * 4 + 2, true);
    const end = start + length + 1;
    if (start < next || end > CONTAINER_SPAN) throw corruptData("a bitmap's runs are out of order");
    // Neighbours are one run.
    if (kept > 0 && start === next) lengths[kept - 1] = (lengths[kept - 1] as number) + length + 1;
    else {
      starts[kept] = start;
      lengths[kept] = length;
      kept += 1;
    }
    found += length + 1;
    next = end;
  }
  if (found !== count) throw corruptData("a bitmap container holds another number of values");
  const container: RunContainer = {
    kind: "runs",
    starts: starts.subarray(0, kept),
    lengths: lengths.subarray(0, kept),
    count,
  };
  return runCount * 4 < plainBytes(count) ? container : withoutRuns(container);
}

/** Bytes of a container without runs. */
function plainBytes(count: number): number {
  return count > MAX_LIST_VALUES ? FIELD_BYTES : count * 2;
}

/** The last run that starts at `value` or before; -1 when there is none. */
function runAt({ starts }: RunContainer, value: number): number {
  const at = lowerBound(starts, starts.length, value);
  return at < starts.length && starts[at] === value ? at : at - 1;
}

function endOfRun({ starts, lengths }: RunContainer, run: number): number {
  return (starts[run] as number) + (lengths[run] as number) + 1;
}

/** The same values as a list or field of its own. */
function withoutRuns(container: RunContainer): ListContainer | FieldContainer {
  if (container.count > MAX_LIST_VALUES) return toField(container);
  const values = new Uint16Array(Math.max(8, container.count));
  let count = 0;
  forEachInContainer(container, 0, CONTAINER_SPAN, (value) => {
    values[count++] = value;
  });
  return { kind: "list", values, count };
}

function countRuns(container: RoaringContainer): number {
  if (container.kind === "runs") return container.starts.length;
  let runs = 0;
  let last = -2;
  forEachInContainer(container, 0, CONTAINER_SPAN, (value) => {
    if (value !== last + 1) runs += 1;
    last = value;
  });
  return runs;
}

function toField(container: ListContainer | RunContainer): FieldContainer {
  const field: FieldContainer = { kind: "field", bits: new Uint8Array(FIELD_BYTES), count: 0 };
  forEachInContainer(container, 0, CONTAINER_SPAN, (value) => setBit(field, value));
  return field;
}

function setBit(field: FieldContainer, value: number): void {
  const at = value >> 3;
  const byte = field.bits[at] as number;
  const mask = 1 << (value & 7);
  if ((byte & mask) !== 0) return;
  field.bits[at] = byte | mask;
  field.count += 1;
}

function bitsOf(byte: number): number {
  let bits = 0;
  for (let rest = byte; rest > 0; rest &= rest - 1) bits += 1;
  return bits;
}

/** Position of the first of `count` sorted values that is not below `value`. */
function lowerBound(values: Uint16Array, count: number, value: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
