import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { JobError } from "../../../src/domain/attempt.ts";
import { oomCounters, OomKills } from "../../../src/pool/run/oom-kills.ts";
import { WorkerProcess } from "../../../src/pool/run/worker-process.ts";

const folder = mkdtempSync(join(tmpdir(), "pdoflow-oom-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What Linux writes, as seen on 6.18. */
const files = {
  "memory.events": (n: number) => `low 0\nhigh 0\nmax 9\noom 2\noom_kill ${n}\noom_group_kill 0\n`,
  "memory.oom_control": (n: number) => `oom_kill_disable 0\nunder_oom 0\noom_kill ${n}\n`,
  vmstat: (n: number) => `nr_free_pages 5693\noom_kill ${n}\ndrop_pagecache 0\n`,
};

/** A counter that stands at 3, and a function that counts further. */
function counter(name: keyof typeof files) {
  const path = join(folder, name);
  let kills = 3;
  const kill = (more: number) => writeFileSync(path, files[name]((kills += more)));
  kill(0);
  return { oomKills: new OomKills([{ path, isShared: name === "vmstat" }]), kill };
}

test.each([
  ["memory.events", "certain"],
  ["memory.oom_control", "certain"],
  ["vmstat", "probable"],
] as const)("a kill that %s counts explains one death: %s", (name, verdict) => {
  const { oomKills, kill } = counter(name);
  expect(oomKills.explain(0)).toBeNull();
  kill(1);
  expect([oomKills.explain(1), oomKills.explain(2)]).toEqual([verdict, null]);
  kill(2);
  expect([3, 4, 5].map((now) => oomKills.explain(now))).toEqual([verdict, verdict, null]);
});

test("a kill that was seen long ago explains no death", () => {
  const { oomKills, kill } = counter("memory.events");
  kill(1); // a job's child
  oomKills.poll(1_000);
  expect(oomKills.explain(61_000)).toBeNull();
});

test("after its pool has moved to another cgroup, the kills there count", () => {
  const { oomKills, kill } = counter("memory.events");
  const path = join(folder, "events-of-the-leaf");
  writeFileSync(path, "oom_kill 7\n");
  oomKills.moved([{ path, isShared: false }]);
  kill(1);
  expect(oomKills.explain(0)).toBeNull();
  writeFileSync(path, "oom_kill 8\n");
  expect(oomKills.explain(1)).toBe("certain");
});

test("our own cgroup is asked first, then those around it, then the machine", () => {
  const paths = (cgroups: string) => oomCounters(cgroups).map(({ path }) => path);
  expect(paths("0::/slurm/job_7\n")).toEqual([
    "/sys/fs/cgroup/slurm/job_7/memory.events.local",
    "/sys/fs/cgroup/slurm/job_7/memory.events",
    "/sys/fs/cgroup/slurm/memory.events.local",
    "/sys/fs/cgroup/slurm/memory.events",
    "/sys/fs/cgroup/memory.events.local",
    "/sys/fs/cgroup/memory.events",
    "/proc/vmstat",
  ]);
  expect(paths("9:name=systemd:/\n4:hugetlb,memory:/docker/a\n1:cpu:/\n")).toEqual([
    "/sys/fs/cgroup/memory/docker/a/memory.oom_control",
    "/sys/fs/cgroup/memory/docker/memory.oom_control",
    "/sys/fs/cgroup/memory/memory.oom_control",
    "/proc/vmstat",
  ]);
});

/** The death of a worker that another process killed with SIGKILL. */
async function deathOf(oomKills: OomKills, beforehand: () => void): Promise<JobError> {
  const program = [process.execPath, join(import.meta.dir, "../../../src/main.ts")];
  const death = Promise.withResolvers<JobError>();
  const options = { program, root: folder, env: process.env, jobsMax: null, memoryMaxBytes: null };
  const worker: WorkerProcess = new WorkerProcess(options, oomKills, {
    onMessage: () => {
      beforehand();
      process.kill(worker.pid, "SIGKILL");
    },
    onExit: death.resolve,
  });
  return await death.promise;
}

test("a worker that the system killed, out of memory, has died of that", async () => {
  const { oomKills, kill } = counter("memory.events");
  expect(await deathOf(oomKills, () => kill(1))).toEqual({
    name: "OutOfMemory",
    message: expect.stringMatching(/^worker \d+ was killed by the system .*, out of memory\./),
  });
});

test("if only the machine's counter is available, the cause is only probable", async () => {
  const { oomKills, kill } = counter("vmstat");
  const { message } = await deathOf(oomKills, () => kill(1));
  expect(message).toContain("probably out of memory");
});

test("a worker that somebody killed has not run out of memory", async () => {
  using own = new OomKills(); // the counter of this machine
  const { oomKills } = counter("memory.events");
  for (const kills of [own, oomKills]) {
    expect(await deathOf(kills, () => {})).toEqual({
      name: "WorkerDied",
      message: expect.stringMatching(/^worker \d+ was killed by SIGKILL while it ran this job$/),
    });
  }
});
