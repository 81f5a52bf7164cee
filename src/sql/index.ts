// The SQL engine: PostgreSQL's dialect over any table source.

export { initSqlParser } from "./parser/parse.ts";
export {
  changeTarget,
  prepareDefinition,
  type ChangeTargetName,
  type DefinitionTargetName,
  prepareQuery,
  prepareStatement,
  type ExecuteOptions,
  type OperatorTiming,
  type PreparedQuery,
  type PreparedStatement,
  type StatementTarget,
  type PrepareOptions,
} from "./engine.ts";
export type { StatementParams } from "./bind/context.ts";
export type { OperatorDescription, PlanDescription } from "./explain/describe.ts";
export type { Rewrite } from "./optimize/index.ts";
export type { SpillStore } from "./execute/spill/store.ts";
export type { PartialCache, PartialEntry } from "./partial/run-pieces.ts";
export type { PreparedChange } from "./change/prepare-change.ts";
export type { ChangeOperation } from "./change/bound-change.ts";
export type { RowCounts } from "./change/file-changes.ts";
export type {
  ChangeableTable,
  ChangeScan,
  ChangeScanRequest,
  ChangeSink,
  FileChange,
  PlannedScan,
  RuntimePredicate,
  ScanFact,
  ScanCut,
  FileFacts,
  ScanFacts,
  ScanNarrowing,
  ScanOrder,
  ScanPiece,
  ScanPieces,
  ScanPredicate,
  ScanRequest,
  ScanStatistics,
  TableCatalog,
  TableSource,
  TableVersion,
  ViewSource,
} from "./table-source.ts";
export { emptyScanStatistics } from "./table-source.ts";
export { dataTypeToName, scalarToText } from "./values/index.ts";
export { functionRegistry } from "./functions/index.ts";
export {
  type DefinedColumn,
  type Definition,
  type DefinitionOperation,
  type OptionText,
  type TableAlteration,
  type TableOptions,
} from "./definition/definition.ts";
