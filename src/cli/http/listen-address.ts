import { InvalidInput } from "../../domain/errors.ts";

/** Where a server listens: a TCP port of an address, or a Unix socket. */
export type ListenAddress = { path: string } | { host: string; port: number };

const localHost = "127.0.0.1";

const anyAddress =
  "a port such as 9470, an address with a port such as 0.0.0.0:9470, " +
  "or the path of a socket such as /run/pdoflow.sock";

/**
 * Parses `9470`, `0.0.0.0:9470`, `[::1]:9470` or the path of a socket, which has a slash. Without
 * an address only this machine can connect. Faults name the `option` and what it expects.
 *
 * @throws {InvalidInput}
 */
export function parseListenAddress(
  text: string,
  option: string,
  expected = anyAddress,
): ListenAddress {
  if (text.includes("/")) return { path: text };
  const [, bracketed, plain, digits = ""] =
    /^(?:(?:\[([\da-f:.]+)\]|([^:[\]]+)):)?(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  if (digits === "" || port > 65_535) {
    throw new InvalidInput(option, [`expected ${expected}, found "${text}"`]);
  }
  return { host: bracketed ?? plain ?? localHost, port };
}

/** In the notation of the command line. */
export const formatListenAddress = (at: ListenAddress): string =>
  "path" in at ? at.path : `${at.host.includes(":") ? `[${at.host}]` : at.host}:${at.port}`;
