import { settle, settleNext } from "../../db/engine/settle.ts";
import type { Link } from "../link/link.ts";

/** The connections for outcomes and for housekeeping. */
interface SettlerLinks {
  work: Link;
  side: Link;
}

/** Opens the postings that wait for others and need not wait any longer (W4). */
export class Settler {
  readonly #links: SettlerLinks;
  /** The last posting whose edges were polled. */
  #polledTo = 0;
  #begun = 0;
  #ended = 0;

  constructor(links: SettlerLinks) {
    this.#links = links;
  }

  /** How often it has begun to settle, and how often that has ended; without {@link settleAll}. */
  get counts(): { begun: number; ended: number } {
    return { begun: this.#begun, ended: this.#ended };
  }

  /** Settles the postings that wait for `upstreams`, after all outcomes sent before. */
  async settle(upstreams: readonly number[]): Promise<void> {
    await this.#counted(() => this.#links.work.ask((db) => settle(db, upstreams)));
  }

  /** Settles all postings; returns how many need not wait any longer. */
  async settleAll(): Promise<number> {
    return await this.#links.work.ask((db) => settle(db, null));
  }

  /** Settles the next 1,000 waiting postings: what a lost notification has missed, and starts. */
  async poll(): Promise<void> {
    await this.#counted(async () => {
      const { lastId } = await this.#links.side.ask((db) => settleNext(db, null, this.#polledTo));
      this.#polledTo = lastId ?? 0;
    });
  }

  async #counted(work: () => Promise<unknown>): Promise<void> {
    this.#begun++;
    try {
      await work();
    } finally {
      this.#ended++;
    }
  }
}
