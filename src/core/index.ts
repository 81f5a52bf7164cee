// The foundation every domain may import: errors, time and identifiers, bytes, 64-bit JSON, retries.

export {
  compareBytes,
  concatBytes,
  bytesToHex,
  sha256Hex,
  stringToUtf8,
  utf8ToString,
  utf8ToStringStrict,
} from "./bytes.ts";
export {
  ERROR_CODES,
  LakeError,
  errorToProblem,
  isErrorCode,
  problemToError,
  type ErrorCode,
  type ErrorContext,
  type LakeErrorOptions,
  type ProblemDetails,
} from "./errors.ts";
export { InvariantViolation, invariant, required, unreachable } from "./invariant.ts";
export { parseJson, stringifyJson, type JsonValue } from "./json.ts";
export { retry, sleep, type RetryDeps, type RetryPolicy } from "./retry.ts";
export { parseSizeBytes } from "./sizes.ts";
export { parseTableName, tableNameToString, type TableIdentifier } from "./table-name.ts";
export { nearestName } from "./nearest-name.ts";
export { compareCodePoints } from "./text-order.ts";
export { systemClock, systemRandom, uuidv7, type Clock, type RandomSource, type TimestampMicros } from "./time.ts";
export { fromRpcResult, toRpcResult, type RpcResult } from "./rpc.ts";
