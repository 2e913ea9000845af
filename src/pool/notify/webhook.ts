import { lookup as lookupName } from "node:dns/promises";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP } from "node:net";

import { FatalError, RetryAfter } from "../../job/thrown.ts";
import { refusalOf } from "./addresses.ts";
import { NotificationFailed } from "./notification-failed.ts";
import type { Receiver } from "./receivers.ts";
import { redacted } from "./redacted.ts";
import { signatureHeaders } from "./signature.ts";
import type { Payload } from "./templates.ts";

type Webhook = Extract<Receiver, { kind: "url" }>;

/** The answer of a receiver: its status, and the beginning of its text if that may be shown. */
export interface WebhookAnswer {
  status: number;
  answer?: string;
}

/** What to send, with its id and the number of this attempt. */
interface Delivery {
  id: string;
  attempt: number;
  payload: Payload;
}

/** How names become addresses. */
export type ResolveName = (host: string) => Promise<readonly string[]>;

interface Means {
  resolve: ResolveName;
  /** For the whole delivery, with the look-up of the name. */
  limitMs: number;
  /** Whether to read the text of the answer. No mask finds a secret in each of its notations. */
  showsAnswer?: boolean;
}

const lookup: ResolveName = async (host) =>
  (await lookupName(host, { all: true })).map(({ address }) => address);

export const usualMeans: Means = { resolve: lookup, limitMs: 10_000 };

const answerMax = 2_048;
/** A part of a secret at the end of the answer is not recognised, so more is read. */
const readMax = 2 * answerMax;
const longestMs = 86_400_000;

/** Answers of 4xx after which another attempt can help. */
const temporary = [408, 425, 429];

/**
 * Sends a request to exactly the address that was checked, and follows no redirect.
 *
 * @throws {FatalError} another attempt would fail too.
 * @throws {RetryAfter} the receiver named a time.
 * @throws {NotificationFailed} for another attempt. No message has a part of the URL.
 */
export async function sendWebhook(
  receiver: Webhook,
  delivery: Delivery,
  { resolve, limitMs, showsAnswer = false }: Means = usualMeans,
): Promise<WebhookAnswer> {
  const { name, url, allow = [] } = receiver;
  const deadline = AbortSignal.timeout(limitMs);
  const late = new Promise<never>((_, reject) => {
    deadline.addEventListener("abort", () =>
      reject(new NotificationFailed(name, `found no whole answer within ${limitMs / 1000} s`)),
    );
  });
  late.catch(() => {}); // nobody waits for it once the answer is here
  const addresses = await Promise.race([addressesOf(receiver, resolve), late]);
  const refusals = addresses.map((each) => refusalOf(each, allow));
  const address = addresses[refusals.indexOf(null)];
  if (address === undefined) {
    throw new FatalError(
      `receiver ${name}: expected a public address, found one that is ${refusals[0]}. If it is ` +
        `meant, add it to the file of the receiver, as in allow = ["10.1.2.3"]`,
    );
  }
  const response = await Promise.race([
    exchange({ receiver, url, address, deadline }, delivery),
    late,
  ]);
  const status = response.statusCode ?? 0;
  const answer = showsAnswer ? { answer: await answerOf(response, receiver) } : {};
  response.destroy();
  if (status >= 200 && status < 300) return { status, ...answer };
  throw failure(name, delivery.attempt, { status, ...answer, response });
}

async function addressesOf(
  { name, url }: Webhook,
  resolve: ResolveName,
): Promise<readonly string[]> {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (isIP(host) !== 0) return [host];
  try {
    return await resolve(host);
  } catch (error) {
    throw new NotificationFailed(name, `its name could not be resolved${codeOf(error)}`);
  }
}

interface Exchange {
  receiver: Webhook;
  url: URL;
  address: string;
  deadline: AbortSignal;
}

async function exchange(
  { receiver, url, address, deadline }: Exchange,
  { id, payload }: Delivery,
): Promise<IncomingMessage> {
  const { secret = [], token, name } = receiver;
  const { body, headers } = payload;
  const isTls = url.protocol === "https:";
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const all = {
    ...{ host: url.host, "user-agent": "pdoflow", connection: "close" },
    ...{ ...headers, "content-length": Buffer.byteLength(body) },
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...signatureHeaders(id, Math.floor(Date.now() / 1000), body, secret),
  };
  const options = {
    ...{ host: address, port: url.port || (isTls ? 443 : 80), method: "POST" },
    ...{ path: `${url.pathname}${url.search}`, headers: all, agent: false as const },
    ...(isTls ? { servername: isIP(host) === 0 ? host : "" } : {}),
  };
  return await new Promise((resolve, reject) => {
    const fail = (error: unknown) =>
      reject(new NotificationFailed(name, `the connection failed${codeOf(error)}`));
    const request = (isTls ? requestHttps : requestHttp)(options, resolve);
    request.on("error", fail);
    deadline.addEventListener("abort", () => request.destroy());
    request.end(body);
  });
}

async function answerOf(response: IncomingMessage, receiver: Webhook): Promise<string> {
  const text = await beginningOf(response);
  return readable(redacted(text, receiver)).slice(0, answerMax);
}

/** The first bytes of an answer, which may be endless, or cut off at the deadline. */
async function beginningOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      parts.push(part.subarray(0, readMax - size));
      size += part.length;
      if (size >= readMax) break;
    }
  } catch {
    // Its status counts, and that is here.
  }
  return Buffer.concat(parts).toString("utf8");
}

function failure(name: string, attempt: number, { status, answer = "", response }: Failed): Error {
  const how = `answered ${status}${answer === "" ? "" : `: ${answer}`}`;
  if (status >= 300 && status < 400) {
    return new NotificationFailed(name, `it answered ${status}, and redirects are not followed`);
  }
  const isForGood = status >= 400 && status < 500 && !temporary.includes(status);
  if (isForGood) return withoutStack(new FatalError(`receiver ${name} ${how}`));
  const waitMs = retryAfterMs(response);
  const failed = new NotificationFailed(name, `it ${how}`);
  // At least the time after which it is tried again otherwise: a few seconds would use up all
  // attempts.
  const leastMs = Math.min(30_000 * 2 ** (attempt - 1), 3_600_000);
  if (waitMs === null || waitMs <= leastMs) return failed;
  return withoutStack(new RetryAfter(Math.min(waitMs, longestMs), failed.message));
}

interface Failed extends WebhookAnswer {
  response: IncomingMessage;
}

/** In ms; null without such a header. It is a number of seconds, or a date. */
function retryAfterMs({ headers }: IncomingMessage): number | null {
  const text = headers["retry-after"];
  if (text === undefined) return null;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(at - Date.now(), 0);
}

function withoutStack<E extends Error>(error: E): E {
  delete error.stack; // there is nothing of the user's in it
  return error;
}

/** The code of a system error: its message may have a part of the URL. */
function codeOf(error: unknown): string {
  const { code }: { code?: unknown } = Object(error);
  return typeof code === "string" && /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? ` (${code})` : "";
}

/** Without control characters, except for line ends. */
const readable = (text: string): string => text.replaceAll(/[^\P{C}\n]/gu, "").trim();
