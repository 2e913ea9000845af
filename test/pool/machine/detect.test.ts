import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { detectResources } from "../../../src/pool/machine/detect.ts";

/** A folder with files that a system has, and programs on its PATH. */
function machine(files: Record<string, string>, env: Record<string, string> = {}) {
  const root = mkdtempSync(join(tmpdir(), "pdoflow-machine-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text, { mode: 0o755 });
  }
  return {
    ...{ root, cores: 8, env: { PATH: join(root, "bin"), ...env } },
    [Symbol.dispose]: () => rmSync(root, { recursive: true }),
  };
}

const G = 2 ** 30;
const meminfo = { "proc/meminfo": "MemTotal:       67108864 kB\n" };

test.each([
  ["the machine", {}, {}, { cpus: 8, mem: 64 * G }],
  [
    "cgroups of version 2, of which an outer one may be the smaller",
    {
      "proc/self/cgroup": "0::/slurm/job\n",
      "sys/fs/cgroup/slurm/job/cpu.max": "max 100000\n",
      "sys/fs/cgroup/slurm/cpu.max": "250000 100000\n",
      "sys/fs/cgroup/slurm/job/memory.max": `${16 * G}\n`,
      "sys/fs/cgroup/slurm/memory.max": "max\n",
    },
    {},
    { cpus: 3, mem: 16 * G },
  ],
  [
    "cgroups of version 1",
    {
      "proc/self/cgroup": "4:cpu,cpuacct:/a\n5:memory:/a\n",
      "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "400000\n",
      "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
      "sys/fs/cgroup/memory/a/memory.limit_in_bytes": `${8 * G}\n`,
      "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    },
    {},
    { cpus: 4, mem: 8 * G },
  ],
  ["Slurm", {}, { SLURM_CPUS_PER_TASK: "2", SLURM_MEM_PER_NODE: "4096" }, { cpus: 2, mem: 4 * G }],
  [
    "a job of Slurm that has asked for tasks, not for the cpus of each",
    {},
    { SLURM_CPUS_ON_NODE: "4", SLURM_MEM_PER_CPU: "1024" },
    { cpus: 4, mem: 4 * G },
  ],
  [
    "a job of Slurm on two nodes",
    {},
    { SLURM_JOB_CPUS_PER_NODE: "4(x2)", SLURM_MEM_PER_NODE: "0" },
    { cpus: 4, mem: 64 * G },
  ],
  [
    "a job of Slurm on nodes with different cpus, of which it is not known which is this one",
    {},
    { SLURM_JOB_CPUS_PER_NODE: "4,2" },
    { cpus: 8, mem: 64 * G },
  ],
  [
    "the driver of NVIDIA",
    { "proc/driver/nvidia/gpus/0000:01:00.0/x": "", "proc/driver/nvidia/gpus/0000:02:00.0/x": "" },
    {},
    { cpus: 8, mem: 64 * G, gpu: ["0", "1"] },
  ],
  [
    "the driver of AMD",
    {
      "sys/class/kfd/kfd/topology/nodes/0/properties": "cpu_cores_count 8\nsimd_count 0\n",
      "sys/class/kfd/kfd/topology/nodes/1/properties": "cpu_cores_count 0\nsimd_count 256\n",
    },
    {},
    { cpus: 8, mem: 64 * G, gpu: ["0"] },
  ],
  [
    "HIP_VISIBLE_DEVICES, which leaves some of those of the driver",
    {
      "sys/class/kfd/kfd/topology/nodes/1/properties": "simd_count 256\n",
      "sys/class/kfd/kfd/topology/nodes/2/properties": "simd_count 256\n",
    },
    { HIP_VISIBLE_DEVICES: "1" },
    { cpus: 8, mem: 64 * G, gpu: ["1"] },
  ],
  [
    "CUDA_VISIBLE_DEVICES, which ends at the first number that is wrong",
    {},
    { CUDA_VISIBLE_DEVICES: "2,GPU-8f2,-1,3" },
    { cpus: 8, mem: 64 * G, gpu: ["2", "GPU-8f2"] },
  ],
  ["an empty CUDA_VISIBLE_DEVICES", {}, { CUDA_VISIBLE_DEVICES: "" }, { cpus: 8, mem: 64 * G }],
])("resources are detected from %s", async (_what, files, env, expected) => {
  using found = machine({ ...meminfo, ...files }, env);
  expect(await detectResources(found, true)).toEqual(expected);
});

test("nvidia-smi is asked if nothing else names gpus, and not for longer than two seconds", async () => {
  const smi = "#!/bin/sh\necho 'GPU 0: NVIDIA A100 (UUID: GPU-1)'\necho 'GPU 1: NVIDIA A100'\n";
  using good = machine({ ...meminfo, "bin/nvidia-smi": smi });
  expect(await detectResources(good, true)).toMatchObject({ gpu: ["0", "1"] });
  expect(await detectResources(good, false)).not.toHaveProperty("gpu");
  using repeats = machine({ ...meminfo, "bin/nvidia-smi": `${smi}echo 'GPU 0: NVIDIA A100'\n` });
  expect(await detectResources(repeats, true)).toMatchObject({ gpu: ["0", "1"] });
  using hangs = machine({ ...meminfo, "bin/nvidia-smi": "#!/bin/sh\n/bin/sleep 20; echo\n" });
  const before = performance.now();
  expect(await detectResources(hangs, true)).not.toHaveProperty("gpu");
  expect(performance.now() - before).toBeLessThan(10_000);
});

test.each([
  [
    "#!/bin/sh\necho 'NVIDIA-SMI has failed: no driver'\nexit 9\n",
    /bin\/nvidia-smi -L exited with code 9 \(NVIDIA-SMI has failed: no driver\), and neither CUDA_/,
  ],
  ["#!/bin/sh\necho 'No devices were found' >&2\n", /listed none \(No devices were found\)/],
  ["a program of another system\n", /bin\/nvidia-smi -L cannot be run \(.*\), and neither CUDA_/],
])("a nvidia-smi that lists no gpu is reported once, with what to do", async (smi, expected) => {
  using broken = machine({ ...meminfo, "bin/nvidia-smi": smi });
  const lines: string[] = [];
  expect(await detectResources(broken, true, (line) => lines.push(line))).not.toHaveProperty("gpu");
  expect(lines).toEqual([expect.stringMatching(expected)]);
  expect(lines[0]).toContain("--resource gpu=0,1");
});

test("a machine without nvidia-smi, or with a gpu of another kind, is not reported", async () => {
  const lines: string[] = [];
  using plain = machine(meminfo);
  using amd = machine({
    ...meminfo,
    "bin/nvidia-smi": "#!/bin/sh\nexit 9\n",
    "sys/class/kfd/kfd/topology/nodes/1/properties": "simd_count 256\n",
  });
  for (const each of [plain, amd]) await detectResources(each, true, (line) => lines.push(line));
  expect(lines).toEqual([]);
});
