// `pool --health-check` when no pool answers: what is wrong, in words that are not those of `fetch`.
import { createServer, type Socket } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "bun:test";

import { checkHealth } from "../../../src/cli/health/health-check.ts";
import { openCommands } from "../in-process.ts";

/** A server that does this to each connection. */
async function openServer(onClient: (client: Socket) => void) {
  const server = createServer(onClient);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const at = server.address();
  return {
    port: at !== null && typeof at === "object" ? at.port : 0,
    [Symbol.dispose]: () => void server.close(),
  };
}

test("a failed health check says what is wrong, and what to do", async () => {
  using cli = await openCommands(null);
  const closed = await openServer(() => {});
  closed[Symbol.dispose]();
  using hasty = await openServer((client) => client.destroy());
  using other = await openServer((client) => client.end("SSH-2.0-OpenSSH_9.2\r\n"));
  await cli.write("file", "");
  const socket = join(cli.folder, "none");
  const start = "Start a pool with --health, or correct the address.";
  for (const [address, where, reason] of [
    [`${closed.port}`, `127.0.0.1:${closed.port}`, `nothing accepts connections there. ${start}`],
    [socket, socket, `there is no socket. ${start}`],
    [`${socket}/livez`, socket, `there is no socket. ${start}`],
    ["nosuch.invalid:80", "nosuch.invalid:80", "that host is not known. Correct the address."],
    [
      `${hasty.port}/livez`,
      `127.0.0.1:${hasty.port}`,
      "the connection was closed before a whole answer. Correct the address.",
    ],
    [`${other.port}`, `127.0.0.1:${other.port}`, "the answer is not HTTP. Correct the address."],
  ] as const) {
    const checked = await cli.run("pool", "--health-check", address);
    expect(checked).toEqual({ code: 1, out: "", err: `pool: cannot ask ${where}: ${reason}\n` });
  }
});

test("a health check of a server that hangs ends, and says so", async () => {
  using server = await openServer(() => {});
  const { code, line } = await checkHealth(`${server.port}`, "--health-check", 50);
  expect(code).toBe(1);
  expect(line).toBe(
    `cannot ask 127.0.0.1:${server.port}: no whole answer within 0.05 s. Check whether it hangs, or a firewall is in between.`,
  );
});

test("another server's page is shown by its first line", async () => {
  const text = `<html>\n${"x".repeat(1_000)}`;
  using server = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0 },
    fetch: ({ url }) => new Response(url.endsWith("/livez") ? "" : text, { status: 404 }),
  });
  const address = `127.0.0.1:${server.port}`;
  expect(await checkHealth(address, "")).toEqual({ code: 1, line: "<html>" });
  expect(await checkHealth(`${address}/livez`, "")).toEqual({
    ...{ code: 1, line: `${address} answered with 404` },
  });
});

test.each([
  "9470/metrics",
  "9470/",
  "localhost:9470/livez/",
  "http://localhost:9470",
  "0",
  ":9470",
])("--health-check %s is wrong usage, not the path of a socket", async (address) => {
  using cli = await openCommands(null);
  expect(await cli.run("pool", "--health-check", address)).toEqual({
    ...{ code: 2, out: "" },
    err:
      "pdoflow pool: --health-check: expected the port, the address or the socket of a pool, " +
      `such as 9470, perhaps followed by /livez, /readyz or /startupz, found "${address}"\n`,
  });
});
