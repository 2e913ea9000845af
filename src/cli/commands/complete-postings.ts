import { listPostings } from "../../db/read/lists.ts";
import { openDatabase } from "../../db/connection/open.ts";
import { configuredTarget } from "../../db/settings/target.ts";
import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import { serverState } from "../../server/server.ts";
import { PdoflowCommand } from "../shell/command.ts";

/** Completion after Tab must not take longer. */
const timeoutMs = 1_000;
const postingLimit = 50;

/**
 * Prints the candidates for shell completion: the open postings, by number and by name, each with
 * a description after a tab. Never prints an error and never starts a server.
 */
export class CompletePostingsCommand extends PdoflowCommand {
  static override paths = [["completions", "postings"]];

  override async execute(): Promise<ExitCode> {
    const lines = this.run().catch(() => exitCodes.ok); // no server or no access: no candidates
    const late = new Promise<ExitCode>((resolve) => {
      setTimeout(() => resolve(exitCodes.ok), timeoutMs);
    });
    return await Promise.race([lines, late]);
  }

  async run(): Promise<ExitCode> {
    const isConfigured = configuredTarget(this.database, this.context.env) !== null;
    const mayAsk = isConfigured || serverState(this.embeddedPaths).kind === "running";
    if (!mayAsk) return exitCodes.ok;
    await using db = await openDatabase(await this.target(), { connections: 1 });
    const filter = {
      isAll: false,
      state: null,
      before: Number.MAX_SAFE_INTEGER,
      most: postingLimit,
    };
    const names = new Set<string>();
    for (const { id, name, entryPoint, command, jobCount, state } of await listPostings(
      db,
      filter,
    )) {
      const text = `${command ?? entryPoint}, ${jobCount} jobs, ${state}`;
      this.print(`${id}\t${name === null ? "" : `@${name}, `}${text}`);
      if (name === null || names.has(name)) continue;
      names.add(name);
      this.print(`@${name}\t${id}, ${text}`);
    }
    return exitCodes.ok;
  }
}
