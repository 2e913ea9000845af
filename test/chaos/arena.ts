import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Db, isConnectionLoss } from "../../src/db/connect.ts";
import { migrate } from "../../src/db/migrations.ts";
import { type ServerPlace, serverPlace } from "../../src/domain/server-place.ts";
import type { Target } from "../../src/db/settings.ts";
import { Link } from "../../src/pool/link.ts";
import { ensureServer, serverState, stopServer } from "../../src/server/server.ts";
import { binary } from "../binary.ts";

export const jobsFolder = join(import.meta.dir, "../fixtures/chaos");

const againMs = 100;
const giveUpAfterMs = 90_000;
/** A client of postgres.js whose server was stopped at the wrong moment may never answer. */
const answerMs = 8_000;

/** A folder and a PostgreSQL of one run's own, and what its processes need to know. */
export class Arena {
  readonly program: string;
  readonly folder: string;
  /** What ran: a line for each start and each end of a job. */
  readonly journal: string;
  /** The folder for temporary files of pools and workers. */
  readonly scratch: string;
  readonly url: string;
  readonly target: Target;
  readonly #link: Link;
  readonly #place: ServerPlace;

  private constructor(program: string, folder: string, place: ServerPlace) {
    this.program = program;
    this.folder = folder;
    this.journal = join(folder, "journal");
    this.scratch = join(folder, "scratch");
    this.#place = place;
    const { host, port, username: user, database } = place.address;
    const query = `host=${encodeURIComponent(host)}&port=${port}&user=${user}`;
    this.url = `postgres:///${database}?${query}`;
    const target = { host, port, user, database, password: undefined, tls: false } as const;
    this.target = { ...target, schema: "pdoflow", source: "chaos" };
    this.#link = new Link(this.target, { deadlineMs: answerMs });
  }

  static async open(): Promise<Arena> {
    const folder = mkdtempSync(join(tmpdir(), "pdoflow-chaos-"));
    // A copy: the next build would take the file away from under our pools.
    const program = join(folder, "pdoflow");
    copyFileSync(await binary(), program, constants.COPYFILE_FICLONE);
    chmodSync(folder, 0o755); // root's server runs as another user, who has to pass
    const place = serverPlace({
      env: { PDOFLOW_DATA: join(folder, "data") },
      uid: process.getuid?.() ?? -1,
      platform: process.platform,
      home: "/nonexistent",
    });
    const arena = new Arena(program, folder, place);
    mkdirSync(arena.scratch);
    writeFileSync(arena.journal, "");
    await ensureServer(place);
    await arena.ask(migrate);
    return arena;
  }

  get serverLog(): string {
    return this.#place.log;
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

  /** Stops the server, with its clients cut off, or kills it; starts it again after `downMs`. */
  async restartServer(how: "stop" | "kill", downMs: number): Promise<void> {
    const state = serverState(this.#place);
    if (how === "stop") await stopServer(this.#place);
    else if (state.kind === "running") process.kill(state.pid, "SIGKILL");
    await Bun.sleep(downMs);
    await ensureServer(this.#place);
  }

  /** Stops the server. The folder stays where somebody has to look into it. */
  async close({ keep }: { keep: boolean }): Promise<void> {
    await this.#link.close();
    await stopServer(this.#place);
    if (keep) return;
    for (const folder of [this.folder, this.#place.socketFolder]) {
      if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
    }
  }
}
