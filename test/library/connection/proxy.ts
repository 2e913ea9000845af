import { connect, createServer, type AddressInfo, type Socket } from "node:net";

import type { TestDatabase } from "../../database.ts";

/** A way to a database that can be cut. */
export interface Proxy extends AsyncDisposable {
  url: string;
  /** While true, connections are cut, and new ones as soon as they come. */
  isCut: boolean;
  /** How many connections were tried while it was cut. */
  refused: number;
}

export async function proxyTo({ db: { target } }: TestDatabase): Promise<Proxy> {
  const { host, port, user, database, password } = target;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    if (proxy.isCut) {
      proxy.refused++;
      client.resetAndDestroy(); // after a mere end, postgres.js tries again by itself
      return;
    }
    const path = `${host}/.s.PGSQL.${port}`;
    const upstream = host.startsWith("/") ? connect({ path }) : connect({ host, port });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const login = password === undefined ? user : `${user}:${encodeURIComponent(password)}`;
  let isCut = false;
  const cut = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const proxy: Proxy = {
    url: `postgres://${login}@${address}/${database}?sslmode=disable`,
    refused: 0,
    get isCut() {
      return isCut;
    },
    set isCut(value) {
      isCut = value;
      if (isCut) cut();
    },
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
