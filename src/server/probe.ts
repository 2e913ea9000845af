import { connect } from "node:net";

import { exitCodes, PdoflowError } from "../domain/errors.ts";
import type { ServerAddress } from "../db/settings/server-paths.ts";

/** The server is running but refuses this user, permanently. */
export class ServerRefuses extends PdoflowError {
  override readonly name = "ServerRefuses";
  readonly exitCode = exitCodes.database;
  constructor(socket: string, found: string) {
    super(
      `The embedded PostgreSQL at ${socket} should accept this user, but answered: ${found}. It ` +
        `is for the user who started it: run as that user, or set PDOFLOW_DATA to another folder.`,
    );
  }
}

/** `accepts`: ready for queries. `later`: starting, stopping or too busy to answer. */
export type Answer = "accepts" | "later" | "absent";

const heartbeatTimeoutMs = 2000;

/**
 * Logs in to the server at `address`. Nothing less proves that it accepts queries: while it is
 * recovering, it accepts connections and answers a request for TLS as usual.
 *
 * @throws {ServerRefuses} the server does not accept this user.
 */
export function probe({ host, port, username, database }: ServerAddress): Promise<Answer> {
  const path = `${host}/.s.PGSQL.${port}`;
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const socket = connect({ path });
  socket.setTimeout(heartbeatTimeoutMs, () => resolve("later"));
  socket.on("connect", () => socket.write(startupMessage(username, database)));
  let reply = Buffer.alloc(0);
  socket.on("data", (bytes: Buffer) => {
    reply = Buffer.concat([reply, bytes]);
    if (reply.length < 5 || reply.length < 1 + reply.readInt32BE(1)) return;
    const answer = judge(reply);
    if (answer.kind === "refuses") reject(new ServerRefuses(path, answer.reason));
    else resolve(answer.kind);
  });
  socket.on("close", () => resolve("later"));
  socket.on("error", (error: NodeJS.ErrnoException) => {
    const code = error.code ?? "";
    if (code === "ENOENT" || code === "ECONNREFUSED") resolve("absent");
    // A full queue of connections, or a server that ended in the meantime.
    else if (["EAGAIN", "ECONNRESET", "EPIPE"].includes(code)) resolve("later");
    else reject(new ServerRefuses(path, error.message));
  });
  const terminate = Buffer.from([0x58, 0, 0, 0, 4]);
  return promise.finally(() => socket.destroyed || socket.end(terminate));
}

function startupMessage(username: string, database: string): Buffer {
  const body = Buffer.from(`user\0${username}\0database\0${database}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + body.length, 0);
  head.writeInt32BE(3 << 16, 4); // protocol 3.0
  return Buffer.concat([head, body]);
}

/** Parses the first complete message of a server: a type, a length, a body. */
function judge(reply: Buffer): { kind: Answer } | { kind: "refuses"; reason: string } {
  const type = String.fromCharCode(reply.readUInt8(0));
  const body = reply.subarray(5, 1 + reply.readInt32BE(1));
  if (type === "R" && body.readInt32BE(0) === 0) return { kind: "accepts" };
  if (type !== "E") return { kind: "refuses", reason: "that a password is needed" };
  const fields = body.toString().split("\0");
  const field = (key: string) => fields.find((text) => text.startsWith(key))?.slice(1) ?? "";
  const [code, reason] = [field("C"), field("M")];
  if (code === "53300") return { kind: "accepts" }; // too many connections: a wait for others
  return code === "57P03" ? { kind: "later" } : { kind: "refuses", reason };
}
