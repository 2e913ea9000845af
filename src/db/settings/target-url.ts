import type { Settings } from "./parameters.ts";
import type { Target } from "./target.ts";

/** Parameters that the URL takes over as they were set: names of files, and no secrets. */
const copied = ["sslrootcert", "sslcert", "sslkey", "connect_timeout", "options"] as const;

/**
 * The URL of a server for psql and other programs, without the password. A server that has a socket
 * and no host name, such as the embedded one, is named by the folder of the socket.
 */
export function urlOf(target: Target, settings: Settings = new Map()): string {
  const { user, database, tls, others } = target;
  const addresses = [target, ...(others ?? [])];
  const isSocket = target.host.startsWith("/");
  const parameters = [
    ...(isSocket ? [["host", addresses.map(({ host }) => host).join()]] : []),
    ...(isSocket ? [["port", addresses.map(({ port }) => port).join()]] : []),
    ...(isSocket || tls === "prefer" ? [] : [["sslmode", tls === false ? "disable" : tls]]),
    ...copied.flatMap((name) => {
      const setting = settings.get(name);
      return setting === undefined ? [] : [[name, setting.value]];
    }),
    ...(others === undefined ? [] : [["target_session_attrs", "read-write"]]),
  ].map(([name = "", value = ""]) => `${name}=${encodeURIComponent(value)}`);
  const hosts = addresses.map(({ host, port }) => `${inUrl(host)}:${port}`).join();
  const query = parameters.length === 0 ? "" : `?${parameters.join("&")}`;
  const path = encodeURIComponent(database);
  return `postgres://${encodeURIComponent(user)}@${isSocket ? "" : hosts}/${path}${query}`;
}

const inUrl = (host: string) => (host.includes(":") ? `[${host}]` : encodeURIComponent(host));
