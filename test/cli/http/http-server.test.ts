import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { HttpServer, plain } from "../../../src/cli/http/http-server.ts";
import { messageOf } from "../../../src/domain/errors.ts";
import {
  formatListenAddress,
  type ListenAddress,
  parseListenAddress,
} from "../../../src/cli/http/listen-address.ts";

const anywhere = { host: "127.0.0.1", port: 0 };

/** Sends bytes as they are; resolves to all that comes back until the end. */
async function raw(at: ListenAddress, bytes: string): Promise<string> {
  const client = connect("path" in at ? at : { ...at });
  client.write(bytes);
  return await readAll(client);
}

const readAll = (client: Socket) =>
  new Promise<string>((resolve) => {
    let text = "";
    client.setEncoding("utf8");
    client.on("data", (part: string) => (text += part));
    client.on("error", () => resolve(text));
    client.on("close", () => resolve(text));
  });

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1] ?? 0);

test("a page is sent with its length, and HEAD without its body", async () => {
  await using server = await HttpServer.listen(anywhere, ({ path, query, headers }) =>
    plain(200, `${path} ${query.get("a")} ${headers.get("accept")} ü`),
  );
  const request = "GET /x?a=1%202 HTTP/1.1\r\nHost: h\r\nACCEPT:  text \r\n\r\n";
  const answer = await raw(server.address, request);
  expect(answer).toStartWith("HTTP/1.1 200 OK\r\nContent-Type: text/plain");
  expect(answer).toEndWith("\r\n\r\n/x 1 2 text ü\n");
  expect(answer).toContain("\r\nContent-Length: 15\r\n");
  const head = await raw(server.address, request.replace("GET", "HEAD"));
  expect(head).toBe(answer.replace("/x 1 2 text ü\n", ""));
});

test.each([
  ["POST", 405, "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"],
  ["DELETE", 405, "DELETE / HTTP/1.1\r\n\r\n"],
  ["a body", 400, "GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"],
  ["a body in chunks", 400, "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["a proxy's request", 400, "GET http://elsewhere/ HTTP/1.1\r\n\r\n"],
  ["another version", 400, "GET / HTTP/2\r\n\r\n"],
  ["TLS", 400, "\x16\x03\x01\x02\x00\x01\r\n\r\n"],
  ["a line that is no header", 400, "GET / HTTP/1.1\r\nno header\r\n\r\n"],
  ["a long header", 431, `GET / HTTP/1.1\r\nA: ${"a".repeat(9_000)}\r\n\r\n`],
  ["a long path", 431, `GET /${"a".repeat(9_000)}`],
  ["a page that fails", 500, "GET /fails HTTP/1.1\r\n\r\n"],
])("%s is answered with %d", async (_, status, request) => {
  await using server = await HttpServer.listen(anywhere, ({ path }) => {
    if (path === "/fails") throw new Error("no");
    return plain(200, "ok");
  });
  expect(statusOf(await raw(server.address, request))).toBe(status);
});

test("a request may come byte by byte", async () => {
  await using server = await HttpServer.listen(anywhere, () => plain(200, "ok"));
  const client = connect("port" in server.address ? server.address : { port: 0 });
  const answer = readAll(client);
  for (const byte of "GET / HTTP/1.0\r\n\r\n") {
    await new Promise<void>((resolve) => client.write(byte, () => resolve()));
  }
  expect(statusOf(await answer)).toBe(200);
});

test("the 65th connection is closed, and there is room again once one has ended", async () => {
  await using server = await HttpServer.listen(anywhere, () => plain(200, "ok"));
  const { address } = server;
  if ("path" in address) throw new Error("expected a port");
  const idle: Socket[] = [];
  while (idle.length < 64) {
    const client = connect(address);
    await new Promise((resolve) => client.once("connect", resolve));
    idle.push(client);
  }
  expect(await raw(address, "GET / HTTP/1.1\r\n\r\n")).toBe("");
  const [first] = idle;
  first?.end("GET / HTTP/1.1\r\n\r\n");
  expect(statusOf(first ? await readAll(first) : "")).toBe(200);
  expect(statusOf(await raw(address, "GET / HTTP/1.1\r\n\r\n"))).toBe(200);
  for (const client of idle) client.destroy();
});

test("a socket that a killed process has left is replaced, one in use is not", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pdoflow-http-"));
  const at = { path: join(folder, "socket") };
  // A process that is killed leaves its socket.
  const left = Bun.spawn([
    ...[process.execPath, "-e"],
    `require("net").createServer().listen(${JSON.stringify(at.path)}, () => console.log("on"))`,
  ]);
  await left.stdout.getReader().read();
  const inUse = HttpServer.listen(at, () => plain(200, "ok"));
  expect(await inUse.catch(messageOf)).toContain("another process listens");
  left.kill("SIGKILL");
  await left.exited;
  {
    await using server = await HttpServer.listen(at, () => plain(200, "ok"));
    expect(statusOf(await raw(server.address, "GET / HTTP/1.1\r\n\r\n"))).toBe(200);
    const again = HttpServer.listen(at, () => plain(200, "ok"));
    expect(await again.catch(messageOf)).toContain("cannot listen on");
  }
  expect(existsSync(at.path)).toBe(false);
  rmSync(folder, { recursive: true });
});

test("a file is never taken for a socket, nor removed, and a missing folder is a clear error", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pdoflow-http-"));
  const path = join(folder, "notes.txt");
  await Bun.write(path, "mine");
  const error = await HttpServer.listen({ path }, () => plain(200, "")).catch(messageOf);
  expect(error).toContain(
    "expected a new path or a socket, found a file or folder. Choose another path",
  );
  expect(await Bun.file(path).text()).toBe("mine");
  const nowhere = { path: join(folder, "no", "socket") };
  expect(await HttpServer.listen(nowhere, () => plain(200, "")).catch(messageOf)).toContain(
    `there is no folder ${folder}/no`,
  );
  rmSync(folder, { recursive: true });
});

test("a port in use is a clear error", async () => {
  await using server = await HttpServer.listen(anywhere, () => plain(200, "ok"));
  const again = HttpServer.listen(server.address, () => plain(200, "ok"));
  expect(await again.catch(messageOf)).toMatch(
    /^cannot listen on 127\.0\.0\.1:\d+: .*Choose another port/,
  );
});

test.each([
  [{ host: "nosuch.invalid", port: 1 }, "that host is not known. Use an address of this machine"],
  [{ host: "192.0.2.1", port: 1 }, "this machine has no such address. Use one of its own"],
  [{ path: `/tmp/${"x".repeat(103)}` }, "expected a path of at most 107 bytes, found 108. Choose"],
])("listening on %p is refused in our words", async (at, reason) => {
  const error = await HttpServer.listen(at, () => plain(200, "ok")).catch(messageOf);
  expect(error).toStartWith(`cannot listen on ${formatListenAddress(at)}: ${reason}`);
});

test.each([
  ["9470", "127.0.0.1:9470"],
  ["0.0.0.0:9470", "0.0.0.0:9470"],
  ["[::1]:80", "[::1]:80"],
  ["localhost:0", "localhost:0"],
  ["/run/a.sock", "/run/a.sock"],
  ["./a:1", "./a:1"],
])("the address %s is %s", (text, expected) => {
  expect(formatListenAddress(parseListenAddress(text, "--health"))).toBe(expected);
});

test("a fault of an address says what the option expects", () => {
  expect(() => parseListenAddress("abc", "--listen", "a port")).toThrow(
    '--listen: expected a port, found "abc"',
  );
});

test.each(["", ":9470", "65536", "a", "::1:80", "1.2.3.4", "-1", "80 "])(
  'the address "%s" is refused',
  (text) => {
    expect(() => parseListenAddress(text, "--health")).toThrow("--health: expected a port such as");
  },
);
