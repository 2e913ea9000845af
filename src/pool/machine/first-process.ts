import { FFIType } from "bun:ffi";
import { constants } from "node:os";

import { openLibc } from "./libc.ts";
import { processIds, statOf } from "./system-files.ts";

const lookMs = 1_000;
/** WNOHANG of Linux. */
const withoutWaiting = 1;
const stopSignals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/**
 * Does the duties of the first process of a container (Linux). To that process:
 *
 * - the kernel delivers no signal that it does not handle, so that no command would stop before it
 *   has set up its own handlers;
 * - the kernel gives the orphans of a job, which stay in the table of processes after their end
 *   until their parent asks for their exit code.
 */
export function actAsFirstProcess(exit: (code: number) => never): void {
  for (const signal of stopSignals) {
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) exit(128 + constants.signals[signal]);
    });
  }
  const { waitpid } = openLibc({
    waitpid: { args: [FFIType.i32, FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
  });
  let seen = new Set<string>();
  // A child that Bun started is not an orphan: Bun takes its exit code at once. Therefore only
  // those are orphans that had ended a turn of the event loop ago.
  const timer = setInterval(() => {
    const ended = endedChildren(process.pid);
    for (const [child, start] of ended)
      if (seen.has(`${child} ${start}`)) waitpid(child, null, withoutWaiting);
    seen = new Set(ended.map(([child, start]) => `${child} ${start}`));
  }, lookMs);
  timer.unref();
}

/** The children that have ended: their ids, and when they started, because ids are used again. */
function endedChildren(parent: number): [pid: number, start: string][] {
  return processIds().flatMap((pid): [number, string][] => {
    const fields = statOf(pid);
    const isEnded = fields[0] === "Z" && Number(fields[1]) === parent;
    return isEnded ? [[pid, fields[19] ?? ""]] : [];
  });
}
