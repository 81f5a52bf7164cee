// What the window functions give. Source: PostgreSQL manual, "Window Functions".

import { InvariantViolation, LakeError } from "#core";
import type { Batch, Scalar, Vector } from "#columnar";
import type { EvaluationEnvironment } from "../../functions/index.ts";
import type { AggregateCall } from "../../plan.ts";
import { buildVector, rowReader, type RowReader } from "../build.ts";
import { compileExpr } from "../expression.ts";
import { visitFrame, type Frames } from "./frames.ts";
import { partitionEnd, partitionStart, peersEnd, peersStart, type WindowLayout } from "./layout.ts";

/** The function's value for every row. Errors: `windowing_error` for an argument out of range. */
export function evaluateWindowFunction(
  call: AggregateCall,
  rows: Batch,
  frames: Frames,
  layout: WindowLayout,
  env: EvaluationEnvironment,
): Vector {
  const [value = () => null, second, third] = call.args.map((arg) => rowReader(compileExpr(arg, env)(rows)));
  return buildVector(call.type, rows.rowCount, valueAt(call.function, { value, second, third, frames, layout }));
}

interface FunctionInput {
  readonly value: RowReader;
  readonly second: RowReader | undefined;
  readonly third: RowReader | undefined;
  readonly frames: Frames;
  readonly layout: WindowLayout;
}

function valueAt(name: string, input: FunctionInput): RowReader {
  const { layout, value } = input;
  const rank = (row: number): number => peersStart(layout, row) - partitionStart(layout, row);
  const size = (row: number): number => partitionEnd(layout, row) - partitionStart(layout, row);
  switch (name) {
    case "row_number":
      return (row) => row - partitionStart(layout, row) + 1;
    case "rank":
      return (row) => rank(row) + 1;
    case "dense_rank":
      return (row) => {
        const first = layout.peersOf[partitionStart(layout, row)] as number;
        return (layout.peersOf[row] as number) - first + 1;
      };
    case "percent_rank":
      return (row) => (size(row) <= 1 ? 0 : rank(row) / (size(row) - 1));
    case "cume_dist":
      return (row) => (peersEnd(layout, row) - partitionStart(layout, row)) / size(row);
    case "ntile":
      return ntile(value, layout);
    case "lag":
      return shifted(input, -1);
    case "lead":
      return shifted(input, 1);
    case "first_value":
      return (row) => nthOfFrame(input, row, 1);
    case "last_value":
      return (row) => lastOfFrame(input, row);
    case "nth_value":
      return (row) => {
        const nth = input.second?.(row) ?? null;
        if (nth === null) return null;
        if (Number(nth) <= 0) throw outOfRange("nth_value");
        return nthOfFrame(input, row, Number(nth));
      };
    default:
      throw new InvariantViolation(`no window function ${name}`);
  }
}

function outOfRange(name: string): LakeError {
  return new LakeError("windowing_error", `Argument of ${name} must be greater than zero.`);
}

/** Buckets as equal as can be, the larger ones first; the number is that of the partition's first row. */
function ntile(count: RowReader, layout: WindowLayout): RowReader {
  return (row) => {
    const start = partitionStart(layout, row);
    const buckets = count(start);
    if (buckets === null) return null;
    const number = Number(buckets);
    if (number <= 0) throw outOfRange("ntile");
    const size = partitionEnd(layout, row) - start;
    const small = Math.floor(size / number);
    const inLarger = (size % number) * (small + 1);
    const at = row - start;
    if (at < inLarger) return Math.floor(at / (small + 1)) + 1;
    return (size % number) + Math.floor((at - inLarger) / small) + 1;
  };
}

function shifted({ value, second, third, layout }: FunctionInput, direction: 1 | -1): RowReader {
  return (row) => {
    const offset = second === undefined ? 1 : second(row);
    if (offset === null) return null;
    const target = row + direction * Number(offset);
    if (target >= partitionStart(layout, row) && target < partitionEnd(layout, row)) return value(target);
    return third === undefined ? null : third(row);
  };
}

function nthOfFrame({ value, frames, layout }: FunctionInput, row: number, nth: number): Scalar {
  let left = nth;
  let found = -1;
  visitFrame(frames, layout, row, (from, to) => {
    if (found === -1 && left <= to - from) found = from + left - 1;
    left -= to - from;
  });
  return found === -1 ? null : value(found);
}

function lastOfFrame({ value, frames, layout }: FunctionInput, row: number): Scalar {
  let last = -1;
  visitFrame(frames, layout, row, (_, to) => {
    last = to - 1;
  });
  return last === -1 ? null : value(last);
}
