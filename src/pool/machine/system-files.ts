// Files of /proc and /sys.
import { readdirSync, readFileSync } from "node:fs";

/**
 * The text of such a file. Empty if it does not exist, because its process has ended or the system
 * has none, or if this user may not read it.
 */
export function systemText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** The ids of all processes. */
export const processIds = (): number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/**
 * The fields of /proc/N/stat after the name of the program, in parentheses, which may contain
 * anything: the state, the parent, … Empty if the process has ended.
 */
export function statOf(pid: number): string[] {
  const stat = systemText(`/proc/${pid}/stat`);
  return stat === "" ? [] : stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}
