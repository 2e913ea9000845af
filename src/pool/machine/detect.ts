import { readdirSync } from "node:fs";
import { join } from "node:path";

import type { Environment } from "../../db/settings/parameters.ts";
import type { Provides } from "../../domain/capabilities.ts";
import { messageOf } from "../../domain/errors.ts";
import { cgroupFiles } from "./cgroup.ts";
import { systemText } from "./system-files.ts";

/** The machine, or the part of it that this process may use. */
export interface OwnMachine {
  env: Environment;
  /** The number of CPUs on which this process may run. */
  cores: number;
  /** The folder that has /proc and /sys; another one in tests. */
  root?: string;
}

const mebibyte = 2 ** 20;
/** A driver that hangs must not delay a pool. */
const smiMs = 2_000;
/** The characters of its first line that a message shows. */
const saidMax = 200;

/**
 * The cpus, memory and gpus that this process may use: of the machine, within the limits of its
 * cgroups and of a batch system. `withGpus` is false if nobody wants to know: then no program is
 * run. `say` gets a line if a program that lists gpus has failed.
 */
export async function detectResources(
  machine: OwnMachine,
  withGpus: boolean,
  say: (line: string) => void = () => {},
): Promise<Provides> {
  const mem = memory(machine);
  const gpu = withGpus ? await gpus(machine, say) : [];
  return {
    cpus: cpus(machine),
    ...(mem === null ? {} : { mem }),
    ...(gpu.length === 0 ? {} : { gpu }),
  };
}

/** The number of CPUs that this process may keep busy. */
export function cpus(machine: OwnMachine): number {
  const { cores, env } = machine;
  const limits = cgroupLimits(machine, "cpu", { v2: ["cpu.max"], v1: "cpu.cfs_quota_us" }).map(
    ({ path, text }) => {
      const period = read(machine, path.replace("cfs_quota_us", "cfs_period_us"));
      const [quota, per = period] = text.trim().split(" ");
      return Math.ceil(Number(quota) / Number(per));
    },
  );
  return Math.max(least([cores, ...limits, ...slurmCpus(env)]) ?? 1, 1);
}

/** What Slurm gave to a task, and to its job on this node: it need not have asked for tasks. */
const slurmCpus = (env: Environment): number[] => [
  Number(env["SLURM_CPUS_PER_TASK"]),
  Number(env["SLURM_CPUS_ON_NODE"]),
  // "4(x2)" is four on each of two nodes. Of "4,2" it is not known which is this one.
  Number(/^(\d+)(?:\(x\d+\))?$/.exec(env["SLURM_JOB_CPUS_PER_NODE"] ?? "")?.[1]),
];

/** The number of CPUs of the machine, of which this process may use some. */
export const machineCpus = (machine: OwnMachine): number =>
  (read(machine, "/proc/stat").match(/^cpu\d+ /gm) ?? []).length || machine.cores;

/** The numbers of the CPUs on which this process may run; none if the system does not say. */
export function allowedCpus(machine: OwnMachine): string[] {
  const status = read(machine, "/proc/self/status");
  const ranges = /^Cpus_allowed_list:\s*([\d,-]+)$/m.exec(status)?.[1] ?? "";
  return ranges.split(",").flatMap((range) => {
    const [first = NaN, last = first] = range.split("-").map(Number);
    const count = range === "" ? 0 : last - first + 1;
    return Array.from({ length: count }, (_, i) => String(first + i));
  });
}

/** In bytes, a whole number of MiB; null if the system does not say. */
function memory(machine: OwnMachine): number | null {
  const { env } = machine;
  const kibibytes = /^MemTotal:\s*(\d+) kB$/m.exec(read(machine, "/proc/meminfo"))?.[1];
  const limits = cgroupLimits(machine, "memory", {
    ...{ v2: ["memory.max"], v1: "memory.limit_in_bytes" },
  }).map(({ text }) => Number(text));
  const perNode = Number(env["SLURM_MEM_PER_NODE"]) * mebibyte;
  const perCpu = Number(env["SLURM_MEM_PER_CPU"]) * mebibyte * cpus(machine);
  const bytes = least([Number(kibibytes) * 1024, ...limits, perNode, perCpu]);
  return bytes === null ? null : Math.floor(bytes / mebibyte) * mebibyte;
}

/** The devices of the machine that this process may use, as CUDA_VISIBLE_DEVICES names them. */
async function gpus(machine: OwnMachine, say: (line: string) => void): Promise<string[]> {
  const { env } = machine;
  const named =
    env["CUDA_VISIBLE_DEVICES"] ?? env["ROCR_VISIBLE_DEVICES"] ?? env["HIP_VISIBLE_DEVICES"];
  if (named !== undefined) {
    const devices = named.split(",").map((device) => device.trim());
    const end = devices.findIndex((device) => /^(|-\d+|NoDevFiles|none|void)$/i.test(device));
    return [...new Set(end < 0 ? devices : devices.slice(0, end))]; // as CUDA reads it
  }
  const nvidia = list(machine, "/proc/driver/nvidia/gpus").length;
  if (nvidia > 0) return numbers(nvidia);
  const smi = await namedBySmi(env);
  if (smi !== null && smi.devices.length > 0) return smi.devices;
  const amd = numbers(amdGpus(machine));
  if (smi !== null && amd.length === 0) {
    say(
      `no gpu was detected: ${smi.program} -L ${smi.failure}, and neither CUDA_VISIBLE_DEVICES, ` +
        "ROCR_VISIBLE_DEVICES, /proc/driver/nvidia nor /sys/class/kfd names one. Name the gpus " +
        "with --resource gpu=0,1, or say that there are none with --resource gpu=none",
    );
  }
  return amd;
}

/** What `nvidia-smi -L` lists. */
interface SmiAnswer {
  program: string;
  devices: string[];
  /** How it failed, if it lists none. */
  failure: string;
}

/** Null if there is no such program. */
async function namedBySmi(env: Environment): Promise<SmiAnswer | null> {
  const program = Bun.which("nvidia-smi", { PATH: env["PATH"] ?? "" });
  if (program === null) return null;
  const child = started(program, env);
  if (typeof child === "string") {
    return { program, devices: [], failure: `cannot be run (${child})` };
  }
  const ended = Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  // Its children may keep the pipes open.
  const answer = await Promise.race([ended, Bun.sleep(smiMs + 100).then(() => null)]);
  if (answer === null || child.signalCode === "SIGKILL") {
    return { program, devices: [], failure: `did not answer in ${smiMs / 1_000} s` };
  }
  const [out, err, code] = answer;
  const listed = [...out.matchAll(/^GPU (\d+):/gm)].flatMap(([, number]) => number ?? []);
  const devices = [...new Set(listed)]; // listed twice, it is still one
  const [said = ""] = `${out}\n${err}`.split("\n").filter((line) => line.trim() !== "");
  const how = code === 0 ? "listed none" : `exited with code ${code}`;
  const words = said.trim().slice(0, saidMax);
  return { program, devices, failure: words === "" ? how : `${how} (${words})` };
}

/** The program, or why the system cannot run it: it may be for another kind of processor. */
function started(program: string, env: Environment) {
  try {
    return Bun.spawn([program, "-L"], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: smiMs,
      killSignal: "SIGKILL",
    });
  } catch (error) {
    return messageOf(error);
  }
}

/** Nodes of the driver that have vector units: the others are CPUs. */
function amdGpus(machine: OwnMachine): number {
  const folder = "/sys/class/kfd/kfd/topology/nodes";
  return list(machine, folder).filter((node) =>
    /^simd_count [1-9]/m.test(read(machine, join(folder, node, "properties"))),
  ).length;
}

function cgroupLimits(
  machine: OwnMachine,
  controller: string,
  files: { v2: readonly string[]; v1: string },
): { path: string; text: string }[] {
  return cgroupFiles(read(machine, "/proc/self/cgroup"), controller, files)
    .map((path) => ({ path, text: read(machine, path) }))
    .filter(({ text }) => text !== "");
}

/** The least positive number: others are not known, or stand for no limit. */
function least(amounts: readonly number[]): number | null {
  const known = amounts.filter((amount) => amount > 0 && amount < 2 ** 53);
  return known.length === 0 ? null : Math.min(...known);
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));

const read = ({ root = "/" }: OwnMachine, path: string): string => systemText(join(root, path));

function list({ root = "/" }: OwnMachine, path: string): string[] {
  try {
    return readdirSync(join(root, path));
  } catch {
    return []; // another kind of system
  }
}
