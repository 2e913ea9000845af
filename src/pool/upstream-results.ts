import { readUpstream } from "../db/engine/upstream.ts";
import type { GatheredPage } from "../domain/upstream.ts";
import { retryUntil } from "./link/retry-until.ts";
import { collectBytes, collectMemory } from "./session/argument-memory.ts";
import type { Links, Session } from "./session/session.ts";
import type { LeasedJob } from "./wire/leased-job.ts";

/** The job was rescued, or its pool ends: its outcome would be refused. */
class LeaseEnded extends Error {
  override readonly name = "LeaseEnded";
  constructor() {
    super("the results could not be read: the pool does not have this job any more");
  }
}

/** Reads results of upstreams for the jobs of a pool, which has the credentials for that. */
export class UpstreamResults {
  readonly #links: Pick<Links, "claims">;
  readonly #session: () => Session | null;
  /** The last page was large. */
  #hasReadLarge = false;

  constructor(links: Pick<Links, "claims">, session: () => Session | null) {
    this.#links = links;
    this.#session = session;
  }

  /** While the database cannot be reached, this waits. */
  async read({ posting, seq }: LeasedJob, first: number): Promise<GatheredPage> {
    const session = this.#session();
    if (session === null) throw new LeaseEnded();
    if (this.#hasReadLarge) collectMemory(); // it is in memory several times on its way
    const job = { poolId: session.poolId, postingId: posting.id, seq };
    const page = await retryUntil(
      () => this.#links.claims.ask((db) => readUpstream(db, job, first)),
      () => session === this.#session(),
    );
    if (page === null) throw new LeaseEnded();
    this.#hasReadLarge = page.texts.length >= collectBytes;
    return page;
  }
}
