// The local Firn's bucket through its S3 endpoint, as an ObjectStore: lets tools on this side of the network read and
// write the very files that the Workers and other engines use.

import { AwsClient } from "aws4fetch";
import { LakeError } from "#core";
import type { ObjectInfo, ObjectStore } from "#storage";
import { LOCAL_S3 } from "../../scripts/lib/worker-configs.ts";

async function bytesOf(response: Response | undefined): Promise<Uint8Array<ArrayBuffer> | undefined> {
  return response === undefined ? undefined : new Uint8Array(await response.arrayBuffer());
}

function unsupported(): Promise<never> {
  return Promise.reject(new LakeError("storage_unavailable", "Not offered by the local S3 store."));
}

/** Reads and single-part writes; listing and multipart are left out on purpose: nothing on this side needs them. */
export function createLocalS3Store(firnUrl: string, bucket: string): ObjectStore {
  const client = new AwsClient({ ...LOCAL_S3, service: "s3", region: "auto" });
  const urlOf = (key: string): string =>
    `${firnUrl}/cdn-cgi/local/r2/s3/${bucket}/${key.split("/").map(encodeURIComponent).join("/")}`;

  async function send(key: string, init: RequestInit): Promise<Response | undefined> {
    const response = await client.fetch(urlOf(key), init);
    if (response.status === 404) return undefined;
    if (!response.ok && response.status !== 412) {
      throw new LakeError("storage_unavailable", `S3 answered ${response.status} for ${key}: ${await response.text()}`);
    }
    return response;
  }

  return {
    async head(key): Promise<ObjectInfo | undefined> {
      const response = await send(key, { method: "HEAD" });
      if (response === undefined) return undefined;
      const { headers } = response;
      return {
        key,
        sizeBytes: Number(headers.get("content-length")),
        etag: headers.get("etag")?.replaceAll('"', "") ?? "",
        uploadedMs: Date.parse(headers.get("last-modified") ?? ""),
      };
    },
    get: async (key) => bytesOf(await send(key, { method: "GET" })),
    getRange: async (key, offset, length) =>
      bytesOf(await send(key, { method: "GET", headers: { range: `bytes=${offset}-${offset + length - 1}` } })),
    async put(key, bytes, options) {
      const response = await send(key, {
        method: "PUT",
        body: bytes as Uint8Array<ArrayBuffer>,
        headers: options?.ifNoneMatch === undefined ? {} : { "if-none-match": options.ifNoneMatch },
      });
      if (response?.status === 412) return { outcome: "precondition_failed" };
      return { outcome: "stored", etag: response?.headers.get("etag")?.replaceAll('"', "") ?? "" };
    },
    async delete(keys) {
      for (const key of keys) await send(key, { method: "DELETE" });
    },
    list: unsupported,
    startMultipart: unsupported,
  };
}
