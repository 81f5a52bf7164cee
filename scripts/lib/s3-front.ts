// The local bucket's S3 endpoint stores bodies as they arrive. AWS's newer SDKs sign plain-HTTP uploads piece by piece
// (Content-Encoding: aws-chunked), so the pieces' frames would end up in the object. R2 itself unwraps them. This front
// unwraps them on this machine, signs the request anew and passes it on.
//
// Source: Amazon S3 API, "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks".

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { AwsClient } from "aws4fetch";
import { LOCAL_S3 } from "./worker-configs.ts";

/** A running front. */
export interface S3Front {
  readonly url: string;
  stop(): Promise<void>;
}

/** Headers that belong to one hop or to the signature that is made anew. */
const DROPPED_HEADER =
  /^(host|connection|authorization|content-length|transfer-encoding|expect|x-amz-date|x-amz-content-sha256|x-amz-decoded-content-length|x-amz-trailer|x-amz-sdk-checksum-algorithm|x-amz-checksum-.*|amz-sdk-.*|accept-encoding)$/;

/** Payload of a body in frames: `<hex length>[;extensions]\r\n<bytes>\r\n`, ended by a length of 0 and trailers. */
export function unwrapChunks(body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let offset = 0; ;) {
    const lineEnd = body.indexOf("\r\n", offset);
    if (lineEnd < 0) throw new Error("a chunked body ends early");
    const length = Number.parseInt(body.toString("latin1", offset, lineEnd), 16);
    if (length === 0) return Buffer.concat(parts);
    parts.push(body.subarray(lineEnd + 2, lineEnd + 2 + length));
    offset = lineEnd + 2 + length + 2;
  }
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Starts a front before the S3 endpoint at `target`. */
export async function startS3Front(target: string): Promise<S3Front> {
  const signer = new AwsClient({ ...LOCAL_S3, service: "s3", region: "auto", retries: 0 });

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const headers = new Headers();
    for (const [name, value] of Object.entries(request.headers)) {
      if (value !== undefined && !DROPPED_HEADER.test(name)) headers.set(name, String(value));
    }
    let body = await readAll(request);
    const isFramed = String(request.headers["x-amz-content-sha256"] ?? "").startsWith("STREAMING-");
    if (isFramed) {
      body = unwrapChunks(body);
      const encodings = (headers.get("content-encoding") ?? "").split(",").map((encoding) => encoding.trim());
      const kept = encodings.filter((encoding) => encoding !== "aws-chunked" && encoding !== "");
      if (kept.length === 0) headers.delete("content-encoding");
      else headers.set("content-encoding", kept.join(","));
    }
    const method = request.method ?? "GET";
    const hasBody = method === "PUT" || method === "POST";
    const signed = await signer.sign(`${target}${request.url ?? "/"}`, {
      method,
      headers,
      ...(hasBody ? { body: new Uint8Array(body) } : {}),
    });
    const answer = await fetch(signed);
    const answerHeaders: Record<string, string> = {};
    for (const [name, value] of answer.headers) {
      if (!/^(transfer-encoding|connection|content-encoding)$/.test(name)) answerHeaders[name] = value;
    }
    response.writeHead(answer.status, answerHeaders);
    if (method === "HEAD") response.end();
    else response.end(Buffer.from(await answer.arrayBuffer()));
  }

  const server = createServer((request, response) => {
    pass(request, response).catch((error: unknown) => {
      response.writeHead(502);
      response.end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the S3 front has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
