import { randomBytes } from "node:crypto";

import type { PoolTrace } from "../../job/attempt-trace.ts";
import type { PoolOptions } from "../../pool/options.ts";
import { spansOf } from "./attempt-spans.ts";
import { type SenderOptions, SpanSender } from "./span-sender.ts";
import type { TraceSettings } from "./trace-settings.ts";

/** How a pool with these settings traces; each pool makes ids of its own. */
export const newPoolTrace = ({ sampler }: TraceSettings): PoolTrace => ({
  seed: randomBytes(16).toString("hex"),
  sampler,
});

/** Traces the attempts of a pool. */
export class Tracing implements AsyncDisposable {
  readonly #sender: SpanSender;
  readonly #trace: PoolTrace;

  constructor(trace: PoolTrace, options: SenderOptions) {
    this.#sender = new SpanSender(options);
    this.#trace = trace;
    for (const note of options.settings.notes) options.log(note);
  }

  /** For the option of the pool: costs a hash for each job, and more for a traced one. */
  readonly onEndedRun: NonNullable<PoolOptions["onEndedRun"]> = (ended, run) => {
    const spans = spansOf(ended, run, this.#trace, nanosAt);
    if (spans.length > 0) this.#sender.add(spans);
  };

  /** Spans since the start, by what became of them. */
  get counts(): { sent: number; dropped: number } {
    return this.#sender.counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sender[Symbol.asyncDispose]();
  }
}

const nanosAt = (ms: number) => BigInt(Math.round((performance.timeOrigin + ms) * 1_000)) * 1_000n;
