// What executing a plan needs from outside: planned scans, cancellation, budgets, a place for the profile.

import { LakeError, type Clock } from "#core";
import type { EvaluationEnvironment } from "../functions/index.ts";
import type { PlanNode } from "../plan.ts";
import type { Batch } from "#columnar";
import type { PlannedScan } from "../table-source.ts";
import type { FoundConditions } from "./found-conditions.ts";
import type { SharedStore } from "./shared-rows.ts";
import type { SpillSpace } from "./spill/store.ts";

/** A scan node of a plan. */
export type ScanNode = Extract<PlanNode, { kind: "scan" }>;

/** Bytes that one operator holds. */
export interface MemoryAccount {
  /** States the bytes now held. Errors: memory_limit_exceeded naming the operator. */
  resize(bytes: number): void;
  /**
   * Whether an operator that can put rows aside shall do so rather than hold these bytes: they are no trifle, and
   * twice as many with what others hold are more than {@link SPILL_SHARE} of the budget; or it is nearly used up.
   */
  crowds(bytes: number): boolean;
  close(): void;
}

/** The part of the budget within which an operator that can spill may double what it holds, as tables do. */
const SPILL_SHARE = 0.85;
/** An operator that holds less than this part of the budget gains too little by spilling. */
const TRIFLE_SHARE = 1 / 32;
/** Beyond this part of the budget every operator that can spill does. */
const FULL_SHARE = 0.8;

/** The memory all operators of a query share. */
export interface MemoryBudget {
  readonly limitBytes: number;
  readonly usedBytes: number;
  readonly peakBytes: number;
  /** An account of an operator; `remedy` says what to do where it needs more than there is. */
  open(operator: string, remedy?: string): MemoryAccount;
}

/** A budget of a fixed size; while `maySpill` says no, nothing crowds it. */
export function createMemoryBudget(limitBytes: number, maySpill: () => boolean = () => true): MemoryBudget {
  let used = 0;
  let peak = 0;
  return {
    limitBytes,
    get usedBytes() {
      return used;
    },
    get peakBytes() {
      return peak;
    },
    open(operator, remedy = "filter rows first, or select fewer columns") {
      let held = 0;
      return {
        resize(bytes) {
          used += bytes - held;
          held = bytes;
          if (used > peak) peak = used;
          if (used <= limitBytes) return;
          const message = `${operator} needs more than the query's memory budget of ${limitBytes} bytes: ${remedy}`;
          throw new LakeError("memory_limit_exceeded", message, {
            details: { operator, limit_bytes: limitBytes, used_bytes: used },
          });
        },
        crowds(bytes) {
          if (!maySpill()) return false;
          const after = used + bytes - held;
          if (bytes > limitBytes * TRIFLE_SHARE && after + bytes > limitBytes * SPILL_SHARE) return true;
          return after > limitBytes * FULL_SHARE;
        },
        close() {
          used -= held;
          held = 0;
        },
      };
    },
  };
}

/** What one operator did; grows while batches flow. */
export interface OperatorProfile {
  rows: number;
  batches: number;
  /** Wall time spent in this operator and its inputs, milliseconds. */
  elapsedMs: number;
  /** Bytes of rows put aside because they did not fit the memory. */
  spilledBytes: number;
}

/** Where operators report. */
export interface ProfileSink {
  readonly clock: Clock;
  /** The record of a node, made on first use. */
  operator(node: PlanNode): OperatorProfile;
}

/** A sink that keeps one record for each node. */
export function createProfileSink(clock: Clock): ProfileSink {
  const records = new Map<PlanNode, OperatorProfile>();
  return {
    clock,
    operator(node) {
      let record = records.get(node);
      if (record === undefined) records.set(node, (record = { rows: 0, batches: 0, elapsedMs: 0, spilledBytes: 0 }));
      return record;
    },
  };
}

/** What a plan runs with. */
export interface ExecutionContext extends EvaluationEnvironment {
  /** The scan of a node, already planned. */
  planScan(node: ScanNode): PlannedScan;
  readonly signal: AbortSignal;
  readonly memory: MemoryBudget;
  /** Where operators put rows that do not fit their memory; absent: they end with memory_limit_exceeded. */
  readonly spill?: SpillSpace;
  /** When the query must end, on the given clock. */
  readonly deadline?: { readonly clock: Clock; readonly atMs: number; readonly limitMs: number };
  /** Lets the platform do what else there is, when it is time to; absent: rows always come from elsewhere, which does. */
  readonly turn?: () => Promise<void> | undefined;
  readonly profile?: ProfileSink;
  /** What operators found that scans below them can skip data by; absent: nothing is told. */
  readonly found?: FoundConditions;
  /** Rows that several places read and that are made once; absent: each makes them. */
  readonly shared?: SharedStore;
  /** The newest rows of the recursive queries that run now, by number. */
  readonly workingTables?: ReadonlyMap<number, readonly Batch[]>;
  /** Rows of operators that run once although what is above them runs again. */
  readonly held?: ReadonlyMap<PlanNode, readonly Batch[]>;
}

/** Notes rows that an operator put aside. */
export function noteSpilled({ profile }: ExecutionContext, node: PlanNode, bytes: number): void {
  if (profile !== undefined) profile.operator(node).spilledBytes += bytes;
}

/** Ends the query when it was cancelled or ran out of time; called between batches. */
export function checkpoint({ signal, deadline }: ExecutionContext): void {
  signal.throwIfAborted();
  if (deadline !== undefined && deadline.clock.nowMs() > deadline.atMs) {
    throw new LakeError("time_limit_exceeded", `the query ran longer than its limit of ${deadline.limitMs} ms`, {
      details: { limit_ms: deadline.limitMs },
    });
  }
}

/**
 * As {@link checkpoint}, where many rows are made of few that are read: until the platform has its turn no other request
 * goes on, no clock moves, and nobody hears that the client has left.
 */
export async function breathe(context: ExecutionContext): Promise<void> {
  checkpoint(context);
  const turn = context.turn?.();
  if (turn === undefined) return;
  await turn;
  checkpoint(context);
}
