import { settle, settleNext } from "../../db/engine/settle.ts";
import type { Link } from "../link/link.ts";
import { Notifier } from "./notifier.ts";

/** The connections for outcomes and for housekeeping. */
interface SettlerLinks {
  work: Link;
  side: Link;
}

/**
 * Opens the postings that wait for others and need not wait any longer (W4), and notifies the
 * receivers of postings and flows that came to rest (P18).
 */
export class Settler {
  readonly #links: SettlerLinks;
  /** The last posting whose edges were polled. */
  #polledTo = 0;
  readonly #notifier: Notifier;
  #begun = 0;
  #ended = 0;

  constructor(links: SettlerLinks) {
    this.#links = links;
    this.#notifier = new Notifier(links.side);
  }

  /** How often it has begun to settle, and how often that has ended; without {@link settleAll}. */
  get counts(): { begun: number; ended: number } {
    return { begun: this.#begun, ended: this.#ended };
  }

  /** Settles the postings that wait for `upstreams`, after all outcomes sent before. */
  async settle(upstreams: readonly number[]): Promise<void> {
    await this.#counted(() => this.#links.work.ask((db) => settle(db, upstreams)));
  }

  /** Settles all postings, and notifies; returns how many can run because of that. */
  async settleAll(): Promise<number> {
    const settled = await this.#links.work.ask((db) => settle(db, null));
    return settled + (await this.#notifier.notify(() => false));
  }

  /** Settles the next 1,000 waiting postings: what a lost NOTIFY has missed, and starts. */
  async poll(): Promise<void> {
    await this.#counted(async () => {
      const { lastId } = await this.#links.side.ask((db) => settleNext(db, null, this.#polledTo));
      this.#polledTo = lastId ?? 0;
    });
  }

  /** Notifies the receivers of what came to rest, until `isOver`. */
  async notify(isOver: () => boolean): Promise<void> {
    await this.#counted(() => this.#notifier.notify(isOver));
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
