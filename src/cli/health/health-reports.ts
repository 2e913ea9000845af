import type { Target } from "../../db/settings/target.ts";
import { messageOf } from "../../domain/errors.ts";
import { HttpServer } from "../http/http-server.ts";
import { formatListenAddress, parseListenAddress } from "../http/listen-address.ts";
import { pluralize } from "../output/pluralize.ts";
import { DesiredPages } from "./desired-pages.ts";
import { PoolPages } from "./pool-pages.ts";
import { pushMetrics, type PushTarget } from "./metrics-push.ts";
import { type ObservedPool, scrapePool } from "./pool-scrape.ts";
import { type ServiceEnvironment, ServiceReports } from "./service-reports.ts";

export interface HealthReportsOptions extends ServiceEnvironment {
  /** Where the health port listens, as on the command line; undefined for none. */
  listen: string | undefined;
  /** Where metrics are pushed when the pool has ended; null for nowhere. */
  push: PushTarget | null;
  say: (line: string) => void;
}

/** Shows others how a pool is: on its health port, and to the service manager that started it. */
export class HealthReports implements AsyncDisposable {
  readonly #manager: ServiceReports | null;
  readonly #pages: PoolPages | null;
  readonly #server: HttpServer | null;
  readonly #options: Pick<HealthReportsOptions, "push" | "say">;
  #observed: ObservedPool | null = null;
  #desired: DesiredPages | null = null;

  private constructor(
    options: Pick<HealthReportsOptions, "push" | "say">,
    manager: ServiceReports | null,
    port: { pages: PoolPages; server: HttpServer } | null,
  ) {
    this.#options = options;
    this.#manager = manager;
    this.#pages = port?.pages ?? null;
    this.#server = port?.server ?? null;
  }

  /** Begins before the pool connects, so that a probe sees why it is not ready. */
  static async open({
    listen,
    push,
    say,
    ...service
  }: HealthReportsOptions): Promise<HealthReports> {
    const manager = managerOf(service, say);
    if (listen === undefined) return new HealthReports({ push, say }, manager, null);
    const pages = new PoolPages();
    try {
      const at = parseListenAddress(listen, "--health");
      const server = await HttpServer.listen(at, (request) => pages.answer(request));
      say(`health: ${formatListenAddress(server.address)}`);
      return new HealthReports({ push, say }, manager, { pages, server });
    } catch (error) {
      pages[Symbol.dispose]();
      manager?.[Symbol.dispose]();
      throw error;
    }
  }

  /** The pool is registered. */
  opened(observed: ObservedPool, target: Target): void {
    this.#observed = observed;
    if (this.#pages)
      this.#pages.opened(observed, (this.#desired = new DesiredPages(target, this.#options.say)));
    this.#manager?.ready(() => statusOf(observed));
  }

  stopping(): void {
    this.#manager?.stopping("stopping");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#manager?.[Symbol.dispose]();
    this.#pages?.[Symbol.dispose]();
    await this.#server?.[Symbol.asyncDispose]();
    await this.#desired?.[Symbol.asyncDispose]();
    const { push, say } = this.#options;
    if (push === null || this.#observed === null) return;
    const failure = await pushMetrics(push, scrapePool(this.#observed));
    if (failure !== null) say(`metrics were not pushed: ${failure}`);
  }
}

/** A system without the functions that reports need must not keep jobs from running. */
function managerOf(service: ServiceEnvironment, say: (line: string) => void) {
  try {
    return ServiceReports.of(service);
  } catch (error) {
    say(`cannot report to the service manager: ${messageOf(error)}`);
    return null;
  }
}

function statusOf({ pool }: ObservedPool): string {
  const { isSilent, state, slots, busy, attempts } = pool.figures;
  const what = isSilent ? "the database does not answer" : state;
  return (
    `${what}: ${busy} of ${pluralize(slots, "worker")} busy, ${attempts.done} done, ` +
    `${attempts.failed} failed`
  );
}
