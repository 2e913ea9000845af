import { Cron } from "croner";

import { connect, type Db } from "../../../src/db/connection/connect.ts";
import { Dice } from "../../chaos/dice.ts";
import { jobsOf, newPool, record, takeAll } from "../engine.ts";
import { openTransaction, untilBlockedOrDone } from "../locks.ts";
import { useTestClock } from "./test-clock.ts";

/** A schedule of the week, and what is expected of it. */
interface Planned {
  name: string;
  timing: string;
  zone: string;
  overlap: "skip" | "queue" | "allow" | "cancel";
  missed: "last" | "none" | "all";
  jitterMs: number;
}

/** A time of a schedule, and the moment at which it fires. */
interface Time {
  nominalMs: number;
  firesMs: number;
}

const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000];

const timings = [
  { timing: "30 2 * * *", zone: "Europe/Berlin", jitterMs: 0 },
  { timing: "*/15 1-3 * * *", zone: "Europe/Berlin", jitterMs: 0 },
  { timing: "every 90m", zone: "UTC", jitterMs: 0 },
  { timing: "0 */2 * * *", zone: "America/New_York", jitterMs: 30 * minuteMs },
  { timing: "0 8,12 * * mon-fri", zone: "Australia/Lord_Howe", jitterMs: dayMs },
] as const;
const overlaps = ["skip", "queue", "allow", "cancel"] as const;
const policies = ["last", "none", "all"] as const;

/** Each timing with each policy for missed times, and each overlap with each of these. */
const plan: readonly Planned[] = timings.flatMap(({ timing, zone, jitterMs }, i) =>
  policies.map((missed, j) => ({
    ...{ name: `s${i}-${missed}`, timing, zone, jitterMs, missed },
    overlap: overlaps[(i + j) % overlaps.length] ?? "skip",
  })),
);

/** One line for each time of a schedule: its name, the time and what became of it. */
export interface Week {
  expected: string[];
  found: string[];
}

/**
 * Simulates a week of schedules on a clock of its own, from a moment on: two sessions fire what is
 * due at the same time, as the heartbeats of two pools do. At times a third one dies while it
 * fires, the pools come late, and for 30 hours there is none. The expected times are computed here,
 * by croner.
 */
export async function simulateWeek(db: Db, from: Date, seed: number): Promise<Week> {
  const dice = new Dice(seed);
  const setClock = await useTestClock(db, from);
  for (const { name, timing, ...settings } of plan) {
    await db.sql`select pdoflow.schedule(${name}, ${timing}, 'work.ts#main', '[1]', '{}',
                                         ${db.sql.json(settings)})`;
  }
  const models: Model[] = [];
  for (const one of plan) models.push(new Model(one, await timesOf(db, one, from)));
  const pool = await newPool(db);
  await using one = connect(db.target, { connections: 1 });
  await using other = connect(db.target, { connections: 1 });
  const found = new Map<string, string>();
  const pauseAtMs = from.getTime() + dice.whole(24, 48) * hourMs;
  let nowMs = from.getTime();
  let hasPaused = false;
  for (let step = 1; ; step++) {
    nowMs = Math.min(...models.map(({ nextMs }) => nextMs));
    if (!hasPaused && nowMs >= pauseAtMs) {
      nowMs += 30 * hourMs;
      hasPaused = true;
    } else if (dice.chance(0.1)) nowMs += dice.whole(1, 180) * minuteMs;
    if (nowMs >= from.getTime() + 7 * dayMs) break;
    await setClock(new Date(nowMs));
    if (dice.chance(0.1)) await dieWhileFiring(db, [one, other]);
    await Promise.all([fireAll(one), fireAll(other)]);
    for (const model of models) model.fireAt(nowMs);
    if (dice.chance(0.4)) {
      await endAll(db, pool);
      for (const model of models) model.end();
    }
    if (step % 50 === 0) await collect(db, found); // only the last 400 are kept
  }
  await collect(db, found);
  return {
    expected: models.flatMap(({ lines }) => lines).sort(),
    found: [...found.values()].sort(),
  };
}

async function fireAll({ sql }: Db): Promise<void> {
  for (;;) {
    const [row] = await sql<{ hasFired: boolean }[]>`select pdoflow.pool_fire_due() as has_fired`;
    if (row?.hasFired !== true) return;
  }
}

/** A session dies before the transaction ends in which it has fired, while others fire too. */
async function dieWhileFiring(db: Db, others: readonly Db[]): Promise<void> {
  await using dying = await openTransaction(db);
  await dying.sql`select pdoflow.pool_fire_due()`;
  const fires = Promise.all(others.map(fireAll));
  await untilBlockedOrDone(db, fires); // some wait for it, for a new route
  const [row] = await dying.sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  await db.sql`select pg_terminate_backend(${row?.pid ?? 0}, 10000)`;
  await fires;
}

/** All jobs run, and those of the postings that wait for them. */
async function endAll(db: Db, pool: number): Promise<void> {
  for (;;) {
    const jobs = jobsOf(await takeAll(db, pool));
    if (jobs.length === 0) return;
    await record(db, pool, jobs);
    await db.sql`select pdoflow.pool_settle(null, 0)`;
  }
}

/** Adds the fires by schedule and time, and compares them with the postings, which all stay. */
async function collect({ sql }: Db, found: Map<string, string>): Promise<void> {
  const rows = await sql<{ name: string; at: number; outcome: string; posting: number | null }[]>`
    select name, extract(epoch from nominal_at)::float8 * 1000 as at, outcome, posting_id as posting
    from pdoflow.fires order by posting_id`;
  for (const { name, at, outcome } of rows) found.set(`${name} ${at}`, lineOf(name, at, outcome));
  const postings = await sql<{ name: string; at: number; count: number }[]>`
    select schedule as name, extract(epoch from scheduled_at)::float8 * 1000 as at,
           count(*)::integer as count
    from pdoflow.posting group by 1, 2`;
  for (const { name, at, count } of postings) {
    const line = found.get(`${name} ${at}`);
    if (count !== 1 || line !== lineOf(name, at, "posted")) {
      found.set(`${name} ${at}`, `${line ?? lineOf(name, at, "no fire")} (${count} postings)`);
    }
  }
}

const lineOf = (name: string, ms: number, outcome: string) =>
  `${name} ${new Date(ms).toISOString()} ${outcome}`;

/** What is to happen to one schedule. */
class Model {
  readonly lines: string[] = [];
  readonly #planned: Planned;
  readonly #times: readonly Time[];
  #next = 0;
  /** Whether its last posting has not ended, and waits for one before. */
  #isOpen = false;
  #waits = false;

  constructor(planned: Planned, times: readonly Time[]) {
    this.#planned = planned;
    this.#times = times;
  }

  /** When it fires next. */
  get nextMs(): number {
    return this.#times[this.#next]?.firesMs ?? Infinity;
  }

  fireAt(nowMs: number): void {
    const due = this.#times.slice(this.#next).filter(({ firesMs }) => firesMs <= nowMs);
    const [first, last] = [due[0], due.at(-1)];
    if (!first || !last) return;
    this.#next += due.length;
    const { missed } = this.#planned;
    if (missed === "all") {
      if (due.length > 100) this.#note(first, "missed");
      for (const time of due.slice(-100)) this.#fire(time);
      return;
    }
    const isFired =
      missed === "last" ? last.nominalMs > nowMs - dayMs : last.firesMs > nowMs - minuteMs;
    if (!isFired || last !== first) this.#note(first, "missed");
    if (isFired) this.#fire(last);
  }

  #fire(time: Time): void {
    const { overlap } = this.#planned;
    if (this.#isOpen && (overlap === "skip" || (overlap === "queue" && this.#waits))) {
      this.#note(time, "skipped");
      return;
    }
    this.#waits = this.#isOpen && overlap === "queue";
    this.#isOpen = true;
    this.#note(time, "posted");
  }

  /** All its postings have ended. */
  end(): void {
    this.#isOpen = false;
    this.#waits = false;
  }

  #note({ nominalMs }: Time, outcome: string): void {
    this.lines.push(lineOf(this.#planned.name, nominalMs, outcome));
  }
}

/** The times of a schedule in more than the week, by croner, and when its jitter lets them fire. */
async function timesOf({ sql }: Db, planned: Planned, from: Date): Promise<Time[]> {
  const { name, timing, zone, jitterMs } = planned;
  const endMs = from.getTime() + 9 * dayMs;
  const nominal: number[] = [];
  const cron = timing.startsWith("every")
    ? null
    : new Cron(timing, { timezone: zone, fixedTimeRule: "no-wildcard" });
  for (let ms = from.getTime(); ms < endMs;) {
    ms = cron ? (cron.nextRun(new Date(ms))?.getTime() ?? Infinity) : ms + 90 * minuteMs;
    nominal.push(ms);
  }
  const rows = await sql<{ at: number }[]>`
    select extract(epoch from pdoflow.with_jitter(s, to_timestamp(ms::float8 / 1000)))::float8 * 1000 as at
    from pdoflow.schedule s, jsonb_array_elements(${JSON.stringify(nominal)}::text::jsonb)
      with ordinality as n (ms, place)
    where s.name = ${name} order by place`;
  return rows.slice(0, -1).map(({ at }, i) => {
    const [nominalMs = 0, nextMs = 0] = nominal.slice(i, i + 2);
    const firesMs = Math.round(at * 1000) / 1000;
    if (firesMs < nominalMs || firesMs >= nextMs || firesMs > nominalMs + jitterMs)
      throw new Error(`H3: ${name} of ${nominalMs} fires at ${firesMs}, the next is ${nextMs}`);
    return { nominalMs, firesMs };
  });
}
