import { findAtRest, notifyFlow, notifyPosting } from "../../db/engine/notifications.ts";
import type { Link } from "../link/link.ts";

/** Posts the notifications of postings and flows that came to rest (P18, F4). */
export class Notifier {
  readonly #link: Pick<Link, "ask">;
  /** The last waiting posting that was checked. */
  #checkedTo = 0;

  constructor(link: Pick<Link, "ask">) {
    this.#link = link;
  }

  /**
   * Posts what is due, until `isOver`, in a transaction for each: posting takes its locks in one
   * order. Returns the number of notifications.
   */
  async notify(isOver: () => boolean): Promise<number> {
    const after = this.#checkedTo;
    const { found, lastId } = await this.#link.ask((db) => findAtRest(db, after));
    this.#checkedTo = lastId;
    let posted = 0;
    const flows = new Map<number, number | null>();
    for (const { postingId, flowId } of found) {
      if (isOver()) break;
      if (flowId !== null && !flows.has(flowId)) {
        const ofFlow = await this.#link.ask((db) => notifyFlow(db, flowId));
        flows.set(flowId, ofFlow);
        posted += ofFlow ?? 0;
      }
      // Until its flow could be checked, its end must lead there again.
      if (flowId !== null && flows.get(flowId) === null) continue;
      posted += await this.#link.ask((db) => notifyPosting(db, postingId));
    }
    return posted;
  }
}
