import type { ServerIdentity } from "../../db/connection/server-identity.ts";

/** A server that was the primary once, while another one is it now. */
class StaleServer extends Error {
  override readonly name = "StaleServer";
  readonly code = "CONNECTION_STALE"; // the name that postgres.js gives its own losses
  constructor(found: ServerIdentity, known: ServerIdentity) {
    super(
      `the server is on timeline ${Number.parseInt(found.timeline, 16)}, and one on timeline ` +
        `${Number.parseInt(known.timeline, 16)} has taken its place`,
    );
  }
}

/** A connection that is abandoned when the others have moved to another server. */
interface Follower {
  leave(): void;
}

/**
 * Keeps all connections of a pool on the same server. In a split brain, where an old primary still
 * accepts writes, one connection would otherwise claim there and another one send heartbeats here.
 */
export class Bearing {
  /** The index of the target's address that was tried last. */
  address = 0;
  #server: ServerIdentity | null = null;
  readonly #followers = new Set<Follower>();
  readonly #onMoved: () => void;

  /** Calls `onMoved` when the connections go to a newer or another server than before. */
  constructor(onMoved: () => void = () => {}) {
    this.#onMoved = onMoved;
  }

  add(follower: Follower): void {
    this.#followers.add(follower);
  }

  /**
   * A connection has been made to a server. If the server is newer than the one so far, or another
   * one, all other connections leave theirs.
   *
   * @throws {StaleServer}
   */
  arrive(at: ServerIdentity | null, follower: Follower): void {
    const known = this.#server;
    if (at === null) return;
    if (known?.system === at.system) {
      if (at.timeline < known.timeline) throw new StaleServer(at, known);
      if (at.timeline === known.timeline) return;
    }
    this.#server = at;
    if (known === null) return;
    for (const other of this.#followers) if (other !== follower) other.leave();
    this.#onMoved();
  }
}
