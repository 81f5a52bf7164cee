// Table layout maintenance: planning and running compactions and sort rewrites, and the record of their jobs.

export { JOB_ID_SUMMARY_KEY, type CommittedJob } from "./commit-job.ts";
export { sortBatches, type RunStore, type SortLimits } from "./external-sort.ts";
export { openJobFiles, outputFileName, type JobFiles } from "./job-files.ts";
export {
  createJobLedger,
  type JobFilter,
  type JobLedger,
  type JobRegistration,
  type LedgerDatabase,
  type LedgerValue,
} from "./job-ledger.ts";
export { isSuspicious, recoverJob, type RecoveryDeps, type RunState } from "./job-recovery.ts";
export { STEP_ATTEMPTS, createJobSteps, type StepEngine } from "./job-steps.ts";
export {
  isActive,
  type JobCounters,
  type JobKind,
  type JobOutcome,
  type JobProgress,
  type JobResult,
  type JobState,
  type JobStatus,
} from "./job.ts";
export {
  describeRequest,
  parseCompactOptions,
  parseRewriteOptions,
  type CompactRequest,
  type JobRequest,
  type LayoutRequest,
  type RewriteRequest,
  type SortColumn,
} from "./options.ts";
export { planCompaction, planSortRewrite, type CompactPlanOptions, type RewriteGroup } from "./plan.ts";
export { resolveRequest, type ResolvedRequest, type ResolvedSort } from "./resolve.ts";
export {
  runRewriteGroup,
  type GroupProgress,
  type RewriteDeps,
  type RewriteGroupResult,
  type RewriteTask,
} from "./rewrite-group.ts";
export {
  cleanUpJob,
  recordCleanUp,
  runLayoutJob,
  type JobReporter,
  type JobSteps,
  type LayoutJob,
  type LayoutJobDeps,
} from "./run-job.ts";
export { startJob, type JobStartDeps } from "./start-job.ts";
export {
  UPKEEP_KINDS,
  parseUpkeepOptions,
  runUpkeepJob,
  type UpkeepJob,
  type UpkeepKind,
  type UpkeepRequest,
} from "./upkeep.ts";
export { isSortedBy, sortedRowOrder, type SortKey } from "./sort-rows.ts";
