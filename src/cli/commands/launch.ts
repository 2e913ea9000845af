import { Command, Option } from "clipanion";
import * as v from "valibot";

import script from "../../../deploy/slurm/pool.sbatch" with { type: "text" };
import { readDesired } from "../../db/dashboard/desired.ts";
import { parseResourceList } from "../../domain/capabilities.ts";
import { type ExitCode, exitCodes, InvalidInput, PdoflowError } from "../../domain/errors.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { wholeNumber } from "../shell/flag-values.ts";
import { parseFlags } from "../shell/flags.ts";

class SlurmMissing extends PdoflowError {
  override readonly name = "SlurmMissing";
  readonly exitCode = exitCodes.notFound;
}

class SlurmFailed extends PdoflowError {
  override readonly name = "SlurmFailed";
  readonly exitCode = exitCodes.system;
}

const Options = v.object({
  slots: v.optional(wholeNumber(1, 1024), "4"),
  maxPools: v.optional(wholeNumber(1, 10_000), "20"),
  jobName: v.pipe(
    v.string(),
    v.regex(/^[\w.-]+$/, "expected letters, digits, '.', '_' and '-', such as pdoflow-pool"),
  ),
});

/** Tasks that run, or will. A task that ends does not count. */
const states = "PENDING,CONFIGURING,RUNNING,SUSPENDED,REQUEUED";

export class LaunchSlurmCommand extends PdoflowCommand {
  static override paths = [["launch", "slurm"]];
  static override usage = Command.Usage({
    description: "print or submit an array job of Slurm whose tasks are pools",
    details: `
      Prints a script for sbatch. With --fill it submits as many pools as jobs could keep busy
      (\`$0 depth\`), up to --max-pools, minus your tasks of that job name that run or wait in
      Slurm. It submits once and keeps no state: run it by hand or from cron, on a machine with
      sbatch, in the folder to which entry points are relative.

      Arguments after \`--\` are options of sbatch. The exit code is 4 if there is no sbatch, and 71
      if Slurm refuses. docs/cluster.md describes the script.
    `,
    examples: [
      ["Write the script to a file", "$0 launch slurm --slots 16 > pool.sbatch"],
      [
        "Submit the missing pools, with 16 CPUs each",
        "$0 launch slurm --fill --slots 16 -- --partition=long --time=04:00:00",
      ],
      ["Ask Slurm whether it would accept them", "$0 launch slurm --check -- --partition=long"],
    ],
  });
  fill = Option.Boolean("--fill", false, { description: "submit the pools that are missing" });
  check = Option.Boolean("--check", false, {
    description: "ask Slurm whether it would accept a pool, and submit nothing",
  });
  slots = Option.String("--slots", {
    description: "give each pool N CPUs in Slurm, and as many worker slots (default: 4)",
  });
  maxPools = Option.String("--max-pools", {
    description: "have at most N pools in Slurm (default: 20)",
  });
  provides = Option.String("--for", {
    description: "count only jobs for pools that provide this, such as gpu=0 (default: any jobs)",
  });
  project = Option.String("--project", {
    description: "count only jobs of this project and jobs without one (default: any project)",
  });
  jobName = Option.String("--job-name", "pdoflow-pool", {
    description: "the name of the job in Slurm, by which pools are counted (default: pdoflow-pool)",
  });
  sbatchOptions = Option.Rest({ name: "-- options of sbatch" });

  async run(): Promise<ExitCode> {
    const { slots, maxPools, jobName } = parseFlags(Options, this);
    if (this.fill && this.check) {
      throw new InvalidInput("--fill", ["expected --fill or --check, found both"]);
    }
    // Later options win: the name must be that by which squeue counts.
    const options = (pools: number) => [
      ...[`--cpus-per-task=${slots}`, ...this.sbatchOptions],
      ...[`--array=1-${pools}`, `--job-name=${jobName}`],
    ];
    if (this.check) {
      const { stderr } = await this.#slurm(["sbatch", "--test-only", ...options(1)], script);
      this.say(stderr.trim());
      return exitCodes.ok;
    }
    if (!this.fill) {
      this.print(withOptions(script, options(maxPools)).trimEnd());
      return exitCodes.ok;
    }
    const provides = this.provides === undefined ? null : parseResourceList(this.provides, "--for");
    const pools = { provides, project: this.project ?? null, slots };
    const desired = await this.withDatabase((db) => readDesired(db, pools));
    const count = ["squeue", "--me", "--noheader", "--array", "--format=%i"];
    const { stdout } = await this.#slurm([...count, `--states=${states}`, `--name=${jobName}`]);
    const present = stdout.split("\n").filter((line) => line !== "").length;
    const missing = Math.max(Math.min(desired.pools, maxPools) - present, 0);
    if (missing > 0) await this.#slurm(["sbatch", "--parsable", ...options(missing)], script);
    this.say(
      `slurm: ${missing} submitted; ${desired.pools} desired, at most ${maxPools}, ` +
        `${present} there`,
    );
    return exitCodes.ok;
  }

  /** Runs a command of Slurm. */
  async #slurm([name = "", ...args]: string[], input = "") {
    const { env, cwd } = this.context;
    const program = Bun.which(name, { PATH: env["PATH"] ?? "" });
    if (program === null) {
      throw new SlurmMissing(
        `expected ${name} on the PATH, found none. Run this on a machine that can submit to Slurm.`,
      );
    }
    const child = Bun.spawn([program, ...args], {
      ...{ cwd, env, stdin: Buffer.from(input), stdout: "pipe", stderr: "pipe" },
    });
    const [stdout, stderr, code] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    if (code === 0) return { stdout, stderr };
    throw new SlurmFailed(`expected ${name} to succeed, it exited with ${code}: ${stderr.trim()}`);
  }
}

/** The script with these options in place of its own. */
function withOptions(text: string, options: readonly string[]): string {
  const nameOf = (option: string) => option.split("=")[0];
  const names = new Set(options.map(nameOf));
  const kept = text.split("\n").filter((line) => {
    const [, option] = /^#SBATCH (\S+)/.exec(line) ?? [];
    return option === undefined || !names.has(nameOf(option));
  });
  const last = kept.findLastIndex((line) => line.startsWith("#SBATCH "));
  // In one line, because `--time 04:00:00` is two words.
  const words = options.map((word) => (/\s/.test(word) ? `"${word}"` : word));
  return kept.toSpliced(last + 1, 0, `#SBATCH ${words.join(" ")}`).join("\n");
}
