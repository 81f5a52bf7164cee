// Detector: tables with many files far below the target size, and what compacting them should bring.

import type { OptimizerConfig } from "./config.ts";
import type { TableHistory } from "./snapshot-expiry.ts";

/** One live data file as the detector sees it. */
export interface FileSize {
  /** Equal for files of one partition and spec. */
  readonly partitionKey: string;
  readonly sizeBytes: number;
}

/** The state of one table. */
export interface TableFiles {
  /** Qualified name. */
  readonly table: string;
  readonly files: readonly FileSize[];
  readonly history: TableHistory;
}

/** What a compaction is expected to do. */
export interface CompactionExpectation {
  readonly filesBefore: number;
  readonly filesAfter: number;
  /** Input bytes: what the budget is charged. */
  readonly bytesRewritten: number;
  /** Share of the table's files a full scan no longer opens, 0 to 1. */
  readonly fileReduction: number;
}

/** A change the detector would make. */
export interface CompactionProposal {
  readonly table: string;
  readonly reason: string;
  readonly expected: CompactionExpectation;
}

/** Proposes a compaction, or undefined when the table's layout is fine. */
export function detectSmallFiles(
  table: Pick<TableFiles, "table" | "files">,
  config: OptimizerConfig,
): CompactionProposal | undefined {
  const smallByPartition = new Map<string, { count: number; bytes: number }>();
  for (const file of table.files) {
    if (file.sizeBytes >= config.small_file_bytes) continue;
    const partition = smallByPartition.get(file.partitionKey) ?? { count: 0, bytes: 0 };
    partition.count += 1;
    partition.bytes += file.sizeBytes;
    smallByPartition.set(file.partitionKey, partition);
  }
  let inputFiles = 0;
  let outputFiles = 0;
  let bytes = 0;
  for (const partition of smallByPartition.values()) {
    // A lone small file has nothing to merge with.
    if (partition.count < 2) continue;
    inputFiles += partition.count;
    outputFiles += Math.ceil(partition.bytes / config.compaction_target_bytes);
    bytes += partition.bytes;
  }
  if (inputFiles < config.small_files_min || outputFiles >= inputFiles) return undefined;
  const filesBefore = table.files.length;
  const filesAfter = filesBefore - inputFiles + outputFiles;
  return {
    table: table.table,
    reason: `${inputFiles} of ${filesBefore} files are smaller than ${config.small_file_bytes} bytes and share a partition`,
    expected: {
      filesBefore,
      filesAfter,
      bytesRewritten: bytes,
      fileReduction: (filesBefore - filesAfter) / filesBefore,
    },
  };
}

/** What the optimizer has started in the last 24 hours. */
export interface RecentAction {
  readonly table: string;
  readonly startedAtMs: number;
  readonly bytesRewritten: number;
  /** Whether its job may still run. */
  readonly isOpen: boolean;
}

/**
 * Whether a proposal may run now. A refusal says why, and whether a person should know: waiting for a running job or
 * a cooldown passes by itself.
 */
export type BudgetDecision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly reason: string; readonly needsAttention: boolean };

/** Checks a proposal against the kill switch, the table's cooldown and the daily budgets. */
export function checkBudget(
  proposal: CompactionProposal,
  recent: readonly RecentAction[],
  config: OptimizerConfig,
  nowMs: number,
): BudgetDecision {
  if (!config.enabled) return { allowed: false, reason: "the optimizer is disabled", needsAttention: true };
  if (recent.length >= config.budget_actions_per_day) {
    return {
      allowed: false,
      reason: `${recent.length} actions in 24 hours reach budget_actions_per_day`,
      needsAttention: true,
    };
  }
  const spent = recent.reduce((sum, action) => sum + action.bytesRewritten, 0);
  if (spent + proposal.expected.bytesRewritten > config.budget_bytes_per_day) {
    return {
      allowed: false,
      reason: `${spent} bytes rewritten in 24 hours leave too little of budget_bytes_per_day`,
      needsAttention: true,
    };
  }
  for (const action of recent) {
    if (action.table !== proposal.table) continue;
    if (action.isOpen)
      return { allowed: false, reason: "an action on this table is still open", needsAttention: false };
    if (nowMs - action.startedAtMs < config.table_cooldown_seconds * 1000) {
      return { allowed: false, reason: "the table is in its cooldown", needsAttention: false };
    }
  }
  return { allowed: true };
}
