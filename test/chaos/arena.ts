import {
  chmodSync,
  constants,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Db, isConnectionLoss } from "../../src/db/connection/connect.ts";
import { migrate } from "../../src/db/admin/migrations.ts";
import type { Target } from "../../src/db/settings/target.ts";
import { Link } from "../../src/pool/link/link.ts";
import { binary } from "../binary.ts";
import {
  type ArenaServer,
  type ArenaServerOptions,
  openArenaServer,
  type ServerEnd,
} from "./arena-server.ts";

export const jobsFolder = join(import.meta.dir, "../fixtures/chaos");

const againMs = 100;
const giveUpAfterMs = 90_000;
/** A client of postgres.js whose server was stopped at the wrong moment may never answer. */
const answerMs = 8_000;

/** A folder and a PostgreSQL of one run, and the settings that its processes need. */
export class Arena {
  readonly program: string;
  readonly folder: string;
  /** What ran: a line for each start and each end of a job. */
  readonly journal: string;
  /** The folder for temporary files of pools and workers. */
  readonly scratch: string;
  readonly server: ArenaServer;
  readonly url: string;
  readonly target: Target;
  readonly #link: Link;

  private constructor(program: string, folder: string, server: ArenaServer) {
    this.program = program;
    this.folder = folder;
    this.journal = join(folder, "journal");
    this.scratch = join(folder, "scratch");
    this.server = server;
    this.url = server.url;
    this.target = server.target;
    this.#link = new Link(this.target, { deadlineMs: answerMs });
  }

  static async open(options: ArenaServerOptions): Promise<Arena> {
    const folder = mkdtempSync(join(tmpdir(), "pdoflow-chaos-"));
    // A copy: the next build would take the file away from under our pools.
    const program = join(folder, "pdoflow");
    copyFileSync(await binary(), program, constants.COPYFILE_FICLONE);
    chmodSync(folder, 0o755); // root's server runs as another user, which must be able to pass
    const arena = new Arena(program, folder, await openArenaServer(folder, options));
    mkdirSync(arena.scratch);
    writeFileSync(arena.journal, "");
    await arena.ask(migrate);
    return arena;
  }

  /** For a process that finds the database at `url`. */
  environment(url = this.url): Record<string, string> {
    return {
      PATH: process.env["PATH"] ?? "",
      HOME: this.folder,
      TMPDIR: this.scratch,
      TZ: "UTC",
      CHAOS_JOURNAL: this.journal,
      PDOFLOW_DATABASE_URL: url,
    };
  }

  /** Asks the database, again and again while it is down. */
  async ask<T>(question: (db: Db) => PromiseLike<T>): Promise<T> {
    const giveUpAt = performance.now() + giveUpAfterMs;
    for (;;) {
      try {
        return await this.#link.ask(question);
      } catch (error) {
        if (!isConnectionLoss(error) || performance.now() > giveUpAt) throw error;
        await Bun.sleep(againMs);
      }
    }
  }

  async restartServer(how: ServerEnd, downMs: number): Promise<void> {
    await this.server.end(how);
    await Bun.sleep(downMs);
    await this.server.start();
  }

  /** Stops the server. The folder stays if it is needed for diagnosis. */
  async close({ keep }: { keep: boolean }): Promise<void> {
    await this.#link.close();
    await this.server.end("stop");
    if (keep) return;
    rmSync(this.folder, { recursive: true, force: true });
    this.server.removeSocket();
  }
}
