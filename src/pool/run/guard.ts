import { processIds, systemText } from "../machine/system-files.ts";

import { dropOldest } from "../../domain/drop-oldest.ts";
import { messageOf } from "../../domain/errors.ts";

/** The variable that marks the processes of a worker: the children of a job inherit it. */
const markVariable = "PDOFLOW_WORKER";

/** A worker that a guard knows. */
export interface Watched {
  mark: Record<string, string>;
  started(pid: number): void;
  /** It has ended, and all its processes must end. */
  ended(): void;
}

const sweepMs = 5_000;
const closeMs = 2_000;
const firstPauseMs = 250;
const longestPauseMs = 30_000;
/** Ended workers whose processes another guard looks for, if this one was killed meanwhile. */
const endedMax = 100;

/** The delay before another guard starts, after N have ended one soon after the other. */
export const guardPauseMs = (ends: number): number =>
  Math.min(firstPauseMs * 2 ** (ends - 1), longestPauseMs);

type GuardProcess = Bun.Subprocess<"pipe", "ignore", "ignore">;

/**
 * A process beside a pool that kills the remaining processes of a worker that has ended, and of all
 * workers as soon as the pool has ended, even by `kill -9`. Process groups would miss processes
 * that a job has started with `setsid`; a variable marks all processes of a worker. If the guard is
 * killed itself, the pool starts another one.
 */
export class Guard {
  readonly #program: readonly string[];
  readonly #log: (line: string) => void;
  /** The workers by their marks, with 0 before they start. */
  readonly #workers = new Map<string, number>();
  /** The marks of the workers that ended last. */
  readonly #ended = new Map<string, true>();
  #process: GuardProcess | null = null;
  #startedAt = 0;
  /** The guards that have ended since one lived for a while. */
  #ends = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(program: readonly string[], log: (line: string) => void) {
    this.#program = program;
    this.#log = log;
    this.#start();
  }

  /** For a worker that is about to start, with its mark in the environment. */
  watch(): Watched {
    const mark = crypto.randomUUID();
    this.#add(mark, 0);
    return {
      mark: { [markVariable]: mark },
      started: (pid) => this.#add(mark, pid),
      ended: () => this.#remove(mark),
    };
  }

  /** Resolves once all processes of all workers have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    if (!this.#process) this.#start();
    if (!this.#process) return;
    await Promise.resolve(this.#process.stdin.end()).catch(() => {});
    await Promise.race([this.#process.exited, Bun.sleep(closeMs)]);
  }

  #add(mark: string, pid: number): void {
    this.#workers.set(mark, pid);
    this.#write(`+ ${mark} ${pid}\n`);
  }

  #remove(mark: string): void {
    this.#workers.delete(mark);
    this.#ended.set(mark, true);
    dropOldest(this.#ended, endedMax);
    this.#write(`- ${mark} 0\n`);
  }

  #start(): void {
    try {
      this.#startedAt = performance.now();
      this.#process = spawnGuard(this.#program, (how) => this.#onEnd(how));
    } catch (error) {
      this.#onEnd(`could not be started: ${messageOf(error)}`); // no more processes are available
      return;
    }
    for (const mark of this.#ended.keys()) this.#write(`+ ${mark} 0\n- ${mark} 0\n`);
    for (const [mark, pid] of this.#workers) this.#write(`+ ${mark} ${pid}\n`);
  }

  /** Something else has ended it: starts another one, less and less often. */
  #onEnd(how: string): void {
    this.#process = null;
    if (this.#isClosed) return;
    if (performance.now() - this.#startedAt > longestPauseMs) this.#ends = 0;
    const pauseMs = guardPauseMs(++this.#ends);
    this.#timer = setTimeout(() => this.#start(), pauseMs);
    this.#timer.unref();
    const isNews = pauseMs < longestPauseMs || this.#ends % 20 === 0;
    if (!isNews) return;
    this.#log(
      `the guard, which ends processes that jobs leave behind, ${how}; ` +
        `starting another in ${pauseMs / 1000} s`,
    );
  }

  #write(lines: string): void {
    try {
      const stdin = this.#process?.stdin;
      if (stdin?.write(lines)) void Promise.resolve(stdin.flush()).catch(() => {});
    } catch {
      return; // it was killed a moment ago: the next one gets the lines
    }
  }
}

function spawnGuard(program: readonly string[], onEnd: (how: string) => void): GuardProcess {
  const child = Bun.spawn([...program, "guard"], {
    argv0: "pdoflow",
    cwd: "/",
    detached: true, // no Ctrl-C from the terminal, nor a signal to the group of the pool
    env: { BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" }, // without the mark of an outer job
    stdio: ["pipe", "ignore", "ignore"],
    onExit: (_process, code, signal) =>
      onEnd(signal === null ? `ended with code ${code}` : `was killed by ${signal}`),
  });
  child.unref();
  return child;
}

/** The process itself: reads the lines of its pool, until the pool has ended. */
export async function runGuard(input: AsyncIterable<Uint8Array>): Promise<void> {
  const workers = new Map<string, number>();
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of input) {
    const lines = (text + decoder.decode(bytes, { stream: true })).split("\n");
    text = lines.pop() ?? "";
    const ended: string[] = [];
    for (const [act, mark = "", pid] of lines.map((line) => line.split(" "))) {
      if (act === "+") workers.set(mark, Number(pid));
      else if (workers.delete(mark)) ended.push(mark);
    }
    await sweep(ended);
  }
  for (const pid of workers.values()) if (pid > 0) kill(-pid);
  await sweep([...workers.keys()]);
}

/** Kills all processes with one of these marks, until none is left: they may start new ones. */
async function sweep(marks: readonly string[]): Promise<void> {
  if (marks.length === 0 || process.platform !== "linux") return;
  const giveUpAt = performance.now() + sweepMs;
  for (;;) {
    const found = marked(new Set(marks));
    if (found.length === 0 || performance.now() > giveUpAt) return;
    for (const pid of found) kill(pid);
    await Bun.sleep(10);
  }
}

/** The processes that started with one of these marks in their environment. */
function marked(marks: ReadonlySet<string>): number[] {
  const variable = new RegExp(`(?:^|\0)${markVariable}=([^\0]*)`);
  return processIds().filter((pid) => {
    const mark = variable.exec(systemText(`/proc/${pid}/environ`))?.[1];
    return mark !== undefined && marks.has(mark);
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    return; // it has ended
  }
}
