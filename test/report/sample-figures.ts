import type { ReportFigures } from "../../src/report/figures.ts";

const at = (second: number) => new Date(Date.UTC(2026, 10, 30, 1, 0, second));
const bins = 6;
const zeros = () => Array.from({ length: bins }, () => 0);

/** The figures of a flow of two stages, in which every text that a user can choose is `text`. */
export function sampleFigures(text: string): ReportFigures {
  const jobs = { waiting: 0, running: 0, retrying: 0, done: 90, failed: 10, cancelled: 0 };
  const spread = { count: 110, sumMs: 11_000, meanMs: 100, medianMs: 90, p95Ms: 210, p99Ms: 300 };
  const durations = { ...spread, longestMs: 320 };
  const usage = {
    ...{ attempts: 110, measured: 100, cpuUserMs: 9_000, cpuSystemMs: 500, cores: 0.9 },
    ...{ peakBytes: 2 ** 27, readBytes: 2 ** 20, writtenBytes: null },
    ...{ asked: { cpus: 2, memBytes: 2 ** 28 }, suggestedNeeds: text },
    peaks: [
      { upTo: 2 ** 26, weight: 90 },
      { upTo: 2 ** 27, weight: 10 },
    ],
    coreSteps: [
      { upTo: 0.9, weight: 9_000 },
      { upTo: 1, weight: 2_000 },
    ],
  };
  const posting = (id: number, stage: string) => ({
    ...{ id, name: text, flow: 7, stage, entryPoint: text, command: id === 2 ? text : null },
    ...{ state: "finished" as const, reason: text, poster: text, posterOs: `${text}-os` },
    ...{ project: text, schedule: text, postedAt: at(0), startedAt: at(1), endedAt: at(5) },
    ...{ jobCount: 100, jobs, options: [{ name: "--needs", value: text }], codeDigest: text },
    ...{ waitsFor: text, durations, retried: 10, usage },
  });
  const stage = (name: string, id: number) => ({
    ...{ stage: name, posting: id, state: "failed" as const, jobCount: 100, jobs },
  });
  const [one, two] = [text, `${text} 2`];
  return {
    ...{ madeAt: at(9), program: "1.2.3", database: text, jobs },
    flows: [
      {
        ...{ id: 7, name: text, state: "failed", poster: text, posterOs: text, postedAt: at(0) },
        stages: [stage(one, 1), stage(two, 2)],
        graph: [
          { name: one, upstreams: [] },
          { name: two, upstreams: [{ stage: one, kind: text }] },
        ],
      },
    ],
    postings: [posting(1, one), posting(2, two)],
    timeline: {
      ...{ startAt: at(0), endAt: at(6), binMs: 1_000 },
      ended: {
        done: [0, 10, 20, 30, 20, 10],
        failed: [0, 0, 0, 0, 0, 10],
        retried: zeros(),
        cancelled: zeros(),
      },
      pools: [
        {
          id: 1,
          host: text,
          pid: 7,
          slots: 4,
          startedAt: at(1),
          endedAt: at(4),
          busy: [0, 2, 4, 4, 1, 0],
        },
        {
          id: null,
          host: null,
          pid: null,
          slots: null,
          startedAt: null,
          endedAt: null,
          busy: zeros(),
        },
      ],
    },
    durations: {
      ...durations,
      bars: [
        { fromMs: 50, toMs: 100, done: 60, failed: 5, retried: 10, cancelled: 0 },
        { fromMs: 100, toMs: 200, done: 30, failed: 5, retried: 0, cancelled: 0 },
      ],
    },
    attempts: [
      { attempt: 1, done: 80, failed: 0, retried: 20, cancelled: 0 },
      { attempt: 2, done: 10, failed: 10, retried: 0, cancelled: 0 },
    ],
    slowest: [
      {
        ...{ job: "1/7", attempt: 1, state: "done", durationMs: 320, endedAt: at(4) },
        ...{ host: text, args: text },
      },
    ],
    failures: [
      {
        ...{ posting: 1, fingerprint: "0123abcd", count: 10, firstAt: at(3), lastAt: at(5) },
        ...{ job: "1/3", attempt: 2, host: text, stderr: text, args: text },
        error: { name: text, message: `${text}\n${text}`, stack: text },
      },
    ],
    failureGroups: 2,
    machines: [
      {
        ...{ host: text, pools: 1, slots: 4, versions: [text], busyMs: 11_000 },
        ...{ attempts: { done: 90, failed: 10, retried: 20, cancelled: 0 }, availableMs: 20_000 },
      },
    ],
  };
}
