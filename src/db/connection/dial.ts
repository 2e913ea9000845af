import { connect as connectTcp, isIP, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { checkServerIdentity, connect as connectTls, type TLSSocket } from "node:tls";

import { deferred } from "../../domain/node-20.ts";
import type { Address, Encryption } from "../settings/addresses.ts";
import type { Certificates } from "../settings/certificates.ts";

/** No encrypted connection to a reachable server could be made, or it is not trusted. */
export class TlsFailed extends Error {
  override readonly name = "TlsFailed";
  readonly code = "CONNECTION_TLS"; // the name that postgres.js gives its own losses
}

/** The address did not answer. */
class DialTimeout extends Error {
  override readonly name = "DialTimeout";
  readonly code = "CONNECT_TIMEOUT";
}

/** The connections of a client were closed, and no new ones are opened. */
class ClientClosed extends Error {
  override readonly name = "ClientClosed";
  readonly code = "CONNECTION_ENDED"; // the code of postgres.js for a later statement
}

/** A connection could not be made, for a reason without a code. */
class ConnectFailed extends Error {
  override readonly name = "ConnectFailed";
  readonly code = "CONNECTION_FAILED"; // the name that postgres.js gives its own losses
}

export interface DialOptions {
  /** False: not encrypted. */
  tls: Encryption;
  certificates: Certificates;
  timeoutMs: number;
  /** Stops trying when it is aborted. */
  signal: AbortSignal;
}

/**
 * Opens a connection, encrypted if required, for postgres.js to log in on. postgres.js cannot do
 * this itself: it supports neither verify-ca nor a server without TLS, does not report the fault of
 * a certificate, and opens connections for queued statements after its client was closed, which
 * nothing would close.
 *
 * @throws an error that `isConnectionLoss` recognises, in all cases.
 */
export async function dial(address: Address, options: DialOptions): Promise<Duplex> {
  try {
    return await open(address, options);
  } catch (error) {
    if (hasCode(error)) throw error;
    throw new ConnectFailed("the connection could not be made", { cause: error });
  }
}

/** The codes of the system, such as ECONNREFUSED, and our own; not those of a program (ERR_…). */
const hasCode = (error: unknown): boolean =>
  error instanceof Error && "code" in error && /^(E(?!RR_)|CONN)/.test(String(error.code));

async function open(address: Address, options: DialOptions): Promise<Duplex> {
  const { host, port, hostaddr } = address;
  if (options.signal.aborted) throw new ClientClosed("the client was closed");
  const socket = host.startsWith("/")
    ? connectTcp({ path: `${host}/.s.PGSQL.${port}` })
    : connectTcp({ host: hostaddr ?? host, port });
  const { timeoutMs } = options;
  const fail = (text: string) => socket.destroy(new DialTimeout(text));
  const giveUp = () => fail("the connection was given up before it was made");
  const late = () => fail(`no connection could be made within ${timeoutMs} ms`);
  const timer = setTimeout(late, timeoutMs);
  options.signal.addEventListener("abort", giveUp);
  try {
    const answer = options.tls === false ? await connected(socket) : await offer(socket);
    if (answer === "S") return await encrypt(socket, host, options);
    if (options.tls === false || options.tls === "prefer") return socket;
    throw new TlsFailed(
      "the server does not encrypt. Turn ssl on there, or ask for sslmode=prefer.",
    );
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener("abort", giveUp);
  }
}

/**
 * A connection that ends with `error` as soon as it is used: postgres.js then tries again later.
 */
export const brokenConnection = (error: Error): Duplex =>
  new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done(error) });

function connected(socket: Socket): Promise<"connected"> {
  const { promise, resolve, reject } = deferred<"connected">();
  const onConnect = () => resolve("connected");
  socket.once("connect", onConnect);
  socket.once("error", reject);
  return promise.finally(() => {
    socket.removeListener("connect", onConnect);
    socket.removeListener("error", reject);
  });
}

/** Requests TLS. The server's answer is one byte: S for yes, N for no. */
function offer(socket: Socket): Promise<"S" | "N"> {
  const { promise, resolve, reject } = deferred<"S" | "N">();
  const request = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
  const onData = (bytes: Buffer) => {
    const answer = bytes.toString("latin1", 0, 1);
    // More bytes would come from an attacker in between, who sends before the encryption begins.
    if ((answer === "S" || answer === "N") && bytes.length === 1) resolve(answer);
    else reject(new TlsFailed("the server gave an unexpected answer to the request for TLS."));
  };
  const onClose = () =>
    reject(new TlsFailed("the server closed the connection when asked for TLS."));
  socket.once("connect", () => socket.write(request));
  socket.once("data", onData);
  socket.once("error", reject);
  socket.once("close", onClose);
  return promise.finally(() => {
    socket.removeListener("data", onData);
    socket.removeListener("error", reject);
    socket.removeListener("close", onClose);
  });
}

function encrypt(
  socket: Socket,
  host: string,
  { tls, certificates }: DialOptions,
): Promise<TLSSocket> {
  const { promise, resolve, reject } = deferred<TLSSocket>();
  const isChecked = tls === "verify-ca" || tls === "verify-full";
  let identity: Error | undefined;
  const encrypted = connectTls({
    socket,
    ...certificates,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    rejectUnauthorized: isChecked,
    // The name is that of the request. It may be a number, which TLS does not allow as a server
    // name.
    checkServerIdentity: (_name, certificate) => {
      identity = tls === "verify-full" ? checkServerIdentity(host, certificate) : undefined;
      return identity;
    },
  });
  const fail = (error: Error) => reject(new TlsFailed(reason(error, host), { cause: error }));
  const onClose = () => fail(new Error("the server closed the connection"));
  encrypted.once("error", fail);
  encrypted.once("close", onClose);
  encrypted.once("secureConnect", () => {
    if (isChecked && (!encrypted.authorized || identity)) {
      fail(identity ?? new Error(String(encrypted.authorizationError)));
    } else {
      resolve(encrypted);
    }
  });
  return promise.finally(() => {
    encrypted.removeListener("error", fail);
    encrypted.removeListener("close", onClose);
  });
}

/** Describes the fault of a certificate, and its remedy. */
function reason(error: Error, host: string): string {
  const code = "code" in error ? String(error.code) : error.message;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return (
      `the server's certificate is for another name than ${host}. Use the name in it, or ` +
      "sslmode=verify-ca."
    );
  }
  if (code === "CERT_HAS_EXPIRED") return "the server's certificate has expired. Renew it.";
  if (/SELF_SIGNED|UNABLE_TO|ISSUER|UNTRUSTED|INVALID_CA/.test(code)) {
    return (
      "the server's certificate is not from an authority that is trusted here. Name its " +
      "authority in sslrootcert."
    );
  }
  return `the encrypted connection could not be made (${error.message || code}).`;
}
