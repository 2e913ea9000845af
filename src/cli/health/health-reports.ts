import type { Target } from "../../db/settings/target.ts";
import type { Pool } from "../../pool/pool.ts";
import { messageOf } from "../../domain/errors.ts";
import { HttpServer } from "../http/http-server.ts";
import { formatListenAddress, parseListenAddress } from "../http/listen-address.ts";
import { pluralize } from "../output/pluralize.ts";
import { DesiredPages } from "./desired-pages.ts";
import { PoolPages } from "./pool-pages.ts";
import type { SpanCounts } from "./pool-metrics.ts";
import { type ServiceEnvironment, ServiceReports } from "./service-reports.ts";

export interface HealthReportsOptions extends ServiceEnvironment {
  /** Where the health port listens, as on the command line; undefined for none. */
  listen: string | undefined;
  version: string;
  say: (line: string) => void;
}

/** Shows others how a pool is: on its health port, and to the service manager that started it. */
export class HealthReports implements AsyncDisposable {
  readonly #manager: ServiceReports | null;
  readonly #pages: PoolPages | null;
  readonly #server: HttpServer | null;
  #desired: DesiredPages | null = null;

  private constructor(
    manager: ServiceReports | null,
    pages: PoolPages | null,
    server: HttpServer | null,
  ) {
    this.#manager = manager;
    this.#pages = pages;
    this.#server = server;
  }

  /** Begins before the pool connects, so that a probe sees why it is not ready. */
  static async open({
    listen,
    version,
    say,
    ...service
  }: HealthReportsOptions): Promise<HealthReports> {
    const manager = managerOf(service, say);
    if (listen === undefined) return new HealthReports(manager, null, null);
    const pages = new PoolPages(version);
    try {
      const at = parseListenAddress(listen, "--health");
      const server = await HttpServer.listen(at, (request) => pages.answer(request));
      say(`health: ${formatListenAddress(server.address)}`);
      return new HealthReports(manager, pages, server);
    } catch (error) {
      pages[Symbol.dispose]();
      manager?.[Symbol.dispose]();
      throw error;
    }
  }

  /** The pool is registered. */
  opened(pool: Pool, target: Target, spans: SpanCounts | null): void {
    if (this.#pages) this.#pages.opened(pool, (this.#desired = new DesiredPages(target)), spans);
    this.#manager?.ready(() => statusOf(pool));
  }

  stopping(): void {
    this.#manager?.stopping("stopping");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#manager?.[Symbol.dispose]();
    this.#pages?.[Symbol.dispose]();
    await this.#server?.[Symbol.asyncDispose]();
    await this.#desired?.[Symbol.asyncDispose]();
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

function statusOf(pool: Pool): string {
  const { state, slots, busy, attempts } = pool.figures;
  return (
    `${state}: ${busy} of ${pluralize(slots, "worker")} busy, ${attempts.done} done, ` +
    `${attempts.failed} failed`
  );
}
