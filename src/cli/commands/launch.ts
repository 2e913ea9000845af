import { Command, Option } from "clipanion";

import { LaunchBatchCommand } from "../launch/batch-command.ts";
import { gridEngine, slurm } from "../launch/engine.ts";

export class LaunchSlurmCommand extends LaunchBatchCommand {
  static override paths = [["launch", "slurm"]];
  static override usage = Command.Usage({
    description: "print or submit an array job of Slurm whose tasks are pools",
    details: `
      Prints a script for sbatch. With --fill it submits as many pools as jobs could keep busy
      (\`$0 depth\`), up to --max-pools, minus your tasks of that job name that run or wait in
      Slurm. It submits once and keeps no state: run it by hand or from cron, on a machine with
      sbatch, in the folder to which entry points are relative.

      Arguments after \`--\` are options of sbatch, and after another \`--\` options of
      \`$0 pool\`. The exit code is 4 if there is no sbatch, and 71 if Slurm
      refuses. docs/cluster.md describes the script.
    `,
    examples: [
      ["Write the script to a file", "$0 launch slurm --slots 16 > pool.sbatch"],
      [
        "Submit the missing pools, with 16 CPUs each",
        "$0 launch slurm --fill --slots 16 -- --partition=long --time=04:00:00",
      ],
      [
        "Submit pools that run shell commands",
        "$0 launch slurm --fill -- --time=04:00:00 -- --commands",
      ],
      ["Ask Slurm whether it would accept them", "$0 launch slurm --check -- --partition=long"],
    ],
  });
  override readonly engine = slurm;
  override options = Option.Rest({ name: "-- options of sbatch -- options of pool" });
}

export class LaunchSgeCommand extends LaunchBatchCommand {
  static override paths = [["launch", "sge"]];
  static override usage = Command.Usage({
    description: "print or submit an array job of Grid Engine whose tasks are pools",
    details: `
      Prints a script for qsub. With --fill it submits as many pools as jobs could keep busy
      (\`$0 depth\`), up to --max-pools, minus your tasks of that job name that run or wait in Grid
      Engine. It submits once and keeps no state: run it by hand or from cron, on a machine with
      qsub, in the folder to which entry points are relative.

      Arguments after \`--\` are options of qsub, such as \`-pe NAME 16\` if the parallel
      environment of your cluster is not named smp, and after another \`--\` options of
      \`$0 pool\`. The exit code is 4 if there is no qsub, and 71 if Grid Engine
      refuses. docs/cluster.md describes the script.
    `,
    examples: [
      ["Write the script to a file", "$0 launch sge --slots 16 > pool.sge"],
      [
        "Submit the missing pools, with 16 CPUs each",
        "$0 launch sge --fill --slots 16 -- -q long.q -l h_rt=4:0:0",
      ],
      ["Ask Grid Engine whether it would accept them", "$0 launch sge --check -- -q long.q"],
    ],
  });
  override readonly engine = gridEngine;
  override options = Option.Rest({ name: "-- options of qsub -- options of pool" });
}
