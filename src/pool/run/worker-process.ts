import { closeSync, readFileSync } from "node:fs";

import type { Tail } from "../../db/engine/follow.ts";
import type { JobError } from "../../domain/attempt.ts";
import { environmentOf, type WorkerUser } from "./confinement.ts";
import type { Environment } from "../../db/settings/parameters.ts";
import { workerEnvironment } from "../wire/environment.ts";
import { freeMiddle } from "../wire/free-middle.ts";
import type { Guard, Watched } from "./guard.ts";
import { writeArguments } from "../wire/argument-file.ts";
import { removeJobFolders } from "../wire/job-folder.ts";
import type { OomKills } from "./oom-kills.ts";
import {
  closeOutputFile,
  createOutputFile,
  type Cut,
  cutOutput,
  emptyOutput,
  joinOutput,
  middleOfOutput,
  readOutput,
  readTail,
  sizeOfOutput,
} from "../wire/output-file.ts";
import {
  type Output,
  type OutputRanges,
  parseWorkerMessage,
  type PoolMessage,
  type WholeOutput,
  type WorkerMessage,
} from "../wire/protocol.ts";
import { createUnnamedFile } from "../wire/unnamed-file.ts";
import { SharedPage } from "../wire/shared-page.ts";
import { workerDeath } from "./worker-death.ts";
import type { Spool } from "../wire/spool.ts";
import { messageOf } from "../../domain/errors.ts";

export interface WorkerOptions {
  /** The command that starts this program: the binary, or Bun and src/main.ts. */
  program: readonly string[];
  root: string;
  /** Whether its jobs may be commands; not so in a pool that serves others. */
  runsCommands?: boolean;
  /** Where to put all that its commands print; absent where only what is kept is wanted. */
  spool?: Spool;
  /** That of the pool, of which they see what is usual … */
  env: Environment;
  /** … and what these name, with all that begins so for PREFIX_*; by default nothing more. */
  handsOn?: readonly string[];
  /** The share of the jobs of which is sampled where they spend their time; by default none. */
  profiles?: number;
  /** The user that they become; null to stay the user of the pool. */
  user?: WorkerUser | null;
  /** Kills what it leaves behind. */
  guard?: Guard;
  /** A worker is replaced after N jobs; null for never. */
  jobsMax?: number | null;
  /** … or, between two jobs, when it uses more than N bytes of memory; null for never. */
  memoryMaxBytes?: number | null;
}

export interface WorkerListener {
  onMessage(message: WorkerMessage): void;
  /** The process is gone. `reason` says how, as an error for the job that it had in hand. */
  onExit(reason: JobError): void;
}

interface Exit {
  code: number | null;
  signal: string | number | null;
}

/** One child process that imports user code and runs one job at a time. */
export class WorkerProcess {
  readonly page: SharedPage;
  readonly pid: number;
  readonly exited: Promise<unknown>;
  readonly #process: Bun.Subprocess;
  readonly #oomKills: OomKills;
  readonly #watched: Watched | null;
  readonly #spool: Spool | null;
  /** The files that its stdout and stderr are. */
  readonly #files: readonly [number, number];
  /** In which it finds large arguments. */
  readonly #argumentFile: number;
  /** What was put aside of them when the running job filled them without end. */
  #cuts: [Cut | null, Cut | null] = [null, null];
  /** Up to where the middle of them was freed while this job ran. */
  #freedTo: [number, number] = [0, 0];
  /** What the worker said before it left, or what it did that no worker may do. */
  #lastWords: string | null = null;
  #exit: Exit | null = null;
  #isDisconnected = false;
  #isReady = false;
  /** By us: the kernel was not asked. */
  #isKilled = false;
  #isDead = false;

  constructor(options: WorkerOptions, oomKills: OomKills, listener: WorkerListener) {
    const { program, root, runsCommands, profiles = 0, user = null } = options;
    const handedOn = workerEnvironment(options.env, options.handsOn ?? []);
    const does = runsCommands ? "commands" : "functions";
    const asUser = user === null ? [] : [JSON.stringify(user)];
    const command = [...program, "worker", root, does, String(profiles), ...asUser];
    const watched = (this.#watched = options.guard?.watch() ?? null);
    const env = { ...handedOn, ...(user ? environmentOf(user) : {}), ...watched?.mark };
    this.#oomKills = oomKills;
    this.#spool = options.spool ?? null;
    const { page, file: pageFile } = SharedPage.create();
    this.page = page;
    const files: number[] = [];
    try {
      for (let i = 0; i < 2; i++) files.push(createOutputFile()); // the second one may fail
      files.push(createUnnamedFile());
      const [out = -1, err = -1, args = -1] = files;
      this.#files = [out, err];
      this.#argumentFile = args;
      this.#process = this.#start(command, root, env, pageFile, listener);
    } catch (error) {
      watched?.ended();
      for (const file of files) closeOutputFile(file);
      throw error;
    } finally {
      closeSync(pageFile);
    }
    this.pid = this.#process.pid;
    watched?.started(this.pid);
    this.exited = this.#process.exited;
  }

  #start(
    command: string[],
    cwd: string,
    env: Environment,
    pageFile: number,
    listener: WorkerListener,
  ) {
    return Bun.spawn(command, {
      cwd,
      detached: true, // a process group of its own, and no Ctrl-C from the terminal
      env,
      argv0: "pdoflow",
      stdio: ["ignore", ...this.#files, pageFile, this.#argumentFile], // its files 1 to 4
      serialization: "advanced",
      ipc: (raw: unknown) => this.#receive(raw, listener),
      onExit: (_process, code, signal) => {
        this.#signal("SIGKILL"); // the children that its jobs have left
        this.#watched?.ended();
        if (this.page.running() !== null) removeJobFolders(this.pid);
        this.#exit = { code, signal };
        this.#settle(listener);
        // A child of a job may hold the channel open after its worker is gone.
        setTimeout(() => {
          this.#isDisconnected = true;
          this.#settle(listener);
        }, 500).unref();
      },
      onDisconnect: () => {
        this.#isDisconnected = true;
        // User code closed the channel; or the worker was killed, of which we hear in a moment.
        if (this.#exit === null) this.#signal("SIGKILL");
        this.#settle(listener);
      },
    });
  }

  /** False when the worker is gone; the listener gets its exit. */
  send(message: PoolMessage): boolean {
    try {
      this.#process.send(message);
      return true;
    } catch {
      return false; // Bun throws for a process that has exited
    }
  }

  /** Puts large arguments into its file. False where they are to be sent: the disk may be full. */
  writeArguments(text: string): boolean {
    if (this.#isDead) return false; // its file is closed
    try {
      writeArguments(this.#argumentFile, text);
      return true;
    } catch {
      return false;
    }
  }

  /** In `afterMs` asks the worker and all its children to end, and insists after `graceMs` more. */
  end(graceMs: number, afterMs = 0): void {
    let timer: Timer | undefined;
    const ask = () => {
      this.#signal("SIGTERM");
      timer = setTimeout(() => this.kill(), graceMs);
    };
    if (afterMs > 0) timer = setTimeout(ask, afterMs);
    else ask();
    void this.exited.then(() => clearTimeout(timer));
  }

  /** Kills the worker and all its children. */
  kill(): void {
    this.#isKilled = true;
    this.#signal("SIGKILL");
  }

  /** To its process group: a job's child processes must not outlive the job. */
  #signal(signal: "SIGTERM" | "SIGKILL"): void {
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  }

  /** How much memory it uses, in bytes; 0 where the system does not say. */
  memoryBytes(): number {
    try {
      const pages = Number(readFileSync(`/proc/${this.pid}/statm`, "utf8").split(" ")[1]);
      return pages * 4096;
    } catch {
      return 0; // it has just ended, or there is no /proc
    }
  }

  /** Keeps the output of the running job from filling the disk. */
  boundOutput(): void {
    if (this.#spool) return; // all of it is wanted
    const starts = this.page.outputStarts();
    for (const stream of [0, 1] as const) {
      const [file, start] = [this.#files[stream], starts[stream]];
      const middle = middleOfOutput(file, start, this.#freedTo[stream]);
      if (middle === null) continue;
      if (freeMiddle(file, ...middle)) this.#freedTo[stream] = middle[1];
      else this.#cuts[stream] = cutOutput(file, start, this.#cuts[stream]);
    }
  }

  /** What the running job printed, with what was put aside of it. */
  takeOutput(printed: Output | null): Output | null {
    const [spool, ranges] = [this.#spool, printed?.ranges];
    if (printed && spool && ranges) return { ...printed, whole: this.#copied(spool, ranges) };
    const [stdout, stderr] = this.#cuts;
    this.#cuts = [null, null];
    this.#freedTo = [0, 0];
    if (stdout === null && stderr === null) return printed;
    return {
      stdout: joinOutput(stdout, printed?.stdout ?? null),
      stderr: joinOutput(stderr, printed?.stderr ?? null),
    };
  }

  #copied(spool: Spool, [outFrom, out, errFrom, err]: OutputRanges): WholeOutput {
    const [stdout, stderr] = this.#files;
    return { stdout: spool.copy(stdout, outFrom, out), stderr: spool.copy(stderr, errFrom, err) };
  }

  /** Once all that was printed is copied: the worker begins its files anew. */
  async #empty(): Promise<void> {
    await this.#spool?.copied;
    if (this.#isDead) return;
    for (const file of this.#files) emptyOutput(file);
    this.send({ kind: "emptied" });
  }

  /** The last that the running job has printed. */
  liveOutput(): { stdout: Tail; stderr: Tail } {
    const [out, err] = this.page.outputStarts();
    return { stdout: readTail(this.#files[0], out), stderr: readTail(this.#files[1], err) };
  }

  /** What the job that it ran when it died had printed. */
  lastOutput(): Output {
    const [out, err] = this.page.outputStarts();
    const printed = {
      stdout: readOutput(this.#files[0], out),
      stderr: readOutput(this.#files[1], err),
    };
    if (!this.#spool) return this.takeOutput(printed) ?? printed;
    const [outEnd, errEnd] = [sizeOfOutput(this.#files[0]), sizeOfOutput(this.#files[1])];
    return { ...printed, whole: this.#copied(this.#spool, [out, outEnd, err, errEnd]) };
  }

  #receive(raw: unknown, listener: WorkerListener): void {
    let message: WorkerMessage;
    try {
      message = parseWorkerMessage(raw);
    } catch (error) {
      // Only user code that writes to the channel itself gets here. Nothing it says can be trusted.
      this.#lastWords = messageOf(error);
      this.kill();
      return;
    }
    this.#isReady ||= message.kind === "ready";
    if (message.kind === "full") void this.#empty();
    else if (message.kind === "broken") this.#lastWords = message.error;
    else listener.onMessage(message);
  }

  /** Exit and the end of the channel come in any order; what was sent comes before the latter. */
  #settle(listener: WorkerListener): void {
    if (this.#exit === null || !this.#isDisconnected || this.#isDead) return;
    this.#isDead = true;
    listener.onExit(this.#deathBy(this.#exit));
    closeSync(this.#argumentFile);
    const close = () => this.#files.forEach(closeOutputFile);
    if (this.#spool) void this.#spool.copied.then(close);
    else close();
  }

  #deathBy({ code, signal }: Exit): JobError {
    const isForeign = signal === "SIGKILL" && !this.#isKilled;
    return workerDeath({
      ...{ pid: this.pid, code, signal, isReady: this.#isReady, lastWords: this.#lastWords },
      oomKill: isForeign ? this.#oomKills.explain(performance.now()) : null,
    });
  }
}
