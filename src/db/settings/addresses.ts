import { existsSync } from "node:fs";

import { InvalidInput } from "../../domain/errors.ts";

/** How to encrypt a connection: libpq's sslmode, with false for disable. */
export type Encryption = false | "allow" | "prefer" | "require" | "verify-ca" | "verify-full";

/** The address of one PostgreSQL server. `host` may be the folder of a unix socket. */
export interface Address {
  host: string;
  port: number;
  /** The number to connect to, if `host` is only the name in its certificate. */
  hostaddr?: string;
  /** The choice that worked there, if the settings leave it open. */
  tls?: Encryption;
  /** If it differs from address to address. */
  password?: string | undefined;
}

const defaultPort = "5432";

/**
 * Takes the hosts and ports out of a URL. It may have several (`postgres://a:5432,b:5433/db`), and
 * URL only supports one. `rest` is the URL without them; null if it cannot be one.
 */
export function splitAuthority(text: string): {
  hosts: string;
  ports: string;
  rest: string | null;
} {
  const nowhere = { hosts: "", ports: "", rest: null };
  const match = /^postgres(?:ql)?:\/\/([^/?#]*)(.*)$/s.exec(text);
  if (!match) return nowhere;
  const [, authority = "", tail = ""] = match;
  const at = authority.lastIndexOf("@") + 1;
  const parts = authority.slice(at).split(",");
  const found = parts.map((part) => /^(\[[^\]]+\]|[^:[\]]*)(?::(\d*))?$/.exec(part));
  // Checks each host as URL does, so that an invalid host is refused.
  const isHost = (host: string) => host === "" || URL.canParse(`postgres://${host}`);
  if (!found.every((part) => part !== null && isHost(part[1] ?? ""))) return nowhere;
  return {
    hosts: found.map((part) => (part?.[1] ?? "").replace(/^\[(.*)\]$/, "$1")).join(","),
    ports: found.some((part) => part?.[2]) ? found.map((part) => part?.[2] ?? "").join(",") : "",
    // URL refuses a user without a host, as in postgres://user@/db?host=/run/postgresql.
    rest: `postgres://${authority.slice(0, at)}-${tail}`,
  };
}

/** Where distributions have the server's socket. Not /tmp: anyone could write there. */
const socketFolder = "/var/run/postgresql";

/** The default host: a server on this machine, as for psql. */
export const defaultHost = (port: number): string =>
  existsSync(`${socketFolder}/.s.PGSQL.${port}`) ? socketFolder : "localhost";

/**
 * The addresses that lists of hosts and of ports name, as in libpq: one port for all hosts, or one
 * for each; an empty one is the default.
 *
 * @throws {InvalidInput} the numbers of hosts and ports differ, or a port is not valid.
 */
export function parseAddresses(
  hosts: string,
  ports: string,
  source: string,
  hostaddrs = "",
): [Address, ...Address[]] {
  const numberList = hostaddrs === "" ? [] : hostaddrs.split(",");
  const hostList = hosts === "" && hostaddrs !== "" ? numberList : hosts.split(",");
  if (numberList.length > 0 && numberList.length !== hostList.length) {
    throw new InvalidInput(source, [
      `expected one hostaddr for each of ${hostList.length} hosts, found ${numberList.length}`,
    ]);
  }
  const portList = ports.split(",");
  if (portList.length !== 1 && portList.length !== hostList.length) {
    throw new InvalidInput(source, [
      `expected one port, or one for each of ${hostList.length} hosts, found ${portList.length}`,
    ]);
  }
  const addressOf = (host: string, i: number): Address => {
    const port = Number((portList.length === 1 ? portList[0] : portList[i]) || defaultPort);
    if (!Number.isInteger(port) || port < 1 || port > 65535) {
      const found = portList.length === 1 ? portList[0] : portList[i];
      throw new InvalidInput(source, [`expected a port from 1 to 65535, found ${found}`]);
    }
    const hostaddr = numberList[i];
    return {
      host: host === "" ? (hostaddr ?? defaultHost(port)) : host,
      port,
      ...(hostaddr ? { hostaddr } : {}),
    };
  };
  const [first = "", ...others] = hostList;
  return [addressOf(first, 0), ...others.map((host, i) => addressOf(host, i + 1))];
}
