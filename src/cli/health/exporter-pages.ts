import { type HttpReply, type HttpRequest, plain } from "../http/http-server.ts";
import type { DesiredPages } from "./desired-pages.ts";
import { Liveness } from "./liveness.ts";
import { metricsPage } from "./metrics-page.ts";
import { processMetrics, readProcess } from "./process-metrics.ts";
import type { QueueCollector } from "./queue-collector.ts";
import { queueMetrics } from "./queue-metrics.ts";

/** The pages of an exporter. */
export class ExporterPages implements Disposable {
  readonly #collector: QueueCollector;
  readonly #desired: DesiredPages;
  readonly #liveness = new Liveness();

  constructor(collector: QueueCollector, desired: DesiredPages) {
    this.#collector = collector;
    this.#desired = desired;
  }

  async answer(request: HttpRequest): Promise<HttpReply> {
    switch (request.path) {
      case "/livez":
        return this.#liveness.page();
      case "/readyz":
        await this.#collector.read();
        return this.#collector.trouble === null
          ? plain(200, "ok")
          : plain(
              503,
              `cannot read the figures: ${this.#collector.trouble}. The log has the reason`,
            );
      case "/metrics":
        return metricsPage(
          [
            ...queueMetrics(await this.#collector.read()),
            ...processMetrics(readProcess(Date.now() / 1_000)),
          ],
          request,
        );
      case "/desired":
        return await this.#desired.answer(request.query);
      default:
        return plain(404, "expected /livez, /readyz, /metrics or /desired");
    }
  }

  [Symbol.dispose](): void {
    this.#liveness[Symbol.dispose]();
  }
}
