import { datagramSender } from "./datagram.ts";

/** The environment that a service manager such as systemd sets for its services. */
export interface ServiceEnvironment {
  env: Readonly<Record<string, string | undefined>>;
  pid: number;
}

/** How often the status is sent, if it has changed. */
const statusEveryMs = 5_000;
const againMs = 200;
/** Shorter intervals would keep the pool busy; Bun takes longer ones for no time at all. */
const [watchdogMinMs, watchdogMaxMs] = [20, 2 ** 31 - 1];

/**
 * Reports to the service manager that started this process (`man 3 sd_notify`): when it is ready,
 * its status, that it stops, and, for `WatchdogSec=`, that its event loop turns. The watchdog does
 * not depend on the database: a restart would end running jobs, and help nobody.
 */
export class ServiceReports implements Disposable {
  readonly #send: (text: string) => boolean;
  readonly #watchdog: NodeJS.Timeout | undefined;
  #statusTimer: NodeJS.Timeout | undefined;
  #again: NodeJS.Timeout | undefined;
  #status = "";

  private constructor(send: (text: string) => boolean, watchdogMs: number | null) {
    this.#send = send;
    if (watchdogMs !== null) this.#watchdog = setInterval(() => send("WATCHDOG=1"), watchdogMs);
  }

  /**
   * Null if no service manager waits for reports.
   *
   * @throws if one does, and this system has no C library with which to send them.
   */
  static of(service: ServiceEnvironment): ServiceReports | null {
    const socket = service.env["NOTIFY_SOCKET"] ?? "";
    if (!/^[@/]./.test(socket)) return null;
    return new ServiceReports(datagramSender(socket), watchdogMs(service));
  }

  /** It is ready; from now on its status is sent when it changes. */
  ready(status: () => string): void {
    this.#status = oneLine(status());
    this.#sendSurely(`READY=1\nSTATUS=${this.#status}`);
    this.#statusTimer = setInterval(() => this.#sendStatus(oneLine(status())), statusEveryMs);
  }

  /** It begins to stop. */
  stopping(status: string): void {
    clearInterval(this.#statusTimer);
    clearTimeout(this.#again);
    this.#send(`STOPPING=1\nSTATUS=${oneLine(status)}`);
  }

  /** Sends it again while the manager has too many reports to read. */
  #sendSurely(text: string): void {
    if (!this.#send(text)) this.#again = setTimeout(() => this.#sendSurely(text), againMs);
  }

  #sendStatus(status: string): void {
    if (status === this.#status) return;
    this.#status = status;
    this.#send(`STATUS=${status}`);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#watchdog);
    clearInterval(this.#statusTimer);
    clearTimeout(this.#again);
  }
}

/** The time between two reports, half of what the watchdog waits; null if there is none. */
export function watchdogMs({ env, pid }: ServiceEnvironment): number | null {
  const isOurs = [undefined, "", String(pid)].includes(env["WATCHDOG_PID"]);
  const waitsUs = Number(env["WATCHDOG_USEC"]);
  if (!isOurs || !(waitsUs > 0)) return null;
  return Math.min(Math.max(waitsUs / 2_000, watchdogMinMs), watchdogMaxMs);
}

const oneLine = (text: string) => text.replaceAll(/\s+/g, " ");
