import type { Case } from "../case.ts";
import { percentile, sum } from "../measure.ts";
import { openRig, shareOfIdeal, type Timeline } from "../rig.ts";

const lengths = [1, 10, 100, 1000];
const workers = 2;

export const overhead: Case = {
  name: "overhead",
  what: "jobs of 1 ms, 10 ms, 100 ms, 1 s: what is lost between them",
  target: "at most 0.8 % at 10 ms of sleep",
  async run(bench) {
    const aboutMs = bench.size(2_000, 700);
    const rounds = bench.rounds(5, 2);
    const tasks = ["sleep", "spin"] as const;
    const found = new Map<string, Timeline[]>();
    await using rig = await openRig(bench.server, 1, workers);
    for (const task of tasks) await rig.run(task, jobs(1, 100));
    for (let round = 1; round <= rounds; round++) {
      for (const ms of lengths) {
        for (const task of tasks) {
          if (task === "spin" && ms !== 10) continue;
          const timeline = await rig.run(task, jobs(ms, aboutMs));
          const key = keyOf(task, ms);
          found.set(key, [...(found.get(key) ?? []), timeline]);
        }
      }
      bench.say(`overhead: round ${round} of ${rounds}`);
    }
    const keys = [...lengths.map((ms) => keyOf("sleep", ms)), keyOf("spin", 10)];
    const of = (key: string) => found.get(key) ?? [];
    const shares = (key: string) => of(key).map((timeline) => shareOfIdeal(timeline, workers));
    return {
      sizes: { workers, rounds, "ms a posting": aboutMs },
      series: [
        ...keys.map((key) => ({
          ...{
            name: `${key}: lost for each job`,
            unit: "ms" as const,
            values: of(key).map(lostMs),
          },
        })),
        ...keys.map((key) => ({
          ...{ name: `${key}: share of ideal`, unit: "%" as const, values: shares(key) },
        })),
      ],
      checks: keys.map((key) => ({
        ...{ name: `${key}: overhead`, unit: "%", values: of(key).map(overheadOf) },
        bound: key === keyOf("sleep", 10) ? { atMost: 0.8 } : null,
      })),
      curves: [
        {
          ...{ title: "Share of the ideal time", xTitle: "ms a job", unit: "%", xs: lengths },
          lines: [
            {
              name: "jobs that sleep",
              ys: lengths.map((ms) => percentile(shares(keyOf("sleep", ms)), 0.5)),
            },
          ],
        },
      ],
      notes: [
        "overhead is the workers' time outside of jobs against that inside, the start included",
        "sleep leaves the cores to the pool and the server; spin takes them from both",
      ],
    };
  },
};

const keyOf = (task: string, ms: number) => `${task} ${ms} ms`;

const jobs = (ms: number, aboutMs: number) =>
  Array.from({ length: Math.max(2 * workers, (aboutMs / ms) * workers) }, () => [ms]);

const lostMs = ({ spanMs, durations }: Timeline) =>
  (spanMs * workers - sum(durations)) / durations.length;

const overheadOf = ({ spanMs, durations }: Timeline) =>
  ((spanMs * workers) / sum(durations) - 1) * 100;
