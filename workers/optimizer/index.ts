// The optimizer Worker: a cron that runs the self-optimizing loop, and RPC for operators.

import { WorkerEntrypoint } from "cloudflare:workers";
import { toRpcResult, type RpcResult } from "#core";
import {
  OPTIMIZER_SETTINGS,
  actionToView,
  alertToView,
  baselineToView,
  patchOverrides,
  readConfig,
  resolveConfig,
  runOptimizer,
  type OptimizerConfig,
  type OptimizerReport,
} from "#optimizer";
import { createOptimizerDeps } from "./surroundings.ts";

/** Actions are listed this far back. */
const ACTION_HISTORY_MS = 30 * 86_400_000;

/** The configuration in force, which of it was overridden, and what every setting means. */
export interface ConfigView {
  readonly config: OptimizerConfig;
  readonly overrides: Readonly<Record<string, unknown>>;
  readonly settings: typeof OPTIMIZER_SETTINGS;
}

/** One look at the optimizer. */
export interface OptimizerStatus {
  readonly enabled: boolean;
  readonly active_alerts: number;
  readonly open_actions: number;
  readonly baselines: number;
}

/** An alert, baseline or action as JSON. */
type View = Readonly<Record<string, unknown>>;

export default class OptimizerWorker extends WorkerEntrypoint<OptimizerEnv> {
  private readonly deps = createOptimizerDeps(this.env);

  override fetch(): Response {
    return new Response("The optimizer has no HTTP surface; see /admin/optimizer on the collector.\n", { status: 404 });
  }

  override async scheduled(): Promise<void> {
    await runOptimizer(this.deps);
  }

  runNow(): Promise<RpcResult<OptimizerReport>> {
    return toRpcResult(() => runOptimizer(this.deps));
  }

  status(): Promise<RpcResult<OptimizerStatus>> {
    return toRpcResult(async () => {
      const { state } = this.deps;
      const [config, alerts, actions, baselines] = await Promise.all([
        readConfig(state),
        state.readAlerts({ activeOnly: true }),
        state.readOpenActions(),
        state.readBaselines(),
      ]);
      return {
        enabled: config.enabled,
        active_alerts: alerts.length,
        open_actions: actions.length,
        baselines: baselines.length,
      };
    });
  }

  alerts(filter: { readonly active?: boolean } = {}): Promise<RpcResult<{ readonly alerts: readonly View[] }>> {
    return toRpcResult(async () => {
      const alerts = await this.deps.state.readAlerts({ activeOnly: filter.active ?? false });
      return { alerts: alerts.map(alertToView) };
    });
  }

  baselines(): Promise<RpcResult<{ readonly baselines: readonly View[] }>> {
    return toRpcResult(async () => ({ baselines: (await this.deps.state.readBaselines()).map(baselineToView) }));
  }

  actions(): Promise<RpcResult<{ readonly actions: readonly View[] }>> {
    return toRpcResult(async () => {
      const actions = await this.deps.state.readActions(this.deps.clock.nowMs() - ACTION_HISTORY_MS);
      return { actions: actions.map(actionToView) };
    });
  }

  getConfig(): Promise<RpcResult<ConfigView>> {
    return toRpcResult(() => this.configView());
  }

  /** Applies a patch of settings; null restores a default. Errors: `invalid_option`, and nothing is changed. */
  putConfig(patch: unknown): Promise<RpcResult<ConfigView>> {
    return toRpcResult(async () => {
      await this.deps.state.writeOverrides(patchOverrides(await this.deps.state.readOverrides(), patch));
      return this.configView();
    });
  }

  private async configView(): Promise<ConfigView> {
    const overrides = await this.deps.state.readOverrides();
    return { config: resolveConfig(overrides), overrides, settings: OPTIMIZER_SETTINGS };
  }
}
