import { readTraceparents } from "../../db/read/traceparents.ts";
import type { Target } from "../../db/settings/target.ts";
import { messageOf } from "../../domain/errors.ts";
import { traceRequest } from "../../domain/otlp.ts";
import { Link } from "../../pool/link/link.ts";
import { type AttemptSpan, linked } from "./attempt-spans.ts";
import type { TraceSettings } from "./trace-settings.ts";

const batchMax = 512;
/** Spans that wait while the collector does not answer; further ones are dropped. */
const waitingMax = 4_096;
const everyMs = 5_000;
const answerMs = 10_000;
/** When the pool has ended, the last spans may take this long. */
const lastMs = 3_000;

export interface SenderOptions {
  settings: TraceSettings;
  /** With the trace contexts of postings, read on a connection of its own. */
  target: Target;
  version: string;
  log: (line: string) => void;
}

/**
 * Sends spans to a collector in batches of 512, or every 5 seconds. It never delays a job: spans
 * for which there is no room are dropped and counted, and so is a batch that the collector refuses.
 */
export class SpanSender implements AsyncDisposable {
  readonly #options: SenderOptions;
  readonly #link: Link;
  readonly counts = { sent: 0, dropped: 0 };
  #waiting: AttemptSpan[] = [];
  #sending: Promise<void> | null = null;
  #hasFailed = false;
  readonly #end = new AbortController();
  readonly #timer = setInterval(() => void this.#flush(), everyMs);

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#link = new Link(options.target, { deadlineMs: lastMs });
  }

  add(spans: readonly AttemptSpan[]): void {
    const room = waitingMax - this.#waiting.length;
    this.counts.dropped += Math.max(spans.length - room, 0);
    this.#waiting.push(...spans.slice(0, room));
    if (this.#waiting.length >= batchMax) void this.#flush();
  }

  #flush(): Promise<void> {
    return (this.#sending ??= this.#sendAll().finally(() => (this.#sending = null)));
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, batchMax);
      try {
        await this.#send(batch);
        this.counts.sent += batch.length;
        if (this.#hasFailed) this.#options.log("spans are sent again");
        this.#hasFailed = false;
      } catch (error) {
        this.counts.dropped += batch.length;
        if (!this.#hasFailed) this.#options.log(`spans are dropped: ${messageOf(error)}`);
        this.#hasFailed = true;
        return; // and tries again with the next flush
      }
    }
  }

  async #send(batch: readonly AttemptSpan[]): Promise<void> {
    const { settings, version } = this.#options;
    const ids = [...new Set(batch.map(({ postingId }) => postingId))];
    const contexts = await this.#link.ask((db) => readTraceparents(db, ids));
    const spans = batch.map((each) => linked(each, contexts.get(each.postingId)));
    const resource = { "service.name": settings.serviceName, "service.version": version };
    const reply = await fetch(settings.url, {
      method: "POST",
      headers: { ...settings.headers, "content-type": "application/json" },
      body: JSON.stringify(traceRequest(spans, resource, { name: "pdoflow", version })),
      signal: AbortSignal.any([AbortSignal.timeout(answerMs), this.#end.signal]),
      redirect: "error",
    });
    await reply.arrayBuffer();
    if (!reply.ok) throw new Error(`${settings.url} answered with ${reply.status}`);
  }

  /** Sends what is left, as far as the collector answers. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    const timer = setTimeout(() => this.#end.abort(new Error("the pool has ended")), lastMs);
    await this.#sending;
    await this.#flush();
    clearTimeout(timer);
    this.counts.dropped += this.#waiting.length;
    if (this.counts.dropped > 0) this.#options.log(`${this.counts.dropped} spans were dropped`);
    await this.#link.close();
  }
}
