// Lists, structs and maps through parquet-wasm, one column of one row group at a time: the column's chunks and its
// part of the schema become a small file of their own, so that no more is read than for a flat column. The call is
// synchronous because a panic inside an asynchronous one would leave its promise pending for ever.

import { readParquet } from "parquet-wasm/esm/parquet_wasm.js";
import { LakeError, concatBytes, stringToUtf8, utf8ToString } from "#core";
import { concatVectors, readArrowIpc, type Vector } from "#columnar";
import {
  THRIFT_TYPE,
  corruptData,
  setThriftI64,
  thriftBinary,
  thriftInteger,
  thriftStruct,
  thriftStructToBytes,
  thriftStructs,
  type ThriftField,
  type ThriftStruct,
} from "#codec";
import type { ParquetColumn, ParquetColumnChunk, ParquetRowGroup } from "./metadata.ts";
import { isParquetWasmReady } from "./wasm.ts";

/** Field ids of parquet.thrift. */
const FILE = { version: 1, schema: 2, numRows: 3, rowGroups: 4 } as const;
const GROUP = { columns: 1, totalByteSize: 2, numRows: 3 } as const;
const CHUNK_METADATA_ID = 3;
/** Positions of page indexes, which the small file does not have. */
const CHUNK_INDEX_IDS = [4, 5, 6, 7] as const;
const CHUNK_METADATA = { dataPageOffset: 9, dictionaryPageOffset: 11, droppedIds: [10, 14, 15] } as const;
const SCHEMA = { name: 4, children: 5 } as const;

/** A row group's nested column with its bytes at hand. */
export interface NestedColumn {
  readonly footer: ThriftStruct;
  readonly rowGroupIndex: number;
  readonly rowGroup: ParquetRowGroup;
  /** The column's leaves, adjacent in the schema. */
  readonly leaves: readonly ParquetColumn[];
  readonly bytesByChunk: ReadonlyMap<ParquetColumnChunk, Uint8Array>;
}

/**
 * Decodes a top-level nested column with all rows of the row group.
 *
 * Cost: the column is held whole, twice. Errors: `sql_unsupported` where parquet-wasm is not initialized,
 * `data_invalid` when it cannot read the column.
 */
export function decodeNestedColumn(nested: NestedColumn): Vector {
  const name = nested.leaves[0]?.path[0] ?? "";
  if (!isParquetWasmReady()) {
    throw new LakeError("sql_unsupported", `Column "${name}" is nested, which this reader does not support.`);
  }
  const file = singleColumnFile(nested, name);
  try {
    const { batches } = readArrowIpc(readParquet(file).intoIPCStream());
    const pieces = batches.flatMap((batch) => batch.columns.slice(0, 1));
    const rows = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (rows !== nested.rowGroup.numRows) throw corruptData(`column "${name}" has another number of rows`);
    return concatVectors(pieces);
  } catch (cause) {
    if (cause instanceof LakeError) throw cause;
    throw new LakeError("data_invalid", `Nested column "${name}" is not readable.`, { cause });
  }
}

function singleColumnFile(nested: NestedColumn, name: string): Uint8Array {
  const magic = stringToUtf8("PAR1");
  const parts: Uint8Array[] = [magic];
  let position = magic.length;
  const group = thriftStructs(nested.footer, FILE.rowGroups)[nested.rowGroupIndex];
  if (group === undefined) throw corruptData("a row group is missing");
  const allChunks = thriftStructs(group, GROUP.columns);
  const chunks = nested.leaves.map((leaf) => {
    const facts = nested.rowGroup.columns[leaf.leafIndex];
    const chunk = allChunks[leaf.leafIndex];
    const bytes = facts === undefined ? undefined : nested.bytesByChunk.get(facts);
    if (facts === undefined || chunk === undefined || bytes === undefined) throw corruptData("a column is missing");
    const moved = moveChunk(chunk, position - facts.offset);
    parts.push(bytes);
    position += bytes.length;
    return moved;
  });
  const numRows: ThriftField = { type: THRIFT_TYPE.i64, value: nested.rowGroup.numRows };
  const smallGroup: ThriftStruct = new Map();
  smallGroup.set(GROUP.columns, structList(chunks));
  setThriftI64(smallGroup, GROUP.totalByteSize, position);
  smallGroup.set(GROUP.numRows, numRows);
  const version = thriftInteger(nested.footer, FILE.version) ?? 1;
  const smallFooter: ThriftStruct = new Map();
  smallFooter.set(FILE.version, { type: THRIFT_TYPE.i32, value: version });
  smallFooter.set(FILE.schema, structList(schemaOf(thriftStructs(nested.footer, FILE.schema), name)));
  smallFooter.set(FILE.numRows, numRows);
  smallFooter.set(FILE.rowGroups, structList([smallGroup]));
  const footer = thriftStructToBytes(smallFooter);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, footer.length, true);
  return concatBytes([...parts, footer, length, magic]);
}

function structList(items: ThriftStruct[]): ThriftField {
  return { type: THRIFT_TYPE.list, value: { elementType: THRIFT_TYPE.struct, items } };
}

/** A copy of a ColumnChunk with its pages moved; the footer's own thrift is shared by every scan of the file. */
function moveChunk(chunk: ThriftStruct, shift: number): ThriftStruct {
  const moved: ThriftStruct = new Map(chunk);
  for (const id of CHUNK_INDEX_IDS) moved.delete(id);
  const metadata: ThriftStruct = new Map(thriftStruct(chunk, CHUNK_METADATA_ID));
  for (const id of CHUNK_METADATA.droppedIds) metadata.delete(id);
  for (const id of [CHUNK_METADATA.dataPageOffset, CHUNK_METADATA.dictionaryPageOffset]) {
    const offset = thriftInteger(metadata, id);
    if (offset !== undefined) setThriftI64(metadata, id, offset + shift);
  }
  moved.set(CHUNK_METADATA_ID, { type: THRIFT_TYPE.struct, value: metadata });
  return moved;
}

/** The root with one child, and that child's subtree. */
function schemaOf(elements: readonly ThriftStruct[], name: string): ThriftStruct[] {
  const [root] = elements;
  if (root === undefined) throw corruptData("the schema is empty");
  for (let start = 1; start < elements.length;) {
    const end = subtreeEnd(elements, start);
    const element = elements[start];
    const ownName = element === undefined ? undefined : thriftBinary(element, SCHEMA.name);
    if (ownName !== undefined && utf8ToString(ownName) === name) {
      const smallRoot: ThriftStruct = new Map(root);
      smallRoot.set(SCHEMA.children, { type: THRIFT_TYPE.i32, value: 1 });
      return [smallRoot, ...elements.slice(start, end)];
    }
    start = end;
  }
  throw corruptData(`column "${name}" is not in the schema`);
}

function subtreeEnd(elements: readonly ThriftStruct[], start: number): number {
  let end = start;
  for (let pending = 1; pending > 0 && end < elements.length; end++) {
    const element = elements[end];
    pending += (element === undefined ? 0 : (thriftInteger(element, SCHEMA.children) ?? 0)) - 1;
  }
  return end;
}
