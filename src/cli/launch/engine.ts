import gridEngineScript from "../../../deploy/gridengine/pool.sge" with { type: "text" };
import slurmScript from "../../../deploy/slurm/pool.sbatch" with { type: "text" };
import { InvalidInput } from "../../domain/errors.ts";
import { shellWord } from "../../domain/shell-word.ts";

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
  /** A word as it is written in such a line; null if it cannot be. */
  quoted(word: string): string | null;
  /** Whether an option of the script has no effect beside these. */
  isReplaced(option: string, by: readonly string[]): boolean;
  /** Whether all users see the environment of a job. */
  showsEnvironment: boolean;
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

/** The words that need no quotes: with others, a line of options could end or become a comment. */
const bare = /^[\w@%+=:,./*$-]+$/;

const nameOf = (option: string) => option.split("=")[0];
const namesSame = (option: string, by: readonly string[]) =>
  by.some((word) => word.startsWith("-") && nameOf(word) === nameOf(option.split(" ")[0] ?? ""));

const states = "PENDING,CONFIGURING,RUNNING,SUSPENDED,REQUEUED";

export const slurm: Engine = {
  name: "slurm",
  title: "Slurm",
  script: slurmScript,
  mark: "#SBATCH",
  quoted: (word) => (bare.test(word) ? word : `"${word.replaceAll(/["\\]/g, "\\$&")}"`),
  isReplaced: namesSame,
  showsEnvironment: false,
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
  // It removes all quotes of a line, also one kind within the other.
  quoted: (word) => (bare.test(word) ? word : /["']/.test(word) ? null : `"${word}"`),
  // Requests for resources add up, and the script has one: for h_rt.
  isReplaced: (option, by) =>
    option.startsWith("-l ") ? by.some((word) => /\bh_rt=/.test(word)) : namesSame(option, by),
  showsEnvironment: true,
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

/**
 * The script with these options in place of its own.
 *
 * @throws {InvalidInput} one cannot be written in a script.
 */
export function withOptions(engine: Engine, options: readonly string[]): string {
  const { script, mark } = engine;
  const ownOption = (line: string) =>
    line.startsWith(`${mark} `) ? line.slice(mark.length + 1) : null;
  const kept = script.split("\n").filter((line) => {
    const own = ownOption(line);
    return own === null || !engine.isReplaced(own, options);
  });
  const last = kept.findLastIndex((line) => ownOption(line) !== null);
  // In one line, because `--time 04:00:00` is two words.
  const words = options.map((word) => {
    const written = /[\r\n\0]/.test(word) ? null : engine.quoted(word);
    if (written !== null) return written;
    throw new InvalidInput("arguments", [
      `expected options that a script of ${engine.title} can have, found ` +
        `${JSON.stringify(word)}. With --fill it is passed as it is`,
    ]);
  });
  return kept.toSpliced(last + 1, 0, `${mark} ${words.join(" ")}`).join("\n");
}

/** The script, with these options of `pdoflow pool` before its own arguments. */
export const withPoolOptions = (script: string, options: readonly string[]): string =>
  script.replace(/"\$@"\n$/, () => `${[...options.map(shellWord), '"$@"'].join(" ")}\n`);
