// The SQL engine: PostgreSQL's dialect over any table source.

export { initSqlParser } from "./parser/parse.ts";
export {
  prepareQuery,
  type ExecuteOptions,
  type OperatorTiming,
  type PreparedQuery,
  type PrepareOptions,
} from "./engine.ts";
export type { OperatorDescription, PlanDescription } from "./explain/describe.ts";
export type { Rewrite } from "./optimize/index.ts";
export type {
  PlannedScan,
  ScanPredicate,
  ScanRequest,
  ScanStatistics,
  TableCatalog,
  TableSource,
  TableVersion,
} from "./table-source.ts";
export { dataTypeToName, scalarToText } from "./values/index.ts";
export { functionRegistry } from "./functions/index.ts";
