import type { ScheduleOverview } from "../../src/db/read/schedules.ts";
import { frameOf, textOf } from "../../tui/draw/frame.ts";
import { glyphsOf } from "../../tui/draw/glyphs.ts";
import { type Event, type Model, startModel } from "../../tui/state/model.ts";
import { paletteOf, type Theme } from "../../tui/draw/palette.ts";
import type {
  Metrics,
  Snapshot,
  TopFailure,
  TopJob,
  TopPosting,
} from "../../src/db/dashboard/top-snapshot.ts";
import type { Terminal } from "../../tui/draw/terminal.ts";
import { update } from "../../tui/update.ts";
import { screenLines } from "../../tui/views/screen-lines.ts";

/** The database's clock in these scenes. */
export const nowAt = new Date("2026-11-26T12:00:00Z");
const ago = (ms: number) => new Date(nowAt.getTime() - ms);

const noJobs = { waiting: 0, running: 0, retrying: 0, done: 0, failed: 0, cancelled: 0 };

export const posting = (id: number, more: Partial<TopPosting> = {}): TopPosting => ({
  ...{
    id,
    name: null,
    entryPoint: "jobs/fit.ts#fit",
    command: null,
    jobCount: 1000,
    state: "open",
    reason: null,
  },
  ...{ poster: "ann", priority: 0, postedAt: ago(id * 60_000), endedAt: null },
  ...{ runAt: null, missing: null, flow: null, waits: false, waitsFor: [] },
  ...{ isBlocked: false, isSkipped: false, skippedJobs: 0 },
  project: null,
  jobs: { ...noJobs, waiting: 1000 },
  ...more,
});

export const failure = (postingId: number, count: number, message: string): TopFailure => ({
  ...{ postingId, count, message, fingerprint: `f${postingId}${count}`, job: `${postingId}/7` },
  ...{ firstAt: ago(300_000), lastAt: ago(2_000) },
});

export const job = (index: number, more: Partial<TopJob> = {}): TopJob => ({
  ...{ index, status: "done", attempts: 1, host: "node17", poolId: 3, durationMs: 1234 },
  ...{
    endedAt: ago(5_000),
    error: null,
    args: `[${index}, "m31.fits"]`,
    stdout: null,
    stderr: null,
  },
  ...more,
});

/** A queue with something of everything, odd names among it. */
export const busy: Snapshot = {
  at: nowAt,
  database: "science at db.example.org:5432",
  readOnly: null,
  postings: [
    posting(42, {
      name: "spectra",
      jobs: { ...noJobs, waiting: 400, running: 16, done: 580, failed: 4 },
    }),
    posting(41, {
      name: "漢字_名前",
      state: "paused",
      jobs: { ...noJobs, waiting: 990, done: 10 },
    }),
    posting(40, {
      entryPoint: "a/very/long/path/to/some/folder/with/functions.ts#reduceTheWholeCatalogue",
      jobCount: 12_345_678,
      priority: -5,
      jobs: { ...noJobs, waiting: 12_000_000, running: 8, retrying: 70, done: 345_600 },
    }),
    posting(39, {
      state: "errored_out",
      reason: "10 failures in a row",
      jobs: { ...noJobs, waiting: 990, failed: 10 },
    }),
    posting(38, { state: "finished", endedAt: ago(1_000), jobs: { ...noJobs, done: 1000 } }),
    posting(37, {
      state: "cancelled",
      endedAt: ago(9_000),
      jobs: { ...noJobs, done: 1, cancelled: 999 },
    }),
    posting(36, {
      name: "e\u0301mile\u200d\u{1f680}",
      entryPoint: "evil\u001b[2J\u0007.ts#\u202exyz",
    }),
  ],
  morePostings: 12,
  jobs: { waiting: 12_001_390, running: 24, retrying: 70, done: 346_190, failed: 14, cancelled: 0 },
  oldestWaitingMs: 725_000,
  endedBySecond: Array.from({ length: 58 }, (_, i) => Math.round(90 + 80 * Math.sin(i / 6))),
  pools: [
    {
      id: 3,
      host: "node17",
      pid: 4711,
      state: "up",
      slots: 16,
      busy: 16,
      work: "42/7 1.2s",
      beatAgoMs: 900,
      isStale: false,
      project: null,
      resources: [
        { name: "cpus", total: 16, free: 2 },
        { name: "gpu", total: 4, free: 0.5 },
      ],
      refused: 0,
    },
    {
      id: 2,
      host: "node18",
      pid: 4712,
      state: "draining",
      slots: 8,
      busy: 3,
      work: "",
      beatAgoMs: 2_100,
      isStale: false,
      project: null,
      resources: [],
      refused: 2,
    },
    {
      id: 1,
      host: "node19",
      pid: 4713,
      state: "up",
      slots: 8,
      busy: null,
      work: "",
      beatAgoMs: 61_000,
      isStale: true,
      project: null,
      resources: [],
      refused: 0,
    },
  ],
  failures: [
    failure(
      39,
      10,
      "TypeError: cannot read properties of undefined (reading 'flux') \u001b[31mred",
    ),
    failure(42, 4, "RangeError: 漢字 is too far 🚀"),
  ],
};

/** A stage of the flow night. */
export const stage = (id: number, name: string, more: Partial<TopPosting> = {}): TopPosting =>
  posting(id, { flow: { id: 7, name: "night", stage: name }, jobCount: 100, ...more });

/** An edge of a stage that waits. */
export const waitsFor = (upstream: number, cause: string | null = null): Partial<TopPosting> => ({
  ...{ waits: true, isBlocked: cause !== null, priority: 0 },
  waitsFor: [
    { posting: upstream, kind: "after", state: cause === null ? "waiting" : "blocked", cause },
  ],
});

/** A flow whose first stage is done, among other postings. */
export const flows: Snapshot = {
  ...busy,
  postings: [
    stage(51, "measure", { jobs: { ...noJobs, waiting: 50, running: 10, done: 40 } }),
    posting(55, { name: "alone" }),
    stage(53, "alert", { ...waitsFor(52), jobs: { ...noJobs, waiting: 100 } }),
    stage(52, "catalogue", { ...waitsFor(51), jobs: { ...noJobs, waiting: 100 } }),
    posting(48, { name: "follows", ...waitsFor(47, "47 has 3 failed jobs") }),
    stage(50, "reduce", {
      ...{ state: "finished", endedAt: ago(9_000), priority: null },
      jobs: { ...noJobs, done: 100 },
    }),
    stage(49, "reduce", { state: "cancelled", endedAt: ago(60_000) }),
  ],
};

export const empty: Snapshot = {
  ...busy,
  ...{
    postings: [],
    morePostings: 0,
    pools: [],
    failures: [],
    oldestWaitingMs: null,
    jobs: noJobs,
  },
};

const hours = (n: number) => new Date(busy.at.getTime() + n * 3_600_000);
const nightly: ScheduleOverview = {
  ...{ name: "nightly", poster: "ada", timing: "0 2 * * *", zone: "Europe/Berlin" },
  ...{ isPaused: false, firesAt: hours(5), lastAt: hours(-19), lastOutcome: "posted" },
  ...{ lastReason: null, postingId: 41, flowId: null, missed: 0 },
};
export const schedules: readonly ScheduleOverview[] = [
  { ...nightly, name: "sync", timing: "every 15m", firesAt: hours(-0.1), missed: 12 },
  nightly,
  {
    ...{ ...nightly, name: "full", postingId: null, lastOutcome: "skipped" },
    lastReason: "flow 7 has not ended",
  },
  { ...nightly, name: "old", isPaused: true, lastAt: null, lastOutcome: null, postingId: null },
  { ...nightly, name: "night", postingId: null, flowId: 8, firesAt: null },
];

export const metrics: Metrics = {
  endedByMinute: Array.from({ length: 60 }, (_, i) => Math.round(600 + 500 * Math.sin(i / 5))),
  failedByMinute: Array.from({ length: 60 }, (_, i) => (i % 20 === 0 ? 3 : 0)),
  latency: [10, 100, 1_000, 10_000, Infinity].map((upToMs, i) => ({ upToMs, count: 400 >> i })),
  duration: [1, 10, 100, 1_000, Infinity].map((upToMs, i) => ({ upToMs, count: 10 * i })),
  sampled: 1_000,
  depth: 12_001_414,
  retrying: 70,
  refused: 2,
  tables: [
    { name: "job", bytes: 5_300_000_000, rows: 12_345_678 },
    { name: "outcome", bytes: 81_920, rows: 346_190 },
  ],
};

export const poolEvent: Event = {
  kind: "pool",
  poolId: 3,
  details: {
    ...{ id: 3, host: "node17", pid: 4711, state: "up", version: "0.1.0", role: "ann" },
    ...{ osUser: "ann", slots: 16, provides: "gpu,mem=64G", project: null, refused: 0 },
    postings: null,
    startedAt: ago(3_600_000),
    running: [
      {
        ...{ postingId: 42, index: 7, attempt: 2, entryPoint: "jobs/fit.ts#fit" },
        ...{ progress: 0.5, note: "halfway" },
      },
    ],
  },
};

export const terminals = {
  color: { colors: "256", isUtf8: true, hasBraille: true, isModern: true },
  "no color": { colors: "none", isUtf8: true, hasBraille: true, isModern: true },
  ascii: { colors: "16", isUtf8: false, hasBraille: false, isModern: true },
} as const satisfies Record<string, Terminal>;

/** The dashboard after these events, each a tenth of a second after the one before. */
export function after(size: { columns: number; rows: number }, events: readonly Event[]): Model {
  let nowMs = 1_000_000;
  let model = startModel({ size, nowMs, everyMs: 2_000, startedReadOnly: null });
  for (const event of events) model = update(model, event, (nowMs += 100)).model;
  return model;
}

export const snapshot = (of: Snapshot): Event => ({ kind: "snapshot", snapshot: of, tookMs: 5 });
export const press = (...keys: string[]): Event[] => keys.map((key) => ({ kind: "key", key }));

/** The content of the screen, as text. */
export const textOn = (model: Model, terminal: Terminal): string =>
  screenLines(model, glyphsOf(terminal))
    .map(({ line }) => textOf(line))
    .join("\n");

export const frameOn = (model: Model, terminal: Terminal, theme: Theme = "default") =>
  frameOf(
    screenLines(model, glyphsOf(terminal)).map(({ line }) => line),
    model.size,
    { palette: paletteOf(terminal.colors, theme), isUtf8: terminal.isUtf8 },
  );

/** The visible text: the cells of the screen, without colours. */
export const readable = (model: Model, terminal: Terminal): string =>
  frameOn(model, terminal)
    .cells.map((row) =>
      row
        .map(({ text }) => text)
        .join("")
        .trimEnd(),
    )
    .join("\n");
