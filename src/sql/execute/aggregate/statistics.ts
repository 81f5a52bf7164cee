// Variance, standard deviation, correlation and linear regression, by PostgreSQL's methods: Youngs–Cramer for
// floats, exact sums for integers and numeric.

import { vectorFromScalars, type DataType, type Decimal, type Scalar, type Vector } from "#columnar";
import {
  addDecimals,
  compareDecimals,
  divideDecimalsAt,
  divisionScale,
  integerToDecimal,
  multiplyDecimals,
  squareRootDecimalAt,
  subtractDecimals,
} from "../../values/decimal.ts";
import { rowReader } from "../build.ts";
import { denseNumbers, grownFloats, groupsOrZero, type Accumulator } from "./accumulator.ts";
import { IntegerSums } from "./sums.ts";

/** Which of the four: over the sample or the population, squared or not. */
export interface VarianceMode {
  readonly sample: boolean;
  readonly root: boolean;
}

/** Variance of floats. */
export class FloatVarianceAccumulator implements Accumulator {
  private counts: Float64Array = new Float64Array(16);
  private sums: Float64Array = new Float64Array(16);
  private squares: Float64Array = new Float64Array(16);
  private readonly mode: VarianceMode;

  constructor(mode: VarianceMode) {
    this.mode = mode;
  }

  get byteSize(): number {
    return this.counts.byteLength * 3;
  }

  reserve(groupCount: number): void {
    this.counts = grownFloats(this.counts, groupCount);
    this.sums = grownFloats(this.sums, groupCount);
    this.squares = grownFloats(this.squares, groupCount);
  }

  update(groups: Int32Array | undefined, [vector]: readonly Vector[], rowCount: number): void {
    const dense = vector === undefined ? undefined : denseNumbers(vector);
    if (dense === undefined) return;
    const { values, validity } = dense;
    const of = groupsOrZero(groups, rowCount);
    const { counts, sums, squares } = this;
    for (let i = 0; i < rowCount; i++) {
      if (validity !== undefined && validity[i] === 0) continue;
      const g = of[i] as number;
      const value = values[i] as number;
      const before = counts[g] as number;
      const count = before + 1;
      const sum = (sums[g] as number) + value;
      counts[g] = count;
      sums[g] = sum;
      if (before > 0) {
        const distance = value * count - sum;
        squares[g] = (squares[g] as number) + (distance * distance) / (count * before);
      } else if (!Number.isFinite(value)) squares[g] = Number.NaN;
    }
  }

  finish(groupCount: number): Vector {
    const { sample, root } = this.mode;
    const results: Scalar[] = [];
    for (let g = 0; g < groupCount; g++) {
      const count = this.counts[g] as number;
      if (count < (sample ? 2 : 1)) results.push(null);
      else {
        const variance = (this.squares[g] as number) / (sample ? count - 1 : count);
        results.push(root ? Math.sqrt(variance) : variance);
      }
    }
    return vectorFromScalars({ kind: "float64" }, results);
  }
}

/** Variance of N values from their sum and sum of squares, with PostgreSQL's result scale. */
function exactVariance(count: number, sum: Decimal, squares: Decimal, { sample, root }: VarianceMode): Decimal | null {
  if (count < (sample ? 2 : 1)) return null;
  const n = integerToDecimal(count);
  const numerator = subtractDecimals(multiplyDecimals(n, squares), multiplyDecimals(sum, sum));
  if (compareDecimals(numerator, integerToDecimal(0)) <= 0) return integerToDecimal(0);
  const divisor = multiplyDecimals(n, integerToDecimal(sample ? count - 1 : count));
  const scale = divisionScale(numerator, divisor);
  const variance = divideDecimalsAt(numerator, divisor, scale);
  return root ? squareRootDecimalAt(variance, scale) : variance;
}

/** Squares of larger values do not fit a double exactly. */
const EXACT_SQUARE_LIMIT = 67_108_864;

/** Variance of integers, exact. */
export class IntegerVarianceAccumulator implements Accumulator {
  private readonly sums = new IntegerSums();
  private readonly squares = new IntegerSums();
  private readonly mode: VarianceMode;

  constructor(mode: VarianceMode) {
    this.mode = mode;
  }

  get byteSize(): number {
    return this.sums.byteSize + this.squares.byteSize;
  }

  reserve(groupCount: number): void {
    this.sums.reserve(groupCount);
    this.squares.reserve(groupCount);
  }

  update(groups: Int32Array | undefined, [vector]: readonly Vector[], rowCount: number): void {
    if (vector === undefined) return;
    this.sums.update(groups, vector, rowCount);
    const read = rowReader(vector);
    for (let i = 0; i < rowCount; i++) {
      const value = read(i) as number | bigint | null;
      if (value === null) continue;
      const exact = typeof value === "number" && Math.abs(value) <= EXACT_SQUARE_LIMIT;
      this.squares.add(groups?.[i] ?? 0, exact ? value * value : BigInt(value) * BigInt(value));
    }
  }

  finish(groupCount: number): Vector {
    const results: Scalar[] = [];
    for (let g = 0; g < groupCount; g++) {
      const count = this.sums.counts[g] as number;
      const sum = integerToDecimal(this.sums.sumOf(g));
      results.push(exactVariance(count, sum, integerToDecimal(this.squares.sumOf(g)), this.mode));
    }
    return vectorFromScalars({ kind: "decimal" }, results);
  }
}

/** Variance of numeric, exact. */
export class DecimalVarianceAccumulator implements Accumulator {
  private counts: Float64Array = new Float64Array(16);
  private readonly sums: Decimal[] = [];
  private readonly squares: Decimal[] = [];
  private readonly mode: VarianceMode;

  constructor(mode: VarianceMode) {
    this.mode = mode;
  }

  get byteSize(): number {
    return this.counts.byteLength + this.sums.length * 160;
  }

  reserve(groupCount: number): void {
    this.counts = grownFloats(this.counts, groupCount);
    while (this.sums.length < groupCount) {
      this.sums.push(integerToDecimal(0));
      this.squares.push(integerToDecimal(0));
    }
  }

  update(groups: Int32Array | undefined, [vector]: readonly Vector[], rowCount: number): void {
    if (vector === undefined) return;
    const read = rowReader(vector);
    for (let i = 0; i < rowCount; i++) {
      const value = read(i) as Decimal | null;
      if (value === null) continue;
      const g = groups?.[i] ?? 0;
      this.counts[g] = (this.counts[g] as number) + 1;
      this.sums[g] = addDecimals(this.sums[g] as Decimal, value);
      this.squares[g] = addDecimals(this.squares[g] as Decimal, multiplyDecimals(value, value));
    }
  }

  finish(groupCount: number): Vector {
    const results: Scalar[] = [];
    for (let g = 0; g < groupCount; g++) {
      const count = this.counts[g] as number;
      results.push(exactVariance(count, this.sums[g] as Decimal, this.squares[g] as Decimal, this.mode));
    }
    return vectorFromScalars({ kind: "decimal" }, results);
  }
}

/** Sums over pairs (Y, X) of one group. */
interface PairSums {
  readonly n: number;
  readonly sx: number;
  readonly sxx: number;
  readonly sy: number;
  readonly syy: number;
  readonly sxy: number;
}

const REGRESSIONS: Readonly<Record<string, (s: PairSums) => number | null>> = {
  corr: ({ sxx, syy, sxy }) =>
    sxx === 0 || syy === 0 ? null : Math.max(-1, Math.min(1, sxy / (Math.sqrt(sxx) * Math.sqrt(syy)))),
  covar_pop: ({ n, sxy }) => sxy / n,
  covar_samp: ({ n, sxy }) => (n < 2 ? null : sxy / (n - 1)),
  regr_count: ({ n }) => n,
  regr_slope: ({ sxx, sxy }) => (sxx === 0 ? null : sxy / sxx),
  regr_intercept: ({ n, sx, sxx, sy, sxy }) => (sxx === 0 ? null : (sy - (sx * sxy) / sxx) / n),
  regr_r2: ({ sxx, syy, sxy }) => (sxx === 0 ? null : syy === 0 ? 1 : (sxy * sxy) / (sxx * syy)),
  regr_avgx: ({ n, sx }) => sx / n,
  regr_avgy: ({ n, sy }) => sy / n,
  regr_sxx: ({ sxx }) => sxx,
  regr_syy: ({ syy }) => syy,
  regr_sxy: ({ sxy }) => sxy,
};

const STATE_WIDTH = 6;

/** The two-argument aggregates over floats. */
export class RegressionAccumulator implements Accumulator {
  /** Six numbers a group: n, sx, sxx, sy, syy, sxy. */
  private state: Float64Array = new Float64Array(STATE_WIDTH * 16);
  private readonly type: DataType;
  private readonly result: (s: PairSums) => number | null;

  constructor(name: string, type: DataType) {
    this.type = type;
    this.result = REGRESSIONS[name] ?? (() => null);
  }

  get byteSize(): number {
    return this.state.byteLength;
  }

  reserve(groupCount: number): void {
    this.state = grownFloats(this.state, groupCount * STATE_WIDTH);
  }

  update(groups: Int32Array | undefined, [ys, xs]: readonly Vector[], rowCount: number): void {
    if (xs === undefined || ys === undefined) return;
    const readX = rowReader(xs);
    const readY = rowReader(ys);
    const { state } = this;
    for (let i = 0; i < rowCount; i++) {
      const x = readX(i) as number | null;
      const y = readY(i) as number | null;
      if (x === null || y === null) continue;
      const at = (groups?.[i] ?? 0) * STATE_WIDTH;
      const before = state[at] as number;
      const n = before + 1;
      const sx = (state[at + 1] as number) + x;
      const sy = (state[at + 3] as number) + y;
      state[at] = n;
      state[at + 1] = sx;
      state[at + 3] = sy;
      if (before === 0) continue;
      const dx = x * n - sx;
      const dy = y * n - sy;
      const scale = 1 / (n * before);
      state[at + 2] = (state[at + 2] as number) + dx * dx * scale;
      state[at + 4] = (state[at + 4] as number) + dy * dy * scale;
      state[at + 5] = (state[at + 5] as number) + dx * dy * scale;
    }
  }

  finish(groupCount: number): Vector {
    const results: Scalar[] = [];
    for (let g = 0; g < groupCount; g++) {
      const [n = 0, sx = 0, sxx = 0, sy = 0, syy = 0, sxy = 0] = this.state.subarray(
        g * STATE_WIDTH,
        (g + 1) * STATE_WIDTH,
      );
      results.push(n === 0 && this.type.kind === "float64" ? null : this.result({ n, sx, sxx, sy, syy, sxy }));
    }
    return vectorFromScalars(this.type, results);
  }
}
