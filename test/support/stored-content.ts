// Everything readable in stored bytes, whatever container they are in: what a search for erased values looks through.

import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { parseJson, stringifyJson, utf8ToString } from "#core";
import { rowAt } from "#columnar";
import { readAvroFile } from "#codec";
import { readParquetMetadata, scanParquet } from "#parquet";
import { isLarge } from "#cache";
import { decodeEntry } from "../../src/cache/entry.ts";

/**
 * The bytes as text, and beside them the text of every part that a compression or an encoding hides: Parquet values,
 * Avro records with their bounds, gzip and Zstandard, entries of the result cache, bytes inside JSON.
 */
export async function readableContent(bytes: Uint8Array): Promise<string> {
  const raw = utf8ToString(bytes);
  const hidden = await hiddenContent(bytes, raw);
  return [raw, ...hidden].join("\n");
}

async function hiddenContent(bytes: Uint8Array, raw: string): Promise<readonly string[]> {
  if (raw.startsWith("Obj\u0001")) return [recordsAsText(bytes)];
  if (raw.startsWith("PAR1")) return parquetValues(bytes);
  if (raw.startsWith("FRC1")) {
    const entry = await decodeEntry(new Uint8Array(bytes));
    if (entry === undefined) return [];
    const { payload } = entry;
    if (!isLarge(payload)) return [await readableContent(payload)];
    return payload.stored.kind === "held" ? [await readableContent(gunzipSync(payload.stored.gzipped))] : [];
  }
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return [await readableContent(gunzipSync(bytes))];
  if (bytes[0] === 0x28 && bytes[1] === 0xb5) return [await readableContent(zstdDecompressSync(bytes))];
  return raw.startsWith("{") || raw.startsWith("[") ? [encodedBytes(raw)] : [];
}

function recordsAsText(bytes: Uint8Array): string {
  const { records } = readAvroFile(bytes);
  return `${stringifyJson(records)}\n${bytesAsText(records)}`;
}

async function parquetValues(bytes: Uint8Array): Promise<string[]> {
  const reader = {
    sizeBytes: bytes.length,
    read: (offset: number, length: number) => Promise.resolve(bytes.subarray(offset, offset + length)),
  };
  const metadata = await readParquetMetadata(reader);
  const texts: string[] = [];
  const columns = metadata.columns.map((_, leafIndex) => ({ leafIndex }));
  for await (const batch of scanParquet(reader, metadata, { columns })) {
    for (let row = 0; row < batch.rowCount; row++) texts.push(rowAt(batch, row).map(String).join(" "));
  }
  return texts;
}

/** Bytes anywhere in a value, as text: JSON would show them as numbers. */
function bytesAsText(value: unknown): string {
  if (value instanceof Uint8Array) return utf8ToString(value);
  if (Array.isArray(value)) return value.map(bytesAsText).join(" ");
  if (value instanceof Map) return [...value].flat().map(bytesAsText).join(" ");
  if (typeof value === "object" && value !== null) return Object.values(value).map(bytesAsText).join(" ");
  return "";
}

/** What strings of a JSON document hold as base64 or hexadecimal digits: bounds in working files and plans. */
function encodedBytes(json: string): string {
  try {
    return textsIn(parseJson(json))
      .filter((text) => /^[A-Za-z0-9+/]{8,}={0,2}$/.test(text))
      .flatMap((text) => [Buffer.from(text, "base64"), Buffer.from(text, "hex")])
      .map((bytes) => bytes.toString("utf8"))
      .join(" ");
  } catch {
    return "";
  }
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
