import type { PoolState } from "../../pool/state.ts";
import { type HttpReply, type HttpRequest, plain } from "../http/http-server.ts";
import type { DesiredPages } from "./desired-pages.ts";
import { Liveness } from "./liveness.ts";
import { metricsPage } from "./metrics-page.ts";
import { type ObservedPool, scrapePool } from "./pool-scrape.ts";

const whyNotReady: Readonly<Record<PoolState, string>> = {
  starting: "starting: waiting for the database",
  running: "starting: waiting for the answer to the first heartbeat",
  draining: "draining: finishing running jobs, claiming no others",
  silent: "the database does not answer: the workers were stopped",
  recovering: "the database answers again: releasing jobs from before",
  lost: "declared lost: registering as a new pool",
  stopping: "stopping",
  stopped: "stopped",
};

/** The pages of a health port of a pool. */
export class PoolPages implements Disposable {
  readonly #liveness = new Liveness();
  #observed: ObservedPool | null = null;
  #desired: DesiredPages | null = null;

  /** The pool is registered. */
  opened(observed: ObservedPool, desired: DesiredPages): void {
    this.#observed = observed;
    this.#desired = desired;
  }

  answer(request: HttpRequest): HttpReply | Promise<HttpReply> {
    const ready = this.#whyNotReady();
    switch (request.path) {
      case "/livez":
        return this.#liveness.page();
      case "/readyz":
        return ready === null ? plain(200, "ok") : plain(503, ready);
      case "/startupz":
        return this.#observed ? plain(200, "ok") : plain(503, whyNotReady.starting);
      case "/metrics":
        return this.#metrics(request);
      case "/desired":
        return this.#desired?.answer(request.query) ?? plain(503, whyNotReady.starting);
      default:
        return plain(404, "expected /livez, /readyz, /startupz, /metrics or /desired");
    }
  }

  #whyNotReady(): string | null {
    if (!this.#observed) return whyNotReady.starting;
    const { isReady, isSilent, state } = this.#observed.pool.figures;
    if (isReady) return null;
    return isSilent ? "the database does not answer" : whyNotReady[state];
  }

  #metrics(request: HttpRequest): HttpReply {
    if (!this.#observed) return plain(503, whyNotReady.starting);
    return metricsPage(scrapePool(this.#observed), request);
  }

  [Symbol.dispose](): void {
    this.#liveness[Symbol.dispose]();
  }
}
