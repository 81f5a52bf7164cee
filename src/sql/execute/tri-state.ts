// SQL's three truth values as bytes.

import type { FlatVector, Vector } from "#columnar";

/** False. */
export const FALSE = 0;
/** True. */
export const TRUE = 1;
/** Unknown. */
export const NULL = 2;

/** The truth value of each row: 0 false, 1 true, 2 null. May return the vector's own array: do not mutate. */
export function triStates(vector: Vector, rowCount: number): Uint8Array {
  if (vector.encoding === "constant") {
    const { value } = vector;
    return new Uint8Array(rowCount).fill(value === null ? NULL : value === true ? TRUE : FALSE);
  }
  if (vector.encoding === "dictionary") {
    const entries = triStates(vector.dictionary, vector.dictionary.length);
    const out = new Uint8Array(rowCount);
    const { codes, validity } = vector;
    for (let i = 0; i < rowCount; i++) out[i] = entries[codes[i] as number] as number;
    if (validity !== undefined) for (let i = 0; i < rowCount; i++) if (validity[i] === 0) out[i] = NULL;
    return out;
  }
  const { values, validity } = vector;
  if (!(values instanceof Uint8Array) || vector.type.kind === "null") return new Uint8Array(rowCount).fill(NULL);
  if (validity === undefined) return values;
  const out = new Uint8Array(rowCount);
  for (let i = 0; i < rowCount; i++) out[i] = validity[i] === 0 ? NULL : (values[i] as number);
  return out;
}

/** A boolean vector from truth values. Ownership: takes the array. */
export function booleanVector(states: Uint8Array): FlatVector {
  let any = 0;
  for (let i = 0; i < states.length; i++) any |= states[i] as number;
  const base = { encoding: "flat", type: { kind: "boolean" }, length: states.length } as const;
  if ((any & NULL) === 0) return { ...base, values: states, validity: undefined };
  const validity = new Uint8Array(states.length);
  for (let i = 0; i < states.length; i++) {
    if (states[i] === NULL) states[i] = 0;
    else validity[i] = 1;
  }
  return { ...base, values: states, validity };
}
