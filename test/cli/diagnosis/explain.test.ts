import { expect, test } from "bun:test";

import { parseNeeds, parseResources } from "../../../src/domain/capabilities.ts";
import { explainJob } from "../../../src/cli/diagnosis/explain.ts";
import type { EdgeFacts } from "../../../src/domain/edge-text.ts";
import type { JobFacts } from "../../../src/db/read/explain.ts";

const waiting: JobFacts = {
  id: "42/7",
  status: "waiting",
  attempts: 0,
  error: null,
  host: null,
  silent: [],
  dueInMs: null,
  startsInMs: null,
  full: null,
  refusal: null,
  posting: { id: 42, state: "open", reason: null, waits: false, isBlocked: false },
  edges: [],
  element: null,
  route: { id: 1, poster: "lab", posterOs: "ann", needs: [], run: "", project: "" },
  pools: [{ provides: {}, posters: null, refuses: false, servesOthers: false }],
  ahead: { higherPriority: 0, samePriority: 0 },
};
const gpu = { ...waiting.route, needs: parseNeeds("gpu,mem>=16G") };
const edge: EdgeFacts = {
  postingId: 42,
  upstreamId: 41,
  kind: "after",
  tolerateJobs: null,
  toleratePercent: null,
  state: "waiting",
  metAt: null,
  unblockedBy: null,
  skipped: 0,
  cause: null,
  causeId: null,
  causeKind: null,
  causeState: null,
  upstreamState: "open",
  upstreamWaits: false,
  upstreamHasEnded: false,
  work: "measure.ts#stars",
  percent: 34,
};
const cause = {
  state: "blocked",
  cause: "40 has 3 failed jobs",
  causeId: 40,
  causeKind: "after",
} as const;
const waits = { ...waiting.posting, waits: true };
const blocked = { posting: { ...waits, isBlocked: true }, pools: [] };
const error = { name: "TypeError", message: "no 7\nat …" };

test.each<[Partial<JobFacts>, string]>([
  [{}, "42/7 waits for a free worker: it is next."],
  [{ startsInMs: 89_500, pools: [] }, "42/7 waits because its posting starts in 90 s."],
  [{ startsInMs: 2.8e9, pools: [] }, "42/7 waits because its posting starts in 32 days."],
  [{ startsInMs: -1 }, "42/7 waits because its posting starts at the next poll of a pool."],
  [
    { refusal: "refused by the pool on a: it is not signed" },
    "42/7 waits for a free worker: it is next; it was refused by the pool on a: " +
      "it is not signed; when this is fixed, run: pdoflow resume 42.",
  ],
  [
    {
      refusal: "refused by the pool on a: it is not signed",
      pools: [{ provides: {}, posters: null, refuses: true, servesOthers: false }],
    },
    "42/7 waits because every pool that could run it has refused it; it was refused by the pool on a: " +
      "it is not signed; when this is fixed, run: pdoflow resume 42.",
  ],
  [
    { pools: [{ provides: {}, posters: null, refuses: false, servesOthers: true }] },
    "42/7 waits because all pools serve only other postings; start one with: pdoflow pool.",
  ],
  [
    { posting: waits, pools: [], edges: [edge] },
    "42/7 waits for 41 (measure.ts#stars: 34 % done).",
  ],
  [
    {
      posting: waits,
      edges: [
        { ...edge, kind: "any", upstreamState: "paused" },
        { ...edge, kind: "start", upstreamId: 40, upstreamWaits: true },
        { ...edge, kind: "failed", upstreamId: 39, state: "met" },
      ],
    },
    "42/7 waits for the end of 41 (measure.ts#stars: paused), " +
      "the start of 40 (measure.ts#stars: waiting).",
  ],
  [
    {
      ...blocked,
      edges: [{ ...edge, ...cause, causeState: "finished" }],
    },
    "42/7 is blocked: 40 has 3 failed jobs. Repair it: pdoflow retry 40 --failed; " +
      "or run it anyway: pdoflow unblock 42; or give it up: pdoflow cancel 42.",
  ],
  [
    {
      ...blocked,
      edges: [{ ...edge, ...cause, causeState: "errored_out" }],
    },
    "42/7 is blocked: 40 has 3 failed jobs. Repair it: pdoflow retry 40 --failed && pdoflow resume 40; " +
      "or run it anyway: pdoflow unblock 42; or give it up: pdoflow cancel 42.",
  ],
  [
    {
      ...blocked,
      edges: [{ ...edge, ...cause, causeState: "cancelled" }],
    },
    "42/7 is blocked: 40 has 3 failed jobs. " +
      "Run it anyway: pdoflow unblock 42; or give it up: pdoflow cancel 42.",
  ],
  [{ pools: [] }, "42/7 waits because no pool is running; start one with: pdoflow pool."],
  [
    { posting: { ...waiting.posting, state: "paused", reason: "lunch" } },
    "42/7 waits because its posting is paused (lunch); resume it with: pdoflow resume 42.",
  ],
  [
    { posting: { ...waiting.posting, state: "errored_out", reason: "10 in a row" } },
    "42/7 waits because its posting was stopped (10 in a row); resume it with: pdoflow resume 42.",
  ],
  [
    {
      route: gpu,
      pools: [
        {
          provides: parseResources(["mem=64G"]),
          posters: null,
          refuses: false,
          servesOthers: false,
        },
      ],
    },
    "42/7 waits because no pool provides gpu (1 live pool); start one with: " +
      "pdoflow pool --resource gpu=0 --resource mem=16G.",
  ],
  [
    {
      route: { ...gpu, needs: parseNeeds("gpu=8,mem=1G") },
      pools: [
        {
          provides: parseResources(["gpu=0,1", "mem=64G"]),
          posters: null,
          refuses: false,
          servesOthers: false,
        },
      ],
    },
    "42/7 waits because no pool provides gpu=8, at most 2 (1 live pool); ask for less, or start one with: " +
      "pdoflow pool --resource gpu=0,1,2,3,4,5,6,7 --resource mem=1G.",
  ],
  [
    {
      route: { ...gpu, needs: parseNeeds("gpu=1,mem=1G") },
      pools: [
        {
          provides: parseResources(["gpu=0,1", "mem=64G"]),
          posters: null,
          refuses: false,
          servesOthers: false,
        },
      ],
    },
    "42/7 waits until a pool has gpu=1, mem=1G free: it is next.",
  ],
  [
    {
      route: gpu,
      pools: [
        { provides: parseResources(["gpu"]), posters: null, refuses: false, servesOthers: false },
        {
          provides: parseResources(["mem=64G"]),
          posters: null,
          refuses: false,
          servesOthers: false,
        },
      ],
    },
    "42/7 waits because no pool provides all of gpu, mem>=16G (2 live pools); start one with: " +
      "pdoflow pool --resource gpu=0 --resource mem=16G.",
  ],
  [
    { pools: [{ provides: {}, posters: ["bob"], refuses: false, servesOthers: false }] },
    "42/7 waits because the pools that could run it do not run jobs of ann (1 live pool).",
  ],
  [
    { full: { maxRunning: 3, rateCount: 10, rateMs: 1000 } },
    "42/7 waits because its posting is at its limit: at most 3 of its jobs run at the same time, " +
      "at most 10 start in 1 s.",
  ],
  [
    { full: { maxRunning: null, rateCount: 100, rateMs: 60_000 } },
    "42/7 waits because its posting is at its limit: at most 100 start in 60 s.",
  ],
  [
    { ahead: { higherPriority: 40_000, samePriority: 3 } },
    "42/7 waits behind 40,000 jobs of higher priority.",
  ],
  [{ ahead: { higherPriority: 0, samePriority: 1 } }, "42/7 waits behind 1 job posted before it."],
  [
    { status: "retrying", attempts: 1, error, host: "node1", dueInMs: 3_200 },
    "42/7 will be retried in 4 s; its last attempt failed on node1: TypeError: no 7.",
  ],
  [{ status: "running", host: "node1" }, "42/7 is claimed by a pool on node1."],
  [{ status: "done", attempts: 1 }, "42/7 is done, after 1 attempt."],
  [
    { status: "failed", attempts: 3, error, host: "node1" },
    "42/7 has permanently failed after 3 attempts; its last attempt failed on node1: TypeError: no 7.",
  ],
  [
    {
      status: "cancelled",
      posting: { ...waiting.posting, state: "cancelled", reason: "wrong data" },
    },
    "42/7 is cancelled: wrong data.",
  ],
])("%p", (facts, sentence) => {
  expect(explainJob({ ...waiting, ...facts })).toBe(sentence);
});

test("a job of a project that no pool serves names the command that starts one", () => {
  const ofProject = (project: string) =>
    explainJob({
      ...waiting,
      route: { ...waiting.route, project },
      pools: [{ provides: {}, posters: null, project: "/b", refuses: false, servesOthers: false }],
    });
  expect(ofProject("/a b")).toBe(
    "42/7 waits because no pool serves the project /a b (1 live pool); " +
      "start one with: pdoflow pool --root '/a b'.",
  );
  expect(ofProject("sim")).toContain("start one with: pdoflow pool --project sim");
  expect(ofProject("")).not.toContain("project");
});
