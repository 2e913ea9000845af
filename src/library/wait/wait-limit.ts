import * as v from "valibot";

import { parse } from "../../domain/parse.ts";
import { WaitTimedOut } from "./wait-errors.ts";

/** How long to wait. */
export interface WaitOptions {
  /** The timeout in milliseconds; by default there is none. */
  timeoutMs?: number | undefined;
  /** When aborted, ends the wait with its reason. */
  signal?: AbortSignal | undefined;
}

const Options = v.looseObject({
  timeoutMs: v.optional(
    v.pipe(
      v.number("expected a number of milliseconds"),
      v.minValue(0, (issue) => `expected 0 ms or more, found ${issue.received}`),
    ),
    Infinity,
  ),
  signal: v.optional(v.instance(AbortSignal, "expected an AbortSignal")),
});

/** The longest delay of a timer: 24 days. A longer one would fire at once. */
const timerMsMax = 2 ** 31 - 1;

/** @internal The end of a wait for a posting, as a signal. */
export class WaitLimit {
  /** Aborted by the user's signal, or with `WaitTimedOut` after the timeout. */
  readonly signal: AbortSignal;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(postingId: number, options: WaitOptions) {
    const { timeoutMs, signal } = parse(Options, options, "options of a wait");
    const late = new AbortController();
    const expire = () => late.abort(new WaitTimedOut(postingId, timeoutMs));
    this.#timer = timeoutMs <= timerMsMax ? setTimeout(expire, timeoutMs) : undefined;
    this.signal = AbortSignal.any(signal ? [signal, late.signal] : [late.signal]);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
