import gridEngineScript from "../../../deploy/gridengine/pool.sge" with { type: "text" };
import slurmScript from "../../../deploy/slurm/pool.sbatch" with { type: "text" };

/** The pools to submit as one array job. */
export interface ArrayJob {
  pools: number;
  /** The CPUs of each. */
  slots: number;
  /** The name by which they are counted. */
  name: string;
  /** The user's own options. */
  options: readonly string[];
}

/** A batch system, as far as `launch` has to know it. */
export interface Engine {
  name: string;
  title: string;
  script: string;
  /** What marks a line of the script as options of `submit`. */
  mark: string;
  /** Submits the script that it reads from stdin. */
  submit: readonly string[];
  /** Answers whether the script would be accepted, and submits nothing. */
  check: readonly string[];
  /** The options of both. Of two equal ones the later counts. */
  optionsOf(job: ArrayJob): string[];
  /** Lists the pools of a user that run or wait. */
  list(name: string, user: string): string[];
  /** The number of pools in this list. A pool that is about to end does not count. */
  countIn(listed: string, name: string): number;
}

const states = "PENDING,CONFIGURING,RUNNING,SUSPENDED,REQUEUED";

export const slurm: Engine = {
  name: "slurm",
  title: "Slurm",
  script: slurmScript,
  mark: "#SBATCH",
  submit: ["sbatch", "--parsable"],
  check: ["sbatch", "--test-only"],
  optionsOf: ({ pools, slots, name, options }) => [
    ...[`--cpus-per-task=${slots}`, ...options],
    ...[`--array=1-${pools}`, `--job-name=${name}`],
  ],
  list: (name) => [
    ...["squeue", "--me", "--noheader", "--array", "--format=%i"],
    ...[`--states=${states}`, `--name=${name}`],
  ],
  countIn: (listed) => listed.split("\n").filter((line) => line !== "").length,
};

export const gridEngine: Engine = {
  name: "sge",
  title: "Grid Engine",
  script: gridEngineScript,
  mark: "#$",
  submit: ["qsub", "-terse"],
  check: ["qsub", "-w", "v"],
  // The name of a parallel environment differs from site to site.
  optionsOf: ({ pools, slots, name, options }) => [
    ...(options.includes("-pe") ? [] : ["-pe", "smp", String(slots)]),
    ...options,
    ...["-t", `1-${pools}`, "-N", name],
  ],
  list: (_name, user) => ["qstat", "-xml", "-g", "d", "-s", "prs", "-u", user],
  countIn: (listed, name) =>
    listed
      .split("<job_list ")
      .slice(1)
      .filter((job) => job.includes(`<JB_name>${name}</JB_name>`))
      .filter((job) => !/<state>\w*d\w*<\/state>/.test(job)).length,
};

/** The script with these options in place of its own. */
export function withOptions({ script, mark }: Engine, options: readonly string[]): string {
  const nameOf = (option: string) => option.split("=")[0];
  const names = new Set(options.filter((word) => word.startsWith("-")).map(nameOf));
  const ownName = (line: string) =>
    line.startsWith(`${mark} `) ? nameOf(line.split(" ")[1] ?? "") : undefined;
  const kept = script.split("\n").filter((line) => !names.has(ownName(line)));
  const last = kept.findLastIndex((line) => ownName(line) !== undefined);
  // In one line, because `--time 04:00:00` is two words.
  const words = options.map((word) => (/\s/.test(word) ? `"${word}"` : word));
  return kept.toSpliced(last + 1, 0, `${mark} ${words.join(" ")}`).join("\n");
}
