// One size of a cluster: real pools in this process, with their statements on a real server.
import { insertPosting } from "../../src/db/posting/insert.ts";
import type { Pool } from "../../src/pool/pool.ts";

import { percentile } from "../measure.ts";
import type { BenchDatabase } from "../server.ts";
import { serverMicros } from "../usage.ts";
import { SharedConnections } from "./shared-links.ts";
import { slotsAPool, startPools } from "./simulated-pools.ts";

export interface Size {
  pools: number;
  heartbeatTimeoutMs: number;
  /** The mean time of a job; each takes a half to one and a half of it. */
  jobMs: number;
  /** How long each phase is measured. */
  phaseMs: number;
}

export interface Calls {
  count: number;
  p50Ms: number;
  p99Ms: number;
}

/** What a phase took. */
export interface Phase {
  /** By function of the queue: how often pools called it, and how long they waited for answers. */
  calls: Readonly<Record<string, Calls>>;
  seconds: number;
  /** Cores that the server used, and this process. */
  serverCores: number;
  driverCores: number;
}

export interface ClusterFigures {
  startSeconds: number;
  idle: Phase;
  busy: Phase;
  /** At the end of the busy phase, in percent. */
  slotsInUse: number;
  /** By posted job: the claims of all pools that came of it, and the time until it started. */
  herd: { claims: number; startMs: number }[];
}

/** Connections that all pools share, as with a pooler. */
export const connections = 16;
/** A pool starts with about twelve statements. */
const startsPerSecond = 50;
const herdPosts = 3;
const herdMs = 2_000;

const posting = { entryPoint: "jobs.ts#sleep", priority: 0, osUser: "bench" };

/**
 * Measures a cluster that is idle, gets one job, and is busy. Its pools are left as they are: the
 * process ends with them.
 */
export async function runCluster(
  database: BenchDatabase,
  size: Size,
  say: (line: string) => void,
): Promise<ClusterFigures> {
  let answers = new Map<string, number[]>();
  const onAnswer = (name: string, ms: number) => {
    const known = answers.get(name);
    if (known) known.push(ms);
    else answers.set(name, [ms]);
  };
  let onStart = () => {};
  let ended = 0;
  /** The first jobs end at any time from now on, as if they had begun long ago. */
  let firsts = size.pools * slotsAPool;
  const run = async (kind: unknown) => {
    onStart();
    if (kind === "one") return;
    const share = firsts-- > 0 ? Math.random() : 0.5 + Math.random();
    await Bun.sleep(share * size.jobMs);
    ended++;
  };
  const shared = new SharedConnections(database.db.target, connections, onAnswer);
  await shared.listen();
  const startedAt = performance.now();
  const starting = startPools(database.db.target, shared, size.pools, run, {
    startMs: (size.pools / startsPerSecond) * 1_000,
    heartbeatTimeoutMs: size.heartbeatTimeoutMs,
    log: (line) => say(`${size.pools} pools: ${line}`),
  });
  const pools = await Promise.race([starting, tooLate(size)]);
  const startSeconds = (performance.now() - startedAt) / 1_000;
  await waiting(database, size.pools);

  const measure = async (work: () => Promise<void>): Promise<Phase> => {
    answers = new Map();
    const [serverBefore, driverBefore] = [await serverMicros(database), process.cpuUsage()];
    const beganAt = performance.now();
    await work();
    const seconds = (performance.now() - beganAt) / 1_000;
    const { user, system } = process.cpuUsage(driverBefore);
    return {
      ...{ calls: summary(answers), seconds, driverCores: (user + system) / 1e6 / seconds },
      serverCores: ((await serverMicros(database)) - serverBefore) / 1e6 / seconds,
    };
  };
  const idle = await measure(() => Bun.sleep(size.phaseMs));
  const herd: ClusterFigures["herd"] = [];
  for (let post = 0; post < herdPosts; post++) {
    const started = Promise.withResolvers<number>();
    onStart = () => started.resolve(performance.now());
    let startMs = Number.NaN;
    const phase = await measure(async () => {
      const postedAt = performance.now();
      await insertPosting(database.db, posting, [{ args: [`["one"]`] }], "the bench");
      startMs = (await started.promise) - postedAt;
      await Bun.sleep(herdMs);
    });
    herd.push({
      claims: claimsOf(phase) - (claimsOf(idle) / idle.seconds) * phase.seconds,
      startMs,
    });
  }
  onStart = () => {};
  await insertPosting(database.db, posting, jobs(size), "the bench");
  await untilFull(pools);
  const before = ended;
  const busy = await measure(() => Bun.sleep(size.phaseMs));
  say(`${size.pools} pools: ${Math.round((ended - before) / busy.seconds)} jobs/s`);
  return { startSeconds, idle, busy, herd, slotsInUse: slotsInUse(pools) };
}

/** The jobs that the slots need for the whole run. */
function* jobs({ pools, jobMs, phaseMs }: Size) {
  const slots = pools * slotsAPool;
  const args = Array.from({ length: 1_000 }, () => `["sleep"]`);
  for (let left = slots * (2 + (6 * phaseMs) / jobMs); left > 0; left -= 1_000) yield { args };
}

const claims = ["pool_claim", "pool_claim_single"];

export const claimsOf = ({ calls }: Phase): number =>
  claims.reduce((sum, name) => sum + (calls[name]?.count ?? 0), 0);

export const callsPerSecond = ({ calls, seconds }: Phase): number =>
  Object.values(calls).reduce((sum, { count }) => sum + count, 0) / seconds;

function summary(answers: ReadonlyMap<string, readonly number[]>): Record<string, Calls> {
  const calls = [...answers].map(([name, ms]) => [
    name,
    { count: ms.length, p50Ms: percentile(ms, 0.5), p99Ms: percentile(ms, 0.99) },
  ]);
  return Object.fromEntries(calls);
}

const deadlineMs = 90_000;
const fillMs = 40_000;
/** Until the pools have reported the many jobs that began while their slots were filled. */
const restMs = 5_000;

/** Throws after twice the time that the start of all pools should take. */
async function tooLate({ pools }: Size): Promise<never> {
  const ms = Math.max(deadlineMs, (2 * pools * 1_000) / startsPerSecond);
  await Bun.sleep(ms);
  throw new Error(`waited ${ms} ms for ${pools} pools to start`);
}

async function waiting({ db }: BenchDatabase, pools: number): Promise<void> {
  await until(`${pools} pools to wait`, async () => {
    const [row] = await db.sql<{ ready: number }[]>`
      select count(*) as ready from pdoflow.pool where state = 'up' and listens`;
    return row?.ready === pools;
  });
}

/** Waits until nearly all slots have a job, but not for long: a slow server never gets there. */
async function untilFull(pools: readonly Pool[]): Promise<void> {
  const deadline = performance.now() + fillMs;
  while (slotsInUse(pools) < 97 && performance.now() < deadline) await Bun.sleep(100);
  await Bun.sleep(restMs);
}

/** In percent. */
const slotsInUse = (pools: readonly Pool[]): number =>
  (pools.reduce((sum, { activity }) => sum + activity.busy, 0) / (pools.length * slotsAPool)) * 100;

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs} ms for ${what}`);
    await Bun.sleep(100);
  }
}
