import { notifyNext } from "../../db/engine/notifications.ts";
import { settle, settleNext } from "../../db/engine/settle.ts";
import type { Link } from "../link/link.ts";

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
  /** The last waiting posting that was checked for a notification. */
  #notifiedTo = 0;
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

  /** Settles all postings, and notifies; returns how many can run because of that. */
  async settleAll(): Promise<number> {
    const settled = await this.#links.work.ask((db) => settle(db, null));
    const { posted } = await this.#links.work.ask((db) => notifyNext(db, 0));
    return settled + posted;
  }

  /**
   * Settles the next 1,000 waiting postings, for what a lost NOTIFY has missed, and for starts; and
   * notifies receivers.
   */
  async poll(): Promise<void> {
    await this.#counted(async () => {
      const { lastId } = await this.#links.side.ask((db) => settleNext(db, null, this.#polledTo));
      this.#polledTo = lastId ?? 0;
    });
    const after = this.#notifiedTo;
    this.#notifiedTo = (await this.#links.side.ask((db) => notifyNext(db, after))).lastId;
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
