import { readdirSync, readFileSync } from "node:fs";

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

/**
 * A process beside a pool that kills the remaining processes of a worker that has ended, and of all
 * workers as soon as the pool has ended, even by `kill -9`. Process groups would miss processes
 * that a job has started with `setsid`; a variable marks all processes of a worker.
 */
export class Guard {
  readonly #process: Bun.Subprocess<"pipe", "ignore", "ignore"> | null;

  constructor(program: readonly string[]) {
    this.#process = start(program);
  }

  /** For a worker that is about to start, with its mark in the environment. */
  watch(): Watched {
    const mark = crypto.randomUUID();
    this.#write(`+ ${mark} 0\n`);
    return {
      mark: { [markVariable]: mark },
      started: (pid) => this.#write(`+ ${mark} ${pid}\n`),
      ended: () => this.#write(`- ${mark} 0\n`),
    };
  }

  /** Resolves once all processes of all workers have ended. */
  async close(): Promise<void> {
    if (!this.#process) return;
    await Promise.resolve(this.#process.stdin.end()).catch(() => {});
    await Promise.race([this.#process.exited, Bun.sleep(closeMs)]);
  }

  #write(line: string): void {
    try {
      const stdin = this.#process?.stdin;
      if (stdin?.write(line)) void Promise.resolve(stdin.flush()).catch(() => {});
    } catch {
      return; // someone has killed it: the workers' groups are killed all the same
    }
  }
}

function start(program: readonly string[]): Bun.Subprocess<"pipe", "ignore", "ignore"> | null {
  try {
    const child = Bun.spawn([...program, "guard"], {
      argv0: "pdoflow",
      cwd: "/",
      detached: true, // no Ctrl-C from the terminal, nor a signal to the group of the pool
      env: { BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" }, // without the mark of an outer job
      stdio: ["pipe", "ignore", "ignore"],
    });
    child.unref();
    return child;
  } catch {
    return null; // no more processes are available
  }
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
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      const mark = new RegExp(`(?:^|\0)${markVariable}=([^\0]*)`).exec(environmentOf(name))?.[1];
      return mark !== undefined && marks.has(mark);
    })
    .map(Number);
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1");
  } catch {
    return ""; // it has ended, or belongs to another user
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    return; // it has ended
  }
}
