import type { Db } from "../../db/connection/connect.ts";
import { firstLost, readTokens } from "../../db/read/tokens.ts";
import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import type { StageStatus } from "../../domain/flow-status.ts";

/** The flow is gone, or another one has its number: its postings are not there any more. */
class FlowLost extends PdoflowError {
  override readonly name = "FlowLost";
  readonly exitCode = exitCodes.notFound;
  constructor(id: number) {
    super(
      `Expected the postings of flow ${id}, found them gone or replaced: the database failed ` +
        "over and lost them, or the flow was pruned. After a failover, post it again, with the " +
        "same key if it had one: what was not lost is not posted twice.",
    );
  }
}

/** Recognizes a flow by the tokens of its postings (P20), since another one may get its number. */
export class FlowIdentity {
  readonly #id: number;
  readonly #tokens = new Map<number, number>();

  constructor(id: number) {
    this.#id = id;
  }

  /**
   * Remembers the postings of these stages, which may have been posted again since the last call.
   *
   * @throws {FlowLost} a posting of an earlier call has gone, or another one has its number.
   */
  async requireSame(db: Db, stages: readonly Pick<StageStatus, "id">[]): Promise<void> {
    const ids = new Set([...this.#tokens.keys(), ...stages.map(({ id }) => id)]);
    const found = await readTokens(db, [...ids]);
    if (firstLost(this.#tokens, found) !== undefined) throw new FlowLost(this.#id);
    for (const [id, token] of found) this.#tokens.set(id, token);
    if (this.#tokens.size === 0) throw new FlowLost(this.#id); // a flow has at least one stage
  }
}
