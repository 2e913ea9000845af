import { extname, resolve } from "node:path";

import { Option } from "clipanion";

import type { Db } from "../../db/connection/connect.ts";
import { listFlows } from "../../db/read/flows.ts";
import { listPools, listPostings } from "../../db/read/lists.ts";
import { readFailures } from "../../db/read/failures.ts";
import { openDatabase } from "../../db/connection/open.ts";
import { configuredTarget } from "../../db/settings/target.ts";
import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import { loaders } from "../../pool/entry/local-imports.ts";
import { serverState } from "../../server/server.ts";
import { shownState } from "../../domain/states.ts";
import { parseSelector } from "../../domain/selector.ts";
import { findWholePostings } from "../input/select.ts";
import { PdoflowCommand } from "../shell/command.ts";

/** Completion after Tab must not take longer. */
const timeoutMs = 1_000;
const postingLimit = 50;

/** Prints candidates for shell completion. Never prints an error and never starts a server. */
abstract class CompleteCommand extends PdoflowCommand {
  override async execute(): Promise<ExitCode> {
    const lines = this.run().catch(() => exitCodes.ok); // no server or no access: no candidates
    const late = new Promise<ExitCode>((resolve) => {
      setTimeout(() => resolve(exitCodes.ok), timeoutMs);
    });
    return await Promise.race([lines, late]);
  }

  /** Prints the candidates. */
  abstract complete(): Promise<void>;

  async run(): Promise<ExitCode> {
    await this.complete();
    return exitCodes.ok;
  }

  async withReadyDatabase(work: (db: Db) => Promise<void>): Promise<void> {
    const isConfigured = configuredTarget(this.database, this.context.env) !== null;
    const mayAsk = isConfigured || serverState(this.embeddedPaths).kind === "running";
    if (!mayAsk) return;
    await using db = await openDatabase(await this.target(), { connections: 1 });
    await work(db);
  }
}

/** The open postings, by number and by name, each with a description after a tab. */
export class CompletePostingsCommand extends CompleteCommand {
  static override paths = [["completions", "postings"]];

  override complete = () => this.withReadyDatabase((db) => this.#postings(db));

  async #postings(db: Db): Promise<void> {
    const filter = {
      isAll: false,
      state: null,
      before: Number.MAX_SAFE_INTEGER,
      most: postingLimit,
    };
    const names = new Set<string>();
    for (const posting of await listPostings(db, filter)) {
      const { id, name, entryPoint, command, jobCount } = posting;
      const text = `${command ?? entryPoint}, ${jobCount} jobs, ${shownState(posting)}`;
      this.print(`${id}\t${name === null ? "" : `@${name}, `}${text}`);
      if (name === null || names.has(name)) continue;
      names.add(name);
      this.print(`@${name}\t${id}, ${text}`);
    }
  }
}

/** The newest flows, by number and by name. */
export class CompleteFlowsCommand extends CompleteCommand {
  static override paths = [["completions", "flows"]];

  override complete = () => this.withReadyDatabase((db) => this.#flows(db));

  async #flows(db: Db): Promise<void> {
    const names = new Set<string>();
    for (const { id, name, postedAt } of await listFlows(db, Number.MAX_SAFE_INTEGER, 50)) {
      this.print(`${id}\t@${name}, ${postedAt.toISOString()}`);
      if (!names.has(name)) this.print(`@${name}\t${id}, ${postedAt.toISOString()}`);
      names.add(name);
    }
  }
}

/** The live pools by number, and their hosts. */
export class CompletePoolsCommand extends CompleteCommand {
  static override paths = [["completions", "pools"]];

  override complete = () => this.withReadyDatabase((db) => this.#pools(db));

  async #pools(db: Db): Promise<void> {
    const pools = await listPools(db, false, postingLimit);
    for (const { id, host, state } of pools) this.print(`${id}\t${host}, ${state}`);
    for (const host of new Set(pools.map((pool) => pool.host))) this.print(`${host}\thost`);
  }
}

/** The groups of failures of a posting, by their fingerprint. */
export class CompleteGroupsCommand extends CompleteCommand {
  static override paths = [["completions", "groups"]];
  posting = Option.String({ name: "posting" });

  override complete = () => this.withReadyDatabase((db) => this.#groups(db));

  async #groups(db: Db): Promise<void> {
    for (const id of await findWholePostings(db, [parseSelector(this.posting)])) {
      for (const { fingerprint, count, error } of await readFailures(db, id)) {
        this.print(`${fingerprint}\t${count} jobs, ${error.name}`);
      }
    }
  }
}

/** The exports of a file, as `f.ts#name`, found without running its code. */
export class CompleteExportsCommand extends CompleteCommand {
  static override paths = [["completions", "exports"]];
  entry = Option.String({ name: "file.ts#name" });

  override async complete(): Promise<void> {
    const path = this.entry.split("#")[0] ?? "";
    const source = await Bun.file(resolve(this.context.cwd, path)).text();
    const loader = loaders[extname(path)] ?? "ts";
    const { exports } = new Bun.Transpiler({ loader }).scan(source);
    for (const name of exports) this.print(`${path}#${name}`);
  }
}
