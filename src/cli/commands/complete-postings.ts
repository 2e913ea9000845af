import { listPostings } from "../../db/read/lists.ts";
import { openDatabase } from "../../db/connection/open.ts";
import { configuredTarget } from "../../db/connection/settings.ts";
import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import { serverState } from "../../server/server.ts";
import { PdoflowCommand } from "../shell/command.ts";

/** Who presses Tab does not wait for longer. */
const heartbeatTimeoutMs = 1_000;
const most = 50;

/**
 * What completions ask for: the postings that have not ended, by number and by name, each with some
 * words after a tab. Silent in all cases, and starts no server.
 */
export class CompletePostingsCommand extends PdoflowCommand {
  static override paths = [["completions", "postings"]];

  override async execute(): Promise<ExitCode> {
    const lines = this.run().catch(() => exitCodes.ok); // no server, or none for us: no postings
    const late = new Promise<ExitCode>((resolve) => {
      setTimeout(() => resolve(exitCodes.ok), heartbeatTimeoutMs);
    });
    return await Promise.race([lines, late]);
  }

  async run(): Promise<ExitCode> {
    const isConfigured = configuredTarget(this.database, this.context.env) !== null;
    const mayAsk = isConfigured || serverState(this.embeddedPlace).kind === "running";
    if (!mayAsk) return exitCodes.ok;
    await using db = await openDatabase(await this.target(), { connections: 1 });
    const wish = { isAll: false, state: null, before: Number.MAX_SAFE_INTEGER, most };
    const names = new Set<string>();
    for (const { id, name, entryPoint, jobCount, state } of await listPostings(db, wish)) {
      const text = `${entryPoint}, ${jobCount} jobs, ${state}`;
      this.print(`${id}\t${name === null ? "" : `@${name}, `}${text}`);
      if (name === null || names.has(name)) continue;
      names.add(name);
      this.print(`@${name}\t${id}, ${text}`);
    }
    return exitCodes.ok;
  }
}
