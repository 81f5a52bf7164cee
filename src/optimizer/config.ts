// Every threshold the optimizer decides by, in one validated, documented table. Defaults live here; an operator
// overrides single keys at run time with PUT /admin/optimizer/config.

import { LakeError, nearestName } from "#core";

interface SettingDefinition {
  readonly defaultValue: number | boolean;
  /** Inclusive bounds of a number. */
  readonly min?: number;
  readonly max?: number;
  readonly description: string;
}

const DAY_SECONDS = 86_400;

/** The settings, their defaults, bounds and meaning. */
export const OPTIMIZER_SETTINGS = {
  enabled: {
    defaultValue: true,
    description: "Off: the cron observes and alerts but changes nothing. The kill switch.",
  },
  evaluation_window_seconds: {
    defaultValue: 900,
    min: 1,
    max: DAY_SECONDS,
    description: "Queries this recent are compared with the baseline.",
  },
  baseline_window_seconds: {
    defaultValue: 7 * DAY_SECONDS,
    min: 1,
    max: 30 * DAY_SECONDS,
    description: "Queries this recent, but older than the evaluation window, make the baseline.",
  },
  baseline_refresh_seconds: {
    defaultValue: 3600,
    min: 0,
    max: DAY_SECONDS,
    description: "A baseline younger than this is kept. A pattern with an active alert keeps its baseline.",
  },
  min_samples: {
    defaultValue: 20,
    min: 1,
    max: 100_000,
    description: "Uncached executions of a pattern needed in a window before it is judged.",
  },
  alert_factor: {
    defaultValue: 2,
    min: 1,
    max: 100,
    description: "Alert when p95 exceeds this many times the baseline's p95.",
  },
  resolve_factor: {
    defaultValue: 1.5,
    min: 1,
    max: 100,
    description: "Resolve when p95 is at most this many times the baseline's; at most alert_factor.",
  },
  alert_min_increase_ms: {
    defaultValue: 50,
    min: 0,
    max: 600_000,
    description: "Ignore regressions smaller than this: twice 2 ms is noise.",
  },
  alert_stale_seconds: {
    defaultValue: 3600,
    min: 1,
    max: 7 * DAY_SECONDS,
    description: "An alert whose pattern is no longer queried resolves after this long.",
  },
  small_file_bytes: {
    defaultValue: 32 * 1024 * 1024,
    min: 1,
    max: 2 ** 40,
    description: "A data file below this size counts as small.",
  },
  small_files_min: {
    defaultValue: 16,
    min: 2,
    max: 1_000_000,
    description: "Small files in partitions that hold at least two of them, before a compaction is proposed.",
  },
  compaction_target_bytes: {
    defaultValue: 128 * 1024 * 1024,
    min: 1024,
    max: 2 ** 40,
    description: "Target file size of a compaction the optimizer starts.",
  },
  budget_bytes_per_day: {
    defaultValue: 10 * 1024 ** 3,
    min: 0,
    max: 2 ** 50,
    description: "Bytes of input files the optimizer may rewrite in any 24 hours, all tables together.",
  },
  budget_actions_per_day: {
    defaultValue: 48,
    min: 0,
    max: 10_000,
    description: "Jobs the optimizer may start in any 24 hours, all tables together.",
  },
  table_cooldown_seconds: {
    defaultValue: 1800,
    min: 0,
    max: 7 * DAY_SECONDS,
    description: "Time between two jobs the optimizer starts on one table.",
  },
  expire_min_snapshots: {
    defaultValue: 50,
    min: 1,
    max: 100_000,
    description:
      "Snapshots older than the table's history.expire.max-snapshot-age-ms before they are expired together.",
  },
  verify_min_samples: {
    defaultValue: 5,
    min: 1,
    max: 100_000,
    description: "Uncached queries on the table needed after a job to measure what it did.",
  },
  verify_timeout_seconds: {
    defaultValue: DAY_SECONDS,
    min: 1,
    max: 30 * DAY_SECONDS,
    description: "Without enough queries for this long, an action is closed as not measured.",
  },
} as const satisfies Record<string, SettingDefinition>;

/** A setting's name. */
export type SettingName = keyof typeof OPTIMIZER_SETTINGS;

type Widen<T> = T extends boolean ? boolean : number;

/** A full, valid configuration. */
export type OptimizerConfig = {
  readonly [Name in SettingName]: Widen<(typeof OPTIMIZER_SETTINGS)[Name]["defaultValue"]>;
};

/** Single settings that differ from the defaults. */
export type OptimizerOverrides = { readonly [Name in SettingName]?: OptimizerConfig[Name] };

function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(OPTIMIZER_SETTINGS, name);
}

function invalid(option: string, message: string): LakeError {
  return new LakeError("invalid_option", message, { details: { option } });
}

function checkSetting(name: SettingName, value: unknown): void {
  const { defaultValue, min, max }: SettingDefinition = OPTIMIZER_SETTINGS[name];
  if (typeof value !== typeof defaultValue) throw invalid(name, `${name} must be a ${typeof defaultValue}.`);
  if (typeof value !== "number") return;
  if (!Number.isFinite(value)) throw invalid(name, `${name} must be a finite number.`);
  if (min !== undefined && value < min) throw invalid(name, `${name} must be at least ${min}.`);
  if (max !== undefined && value > max) throw invalid(name, `${name} must be at most ${max}.`);
}

/**
 * Applies a patch to overrides; `null` removes an override, so the default holds again.
 *
 * Errors: `invalid_option` for an unknown name (with the nearest), a wrong type, a value out of bounds, or a
 * resolve_factor above the alert_factor. Nothing is applied then.
 */
export function patchOverrides(current: OptimizerOverrides, patch: unknown): OptimizerOverrides {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) {
    throw new LakeError("invalid_request", "The configuration patch must be a JSON object of settings.");
  }
  const merged: Record<string, unknown> = { ...current };
  for (const [name, value] of Object.entries(patch)) {
    if (!isSettingName(name)) {
      const nearest = nearestName(name, Object.keys(OPTIMIZER_SETTINGS));
      throw invalid(name, `There is no setting ${name}${nearest === undefined ? "" : `; did you mean ${nearest}?`}`);
    }
    if (value === null) {
      delete merged[name];
      continue;
    }
    checkSetting(name, value);
    merged[name] = value;
  }
  const overrides = merged as OptimizerOverrides;
  const config = resolveConfig(overrides);
  if (config.resolve_factor > config.alert_factor) {
    throw invalid(
      "resolve_factor",
      "resolve_factor must not exceed alert_factor: an alert would resolve while it is raised.",
    );
  }
  return overrides;
}

/** The defaults with the overrides on top. */
export function resolveConfig(overrides: OptimizerOverrides): OptimizerConfig {
  const defaults = Object.fromEntries(
    Object.entries(OPTIMIZER_SETTINGS).map(([name, { defaultValue }]) => [name, defaultValue]),
  );
  return { ...(defaults as unknown as OptimizerConfig), ...overrides };
}
