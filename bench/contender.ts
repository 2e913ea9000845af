/** A queue on the bench: it posts no-op jobs and drains them, each in processes of its own. */
export interface Contender<PostSetting, DrainSetting> {
  readonly name: string;
  readonly version: string;
  /** What is worth a try; the fastest is used for all rounds. */
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

/** A process of a contender failed, or did not do all that it was asked to. */
export class ContenderFailed extends Error {
  override readonly name = "ContenderFailed";
}

/** Runs a command to its end and returns what it wrote to stdout. */
export async function run(command: readonly string[], cwd: string): Promise<string> {
  const child = Bun.spawn([...command], { cwd, stdio: ["ignore", "pipe", "pipe"] });
  const [out, err, code] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  if (code === 0) return out;
  throw new ContenderFailed(`${command.join(" ")}: exit code ${code}: ${err}${out}`);
}
