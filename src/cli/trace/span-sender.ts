import * as v from "valibot";

import { type TraceSpan, traceRequest } from "../../domain/otlp.ts";
import { requestFailure } from "../http/request-failure.ts";
import type { TraceSettings } from "./trace-settings.ts";

const batchMax = 512;
/** Spans that wait while the collector does not take them; further ones are dropped. */
const waitingMax = 4_096;
const everyMs = 5_000;
const answerMs = 10_000;
/** The longest pause that a collector can ask for. */
const pauseMaxMs = 300_000;
/** When the pool has ended, the last spans may take this long. */
const lastMs = 3_000;
/** Longer answers are not read. */
const answerBytesMax = 64 * 1024;

/** The answers after which OTLP has a batch sent again. */
const againAfter: ReadonlySet<number> = new Set([429, 502, 503, 504]);

export interface SenderOptions {
  settings: TraceSettings;
  version: string;
  log: (line: string) => void;
}

/** What became of a batch: it was taken, except for `rejected` spans, or not. */
type CollectorReply =
  | { isTaken: true; rejected: number; reason: string }
  | { isTaken: false; isFinal: boolean; pauseMs: number; reason: string };

/**
 * Sends spans to a collector in batches of 512, or every 5 seconds. It never delays a job: a batch
 * that the collector cannot take now waits, and spans for which there is no room are dropped and
 * counted, like the ones that it refuses.
 */
export class SpanSender implements AsyncDisposable {
  readonly #options: SenderOptions;
  readonly counts = { sent: 0, dropped: 0 };
  #waiting: TraceSpan[] = [];
  #sending: Promise<void> | null = null;
  /** The collector asks for nothing before this (performance clock) … */
  #pausedUntil = 0;
  /** … or it did not answer, and is asked again after this. */
  #againAt = 0;
  #hasFailed = false;
  readonly #end = new AbortController();
  readonly #timer = setInterval(() => void this.#flush(), everyMs);

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  add(spans: readonly TraceSpan[]): void {
    const room = waitingMax - this.#waiting.length;
    this.counts.dropped += Math.max(spans.length - room, 0);
    this.#waiting.push(...spans.slice(0, room));
    if (this.#waiting.length >= batchMax) void this.#flush();
  }

  #flush(): Promise<void> {
    return (this.#sending ??= this.#sendAll().finally(() => (this.#sending = null)));
  }

  async #sendAll(): Promise<void> {
    const isPaused = () => performance.now() < Math.max(this.#pausedUntil, this.#againAt);
    while (this.#waiting.length > 0 && !isPaused()) {
      const batch = this.#waiting.slice(0, batchMax);
      const answer = await this.#send(batch);
      if (answer.isTaken) {
        this.counts.sent += batch.length - answer.rejected;
        this.counts.dropped += answer.rejected;
      } else if (answer.isFinal) {
        this.counts.dropped += batch.length;
      } else {
        const now = performance.now();
        this.#againAt = now + everyMs;
        this.#pausedUntil = now + answer.pauseMs;
        return this.#note(answer.reason); // and sends it again
      }
      this.#waiting.splice(0, batch.length);
      this.#note(answer.reason);
    }
  }

  /** Logs a failure once, until spans are taken again. */
  #note(failure: string): void {
    const hasFailed = failure !== "";
    if (hasFailed && !this.#hasFailed) this.#options.log(`spans are not sent: ${failure}`);
    if (!hasFailed && this.#hasFailed) this.#options.log("spans are sent again");
    this.#hasFailed = hasFailed;
  }

  async #send(batch: readonly TraceSpan[]): Promise<CollectorReply> {
    const { settings, version } = this.#options;
    const { url, headers, resource } = settings;
    const service = { ...resource, "service.version": version };
    try {
      const reply = await fetch(url, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify(traceRequest(batch, service, { name: "pdoflow", version })),
        signal: AbortSignal.any([AbortSignal.timeout(answerMs), this.#end.signal]),
        redirect: "error",
      });
      const text = await beginningOf(reply);
      if (reply.ok) return { isTaken: true, ...refusalIn(text, batch.length) };
      return {
        ...{ isTaken: false, isFinal: !againAfter.has(reply.status) },
        ...{ pauseMs: pauseOf(reply), reason: `${url} answered with ${reply.status}` },
      };
    } catch (error) {
      // It refuses connections, hangs, or ends them: it may answer later.
      const reason = `${url}: ${requestFailure(error, { server: "the collector", answerMs })}`;
      return { isTaken: false, isFinal: false, pauseMs: 0, reason };
    }
  }

  /** Sends what is left, as far as the collector answers. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    const timer = setTimeout(() => this.#end.abort(new Error("the pool has ended")), lastMs);
    await this.#sending;
    this.#againAt = 0;
    if (!this.#end.signal.aborted) await this.#flush();
    clearTimeout(timer);
    this.counts.dropped += this.#waiting.length;
    this.#waiting = [];
    if (this.counts.dropped > 0) this.#options.log(`${this.counts.dropped} spans were dropped`);
  }
}

/** The text of an answer, as far as it is needed. */
async function beginningOf(reply: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of reply.body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > answerBytesMax) break; // which cancels the rest
  }
  return Buffer.concat(chunks).subarray(0, answerBytesMax).toString();
}

const PartialSuccess = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    partialSuccess: v.object({
      // A 64-bit number, which is a text in JSON; some collectors write a number.
      rejectedSpans: v.optional(v.pipe(v.union([v.string(), v.number()]), v.transform(Number)), 0),
      errorMessage: v.optional(v.string(), ""),
    }),
  }),
);

/** How many spans a collector refused that took the others; none if it answers anything else. */
function refusalIn(text: string, sent: number): { rejected: number; reason: string } {
  const parsed = v.safeParse(PartialSuccess, text);
  if (!parsed.success) return { rejected: 0, reason: "" };
  const { rejectedSpans, errorMessage } = parsed.output.partialSuccess;
  const rejected = Number.isInteger(rejectedSpans) ? Math.min(Math.max(rejectedSpans, 0), sent) : 0;
  const said = errorMessage.slice(0, 200).replaceAll(/\p{Cc}+/gu, " ");
  return { rejected, reason: rejected === 0 ? "" : `the collector rejects ${rejected}: ${said}` };
}

/** How long the collector asks to wait, in the header Retry-After; 0 if it does not. */
function pauseOf({ headers }: Response): number {
  const text = headers.get("retry-after") ?? "";
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now();
  return ms > 0 ? Math.min(ms, pauseMaxMs) : 0;
}
