// A cluster of one machine under Grid Engine, as Debian packages it: sge_qmaster and sge_execd.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

import { until } from "../binary/cli.ts";
import { hasDebian } from "../debian-packages.ts";
import { freePort } from "../free-port.ts";

const packages = ["gridengine-master", "gridengine-exec", "gridengine-client"];
const binaries = "/usr/lib/gridengine";
const defaults = "/usr/share/gridengine";
const needed = [`${binaries}/sge_qmaster`, `${binaries}/sge_execd`, "/usr/bin/qsub"];

/** Whether Grid Engine can be started here, which takes root; installs its packages if need be. */
export const hasGridEngine = async (): Promise<boolean> =>
  process.getuid?.() === 0 && (await hasDebian(packages, needed));

/** A running Grid Engine with one host of eight slots, whatever the machine has. */
export interface GridEngine extends AsyncDisposable {
  /** The variables that lead the commands of Grid Engine here. */
  env: Record<string, string>;
  /** Runs a command of Grid Engine, such as `qdel`, and returns its output. */
  run(...command: string[]): string;
  /** The tasks that run or wait, such as 3.1, with their states, such as r. */
  tasks(): Map<string, string>;
}

export async function openGridEngine(): Promise<GridEngine> {
  const root = mkdtempSync(join(tmpdir(), "pdoflow-sge-"));
  const common = join(root, "default/common");
  for (const folder of ["default/common", "qmaster/job_scripts", "execd", "spooldb"])
    mkdirSync(join(root, folder), { recursive: true });
  for (const name of ["bin", "lib", "util", "utilbin"])
    symlinkSync(join("/var/lib/gridengine", name), join(root, name));
  const host = hostname();
  writeFileSync(join(common, "bootstrap"), bootstrapOf(root));
  // Its name leads to 127.0.0.1, which leads to localhost.
  writeFileSync(join(common, "host_aliases"), `${host} localhost\n`);
  writeFileSync(join(common, "act_qmaster"), `${host}\n`);
  const env = {
    ...{ SGE_ROOT: root, SGE_CELL: "default", SGE_ND: "1" },
    ...{ SGE_QMASTER_PORT: String(await freePort()), SGE_EXECD_PORT: String(await freePort()) },
  };
  const ownEnv = { ...process.env, ...env };
  const attempt = (...command: string[]) => Bun.spawnSync(command, { cwd: root, env: ownEnv });
  const run = (...command: string[]) => {
    const { exitCode, stdout, stderr } = attempt(...command);
    if (exitCode === 0) return stdout.toString();
    const said = stdout.toString() + stderr.toString();
    throw new Error(`expected ${command.join(" ")} to succeed, it said: ${said}`);
  };
  const file = (name: string, text: string) => {
    writeFileSync(join(root, name), text);
    return join(root, name);
  };
  const spool = (...args: string[]) => run(join(binaries, "spooldefaults"), ...args);
  run(join(binaries, "spoolinit"), "berkeleydb", "libspoolb", join(root, "spooldb"), "init");
  spool("configuration", file("configuration", configurationOf(root)));
  spool("complexes", join(defaults, "util/resources/centry"));
  spool("usersets", join(defaults, "util/resources/usersets"));
  spool("managers", "root");
  const running: Bun.Subprocess[] = [];
  const start = (name: string) => {
    const log = Bun.file(join(root, `log-${name}`));
    const stdio: ["ignore", Bun.BunFile, Bun.BunFile] = ["ignore", log, log];
    running.push(Bun.spawn([join(binaries, name)], { cwd: root, env: ownEnv, stdio }));
  };
  start("sge_qmaster");
  await until("sge_qmaster", () => Promise.resolve(attempt("qconf", "-sh").exitCode === 0));
  run("qconf", "-as", host);
  attempt("qconf", "-ah", host); // it may be one already
  run("qconf", "-Ap", file("pe", environmentOfPools));
  run("qconf", "-Msconf", file("scheduler", schedulerOf(run("qconf", "-ssconf"))));
  start("sge_execd");
  // Until it has a first host, qconf fails.
  const hasHost = () => attempt("qconf", "-sel").stdout.toString().includes(host);
  await until("sge_execd", () => Promise.resolve(hasHost()));
  run("qconf", "-Aq", file("queue", queueOf(host)));
  const tasks = () => {
    const listed = run("qstat", "-xml", "-g", "d", "-s", "prs", "-u", "root");
    const found = listed.matchAll(
      /<JB_job_number>(\d+)<[^]*?<state>(\w+)<[^]*?(?:<tasks>(\d+)<|<\/job_list>)/g,
    );
    return new Map([...found].map(([, job, state = "", task]) => [`${job}.${task}`, state]));
  };
  await until("a queue that accepts jobs", () => {
    const load = run("qhost", "-h", host).trim().split("\n").at(-1) ?? "";
    return Promise.resolve(/\d\s*$/.test(load));
  });
  return {
    env,
    run,
    tasks,
    async [Symbol.asyncDispose]() {
      attempt("qdel", "-f", "-u", "root");
      await until("an empty queue", () => Promise.resolve(tasks().size === 0));
      for (const child of running.toReversed()) {
        child.kill("SIGTERM");
        await child.exited;
      }
      if (process.env["PDOFLOW_TEST_KEEP"]) return;
      rmSync(root, { recursive: true, force: true });
    },
  };
}

const bootstrapOf = (root: string) => `admin_user root
default_domain none
ignore_fqdn false
spooling_method berkeleydb
spooling_lib libspoolb
spooling_params ${root}/spooldb
binary_path ${binaries}
qmaster_spool_dir ${root}/qmaster
security_mode none
listener_threads 2
worker_threads 2
scheduler_threads 1
`;

/** Each line replaced of which the first word is a key. */
const changed = (text: string, values: Record<string, string>) =>
  text
    .split("\n")
    .map((line) => {
      const [key = ""] = line.split(/\s/);
      return key in values ? `${key} ${values[key]}` : line;
    })
    .join("\n");

/** Debian's, but jobs of root run, and nobody gets mails. */
const configurationOf = (root: string) =>
  changed(readFileSync(join(defaults, "default-configuration"), "utf8"), {
    ...{ execd_spool_dir: `${root}/execd`, min_uid: "0", min_gid: "0" },
    ...{ mailer: "/bin/true", load_report_time: "00:00:02" },
  });

const schedulerOf = (text: string) =>
  changed(text, {
    ...{ schedule_interval: "0:0:1", flush_submit_sec: "1", flush_finish_sec: "1" },
    job_load_adjustments: "NONE",
  });

const environmentOfPools = `pe_name smp
slots 999
user_lists NONE
xuser_lists NONE
start_proc_args NONE
stop_proc_args NONE
allocation_rule $pe_slots
control_slaves FALSE
job_is_first_task TRUE
urgency_slots min
accounting_summary FALSE
qsort_args NONE
`;

/** Without limits, except for the notice before SIGKILL. */
const queueOf = (host: string) => {
  const none = [
    ...["load_thresholds", "suspend_thresholds", "ckpt_list", "prolog", "epilog"],
    ...["starter_method", "suspend_method", "resume_method", "terminate_method", "owner_list"],
    ...["user_lists", "xuser_lists", "subordinate_list", "complex_values", "projects"],
    ...["xprojects", "calendar"],
  ];
  const limits = ["rt", "cpu", "fsize", "data", "stack", "core", "rss", "vmem"];
  return `qname all.q
hostlist ${host}
seq_no 0
nsuspend 1
suspend_interval 00:05:00
priority 0
min_cpu_interval 00:05:00
processors UNDEFINED
qtype BATCH
pe_list smp
rerun FALSE
slots 8
tmpdir /tmp
shell /bin/sh
shell_start_mode posix_compliant
notify 00:00:20
initial_state default
${none.map((name) => `${name} NONE\n`).join("")}${limits
    .flatMap((name) => [`s_${name} INFINITY\n`, `h_${name} INFINITY\n`])
    .join("")}`;
};
