// Where the Workers themselves listen. `wrangler dev` puts a proxy of its own in front, a second process that holds
// requests while code is rebuilt; no deployment has it, and it adds about two milliseconds to each request.

import { existsSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import type { LocalFirn } from "../../scripts/lib/local-firn.ts";

/** The runtime's own address, or the public one where there is no /proc to find it by. */
export async function runtimeUrl({ url }: Pick<LocalFirn, "url">): Promise<string> {
  for (const port of runtimePorts({ url })) {
    const candidate = `http://127.0.0.1:${port}`;
    try {
      // The runtime also listens for debuggers, which answer otherwise.
      const response = await fetch(`${candidate}/healthz`, { signal: AbortSignal.timeout(2000) });
      await response.arrayBuffer();
      if (response.ok) return candidate;
    } catch {
      // Not the one.
    }
  }
  return url;
}

/** Ports that the runtime listens on, for requests or for debuggers; none where there is no /proc to find them by. */
export function runtimePorts({ url }: Pick<LocalFirn, "url">): readonly number[] {
  if (!existsSync("/proc/net/tcp")) return [];
  const proxyPort = Number(new URL(url).port);
  const listeners = readListeners();
  const proxy = listeners.find(({ port }) => port === proxyPort);
  if (proxy === undefined) return [];
  return listeners
    .filter(({ pid }) => pid !== proxy.pid && parentOf(pid) === parentOf(proxy.pid))
    .map(({ port }) => port);
}

interface Listener {
  readonly pid: number;
  readonly port: number;
}

/** `st` of a listening socket in /proc/net/tcp. */
const LISTENING = "0A";

function readListeners(): Listener[] {
  const portByInode = new Map<string, number>();
  for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1)) {
    const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
    if (state === LISTENING) portByInode.set(inode, Number.parseInt(local.split(":")[1] ?? "", 16));
  }
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => socketsOf(name).flatMap((inode) => ({ pid: Number(name), port: portByInode.get(inode) ?? 0 })))
    .filter(({ port }) => port !== 0);
}

function socketsOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((descriptor) => {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1];
      return inode === undefined ? [] : [inode];
    });
  } catch {
    // Ended while we looked, or another's.
    return [];
  }
}

function parentOf(pid: number): string | undefined {
  try {
    return /\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}
