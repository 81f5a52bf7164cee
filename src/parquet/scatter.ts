// Spreading stored values over rows with nulls, one loop for each physical array.

import type { VectorValues } from "#columnar";

/** `values` holds the present rows' values in order; the result has one for each row, zero or empty at nulls. */
export function scatterValues(values: VectorValues, validity: Uint8Array, filler: unknown): VectorValues {
  if (values instanceof Float64Array) return scatterFloat64(values, validity);
  if (values instanceof Int32Array) return scatterCodes(values, validity);
  if (values instanceof Uint8Array) return scatterUint8(values, validity);
  if (values instanceof BigInt64Array) {
    const out = new BigInt64Array(validity.length);
    for (let i = 0, from = 0; i < validity.length; i++) if (validity[i] === 1) out[i] = values[from++] as bigint;
    return out;
  }
  const out: unknown[] = [];
  for (let i = 0, from = 0; i < validity.length; i++) out.push(validity[i] === 1 ? values[from++] : filler);
  return out as VectorValues;
}

/** As {@link scatterValues}, for codes and 32-bit integers. */
export function scatterCodes(values: Int32Array, validity: Uint8Array): Int32Array {
  const out = new Int32Array(validity.length);
  for (let i = 0, from = 0; i < validity.length; i++) {
    const present = validity[i] as number;
    if (present === 1) out[i] = values[from] as number;
    from += present;
  }
  return out;
}

function scatterFloat64(values: Float64Array, validity: Uint8Array): Float64Array {
  const out = new Float64Array(validity.length);
  for (let i = 0, from = 0; i < validity.length; i++) {
    const present = validity[i] as number;
    if (present === 1) out[i] = values[from] as number;
    from += present;
  }
  return out;
}

function scatterUint8(values: Uint8Array, validity: Uint8Array): Uint8Array {
  const out = new Uint8Array(validity.length);
  for (let i = 0, from = 0; i < validity.length; i++) {
    const present = validity[i] as number;
    if (present === 1) out[i] = values[from] as number;
    from += present;
  }
  return out;
}
