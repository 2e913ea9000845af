// What Linux says of the processes that a test has started.
import { readdirSync, readFileSync } from "node:fs";

/** The worker processes of a pool, by its process number. */
export function workersOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const [, , ppid] =
          /^\d+ \(.*\) (\S) (\d+)/s.exec(readFileSync(`/proc/${name}/stat`, "utf8")) ?? [];
        const line = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
        return Number(ppid) === pid && line.includes("worker");
      } catch {
        return false; // gone between the two looks
      }
    })
    .map(Number);
}

/**
 * The maximum memory of a process so far, in bytes; 0 if it has ended. Not resourceUsage, which
 * begins with the memory of the parent process.
 */
export function peakBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
