import { randomBytes } from "node:crypto";

import type { PoolOptions } from "../../pool/options.ts";
import { spansOf } from "./attempt-spans.ts";
import { type SenderOptions, SpanSender } from "./span-sender.ts";

/** Traces the attempts of a pool. */
export class Tracing implements AsyncDisposable {
  readonly #sender: SpanSender;
  readonly #share: number;

  constructor(options: SenderOptions) {
    this.#sender = new SpanSender(options);
    this.#share = options.settings.share;
  }

  /** For the option of the pool: costs a hash for each job, and more for a traced one. */
  readonly onEndedRun: NonNullable<PoolOptions["onEndedRun"]> = (ended, run) => {
    const spans = spansOf(ended, run, this.#share, sources);
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

const sources = {
  randomHex: (digits: number) => randomBytes(digits / 2).toString("hex"),
  nanosAt: (ms: number) => BigInt(Math.round((performance.timeOrigin + ms) * 1_000)) * 1_000n,
};
