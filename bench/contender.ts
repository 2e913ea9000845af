import { clock } from "./measure.ts";
import type { BenchDatabase, BenchServer } from "./server.ts";

/** A queue on the bench: it posts no-op jobs and drains them, each in processes of its own. */
export interface Contender<PostSetting, DrainSetting> {
  readonly name: string;
  readonly version: string;
  readonly database: BenchDatabase;
  /** What is worth a try; the fastest is used for all rounds. With --quick it is the first. */
  readonly postSettings: readonly PostSetting[];
  readonly drainSettings: readonly DrainSetting[];
  /** Leaves an empty queue behind, with a schema that has just been made. */
  reset(): Promise<void>;
  /** Posts `jobs` jobs from one process and returns how long that took, in ms, start excluded. */
  post(jobs: number, setting: PostSetting): Promise<number>;
  /** Runs what is there to its end; takes from the start to the exit of its processes. */
  drain(setting: DrainSetting): Promise<void>;
  /** @throws {ContenderFailed} not all of the `jobs` jobs that were posted have been done. */
  verify(jobs: number): Promise<void>;
}

/** What a job of a contender does: nothing, or print 1 KiB and return a value. */
export type Task = "noop" | "kept";

/** A contender whose settings have been chosen. */
export interface Tuned {
  readonly name: string;
  readonly version: string;
  readonly database: BenchDatabase;
  readonly settings: string;
  reset(): Promise<void>;
  post(jobs: number): Promise<number>;
  drain(): Promise<void>;
  verify(jobs: number): Promise<void>;
  /**
   * What its processes take to start and to end with an empty queue, in ms: the least that was seen
   * so far, for whatever else the machine does only adds to it.
   */
  emptyMs(): Promise<number>;
}

/** A process of a contender failed, or did not do all that it was asked to. */
export class ContenderFailed extends Error {
  override readonly name = "ContenderFailed";
}

/**
 * Runs a command to its end and returns what it wrote to stdout.
 *
 * @throws {ContenderFailed} it failed, or it ran longer than `limitMs` and was killed.
 */
export async function run(
  command: readonly string[],
  cwd: string,
  limitMs?: number,
): Promise<string> {
  const startedAt = performance.now();
  const limit = limitMs === undefined ? {} : { timeout: limitMs, killSignal: "SIGKILL" as const };
  const child = Bun.spawn([...command], { cwd, stdio: ["ignore", "pipe", "pipe"], ...limit });
  const [out, err, code] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  if (code === 0) return out;
  if (limitMs !== undefined && performance.now() - startedAt >= limitMs) {
    throw new ContenderFailed(`did not finish in ${limitMs / 1000} s`);
  }
  throw new ContenderFailed(`${command.join(" ")}: exit code ${code}: ${err}${out}`.slice(0, 2000));
}

export interface Tuning {
  server: BenchServer;
  /** How many jobs each setting is tried with. */
  jobs: number;
  /** How often each is tried; its best time counts. */
  takes: number;
  /** How many of the settings are tried, the first ones. */
  most: number;
  say: (line: string) => void;
}

/** Tries each setting, with few jobs, and keeps the fastest. */
export async function tune<P, D>(contender: Contender<P, D>, tuning: Tuning): Promise<Tuned> {
  const { server, jobs } = tuning;
  const posting = await fastest(contender.name, tuning, contender.postSettings, async (setting) => {
    await contender.reset();
    return await contender.post(jobs, setting);
  });
  const draining = await fastest(
    contender.name,
    tuning,
    contender.drainSettings,
    async (setting) => {
      await contender.reset();
      await contender.post(jobs, posting);
      await server.settle(contender.database);
      const startedAt = performance.now();
      await contender.drain(setting);
      const ms = performance.now() - startedAt;
      await contender.verify(jobs);
      return ms;
    },
  );
  const drain = () => contender.drain(draining);
  let leastMs = Infinity;
  return {
    name: contender.name,
    version: contender.version,
    database: contender.database,
    settings: JSON.stringify({ ...posting, ...draining }),
    reset: () => contender.reset(),
    post: (count) => contender.post(count, posting),
    drain,
    verify: (count) => contender.verify(count),
    async emptyMs() {
      leastMs = Math.min(leastMs, await clock(drain));
      return leastMs;
    },
  };
}

async function fastest<S>(
  name: string,
  { takes, most, say }: Tuning,
  settings: readonly S[],
  take: (setting: S) => Promise<number>,
): Promise<S> {
  const tried: { setting: S; ms: number }[] = [];
  const candidates = settings.slice(0, most);
  for (const setting of candidates) {
    let ms = 0;
    if (candidates.length > 1) {
      ms = Infinity;
      for (let i = 0; i < takes; i++) ms = Math.min(ms, await take(setting));
      say(`tuning ${name}: ${JSON.stringify(setting)} ${Math.round(ms)} ms`);
    }
    tried.push({ setting, ms });
  }
  const best = tried.toSorted((a, b) => a.ms - b.ms)[0];
  if (!best) throw new ContenderFailed(`expected a setting of ${name} to try, found none`);
  return best.setting;
}
