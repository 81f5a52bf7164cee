// A table in memory with the commit semantics that ingest depends on: a base per load, compare-and-swap on commit,
// properties and files in one step, and outcomes that a test can choose.

import { LakeError } from "#core";
import type { AppendFiles, CommitOutcome, DataFile, Snapshot, Table, TableMetadata } from "#iceberg";
import { EVENTS_TABLE, type TableDefinition } from "#ingest";

/** How the next commit ends: as it should, or as a broken network would have it. */
export type CommitFault = "conflict" | "unknown_applied" | "unknown_lost" | "throw_applied" | "throw_lost";

interface FakeSnapshot {
  readonly metadata: TableMetadata;
  readonly version: number;
  readonly files: readonly DataFile[];
}

/** One table and its history. */
export interface FakeLake {
  loadTable(): Promise<Table>;
  readonly files: readonly DataFile[];
  readonly metadata: TableMetadata;
  readonly commits: number;
  readonly loads: number;
  /** Faults of the coming commits, in order. */
  readonly faults: CommitFault[];
  /** What the catalog does with properties in a commit; default: it takes them. */
  refuseProperties: "no" | "refuse" | "drop" | "everything";
  /** Commits refused for their properties. */
  readonly refusals: number;
  /** Errors of the coming loads, in order. */
  readonly loadErrors: Error[];
  /** Another writer changes the table: files and properties as given. */
  foreignCommit(files: (files: readonly DataFile[]) => readonly DataFile[]): void;
  /** Drops the table and makes another of its name. */
  replaceTable(uuid: string): void;
}

/** Creates the table, by default the events table. */
export function createFakeLake(definition: TableDefinition = EVENTS_TABLE, uuid = "uuid-1"): FakeLake {
  let head: FakeSnapshot = { metadata: newMetadata(definition, uuid), version: 0, files: [] };
  let commits = 0;
  let loads = 0;
  let refusals = 0;
  let refuseProperties: FakeLake["refuseProperties"] = "no";
  const faults: CommitFault[] = [];
  const loadErrors: Error[] = [];

  function commitAppend(
    base: FakeSnapshot,
    added: readonly DataFile[],
    properties: Readonly<Record<string, string>>,
    summary: Readonly<Record<string, string>>,
    check: ((base: TableMetadata) => string | undefined) | undefined,
  ): CommitOutcome {
    const fault = faults.shift();
    const stale = check?.(base.metadata);
    if (stale !== undefined) return { outcome: "conflict", reason: stale };
    if (fault === "conflict" || base.version !== head.version) return { outcome: "conflict", reason: "base moved" };
    const hasProperties = Object.keys(properties).length > 0;
    if (refuseProperties === "everything" || (refuseProperties === "refuse" && hasProperties)) {
      refusals += 1;
      throw new LakeError("invalid_request", "The property is refused.");
    }
    if (fault === "unknown_lost") return { outcome: "unknown", error: new Error("timeout") };
    if (fault === "throw_lost") throw new LakeError("storage_unavailable", "manifest write failed");
    head = {
      metadata: {
        ...head.metadata,
        properties: { ...head.metadata.properties, ...(refuseProperties === "drop" ? {} : properties) },
        snapshots: [...head.metadata.snapshots, nextSnapshot(head.metadata, summary)],
      },
      version: head.version + 1,
      files: [...head.files, ...added],
    };
    commits += 1;
    if (fault === "unknown_applied") return { outcome: "unknown", error: new Error("timeout") };
    if (fault === "throw_applied") throw new LakeError("upstream_unavailable", "connection lost");
    return { outcome: "committed", table: tableAt(head) };
  }

  function tableAt(base: FakeSnapshot): Table {
    const table: Pick<Table, "identifier" | "metadata" | "metadataLocation" | "newAppend" | "refresh"> = {
      identifier: definition.identifier,
      metadata: base.metadata,
      metadataLocation: `s3://lake/metadata/${base.version}.json`,
      refresh: () => Promise.resolve(tableAt(head)),
      newAppend() {
        const files: DataFile[] = [];
        const properties: Record<string, string> = {};
        const summary: Record<string, string> = {};
        let check: ((base: TableMetadata) => string | undefined) | undefined;
        const append: AppendFiles = {
          addFile(file) {
            files.push(file);
            return append;
          },
          addFiles(more) {
            files.push(...more);
            return append;
          },
          set(key, value) {
            summary[key] = value;
            return append;
          },
          toBranch: () => append,
          setProperty(key, value) {
            properties[key] = value;
            return append;
          },
          validate(validation) {
            check = validation;
            return append;
          },
          commit: async () => {
            await Promise.resolve();
            return commitAppend(base, files, properties, summary, check);
          },
        };
        return append;
      },
    };
    return table as Table;
  }

  return {
    loadTable() {
      loads += 1;
      const error = loadErrors.shift();
      return error === undefined ? Promise.resolve(tableAt(head)) : Promise.reject(error);
    },
    get files() {
      return head.files;
    },
    get metadata() {
      return head.metadata;
    },
    get commits() {
      return commits;
    },
    get loads() {
      return loads;
    },
    faults,
    loadErrors,
    get refuseProperties() {
      return refuseProperties;
    },
    set refuseProperties(next) {
      refuseProperties = next;
    },
    get refusals() {
      return refusals;
    },
    foreignCommit(change) {
      const snapshots = [...head.metadata.snapshots, nextSnapshot(head.metadata, {})];
      head = { metadata: { ...head.metadata, snapshots }, version: head.version + 1, files: change(head.files) };
    },
    replaceTable(newUuid) {
      head = { metadata: newMetadata(definition, newUuid), version: head.version + 1, files: [] };
    },
  };
}

function nextSnapshot({ snapshots }: TableMetadata, summary: Readonly<Record<string, string>>): Snapshot {
  const number = BigInt(snapshots.length + 1);
  return {
    "snapshot-id": number,
    "sequence-number": number,
    "timestamp-ms": 0,
    "manifest-list": `s3://lake/metadata/snap-${number}.avro`,
    summary: { ...summary, operation: "append" },
  };
}

function newMetadata(definition: TableDefinition, uuid: string): TableMetadata {
  const { namespace, name } = definition.identifier;
  return {
    "format-version": 2,
    "table-uuid": uuid,
    location: `s3://lake/${namespace.join("/")}/${name}`,
    "last-sequence-number": 0n,
    "last-updated-ms": 0,
    "last-column-id": definition.schema.fields.length,
    schemas: [definition.schema],
    "current-schema-id": 0,
    "partition-specs": [definition.partitionSpec],
    "default-spec-id": 0,
    "last-partition-id": 1000,
    properties: definition.properties,
    snapshots: [],
    "snapshot-log": [],
    "metadata-log": [],
    "sort-orders": [{ "order-id": 0, fields: [] }],
    "default-sort-order-id": 0,
    refs: {},
  };
}
