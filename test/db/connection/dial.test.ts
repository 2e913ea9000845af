import { createServer } from "node:net";
import { expect, test } from "bun:test";

import { isConnectionLoss } from "../../../src/db/connection/connect.ts";
import { dial } from "../../../src/db/connection/dial.ts";

/** A server that accepts connections and never answers, and the signal of the client's end. */
async function openSilent() {
  const client = new AbortController();
  const accepted = Promise.withResolvers<void>();
  const server = createServer(() => accepted.resolve());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  const port = typeof bound === "object" && bound ? bound.port : 0;
  const dialing = () =>
    dial(
      { host: "127.0.0.1", port },
      { tls: "prefer", certificates: {}, timeoutMs: 60_000, signal: client.signal },
    ).then(
      () => null,
      (error: unknown) => error,
    );
  return { client, accepted: accepted.promise, dialing, [Symbol.dispose]: () => server.close() };
}

// postgres.js also connects after the end of its client: pools ended with an AbortError by that.
test("a client that was closed before it connects gets a connection loss", async () => {
  using silent = await openSilent();
  silent.client.abort();
  expect(isConnectionLoss(await silent.dialing())).toBe(true);
});

test("a client that is closed while the server is asked for TLS gets a connection loss", async () => {
  using silent = await openSilent();
  const dialing = silent.dialing();
  await silent.accepted;
  silent.client.abort();
  expect(isConnectionLoss(await dialing)).toBe(true);
});
