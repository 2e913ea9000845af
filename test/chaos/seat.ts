import { appendFileSync } from "node:fs";
import { join } from "node:path";

import type { Proxy } from "../proxy.ts";
import { type Arena, jobsFolder } from "./arena.ts";
import type { Chronicle } from "./chronicle.ts";
import { processesWith, signal } from "./processes.ts";

const restartMs = 500;
/** The message of a pool whose jobs may continue elsewhere: we do not always cause it. */
const losses: readonly { said: RegExp; what: string }[] = [
  { said: /was declared lost; going on/, what: "pool declared lost" },
  { said: /no heartbeat got through/, what: "pool was silent" },
];

/** The place of one pool: when its process ends a new one is started, as systemd would. */
export class Seat {
  readonly name: string;
  readonly proxy: Proxy | null;
  readonly #arena: Arena;
  readonly #chronicle: Chronicle;
  readonly #flags: readonly string[];
  #child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  #isClosing = false;
  #isKilled = false;
  /** It has registered: from now on no lost connection may end it. */
  #isUp = false;
  /** When it was asked to end, on the performance clock. */
  #askedAt: number | null = null;
  #lastLines: string[] = [];
  readonly #life: Promise<void>;

  constructor(
    arena: Arena,
    chronicle: Chronicle,
    { name, flags, proxy }: { name: string; flags: readonly string[]; proxy: Proxy | null },
  ) {
    this.#arena = arena;
    this.#chronicle = chronicle;
    this.name = name;
    this.proxy = proxy;
    this.#flags = flags;
    this.#child = this.#spawn();
    this.#life = this.#live();
  }

  get pid(): number {
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#isUp && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** It was asked to end, and has not ended yet. */
  get isEnding(): boolean {
    return this.#askedAt !== null;
  }

  get workers(): number[] {
    return processesWith(this.#arena.journal)
      .filter(({ parent }) => parent === this.pid)
      .map(({ pid }) => pid);
  }

  signal(name: NodeJS.Signals): void {
    if (name === "SIGKILL") this.#isKilled = true;
    if (name === "SIGTERM") this.#askedAt ??= performance.now();
    signal(this.pid, name);
  }

  /** Ends the pool for good, in an orderly way. */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosing = true;
    const sinceMs = this.#askedAt === null ? 0 : performance.now() - this.#askedAt;
    if (sinceMs > deadlineMs) {
      const since = `${Math.round(sinceMs)} ms ago`;
      this.#chronicle.violations.push(`${this.name} (pid ${this.pid}) was to end ${since}`);
    }
    signal(this.pid, "SIGTERM");
    const late = setTimeout(() => {
      this.#chronicle.violations.push(`pool ${this.pid} did not end within ${deadlineMs} ms`);
      this.signal("SIGKILL");
    }, deadlineMs);
    await this.#life;
    clearTimeout(late);
  }

  #spawn(): Bun.Subprocess<"ignore", "ignore", "pipe"> {
    this.#isUp = false;
    this.#isKilled = false;
    this.#askedAt = null;
    this.#lastLines = [];
    const resource = ["--resource", "gpu=0,1"];
    const pool = ["pool", "--env", "CHAOS_JOURNAL", "--root", jobsFolder, ...resource];
    return Bun.spawn([this.#arena.program, ...pool, ...this.#flags], {
      cwd: this.#arena.folder,
      env: this.#arena.environment(this.proxy?.url),
      detached: true, // Ctrl-C in our terminal is not meant for it
      stdio: ["ignore", "ignore", "pipe"],
    });
  }

  async #live(): Promise<void> {
    for (;;) {
      await this.#listen();
      await this.#child.exited;
      this.#judgeEnd();
      if (!this.#isClosing) await Bun.sleep(restartMs);
      if (this.#isClosing) return;
      this.#child = this.#spawn();
    }
  }

  async #listen(): Promise<void> {
    const decoder = new TextDecoder();
    const log = join(this.#arena.folder, `${this.name}.log`);
    let rest = "";
    for await (const bytes of this.#child.stderr) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      const at = ((Date.now() - this.#chronicle.startedAt) / 1000).toFixed(3);
      for (const line of lines) {
        appendFileSync(log, `${at} ${this.pid} ${line}\n`);
        this.#hear(line);
      }
    }
  }

  #hear(line: string): void {
    this.#lastLines = [...this.#lastLines.slice(-9), line];
    if (/^pool: \d+ workers?, root/.test(line)) this.#isUp = true;
    const loss = losses.find(({ said }) => said.test(line));
    if (!loss) return;
    this.#chronicle.count(loss.what);
    this.#chronicle.trouble(loss.what, { pid: this.pid })();
  }

  #judgeEnd(): void {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === 0 || (this.#isKilled && signalCode === "SIGKILL")) return;
    if (exitCode === 3 && !this.#isUp) return; // the database was not there to begin with
    const how = signalCode ?? `exit code ${exitCode}`;
    const said = `${this.name} (pid ${this.pid}) ended with ${how}: ${this.#lastLines.join(" | ")}`;
    this.#chronicle.tell(said);
    this.#chronicle.violations.push(said);
    this.#chronicle.trouble("pool gave up", { pid: this.pid })();
  }
}
