import { afterAll, beforeAll, expect, test } from "bun:test";

import { messageOf } from "../../../src/domain/errors.ts";
import { type Retry, retryOf } from "../../../src/job/thrown.ts";
import { parseNetwork } from "../../../src/pool/notify/addresses.ts";
import type { Receiver } from "../../../src/pool/notify/receivers.ts";
import { signatureHeaders } from "../../../src/pool/notify/signature.ts";
import { type ResolveName, sendWebhook } from "../../../src/pool/notify/webhook.ts";
import { type Endpoint, openEndpoint } from "./endpoint.ts";

type Webhook = Extract<Receiver, { kind: "url" }>;

let endpoint: Endpoint;
beforeAll(async () => void (endpoint = await openEndpoint()));
afterAll(async () => await endpoint[Symbol.asyncDispose]());

const network = (text: string) => {
  const found = parseNetwork(text);
  if (!found) throw new Error(`expected a network, found ${text}`);
  return found;
};
const secret = Buffer.from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64");
const delivery = { id: "posting-1-1-abc", attempt: 1, payload: { body: "{}", headers: {} } };

const receiverAt = (path: string, more: Partial<Webhook> = {}): Webhook => ({
  ...{ name: "hook", folder: "/", kind: "url", allow: [network("127.0.0.1")] },
  url: new URL(`http://hook.test:${endpoint.port}${path}`),
  ...more,
});

/** As if the name had this address. */
const at =
  (...addresses: string[]): ResolveName =>
  () =>
    Promise.resolve(addresses);

/** How a delivery ended: what was kept, or the message, and whether and when it is tried again. */
async function send(path: string, more: Partial<Webhook> = {}, limitMs = 5_000) {
  try {
    const means = { resolve: at("127.0.0.1"), limitMs, showsAnswer: true };
    return await sendWebhook(receiverAt(path, more), delivery, means);
  } catch (error) {
    return { retry: retryOf(error), text: String(error) };
  } finally {
    await endpoint.next();
  }
}

test("a receiver gets one signed request, and its answer is kept without control characters", async () => {
  const body = '{"id":41}';
  const payload = { body, headers: { "content-type": "application/json" } };
  const own = { secret: [secret], token: "tk_123456" };
  const means = { resolve: at("127.0.0.1"), limitMs: 5_000, showsAnswer: true };
  const receiver = receiverAt("/hook?key=abcdef", own);
  expect(await sendWebhook(receiver, { ...delivery, payload }, means)).toEqual({
    status: 200,
    answer: "thank you <b>",
  });
  const { method, url, headers, body: seen } = await endpoint.next();
  expect({ method, url, seen }).toEqual({ method: "POST", url: "/hook?key=abcdef", seen: body });
  expect(headers).toMatchObject({
    ...{ host: `hook.test:${endpoint.port}`, "content-type": "application/json" },
    ...{ authorization: "Bearer tk_123456", "webhook-id": delivery.id },
  });
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${seen}`;
  expect(headers["webhook-signature"]).toBe(`v1,${opensslHmac(signed)}`);
  expect(Math.abs(Number(headers["webhook-timestamp"]) - Date.now() / 1000)).toBeLessThan(60);
});

/** By another program than the one that is tested. */
function opensslHmac(text: string): string {
  const key = `hexkey:${secret.toString("hex")}`;
  const command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", key, "-binary"];
  const { stdout } = Bun.spawnSync(command, { stdin: Buffer.from(text) });
  return Buffer.from(stdout).toString("base64");
}

test("the signature is that of the example of Standard Webhooks; two secrets make two", () => {
  const [id, body] = ["msg_p5jXN8AQM9LWM0D4loKWxJek", '{"test": 2432232314}'];
  const known = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
  const header = (...secrets: Buffer[]) =>
    signatureHeaders(id, 1614265330, body, secrets)["webhook-signature"];
  expect(header(secret)).toBe(known);
  expect(header(Buffer.alloc(24), secret)?.split(" ")).toEqual([
    expect.stringMatching(/^v1,/),
    known,
  ]);
});

test.each<[string, Retry | null, string]>([
  ["/410", "never", "answered 410"],
  ["/404", "never", "answered 404"],
  ["/408", null, "408"],
  ["/425", null, "425"],
  ["/500", null, "500"],
  ["/429", 120_000, "429"],
  ["/429-soon", null, "429"],
  ["/429-years", 86_400_000, "429"],
  ["/503-odd", null, "503"],
  ["/redirect", null, "302, and redirects are not followed"],
  ["/cut", null, "the connection failed"],
  ["/headers", null, "the connection failed"],
])("%s is tried again: %p", async (path, retry, text) => {
  expect(await send(path)).toEqual({ retry, text: expect.stringContaining(text) });
});

test("a date in Retry-After is a time, too", async () => {
  const { retry } = (await send("/503")) as { retry: number };
  expect(retry).toBeGreaterThan(400_000);
  expect(retry).toBeLessThanOrEqual(600_000);
});

test("of an endless answer and of one that comes byte by byte, only the beginning is read", async () => {
  expect(await send("/endless", {}, 60_000)).toEqual({ status: 200, answer: "x".repeat(2_048) });
  const slow = (await send("/slow", {}, 300)) as { status: number; answer: string };
  expect(slow).toEqual({ status: 200, answer: expect.stringMatching(/^z{1,20}$/) });
  expect(await send("/slow-500", {}, 300)).toMatchObject({ retry: null });
  expect(await send("/silent", {}, 100)).toEqual({
    retry: null,
    text: "NotificationFailed: receiver hook: found no whole answer within 0.1 s",
  });
});

test("an error page that repeats the request does not show the URL or a secret", async () => {
  const path = "/echo/T0000SECRET/B%26B%2FSECRET?key=QUERYSECRET&x=1";
  const token = "tk_TOKENSECRET";
  const { text } = (await send(path, { token, secret: [secret] })) as { text: string };
  expect(text).toContain("answered 404: no such hook: ");
  expect(text).not.toMatch(/SECRET|hook\.test/);
});

test("only the status of an answer is kept", async () => {
  const means = { resolve: at("127.0.0.1"), limitMs: 5_000 };
  const sent = async (path: string) => {
    const found = await sendWebhook(receiverAt(path), delivery, means).catch(messageOf);
    await endpoint.next();
    return found;
  };
  expect(await sent("/ok")).toEqual({ status: 200 });
  expect(await sent("/endless")).toEqual({ status: 200 });
  expect(await sent("/echo/PATHSECRET")).toBe("receiver hook answered 404");
  expect(await sent("/500")).toBe("receiver hook: it answered 500");
});

test("no part of the URL is in an error of the network", async () => {
  const url = new URL("http://hook.test:1/SECRETPATH");
  const means = { resolve: at("127.0.0.1"), limitMs: 5_000 };
  const refused = sendWebhook(receiverAt("/", { url }), delivery, means);
  await refused.then(
    () => expect.unreachable(),
    (error: Error) => {
      expect(`${error.stack} ${error.message} ${Bun.inspect(error)}`).not.toMatch(
        /SECRET|hook\.test/,
      );
      expect(error.message).toBe("receiver hook: the connection failed (ECONNREFUSED)");
    },
  );
  const unknown = sendWebhook(receiverAt("/", { url }), delivery, {
    ...means,
    resolve: () => Promise.reject(new Error("queryA ENOTFOUND hook.test")),
  });
  expect(await unknown.catch(messageOf)).toBe("receiver hook: its name could not be resolved");
});

test("a name that changes its address between two look-ups is looked up once", async () => {
  const addresses = ["127.0.0.1", "169.254.169.254"];
  const asked: string[] = [];
  const resolve: ResolveName = async (host) => {
    asked.push(host);
    return [addresses[asked.length - 1] ?? "169.254.169.254"];
  };
  const { status } = await sendWebhook(receiverAt("/ok"), delivery, { resolve, limitMs: 5_000 });
  expect({ status, asked }).toEqual({ status: 200, asked: ["hook.test"] });
  await endpoint.next();
});

test("an address that is not public is not contacted, also beside one that is allowed", async () => {
  const refusal = async (...addresses: string[]) => {
    const means = { resolve: at(...addresses), limitMs: 5_000 };
    try {
      return await sendWebhook(receiverAt("/ok", { allow: [] }), delivery, means);
    } catch (error) {
      return { retry: retryOf(error), text: String(error) };
    }
  };
  expect(await refusal("127.0.0.1")).toEqual({
    retry: "never",
    text: expect.stringContaining("found one that is loopback (127.0.0.0/8)"),
  });
  expect(await refusal("::ffff:127.0.0.1")).toMatchObject({ retry: "never" });
  const means = { resolve: at("10.0.0.1", "127.0.0.1"), limitMs: 5_000 };
  expect(await sendWebhook(receiverAt("/ok"), delivery, means)).toMatchObject({ status: 200 });
  await endpoint.next();
});
