import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { MemoryGroups } from "../../../src/pool/run/memory-groups.ts";

const own = "sys/fs/cgroup/unit.scope";

/**
 * A folder with the files of cgroups. In contrast to those of the kernel, they are not connected:
 * memory-groups.slow.test.ts tests with real ones.
 */
function system(files: Record<string, string> = {}) {
  const root = mkdtempSync(join(tmpdir(), "pdoflow-cgroup-"));
  const all = {
    "proc/self/cgroup": "4:memory:/v1\n0::/unit.scope\n",
    "proc/self/mountinfo":
      "24 1 0:22 / /sys rw - sysfs sysfs rw\n30 24 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 x rw\n",
    [`${own}/cgroup.controllers`]: "cpu io memory pids\n",
    [`${own}/cgroup.subtree_control`]: "memory\n",
    [`${own}/cgroup.type`]: "domain\n",
    [`${own}/cgroup.procs`]: "",
    ...files,
  };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const lines: string[] = [];
  const removed: string[] = [];
  const remove = (folder: string) => {
    rmSync(folder, { recursive: true });
    removed.push(folder);
  };
  const onMoved = () => lines.push("moved");
  const groups = new MemoryGroups((line) => lines.push(line), { root, remove, onMoved });
  const read = (...path: string[]) => readFileSync(join(...path), "utf8");

  const end = () => rmSync(root, { recursive: true });
  return { root, lines, removed, groups, read, [Symbol.dispose]: end };
}

test("a worker gets a cgroup with its limit, which is removed after its end", async () => {
  using found = system();
  const group = found.groups.create(2 ** 28);
  if (!group) throw new Error(found.lines.join());
  const { folder } = group;
  expect(dirname(folder)).toBe(join(found.root, own));
  writeFileSync(join(folder, "memory.swap.max"), "max");
  writeFileSync(join(folder, "memory.current"), "1000\n");
  expect(group.add(4711)).toBe(true);
  group.ready();
  group.limit({ isCommand: false });
  const written = () =>
    ["cgroup.procs", "memory.max", "memory.oom.group"].map((file) => found.read(folder, file));
  expect(written()).toEqual(["4711", String(2 ** 28), "1"]);
  // A command needs no memory of the worker that waits for it.
  group.limit({ isCommand: true });
  expect(written()[1]).toBe(String(2 ** 28 + 1000));
  expect(group.hasKilled).toBe(false);
  writeFileSync(join(folder, "memory.events"), "low 0\noom 1\noom_kill 2\noom_group_kill 1\n");
  expect(group.hasKilled).toBe(true);
  group.close();
  await found.groups.close();
  expect(found.removed).toEqual([folder]);
  expect(found.lines).toEqual([`the memory of jobs is limited by cgroups in ${found.root}/${own}`]);
});

test("a limit that the system refuses leaves the job to the watch of its pool", async () => {
  using found = system();
  const group = found.groups.create(2 ** 28);
  if (!group) throw new Error(found.lines.join());
  expect(group.isLimiting).toBe(true);
  mkdirSync(join(group.folder, "memory.max")); // cannot be written
  group.limit({ isCommand: false });
  expect(group.isLimiting).toBe(false);
  expect(found.lines[1]).toContain("a worker's cgroup does not limit its memory: EISDIR");
  mkdirSync(join(group.folder, "cgroup.procs"));
  expect(group.add(4711)).toBe(false);
  await found.groups.close();
  expect(found.removed).toEqual([group.folder]);
});

test("a pool that is alone in its cgroup moves below it, and back at its end", async () => {
  using found = system({
    [`${own}/cgroup.subtree_control`]: "",
    [`${own}/cgroup.procs`]: `${process.pid}\n`,
  });
  const group = found.groups.create(2 ** 28);
  const leaf = join(found.root, own, `${group?.folder.split("/").at(-1)?.replace(/1$/, "pool")}`);
  expect(found.read(leaf, "cgroup.procs")).toBe(String(process.pid));
  expect(found.lines[0]).toBe("moved");
  expect(found.read(found.root, own, "cgroup.subtree_control")).toBe("+memory");
  group?.close();
  await found.groups.close();
  expect(found.removed).toEqual([expect.stringMatching(/-1$/), leaf]);
  expect(found.read(found.root, own, "cgroup.subtree_control")).toBe("-memory");
});

test.each([
  ["no memory controller", { [`${own}/cgroup.controllers`]: "cpu io\n" }],
  ["no cgroup of version 2", { "proc/self/cgroup": "4:memory:/v1\n" }],
  [
    "other processes are in its cgroup",
    { [`${own}/cgroup.subtree_control`]: "cpu\n", [`${own}/cgroup.procs`]: `1\n${process.pid}\n` },
  ],
])("with %s, the pool measures memory, and says so once", (why, files) => {
  using found = system(files);
  expect([found.groups.create(2 ** 28), found.groups.create(2 ** 28)]).toEqual([null, null]);
  expect(found.lines).toEqual([expect.stringContaining(`five times a second, because `)]);
  expect(found.lines[0]).toContain(why);
  expect(existsSync(join(found.root, own, "cgroup.kill"))).toBe(false);
});

test("a pool removes the cgroups of killed pools, and not those of others", () => {
  // No process has the number 4194304; this one has started at another time.
  const dead = [`pdoflow-4194304-99-1`, `pdoflow-4194304-99-pool`, `pdoflow-${process.pid}-1-7`];
  const stat = readFileSync("/proc/self/stat", "utf8");
  const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  const kept = [`pdoflow-${process.pid}-${start}-7`, "other.service"];
  const files = [...dead, ...kept].map((name) => [`${own}/${name}/cgroup.procs`, ""] as const);
  using found = system(Object.fromEntries(files));
  expect(found.groups.create(2 ** 28)).not.toBeNull();
  expect(found.removed.toSorted()).toEqual(
    dead.map((name) => join(found.root, own, name)).toSorted(),
  );
});
