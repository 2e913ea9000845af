import { readDesiredSlots } from "../../db/dashboard/desired.ts";
import { type QueueFigures, readQueueFigures } from "../../db/dashboard/queue-figures.ts";
import type { Target } from "../../db/settings/target.ts";
import type { Provides } from "../../domain/capabilities.ts";
import { messageOf } from "../../domain/errors.ts";
import { Link } from "../../pool/link/link.ts";
import { publicReason } from "./public-reason.ts";
import type { CollectedQueue } from "./queue-metrics.ts";

/** A statement that takes longer is cancelled by the server. */
const statementMs = 2_000;
/** Longer than the time for one answer, and shorter than a client of the exporter stays. */
const waitMs = 4_500;

interface CollectorOptions {
  /** The pools whose desired slots are read, by the value of their label. */
  provides: ReadonlyMap<string, Provides | null>;
  log: (line: string) => void;
  /** However many scrapers ask, figures are read at most this often; default 10 s … */
  freshMs?: number;
  /** … and shown until they are this old, if they cannot be read; default 30 s. */
  staleMs?: number;
  /** A connection that does not answer within this time is replaced; default 4 s. */
  answerMs?: number;
  /** A scrape does not wait longer for a collection, and gets the last figures; default 4.5 s. */
  waitMs?: number;
}

interface Collection {
  figures: QueueFigures;
  desired: Record<string, number>;
  at: number;
}

/** Reads the figures of a queue for an exporter. */
export class QueueCollector implements AsyncDisposable {
  readonly #link: Link;
  readonly #options: Required<CollectorOptions>;
  #last: Collection | null = null;
  #askedAt = -Infinity;
  #collecting: Promise<void> | null = null;
  #seconds = 0;
  #errors = 0;
  #trouble: string | null = null;
  /** Whether scrapes have not waited for the collection under way, or for the last one. */
  #isSlow = false;
  /** The fires of the last minutes that were counted; null before the first collection. */
  #counted: ReadonlySet<string> | null = null;
  readonly #fires: Record<string, number> = { posted: 0, skipped: 0, missed: 0, refused: 0 };

  constructor(target: Target, options: CollectorOptions) {
    const defaults = { freshMs: 10_000, staleMs: 30_000, answerMs: 2 * statementMs, waitMs };
    this.#options = { ...defaults, ...options };
    this.#link = new Link(target, { deadlineMs: this.#options.answerMs });
  }

  /** Why the last reading failed, without names of the server; null if it did not. */
  get trouble(): string | null {
    if (this.#last === null && this.#isSlow) return "the first collection takes long";
    return this.#trouble;
  }

  /** The figures, read again if they are old. Those of a slow collection are for later calls. */
  async read(): Promise<CollectedQueue> {
    const { freshMs, staleMs } = this.#options;
    if (performance.now() - this.#askedAt > freshMs) {
      this.#collecting ??= this.#collect().finally(() => (this.#collecting = null));
      await this.#wait(this.#collecting);
    }
    const isStale = performance.now() - (this.#last?.at ?? -Infinity) > staleMs;
    return {
      figures: isStale ? null : (this.#last?.figures ?? null),
      desired: isStale ? null : (this.#last?.desired ?? null),
      fires: this.#fires,
      collectSeconds: this.#seconds,
      collectErrors: this.#errors,
    };
  }

  async #wait(collecting: Promise<void>): Promise<void> {
    const { promise: limit, resolve } = Promise.withResolvers<"late">();
    const timer = setTimeout(() => resolve("late"), this.#options.waitMs);
    const end = await Promise.race([collecting, limit]);
    clearTimeout(timer);
    const isLate = end === "late";
    if (isLate && !this.#isSlow) {
      const limit = this.#options.waitMs / 1_000;
      const what = `collecting the figures takes longer than ${limit} seconds`;
      this.#options.log(`${what}: scrapes get the last ones. Try fewer --for`);
    }
    this.#isSlow = isLate;
  }

  async #collect(): Promise<void> {
    const startedAt = performance.now();
    try {
      const figures = await this.#link.ask((db) => readQueueFigures(db, statementMs));
      const desired: Record<string, number> = {};
      for (const [label, provides] of this.#options.provides) {
        const pools = { provides, project: null };
        const read = await this.#link.ask((db) => readDesiredSlots(db, pools, statementMs));
        desired[label] = read.slots;
      }
      this.#countFires(figures.fires);
      this.#last = { figures, desired, at: performance.now() };
      if (this.#trouble !== null) this.#options.log("the figures can be read again");
      this.#trouble = null;
    } catch (error) {
      this.#errors++;
      if (this.#trouble === null) {
        this.#options.log(`cannot read the figures: ${messageOf(error)}`);
      }
      this.#trouble = publicReason(error);
    }
    this.#askedAt = performance.now();
    this.#seconds = (this.#askedAt - startedAt) / 1_000;
  }

  /** Each fire once: those of the last ten minutes are read each time. */
  #countFires(fires: QueueFigures["fires"]): void {
    const counted = this.#counted;
    for (const { key, outcome, times } of counted === null ? [] : fires) {
      if (counted?.has(key)) continue;
      this.#fires[outcome] = (this.#fires[outcome] ?? 0) + times;
    }
    this.#counted = new Set(fires.map(({ key }) => key));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link.close();
  }
}
