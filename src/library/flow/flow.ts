import type { Transaction } from "../../db/posting/transaction.ts";
import type { FlowBuilder } from "./flow-builder.ts";
import type { Flow } from "./posted-flow.ts";

/** The options of a flow. */
export interface FlowOptions {
  /** Post only once: posting a key again returns the existing flow. */
  key?: string | undefined;
  /**
   * When nothing of the flow goes on any more, notify these receivers of a pool with
   * `--notify-from`: `"slack"`, `"slack,mail"` (docs/notifications.md; default: none).
   */
  onEnd?: string | undefined;
  /** The same only if the flow has failed or is stuck (default: none). */
  onFailure?: string | undefined;
  /** Post in a transaction of yours, as for `postWork` (default: a new one). */
  transaction?: Transaction | undefined;
  /** The URL of the database (default: from the environment, else the embedded server). */
  db?: string | undefined;
}

/**
 * Posts a flow: postings that wait for each other, all in one transaction, or none. Resolves once
 * they are committed. `build` describes the stages; `pdoflow flow show @NAME` shows them.
 *
 * @example
 * const night = await flow("night", (f) => {
 *   const frames = f.post(reduce, files);
 *   f.post(report, [[]], [], { after: [frames], tolerate: "1%" });
 * });
 * @throws {InvalidInput} the name of a flow or of a stage, or an option of a stage.
 * @throws {FlowKeyTaken} the `key` belongs to a flow with other stages.
 * @throws as `postWork`.
 */
export async function flow(
  name: string,
  build: (f: FlowBuilder) => void | Promise<void>,
  options: FlowOptions = {},
): Promise<Flow> {
  const { postFlow } = await import("./post-flow.ts");
  return await postFlow(name, build, options);
}
