// The Durable Object that commits one table's flushes: bindings in, src/ingest does the rest.

import { DurableObject } from "cloudflare:workers";
import { sleep, systemClock, systemRandom, toRpcResult, type RpcResult } from "#core";
import {
  createTableCommitter,
  type CommitSubmission,
  type CommitterClient,
  type CommitterRpc,
  type CommitterStatus,
  type SubmissionReply,
} from "#ingest";
import { createConsoleSink } from "#telemetry";
import { createLakeAccess } from "./ingest-env.ts";

/** Groups the flushes of a table's shards into commits. Name: `<namespace>.<table>`. Stores nothing. */
export class TableCommitter extends DurableObject<CollectorEnv> implements CommitterRpc {
  readonly #committer: CommitterClient;

  constructor(ctx: DurableObjectState, env: CollectorEnv) {
    super(ctx, env);
    const lake = createLakeAccess(env);
    this.#committer = createTableCommitter({
      loadTable: lake.loadTable,
      commitsPerMinute: lake.commitsPerMinute,
      clock: systemClock,
      random: systemRandom,
      sleep,
      log: createConsoleSink(),
    });
  }

  submit(submission: CommitSubmission): Promise<RpcResult<SubmissionReply>> {
    return toRpcResult(() => this.#committer.submit(submission));
  }

  status(): Promise<RpcResult<CommitterStatus>> {
    return toRpcResult(() => this.#committer.status());
  }
}
