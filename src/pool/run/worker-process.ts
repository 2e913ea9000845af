import { closeSync } from "node:fs";

import type { JobError } from "../../domain/attempt.ts";
import type { PoolTrace } from "../../job/attempt-trace.ts";
import { isStopSignal, isStopStatus, stopNewsMs, stopSignals } from "../../domain/stop-signals.ts";
import type { Provides } from "../../domain/capabilities.ts";
import type { Share } from "../../domain/ledger.ts";
import { environmentOf, type WorkerUser } from "./confinement.ts";
import type { Environment } from "../../db/settings/parameters.ts";
import { slotVariable, workerEnvironment } from "../wire/environment.ts";
import { isAmount } from "../../domain/capabilities.ts";
import { shareEnvironment } from "../wire/share-environment.ts";
import type { Guard, Watched } from "./guard.ts";
import { systemText } from "../machine/system-files.ts";
import { writeArguments } from "../wire/argument-file.ts";
import { removeJobFolders } from "../wire/job-folder.ts";
import type { OomKills } from "./oom-kills.ts";
import { closeOutputFile, createOutputFile } from "../wire/output-file.ts";
import { parseWorkerMessage, type PoolMessage, type WorkerMessage } from "../wire/protocol.ts";
import { commandEntryPoint } from "../worker/command-line.ts";
import type { MemoryGroup } from "./memory-group.ts";
import { createUnnamedFile } from "../wire/unnamed-file.ts";
import { SharedPage } from "../wire/shared-page.ts";
import type { WorkerTotals } from "./attempt-watch.ts";
import { PrintedOutput } from "./printed-output.ts";
import { workerDeath } from "./worker-death.ts";
import type { Spool } from "../wire/spool.ts";
import { hasCode, messageOf } from "../../domain/errors.ts";

export interface WorkerOptions {
  /** The command that starts this program: the binary, or Bun and src/main.ts. */
  program: readonly string[];
  root: string;
  /** Whether its jobs may be commands; false in a pool that serves others. */
  runsCommands?: boolean;
  /** The folder of the receivers of notifications; null for none. */
  notifyFrom?: string | null;
  /** Whether a worker starts no job before the pool knows the end of the one before. */
  isOneByOne?: boolean;
  /** The destination of all output of its commands; absent if only the kept part is needed. */
  spool?: Spool;
  /** The environment of the pool, of which workers see the usual variables … */
  env: Environment;
  /** … and the ones named here, or with a prefix named as PREFIX_*; none by default. */
  handsOn?: readonly string[];
  /** The share of the jobs to profile; none by default. */
  profiles?: number;
  /** The number of the worker in its pool, from 1. */
  number?: number;
  /** Its share of the resources of the pool; null if its jobs do not count what they take. */
  share?: Share | null;
  /** The cgroup that limits its memory; null if nothing does. */
  memory?: MemoryGroup | null;
  /** The user that they become; null for the user of the pool. */
  user?: WorkerUser | null;
  /** Kills the processes that it leaves behind. */
  guard?: Guard;
  /** How the pool traces attempts; null if it does not. */
  trace?: PoolTrace | null;
  /** Gets lines about how the memory of jobs is limited. */
  log?: (line: string) => void;
  /** The resources of the pool, which its jobs share; none by default. */
  provides?: Provides;
  /** A worker is replaced after N jobs; null for never. */
  jobsMax?: number | null;
  /** … or, between two jobs, when it uses more than N bytes of memory; null for never. */
  memoryMaxBytes?: number | null;
}

export interface WorkerListener {
  onMessage(message: WorkerMessage): void;
  /** The process has ended. `reason` describes how, as an error for its running job. */
  onExit(reason: JobError): void;
}

interface Exit {
  code: number | null;
  signal: string | number | null;
}

/** The command for another program to execute, in which /proc/self is that program. */
const forOthers = ([file = "", ...words]: readonly string[]): string[] => [
  file.replace(/^\/proc\/self\//, `/proc/${process.pid}/`),
  ...words,
];

/** Whether the system drops SIGTERM for a process; false if it does not report that. */
function ignoresSigterm(pid: number): boolean {
  const [, mask = "0"] = /^SigIgn:\s*(\w+)$/m.exec(systemText(`/proc/${pid}/status`)) ?? [];
  return ((BigInt(`0x${mask}`) >> BigInt(stopSignals.SIGTERM - 1)) & 1n) === 1n;
}

/** The last characters of stderr that an error has of a worker that was never ready. */
const shownOfStderr = 1_000;

/** One child process that imports user code and runs one job at a time. */
export class WorkerProcess {
  readonly page: SharedPage;
  readonly output: PrintedOutput;
  readonly pid: number;
  readonly exited: Promise<unknown>;
  readonly trace: PoolTrace | null;
  readonly #process: Bun.Subprocess;
  readonly #oomKills: OomKills;
  readonly #watched: Watched | null;
  readonly #memory: MemoryGroup | null;
  /** The file for large arguments. */
  readonly #argumentFile: number;
  /** The worker's last message before it ended, or its violation of the protocol. */
  #lastWords: string | null = null;
  #exit: Exit | null = null;
  #isDisconnected = false;
  #isReady = false;
  /** Killed by us: the kernel's counters do not matter. */
  #isKilled = false;
  /** Asked by us to end. */
  #isAsked = false;
  #isDead = false;
  /** Its cgroup has killed it. */
  #hasExceeded = false;

  constructor(options: WorkerOptions, oomKills: OomKills, listener: WorkerListener) {
    const { program, root, runsCommands, notifyFrom, profiles = 0, user = null } = options;
    const handedOn = workerEnvironment(options.env, options.handsOn ?? []);
    const does = runsCommands ? "commands" : "functions";
    const asUser = user === null ? [] : [JSON.stringify(user)];
    const from = notifyFrom ?? "";
    const cpus = options.share?.devices["cpus"];
    const started = cpus ? ["taskset", "-c", cpus.join(","), ...forOthers(program)] : program;
    const command = [...started, "worker", root, does, String(profiles), from, ...asUser];
    const watched = (this.#watched = options.guard?.watch() ?? null);
    const { share = null, provides = {} } = options;
    const own = {
      [slotVariable]: String(options.number ?? 1),
      ...(share ? shareEnvironment(share, isAmount(provides["gpu"])) : {}),
    };
    const env = { ...handedOn, ...(user ? environmentOf(user) : {}), ...watched?.mark, ...own };
    this.#oomKills = oomKills;
    this.trace = options.trace ?? null;
    const { page, file: pageFile } = SharedPage.create();
    this.page = page;
    const files: number[] = [];
    try {
      for (let i = 0; i < 2; i++) files.push(createOutputFile()); // the second one may fail
      files.push(createUnnamedFile());
      const [out = -1, err = -1, args = -1] = files;
      this.output = new PrintedOutput([out, err], page, options.spool ?? null);
      this.#argumentFile = args;
      this.#process = this.#start(command, root, env, [out, err, pageFile, args], listener);
    } catch (error) {
      options.memory?.close();
      watched?.ended();
      for (const file of files) closeOutputFile(file);
      throw error;
    } finally {
      closeSync(pageFile);
    }
    this.pid = this.#process.pid;
    watched?.started(this.pid);
    const { memory = null } = options;
    this.#memory = memory?.add(this.pid) === true ? memory : null;
    this.exited = this.#process.exited;
  }

  #start(
    command: string[],
    cwd: string,
    env: Environment,
    files: readonly [number, number, number, number],
    listener: WorkerListener,
  ) {
    return Bun.spawn(command, {
      cwd,
      detached: true, // a separate process group, which gets no Ctrl-C from the terminal
      env,
      argv0: "pdoflow",
      stdio: ["ignore", ...files], // its files 1 to 4
      serialization: "advanced",
      ipc: (raw: unknown) => this.#receive(raw, listener),
      onExit: (_process, code, signal) => {
        this.#signal("SIGKILL"); // the remaining children of its jobs
        this.#watched?.ended();
        this.#hasExceeded = this.#memory?.hasKilled === true;
        this.#memory?.close();
        if (this.page.running() !== null) removeJobFolders(this.pid);
        const exit = { code, signal };
        if (this.#isByStopSignal(exit)) setTimeout(() => this.#onExit(exit, listener), stopNewsMs);
        else this.#onExit(exit, listener);
      },
      onDisconnect: () => {
        this.#isDisconnected = true;
        // User code closed the channel; or the worker was killed, which is reported in a moment.
        if (this.#exit === null) this.#signal("SIGKILL");
        this.#settle(listener);
      },
    });
  }

  #onExit(exit: Exit, listener: WorkerListener): void {
    this.#exit = exit;
    this.#settle(listener);
    // A child of a job may keep the channel open after its worker has ended.
    setTimeout(() => {
      this.#isDisconnected = true;
      this.#settle(listener);
    }, 500).unref();
  }

  /** Whether a stop signal that the pool had not sent has ended it, or made its job end it. */
  #isByStopSignal({ code, signal }: Exit): boolean {
    if (this.#isAsked || this.#isKilled) return false;
    const running = this.page.running();
    const hasCome = running !== null && this.page.hasStopSignal(running);
    return hasCome || isStopSignal(signal) || isStopStatus(code);
  }

  get isByStopSignal(): boolean {
    return this.#exit !== null && this.#isByStopSignal(this.#exit);
  }

  /** False if the worker has ended; the listener gets its exit. */
  send(message: PoolMessage): boolean {
    try {
      this.#process.send(message);
      return true;
    } catch {
      return false; // Bun throws for a process that has exited
    }
  }

  /**
   * Writes large arguments to its file. False if they must be sent instead: the disk may be full.
   */
  writeArguments(text: string): boolean {
    if (this.#isDead) return false; // its file is closed
    try {
      writeArguments(this.#argumentFile, text);
      return true;
    } catch {
      return false;
    }
  }

  /** Whether the system keeps its memory below its share. */
  get isLimited(): boolean {
    return this.#memory?.isLimiting === true;
  }

  /** It is about to get jobs of this entry point. */
  limitMemory(entryPoint: string): void {
    this.#memory?.limit({ isCommand: entryPoint === commandEntryPoint });
  }

  /**
   * In `afterMs` asks the worker and all its children to end, and kills them `graceMs` later; at
   * once, if no code of the worker listens to the request.
   */
  end(graceMs: number, afterMs = 0): void {
    let timer: Timer | undefined;
    const ask = () => {
      this.#isAsked = true;
      this.#signal("SIGTERM");
      if (ignoresSigterm(this.pid)) this.kill();
      else timer = setTimeout(() => this.kill(), graceMs);
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

  /** To its process group: child processes of a job must not outlive the job. */
  #signal(signal: "SIGTERM" | "SIGKILL"): void {
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      if (!hasCode(error, "ESRCH")) throw error;
    }
  }

  /** What it used in its life; null before its end. */
  get totals(): WorkerTotals | null {
    const usage = this.#process.resourceUsage();
    if (!usage) return null;
    const { cpuTime, maxRSS } = usage;
    return { userUs: Number(cpuTime.user), systemUs: Number(cpuTime.system), peakBytes: maxRSS };
  }

  /** Its memory use in bytes; 0 if the system does not report it. */
  memoryBytes(): number {
    return Number(systemText(`/proc/${this.pid}/statm`).split(" ")[1] ?? 0) * 4096;
  }

  /** Once all output is copied, the worker starts with empty files. */
  async #empty(): Promise<void> {
    await this.output.copied();
    if (this.#isDead) return;
    this.output.empty();
    this.send({ kind: "emptied" });
  }

  #receive(raw: unknown, listener: WorkerListener): void {
    let message: WorkerMessage;
    try {
      message = parseWorkerMessage(raw);
    } catch (error) {
      // Only user code that writes to the channel itself can cause this. No message of the worker
      // can be trusted any more.
      this.#lastWords = messageOf(error);
      this.kill();
      return;
    }
    if (message.kind === "ready") {
      this.#isReady = true;
      this.#memory?.ready();
    }
    if (message.kind === "full") void this.#empty();
    else if (message.kind === "broken") this.#lastWords = message.error;
    else listener.onMessage(message);
  }

  /** The exit and the end of the channel come in any order; all messages come before the latter. */
  #settle(listener: WorkerListener): void {
    if (this.#exit === null || !this.#isDisconnected || this.#isDead) return;
    this.#isDead = true;
    listener.onExit(this.#deathBy(this.#exit));
    closeSync(this.#argumentFile);
    this.output.close();
  }

  #endOfStderr(): string | null {
    const text = Buffer.from(this.output.live().stderr.bytes).toString().trim();
    return text === "" ? null : text.slice(-shownOfStderr);
  }

  #deathBy({ code, signal }: Exit): JobError {
    const isForeign = signal === "SIGKILL" && !this.#isKilled;
    // Also if its own cgroup explains the death: the counter has counted it, too.
    const oomKill = isForeign ? this.#oomKills.explain(performance.now()) : null;
    return workerDeath({
      pid: this.pid,
      code,
      signal,
      isReady: this.#isReady,
      lastWords: this.#lastWords ?? (this.#isReady ? null : this.#endOfStderr()),
      oomKill,
      exceeded: isForeign && this.#hasExceeded ? (this.#memory?.bytes ?? null) : null,
    });
  }
}
