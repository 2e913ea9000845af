import type { Pool } from "../../pool/pool.ts";
import type { PoolState } from "../../pool/state.ts";
import { type HttpReply, type HttpRequest, plain } from "../http/http-server.ts";
import type { DesiredPages } from "./desired-pages.ts";
import { Liveness } from "./liveness.ts";
import { metricsPage } from "./metrics-page.ts";
import { poolMetrics, type SpanCounts } from "./pool-metrics.ts";
import { readProcess } from "./process-metrics.ts";

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
  readonly #version: string;
  readonly #liveness = new Liveness();
  #pool: Pool | null = null;
  #desired: DesiredPages | null = null;
  #spans: SpanCounts | null = null;

  constructor(version: string) {
    this.#version = version;
  }

  /** The pool is registered. */
  opened(pool: Pool, desired: DesiredPages, spans: SpanCounts | null): void {
    this.#spans = spans;
    this.#pool = pool;
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
        return this.#pool ? plain(200, "ok") : plain(503, whyNotReady.starting);
      case "/metrics":
        return this.#metrics(request);
      case "/desired":
        return this.#desired?.answer(request.query) ?? plain(503, whyNotReady.starting);
      default:
        return plain(404, "expected /livez, /readyz, /startupz, /metrics or /desired");
    }
  }

  #whyNotReady(): string | null {
    if (!this.#pool) return whyNotReady.starting;
    const { isReady, state } = this.#pool.figures;
    return isReady ? null : whyNotReady[state];
  }

  #metrics(request: HttpRequest): HttpReply {
    if (!this.#pool) return plain(503, whyNotReady.starting);
    const now = Date.now() / 1_000;
    const context = {
      ...{ version: this.#version, process: readProcess(now), now, spans: this.#spans },
    };
    return metricsPage(poolMetrics(this.#pool.figures, context), request);
  }

  [Symbol.dispose](): void {
    this.#liveness[Symbol.dispose]();
  }
}
