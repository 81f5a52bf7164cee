// Statements that create, change and drop tables and views, as they are understood: names, types and options resolved,
// nothing done.

import type { DataType } from "#columnar";
import type { SourceSpan } from "../plan.ts";

/** The statements that define tables and views. */
export type DefinitionOperation =
  | "create table"
  | "create table as"
  | "drop table"
  | "alter table"
  | "create view"
  | "drop view";

/** A column of a new table, or of a view. */
export interface DefinedColumn {
  readonly name: string;
  readonly type: DataType;
  readonly required: boolean;
  readonly span: SourceSpan | undefined;
}

/** One text of an option's list, with its place. */
export interface OptionText {
  readonly text: string;
  readonly span: SourceSpan | undefined;
}

/** What WITH (…) says of a table. */
export interface TableOptions {
  /** As written, such as day(ts). */
  readonly partitioning: readonly OptionText[];
  /** As written, such as ts DESC NULLS LAST. */
  readonly sortedBy: readonly OptionText[];
  readonly formatVersion: number | undefined;
  /** Iceberg's table properties: names with a dot. */
  readonly properties: ReadonlyMap<string, string>;
}

/** One clause of ALTER TABLE. */
export type TableAlteration =
  | { readonly kind: "add"; readonly column: DefinedColumn; readonly ifNotExists: boolean }
  | { readonly kind: "drop"; readonly name: string; readonly ifExists: boolean }
  | { readonly kind: "rename"; readonly name: string; readonly to: string }
  | { readonly kind: "type"; readonly name: string; readonly type: DataType }
  | { readonly kind: "drop not null"; readonly name: string }
  | { readonly kind: "set property"; readonly name: string; readonly value: string }
  | { readonly kind: "reset property"; readonly name: string };

/** A statement that defines something; `path` is its name as written. */
export type Definition =
  | {
      readonly operation: "create table" | "create table as";
      readonly path: readonly string[];
      readonly ifNotExists: boolean;
      readonly columns: readonly DefinedColumn[];
      readonly options: TableOptions;
      /** Whether the rows of a query are to be inserted once the table is there. */
      readonly hasRows: boolean;
    }
  | { readonly operation: "drop table" | "drop view"; readonly path: readonly string[]; readonly ifExists: boolean }
  | {
      readonly operation: "alter table";
      readonly path: readonly string[];
      readonly ifExists: boolean;
      readonly changes: readonly TableAlteration[];
    }
  | {
      readonly operation: "create view";
      readonly path: readonly string[];
      readonly orReplace: boolean;
      readonly columns: readonly DefinedColumn[];
      /** The view's query, as written. */
      readonly sql: string;
      /** Tables and views that it reads, fully qualified. */
      readonly reads: readonly string[];
    };
