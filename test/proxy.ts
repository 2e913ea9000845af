import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A bad network between a client and a PostgreSQL server. */
export interface Proxy extends AsyncDisposable {
  /** The URL of the database, through the proxy. */
  url: string;
  /** From now on nothing gets through, and nothing is closed: as if packets were dropped. */
  freeze(): void;
  /** The same, from the first statement on in which this text is. */
  freezeAt(text: string): void;
  /** Frozen bytes stay lost; new connections get through again. */
  thaw(): void;
  /** From now on each byte takes that long, in either direction. */
  slow(ms: number): void;
  /** Closes all connections. New ones get through. */
  cut(): void;
  /** Closes one connection, chosen at random. */
  cutOne(): void;
}

/**
 * Listens as the server does: on a unix socket, or on a port of 127.0.0.1.
 *
 * @param url that of a TestDatabase: `postgres:///name?host=…&port=…`
 * @param onSent called with what a client sends, and with its connection
 * @param delayMs how long each byte takes at first, in either direction
 */
export async function openProxy(
  url: string,
  onSent: (bytes: Buffer, connection: object) => void = () => {},
  delayMs = 0,
): Promise<Proxy> {
  const through = new URL(url.replace("postgres:///", "http://host/"));
  const port = through.searchParams.get("port") ?? "5432";
  const host = through.searchParams.get("host") ?? "";
  const behind = host.startsWith("/")
    ? { path: join(host, `.s.PGSQL.${port}`) }
    : { host, port: Number(port) };
  const folder = mkdtempSync(join(tmpdir(), "pdoflow-proxy-"));
  const pairs = new Set<[net.Socket, net.Socket]>();
  let isFrozen = false;
  let trigger: string | null = null;
  let nowMs = delayMs;
  const server = net.createServer((client) => {
    const upstream = net.connect(behind);
    const pair: [net.Socket, net.Socket] = [client, upstream];
    pairs.add(pair);
    for (const [from, to] of [pair, pair.toReversed()] as [net.Socket, net.Socket][]) {
      let isLost = false;
      from.on("data", (bytes: Buffer) => {
        if (trigger !== null && bytes.includes(trigger)) isFrozen = true;
        if (from === client) onSent(bytes, client);
        isLost ||= isFrozen;
        if (isLost) return;
        if (nowMs === 0) to.write(bytes);
        else setTimeout(() => to.writable && to.write(bytes), nowMs);
      });
      from.on("close", () => {
        if (!isLost && !isFrozen) setTimeout(() => to.destroy(), nowMs);
        pairs.delete(pair);
      });
      from.on("error", () => to.destroy());
    }
  });
  const at = await listen(server, host.startsWith("/") ? join(folder, `.s.PGSQL.${port}`) : null);
  through.searchParams.set("host", at === null ? folder : "127.0.0.1");
  if (at !== null) through.searchParams.set("port", String(at));
  const cut = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  return {
    url: through.href.replace("http://host/", "postgres:///"),
    freeze: () => void (isFrozen = true),
    freezeAt: (text) => void (trigger = text),
    thaw: () => {
      isFrozen = false;
      trigger = null;
    },
    slow: (ms) => void (nowMs = ms),
    cut,
    cutOne() {
      const pair = [...pairs][Math.floor(Math.random() * pairs.size)];
      for (const socket of pair ?? []) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Listens at a path, or on any port of 127.0.0.1. Returns the port. */
async function listen(server: net.Server, path: string | null): Promise<number | null> {
  await new Promise<void>((resolve) => {
    if (path === null) server.listen(0, "127.0.0.1", resolve);
    else server.listen(path, resolve);
  });
  const address = server.address();
  return typeof address === "string" ? null : (address?.port ?? null);
}
