// Expressions over one dictionary-coded column: evaluated once for each entry that rows use, results kept as codes.

import {
  concatVectors,
  constantVector,
  flattenVector,
  gather,
  type Batch,
  type DataType,
  type DictionaryVector,
  type FlatVector,
  type Vector,
} from "#columnar";

/** What an expression over one column is known to be. */
export interface OneColumn {
  readonly index: number;
  /** The type of the expression. */
  readonly type: DataType;
  /** Whether it can never fail: then entries that no row uses may be evaluated. */
  readonly safe: boolean;
}

/** A dictionary this many times larger than the batch is not worth remembering results for. */
const MAX_DICTIONARY_RATIO = 4;
/** Of an entry that was not evaluated. */
const UNKNOWN = -1;

/** Results of one dictionary. */
interface Results {
  /** Of a safe expression: one for each entry, and the same with that of NULL behind them. */
  all?: FlatVector;
  allAndNull?: FlatVector;
  /** Of any other: the result's number of each entry, and of NULL behind them. */
  slots?: Int32Array;
  used?: FlatVector;
}

/**
 * The expression, run once for each entry of the column's dictionary where there is one; elsewhere as `compiled` does.
 * What can fail runs for entries that rows use, in order of first use, and so fails as it would row by row.
 *
 * Memory: results live as long as their dictionary. Cost: one gather a row, none where the expression is safe and no
 * row is NULL.
 */
export function byDictionary(compiled: (batch: Batch) => Vector, column: OneColumn): (batch: Batch) => Vector {
  const { index, type, safe } = column;
  const known = new WeakMap<FlatVector, Results>();

  /** Results for the values of `source`, which stands for the column. */
  function evaluate(batch: Batch, source: Vector): FlatVector {
    const columns = batch.columns.map((other, i) =>
      i === index ? source : constantVector(other.type, null, source.length),
    );
    return flattenVector(compiled({ rowCount: source.length, columns }));
  }

  function evaluateAll(
    batch: Batch,
    { dictionary, codes, validity, length }: DictionaryVector,
    results: Results,
  ): Vector {
    results.all ??= evaluate(batch, dictionary);
    if (validity === undefined)
      return { encoding: "dictionary", type, length, codes, dictionary: results.all, validity };
    results.allAndNull ??= flattenVector(
      concatVectors([results.all, evaluate(batch, constantVector(dictionary.type, null, 1))]),
    );
    const withNull = codesWithNull(codes, validity, dictionary.length);
    return {
      encoding: "dictionary",
      type,
      length,
      codes: withNull,
      dictionary: results.allAndNull,
      validity: undefined,
    };
  }

  function evaluateUsed(batch: Batch, vector: DictionaryVector, results: Results): Vector {
    const { dictionary, validity, length } = vector;
    const entries = dictionary.length;
    const codes = validity === undefined ? vector.codes : codesWithNull(vector.codes, validity, entries);
    results.slots ??= new Int32Array(entries + 1).fill(UNKNOWN);
    const { slots } = results;
    const out = new Int32Array(length);
    const met: number[] = [];
    const before = results.used?.length ?? 0;
    for (let i = 0; i < length; i++) {
      const code = codes[i] as number;
      let slot = slots[code] as number;
      if (slot === UNKNOWN) {
        slot = before + met.length;
        slots[code] = slot;
        met.push(code);
      }
      out[i] = slot;
    }
    if (met.length > 0) {
      try {
        // NULL is behind the entries; a negative index gathers it.
        const source = gather(
          dictionary,
          Int32Array.from(met, (code) => (code === entries ? -1 : code)),
        );
        const added = evaluate(batch, source);
        results.used = results.used === undefined ? added : flattenVector(concatVectors([results.used, added]));
      } catch (error) {
        for (const code of met) slots[code] = UNKNOWN;
        throw error;
      }
    }
    return {
      encoding: "dictionary",
      type,
      length,
      codes: out,
      dictionary: results.used as FlatVector,
      validity: undefined,
    };
  }

  return (batch) => {
    const vector = batch.columns[index];
    if (vector?.encoding !== "dictionary" || batch.rowCount === 0) return compiled(batch);
    const { dictionary } = vector;
    if (dictionary.length > batch.rowCount * MAX_DICTIONARY_RATIO) return compiled(batch);
    let results = known.get(dictionary);
    if (results === undefined) known.set(dictionary, (results = {}));
    return safe ? evaluateAll(batch, vector, results) : evaluateUsed(batch, vector, results);
  };
}

/** Codes in which NULL is one more entry, `nullCode`. */
function codesWithNull(codes: Int32Array, validity: Uint8Array, nullCode: number): Int32Array {
  const out = new Int32Array(codes.length);
  for (let i = 0; i < out.length; i++) out[i] = validity[i] === 0 ? nullCode : (codes[i] as number);
  return out;
}
