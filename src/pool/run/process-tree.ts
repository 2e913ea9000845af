import { readdirSync } from "node:fs";

import { statOf, systemText } from "../machine/system-files.ts";

/** What a process and its descendants use now. */
export interface TreeUsage {
  /** Resident memory of the process, and of its descendants together. */
  ownBytes: number;
  descendantsBytes: number;
  /** The largest peak of a descendant so far. */
  descendantPeakBytes: number;
  /** CPU time of living descendants, with that of children for which they have waited, in us. */
  descendantsUserUs: number;
  descendantsSystemUs: number;
}

/** Linux shows times in hundredths of a second on all platforms. */
const microsPerTick = 10_000;
const kib = 1_024;
/** Deeper or larger trees are seen in part. */
const processesMax = 1_000;

/**
 * Samples a process of which the main thread starts all children, as a worker does. It takes about
 * 30 us for each process. Null if there is no such process, or no /proc.
 */
export function sampleTree(pid: number): TreeUsage | null {
  const own = memoryOf(pid);
  if (own === null) return null;
  const tree: TreeUsage = {
    ...{ ownBytes: own.residentBytes, descendantsBytes: 0, descendantPeakBytes: 0 },
    ...{ descendantsUserUs: 0, descendantsSystemUs: 0 },
  };
  const left = childrenOf(pid, [String(pid)]);
  for (let seen = 0; left.length > 0 && seen < processesMax; seen++) {
    const next = left.pop() ?? 0;
    const memory = memoryOf(next);
    if (memory === null) continue; // it has just ended
    const { userUs, systemUs } = cpuOf(next);
    tree.descendantsBytes += memory.residentBytes;
    tree.descendantPeakBytes = Math.max(tree.descendantPeakBytes, memory.peakBytes);
    tree.descendantsUserUs += userUs;
    tree.descendantsSystemUs += systemUs;
    left.push(...childrenOf(next, threadsOf(next)));
  }
  return tree;
}

/** Null of a process that has ended, even if nobody has waited for it yet. */
function memoryOf(pid: number): { residentBytes: number; peakBytes: number } | null {
  const status = systemText(`/proc/${pid}/status`);
  const peak = /^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1];
  const resident = /^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1];
  if (peak === undefined || resident === undefined) return null;
  return { peakBytes: kib * Number(peak), residentBytes: kib * Number(resident) };
}

function cpuOf(pid: number): { userUs: number; systemUs: number } {
  const fields = statOf(pid);
  const ticks = (own: number, children: number) =>
    (Number(fields[own] ?? 0) + Number(fields[children] ?? 0)) * microsPerTick;
  return { userUs: ticks(11, 13), systemUs: ticks(12, 14) };
}

const childrenOf = (pid: number, threads: readonly string[]): number[] =>
  threads.flatMap((thread) =>
    systemText(`/proc/${pid}/task/${thread}/children`)
      .split(" ")
      .flatMap((child) => (child === "" ? [] : Number(child))),
  );

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // it has just ended
  }
}
