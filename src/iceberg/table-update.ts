// The commit vocabulary of the Iceberg REST catalog: updates to table metadata and requirements on its base.
// Source: Iceberg REST OpenAPI, TableUpdate and TableRequirement.

import type { IcebergSchema } from "./schema.ts";
import type {
  PartitionField,
  PartitionSpec,
  Snapshot,
  SnapshotRef,
  SortOrder,
  StatisticsFile,
} from "./table-metadata.ts";

/** A partition field in a request: the catalog assigns `field-id` when it is absent. */
export type PartitionFieldRequest = Omit<PartitionField, "field-id"> & { readonly "field-id"?: number };

/** A partition spec in a request. */
export interface PartitionSpecRequest {
  readonly "spec-id"?: PartitionSpec["spec-id"];
  readonly fields: readonly PartitionFieldRequest[];
}

/** One change to table metadata. */
export type TableUpdate =
  | { readonly action: "assign-uuid"; readonly uuid: string }
  | { readonly action: "upgrade-format-version"; readonly "format-version": number }
  | { readonly action: "add-schema"; readonly schema: IcebergSchema; readonly "last-column-id"?: number }
  | { readonly action: "set-current-schema"; readonly "schema-id": number }
  | { readonly action: "add-spec"; readonly spec: PartitionSpecRequest }
  | { readonly action: "set-default-spec"; readonly "spec-id": number }
  | { readonly action: "add-sort-order"; readonly "sort-order": SortOrder }
  | { readonly action: "set-default-sort-order"; readonly "sort-order-id": number }
  | { readonly action: "add-snapshot"; readonly snapshot: Snapshot }
  | ({ readonly action: "set-snapshot-ref"; readonly "ref-name": string } & SnapshotRef)
  | { readonly action: "remove-snapshots"; readonly "snapshot-ids": readonly bigint[] }
  | { readonly action: "remove-snapshot-ref"; readonly "ref-name": string }
  | { readonly action: "set-location"; readonly location: string }
  | { readonly action: "set-properties"; readonly updates: Readonly<Record<string, string>> }
  | { readonly action: "remove-properties"; readonly removals: readonly string[] }
  | { readonly action: "set-statistics"; readonly statistics: StatisticsFile }
  | { readonly action: "remove-statistics"; readonly "snapshot-id": bigint }
  | { readonly action: "set-partition-statistics"; readonly "partition-statistics": StatisticsFile }
  | { readonly action: "remove-partition-statistics"; readonly "snapshot-id": bigint }
  | { readonly action: "remove-partition-specs"; readonly "spec-ids": readonly number[] }
  | { readonly action: "remove-schemas"; readonly "schema-ids": readonly number[] }
  | {
      readonly action: "add-encryption-key";
      readonly "encryption-key": { readonly "key-id": string; readonly [key: string]: unknown };
    }
  | { readonly action: "remove-encryption-key"; readonly "key-id": string };

/** One condition on the metadata a commit is applied to. */
export type TableRequirement =
  | { readonly type: "assert-create" }
  | { readonly type: "assert-table-uuid"; readonly uuid: string }
  | { readonly type: "assert-ref-snapshot-id"; readonly ref: string; readonly "snapshot-id": bigint | null }
  | { readonly type: "assert-last-assigned-field-id"; readonly "last-assigned-field-id": number }
  | { readonly type: "assert-current-schema-id"; readonly "current-schema-id": number }
  | { readonly type: "assert-last-assigned-partition-id"; readonly "last-assigned-partition-id": number }
  | { readonly type: "assert-default-spec-id"; readonly "default-spec-id": number }
  | { readonly type: "assert-default-sort-order-id"; readonly "default-sort-order-id": number };
