import { once } from "node:events";
import { existsSync, lstatSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";

import { exitCodes, messageOf, PdoflowError } from "../../domain/errors.ts";
import { formatListenAddress, type ListenAddress } from "./listen-address.ts";

/** A GET request, or a HEAD request, whose answer is sent without its body. */
export interface HttpRequest {
  path: string;
  query: URLSearchParams;
  /** By lower-case name. */
  headers: ReadonlyMap<string, string>;
}

export interface HttpReply {
  status: number;
  /** The media type; default plain text. */
  type?: string;
  body: string;
  headers?: Readonly<Record<string, string>>;
}

/** The address cannot be used. */
export class CannotListen extends PdoflowError {
  override readonly name = "CannotListen";
  readonly exitCode = exitCodes.usage;
  constructor(at: ListenAddress, reason: string) {
    super(`cannot listen on ${formatListenAddress(at)}: ${reason}`);
  }
}

/** Thrown while a server is opened, with a remedy. */
class Unusable extends Error {
  override readonly name = "Unusable";
}

/** The longest path of a socket, in bytes; one more ends it. */
const socketPathMax = 107;

/** Why a server cannot listen, by the code of the error, and what to do. */
function whyNot(at: ListenAddress, error: unknown): string {
  if (error instanceof Unusable) return error.message;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const other = "path" in at ? "another path" : "another port";
  switch (code) {
    case "EADDRINUSE":
      return `another process listens there. Choose ${other}, or stop that process.`;
    case "EACCES":
    case "EPERM":
      return `this user may not listen there. Choose ${other}.`;
    case "EADDRNOTAVAIL":
      return "this machine has no such address. Use one of its own, or 0.0.0.0 for all.";
    case "": // Bun's error for a name that cannot be looked up
      return "that host is not known. Use an address of this machine, or 0.0.0.0 for all.";
    default:
      return `the system refuses with ${code}. Choose ${other}.`;
  }
}

const headBytesMax = 8 * 1024;
const connectionsMax = 64;
/** A client has this long to send its request, and then to read the answer. */
const clientMs = 5_000;

const reasons: Readonly<Record<number, string>> = {
  200: "OK",
  204: "No Content",
  303: "See Other",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  421: "Misdirected Request",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/**
 * A server for small pages: one request per connection, GET and HEAD only, no body, at most 8 KiB
 * of headers, 64 connections, and 5 seconds for each.
 */
export class HttpServer implements AsyncDisposable {
  /** Where it listens; with the real port if port 0 was asked for. */
  readonly address: ListenAddress;
  readonly #server: Server;
  readonly #clients: ReadonlySet<Socket>;

  private constructor(address: ListenAddress, server: Server, clients: ReadonlySet<Socket>) {
    this.address = address;
    this.#server = server;
    this.#clients = clients;
  }

  /** @throws {CannotListen} */
  static async listen(
    at: ListenAddress,
    answer: (request: HttpRequest) => HttpReply | Promise<HttpReply>,
  ): Promise<HttpServer> {
    const clients = new Set<Socket>();
    const server = createServer((client) => {
      client.on("error", () => client.destroy());
      if (clients.size >= connectionsMax) return void client.destroy();
      clients.add(client);
      client.on("close", () => clients.delete(client));
      serve(client, answer);
    });
    try {
      if ("path" in at) await removeStale(at.path);
      server.listen(at);
      await once(server, "listening");
    } catch (error) {
      throw new CannotListen(at, whyNot(at, error));
    }
    const bound = server.address();
    const isTcp = !("path" in at) && bound !== null && typeof bound === "object";
    return new HttpServer(isTcp ? { ...at, port: bound.port } : at, server, clients);
  }

  /** Stops at once; a process does not wait for its clients. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const client of this.#clients) client.destroy();
    await closed;
    if ("path" in this.address) rmSync(this.address.path, { force: true });
  }
}

/** Whether a path is a socket; null if nothing is there. */
const isSocket = (path: string): boolean | null =>
  lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? null;

/** Removes a socket that a killed process has left: nobody answers there. */
async function removeStale(path: string): Promise<void> {
  const bytes = Buffer.byteLength(path);
  if (bytes > socketPathMax) {
    const expected = `expected a path of at most ${socketPathMax} bytes, found ${bytes}`;
    throw new Unusable(`${expected}. Choose a shorter path.`);
  }
  const isOurs = isSocket(path);
  if (isOurs === false) {
    throw new Unusable(
      "expected a new path or a socket, found a file or folder. Choose another path.",
    );
  }
  if (isOurs === null) {
    if (existsSync(dirname(path))) return;
    throw new Unusable(`there is no folder ${dirname(path)}. Create it, or choose another path.`);
  }
  const client = connect(path);
  const code = await new Promise<string | null>((resolve) => {
    client.on("connect", () => resolve(null));
    client.on("error", (error) => resolve("code" in error ? String(error.code) : "unknown"));
  });
  client.destroy();
  if (code === null) {
    throw new Unusable("another process listens there. Choose another path, or stop that process.");
  }
  if (code === "ECONNREFUSED") rmSync(path, { force: true });
}

/** Reads one request, answers it, and closes the connection. */
function serve(
  client: Socket,
  answer: (request: HttpRequest) => HttpReply | Promise<HttpReply>,
): void {
  const timer = setTimeout(() => client.destroy(), clientMs);
  client.on("close", () => clearTimeout(timer));
  let head = "";
  client.setEncoding("latin1");
  client.on("data", function read(part: string) {
    head += part;
    const end = head.indexOf("\r\n\r\n");
    const isTooLong = end > headBytesMax || (end < 0 && head.length > headBytesMax);
    if (end < 0 && !isTooLong) return;
    client.off("data", read);
    client.resume(); // what follows is ignored, so that the answer is not lost to a reset
    const parsed = isTooLong ? plain(431, "expected at most 8 KiB of headers") : parse(head, end);
    void replyTo(parsed, answer).then((reply) => send(client, reply, head.startsWith("HEAD ")));
  });
}

async function replyTo(
  parsed: HttpRequest | HttpReply,
  answer: (request: HttpRequest) => HttpReply | Promise<HttpReply>,
): Promise<HttpReply> {
  if ("status" in parsed) return parsed;
  try {
    return await answer(parsed);
  } catch (error) {
    return plain(500, messageOf(error));
  }
}

/** A reply of one line. */
export const plain = (status: number, text: string): HttpReply => ({ status, body: `${text}\n` });

function parse(head: string, end: number): HttpRequest | HttpReply {
  const [first = "", ...lines] = head.slice(0, end).split("\r\n");
  const [, method = "", target = ""] = /^([A-Z]+) (\/\S*) HTTP\/1\.[01]$/.exec(first) ?? [];
  if (method === "") return plain(400, "expected a request such as GET /metrics HTTP/1.1");
  if (method !== "GET" && method !== "HEAD") {
    return {
      ...plain(405, `expected GET or HEAD, found ${method}`),
      headers: { Allow: "GET, HEAD" },
    };
  }
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value = ""] = /^([!-9;-~]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined) return plain(400, "expected headers such as Host: localhost");
    headers.set(name.toLowerCase(), value);
  }
  const hasBody =
    headers.has("transfer-encoding") || (headers.get("content-length") ?? "0") !== "0";
  if (hasBody) return plain(400, "expected no body");
  const [path = ""] = target.split("?", 1);
  return { path, query: new URLSearchParams(target.slice(path.length)), headers };
}

function send(client: Socket, reply: HttpReply, isHead: boolean): void {
  const { status, type = "text/plain; charset=utf-8", body, headers = {} } = reply;
  const bytes = Buffer.from(body);
  const lines = [
    `HTTP/1.1 ${status} ${reasons[status] ?? "Unknown"}`,
    `Content-Type: ${type}`,
    `Content-Length: ${bytes.length}`,
    "Cache-Control: no-store",
    "X-Content-Type-Options: nosniff",
    "Connection: close",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  client.write(`${lines.join("\r\n")}\r\n\r\n`);
  client.end(isHead ? "" : bytes);
}
