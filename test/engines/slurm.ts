// A cluster of one machine under Slurm, as Debian packages it: munged, slurmctld and slurmd.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

import { until } from "../binary/cli.ts";
import { hasDebian } from "../debian-packages.ts";
import { freePort } from "../free-port.ts";

const packages = ["slurm-wlm", "munge"];
const needed = ["/usr/sbin/munged", "/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/bin/sbatch"];

/** Whether Slurm can be started here, which takes root; installs its packages if need be. */
export const hasSlurm = async (): Promise<boolean> =>
  process.getuid?.() === 0 && (await hasDebian(packages, needed));

/** A running Slurm with one node of eight CPUs, whatever the machine has. */
export interface Slurm extends AsyncDisposable {
  /** The variable that leads the commands of Slurm here. */
  env: { SLURM_CONF: string };
  /** Runs a command of Slurm, such as `scancel`, and returns its output. */
  run(...command: string[]): string;
  /** The state of a task, such as RUNNING or COMPLETED, and its exit code, such as 0:0. */
  state(task: string): { state: string; exit: string };
}

export async function openSlurm(): Promise<Slurm> {
  const root = mkdtempSync(join(tmpdir(), "pdoflow-slurm-"));
  chmodSync(root, 0o755);
  for (const folder of ["munge", "state", "spool"]) mkdirSync(join(root, folder));
  const key = join(root, "key");
  writeFileSync(key, crypto.getRandomValues(new Uint8Array(128)), { mode: 0o600 });
  const socket = join(root, "munge/socket");
  const config = join(root, "slurm.conf");
  writeFileSync(config, await configOf(root, socket));
  const env = { SLURM_CONF: config };
  const ownEnv = { ...process.env, ...env, PATH: `${process.env["PATH"]}:/usr/sbin` };
  const running: Bun.Subprocess[] = [];
  const start = (...command: string[]) => {
    const log = Bun.file(join(root, `log-${running.length}`));
    running.push(Bun.spawn(command, { cwd: root, env: ownEnv, stdio: ["ignore", log, log] }));
  };
  const files = ["pid", "log", "seed"].map((name) => `--${name}-file=${join(root, "munge", name)}`);
  start("munged", "--foreground", "--force", `--key-file=${key}`, `--socket=${socket}`, ...files);
  const attempt = (...command: string[]) => Bun.spawnSync(command, { cwd: root, env: ownEnv });
  const run = (...command: string[]) => {
    const { exitCode, stdout, stderr } = attempt(...command);
    if (exitCode === 0) return stdout.toString();
    throw new Error(`expected ${command.join(" ")} to succeed, it said: ${stderr.toString()}`);
  };
  const works = (...command: string[]) => Promise.resolve(attempt(...command).exitCode === 0);
  await until("munged", () => works("munge", "--no-input", `--socket=${socket}`));
  start("slurmctld", "-D", "-f", config);
  await until("slurmctld", () => works("scontrol", "ping"));
  start("slurmd", "-D", "-f", config, "-N", hostname());
  await until("an idle node", () =>
    Promise.resolve(run("sinfo", "--noheader", "--format=%t").trim() === "idle"),
  );
  return {
    env,
    run,
    state(task) {
      const shown = run("scontrol", "--oneliner", "show", "job", task);
      const [, state = "", exit = ""] = /JobState=(\S+) .* ExitCode=(\S+)/.exec(shown) ?? [];
      return { state, exit };
    },
    async [Symbol.asyncDispose]() {
      attempt("scancel", "--signal=KILL", "--full", "--user=root");
      attempt("scancel", "--user=root");
      await until("an empty queue", () => Promise.resolve(run("squeue", "--noheader") === ""));
      for (const child of running.toReversed()) {
        child.kill("SIGTERM");
        await child.exited;
      }
      if (process.env["PDOFLOW_TEST_KEEP"]) return;
      rmSync(root, { recursive: true, force: true });
    },
  };
}

async function configOf(root: string, socket: string): Promise<string> {
  const name = hostname();
  return `ClusterName=pdoflow
SlurmctldHost=${name}(127.0.0.1)
SlurmctldPort=${await freePort()}
SlurmdPort=${await freePort()}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=${socket}
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
SchedulerParameters=batch_sched_delay=1,sched_interval=2
SlurmdParameters=config_overrides
SlurmctldPidFile=${join(root, "slurmctld.pid")}
SlurmdPidFile=${join(root, "slurmd.pid")}
StateSaveLocation=${join(root, "state")}
SlurmdSpoolDir=${join(root, "spool")}
NodeName=${name} NodeAddr=127.0.0.1 CPUs=8 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`;
}
