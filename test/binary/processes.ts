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
 * The most memory that a process has had, in bytes; 0 where it has ended. Not what resourceUsage
 * says: that begins with the memory of the process that it came from.
 */
export function peakBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
