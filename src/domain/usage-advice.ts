import { countsOf, isCommandNeed, isCount, type Need, type Needs } from "./capabilities.ts";

/** What the attempts at the jobs of a posting used, for `pdoflow usage` and reports. */
export interface UsageTotals {
  attempts: number;
  /** Attempts with a measured CPU time, and the time that they took in all. */
  measured: number;
  measuredMs: number;
  /** The time that all attempts took. */
  wallMs: number;
  /** Null if nothing was measured. */
  cpuUserMs: number | null;
  cpuSystemMs: number | null;
  /** The largest peak of resident memory. */
  peakBytes: number | null;
  readBytes: number | null;
  writtenBytes: number | null;
}

/** A histogram: the weight of the values of at most `upTo` and more than the one before. */
export type Steps = readonly { upTo: number; weight: number }[];

/** What the jobs asked for; without `--needs cpus=N`, the one cpu of a worker. */
export interface AskedResources {
  cpus: number;
  /** Null if they did not ask for memory. */
  memBytes: number | null;
}

/** Not what the pool must have in all, such as `mem>=16G`: of that a job takes nothing. */
export function askedIn(needs: Needs): AskedResources {
  const { cpus = 1, mem = null } = countsOf(needs) ?? {};
  return { cpus, memBytes: mem };
}

/** The cores that the measured attempts used on average; null if none was measured. */
export function coresOf({
  measuredMs,
  cpuUserMs,
  cpuSystemMs,
}: Pick<UsageTotals, "measuredMs" | "cpuUserMs" | "cpuSystemMs">): number | null {
  if (measuredMs <= 0 || cpuUserMs === null || cpuSystemMs === null) return null;
  return (cpuUserMs + cpuSystemMs) / measuredMs;
}

/** What several postings used together. */
export interface UsageTotal extends UsageTotals {
  /** CPU time by time: the cores that the attempts used on average; null if none was measured. */
  coresUsed: number | null;
  /** The CPU time as a share of that of the cpus that they asked for; null if none was measured. */
  efficiency: number | null;
}

/** The largest peak is that of one attempt; all other numbers are sums. */
export function totalUsage(rows: readonly (UsageTotals & { needs: Needs })[]): UsageTotal {
  const sum = (of: (row: UsageTotals & { needs: Needs }) => number | null): number =>
    rows.reduce((total, row) => total + (of(row) ?? 0), 0);
  const known = (name: "cpuUserMs" | "cpuSystemMs" | "readBytes" | "writtenBytes") =>
    rows.every((row) => row[name] === null) ? null : sum((row) => row[name]);
  const peaks = rows.flatMap(({ peakBytes }) => peakBytes ?? []);
  const totals: UsageTotals = {
    attempts: sum(({ attempts }) => attempts),
    measured: sum(({ measured }) => measured),
    measuredMs: sum(({ measuredMs }) => measuredMs),
    wallMs: sum(({ wallMs }) => wallMs),
    ...{ cpuUserMs: known("cpuUserMs"), cpuSystemMs: known("cpuSystemMs") },
    peakBytes: peaks.length === 0 ? null : Math.max(...peaks),
    ...{ readBytes: known("readBytes"), writtenBytes: known("writtenBytes") },
  };
  const coresUsed = coresOf(totals);
  const asked = sum(({ needs, measuredMs }) => askedIn(needs).cpus * measuredMs);
  const efficiency = coresUsed === null ? null : (coresUsed * totals.measuredMs) / asked;
  return { ...totals, coresUsed, efficiency };
}

/** The smallest value that a share of the weight does not exceed; null without values. */
export function quantileOf(steps: Steps, share: number): number | null {
  const total = steps.reduce((sum, { weight }) => sum + weight, 0);
  let sum = 0;
  for (const { upTo, weight } of steps) {
    sum += weight;
    if (sum >= share * total) return upTo;
  }
  return null;
}

/**
 * A job may use a little more than its cpus: the garbage collector has threads of its own. Jobs
 * that ask for a part of a cpu have that part of it.
 */
const spareCores = 0.3;
/** Jobs with more data than these need more memory. */
const spareMemory = 1.2;
const leastMemory = 16 * 2 ** 20;

/** Whether the suggestion replaces it, by what was measured. */
const isMeasured = (need: Need): boolean => isCount(need) && ["cpus", "mem"].includes(need[0]);

/**
 * The needs that the attempts suggest: the cores of 95 % of their time, and a fifth more memory
 * than the largest peak, rounded up. All other needs stay as the jobs `asked` for them. Null if the
 * cores or the memory were not measured.
 */
export function suggestedNeeds(
  { peakBytes }: Pick<UsageTotals, "peakBytes">,
  cores: Steps,
  asked: Needs,
): Needs | null {
  const most = quantileOf(cores, 0.95);
  if (most === null || peakBytes === null) return null;
  const wanted = Math.max(spareMemory * peakBytes, leastMemory);
  const step = 2 ** (Math.floor(Math.log2(wanted)) - 2);
  return [
    ["cpus", "=", suggestedCpus(most, askedIn(asked).cpus)],
    ["mem", "=", Math.ceil(wanted / step) * step],
    ...asked.filter((need) => !isMeasured(need) && !isCommandNeed(need)),
  ];
}

/** Whole cpus, but not more than the jobs asked for if these were enough. */
function suggestedCpus(used: number, asked: number): number {
  const whole = Math.max(1, Math.ceil(used - spareCores));
  return used - spareCores * Math.min(asked, 1) <= asked ? Math.min(whole, asked) : whole;
}
