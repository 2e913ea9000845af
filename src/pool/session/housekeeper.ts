import { prune, type Pruned } from "../../db/admin/prune.ts";
import type { Db } from "../../db/connection/connect.ts";
import { openDatabase } from "../../db/connection/open.ts";
import { type DuePrune, endPrune, pruneDue } from "../../db/admin/scheduled-prunes.ts";
import { messageOf } from "../../domain/errors.ts";
import type { Link } from "../link/link.ts";

/** A pool that ends waits this long for a prune. */
const patienceMs = 5_000;

/**
 * Prunes for schedules that are due, if the role of the pool may. A prune can take minutes, so it
 * has a connection of its own while it runs.
 */
export class Housekeeper {
  readonly #link: Link;
  readonly #log: (line: string) => void;
  #pruning: Promise<void> | null = null;
  #db: Db | null = null;
  #isStopped = false;

  constructor(link: Link, log: (line: string) => void) {
    this.#link = link;
    this.#log = log;
  }

  /** Begins a prune that is due, unless one is running; does not wait for its end. */
  async poll(): Promise<void> {
    if (this.#pruning || this.#isStopped) return;
    const due = await this.#link.ask((db) => pruneDue(db));
    if (!due) return;
    this.#pruning = this.#run(due)
      .catch((error: unknown) => this.#log(`a scheduled prune: ${messageOf(error)}`))
      .finally(() => (this.#pruning = null));
  }

  /** Waits for a prune; if that takes too long, ends it between two of its steps. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const timer = setTimeout(() => void this.#db?.abort(), patienceMs);
    await this.#pruning;
    clearTimeout(timer);
  }

  async #run(due: DuePrune): Promise<void> {
    const end = (outcome: "pruned" | "refused", reason: string) =>
      this.#link.ask((db) => endPrune(db, due, outcome, reason));
    try {
      this.#db = await openDatabase(this.#link.target, { connections: 1 });
      const what = textOf(await prune(this.#db, due.options));
      this.#log(`pruned ${what}, by a schedule`);
      await end("pruned", what);
    } catch (error) {
      await end("refused", `it stopped before its end: ${messageOf(error)}`);
    } finally {
      await this.#db?.close();
      this.#db = null;
    }
  }
}

const textOf = ({ postings, jobs, bytes }: Pruned): string =>
  `${postings} postings, ${jobs} jobs, ${Math.round(bytes / 1_048_576)} MiB`;
