// The self-optimizing loop: observe → judge → alert → propose → apply → measure.

export {
  evaluateAlerts,
  refreshBaselines,
  trackConditions,
  type Alert,
  type AlertDecisions,
  type Baseline,
  type Condition,
} from "./alerts.ts";
export {
  OPTIMIZER_SETTINGS,
  patchOverrides,
  resolveConfig,
  type OptimizerConfig,
  type OptimizerOverrides,
  type SettingName,
} from "./config.ts";
export { readPatternLatencies, readTableCost, type PatternLatency, type RunSql, type TableCost } from "./latency.ts";
export { readConfig, runOptimizer, type JobView, type OptimizerDeps, type OptimizerReport } from "./run.ts";
export {
  checkBudget,
  detectSmallFiles,
  type BudgetDecision,
  type CompactionExpectation,
  type CompactionProposal,
  type FileSize,
  type RecentAction,
  type TableFiles,
} from "./small-files.ts";
export { detectLongHistory, type ExpiryProposal, type TableHistory } from "./snapshot-expiry.ts";
export {
  createOptimizerState,
  type OptimizerAction,
  type OptimizerState,
  type StateDatabase,
  type Statement,
  type StateValue,
} from "./state.ts";
export { actionToView, alertToView, baselineToView } from "./views.ts";
