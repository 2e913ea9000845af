import { type HttpReply, plain } from "../http/http-server.ts";

/** The event loop turns every second, unless it hangs. */
const turnEveryMs = 1_000;
const hangsAfterMs = 10_000;

/**
 * Watches that the event loop turns. A liveness check does nothing else: if the database is away,
 * a restart would end running jobs, and help nobody.
 */
export class Liveness implements Disposable {
  #lastAt = performance.now();
  readonly #timer = setInterval(() => (this.#lastAt = performance.now()), turnEveryMs);

  page(): HttpReply {
    const ms = performance.now() - this.#lastAt;
    return ms < hangsAfterMs
      ? plain(200, "ok")
      : plain(503, `the event loop has not turned for ${Math.round(ms / 1_000)} s`);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
