import { InvalidInput } from "../../domain/errors.ts";
import type { FireOutcome } from "../../domain/fire-outcomes.ts";
import type { PruneOptions } from "../admin/prune.ts";
import type { Db } from "../connection/connect.ts";
import type { PostingDb } from "./caller-transaction.ts";
import type { JobBatch } from "./batches.ts";

/** The most bytes of arguments that a schedule stores; as in sql/api/schedule.sql. */
const bytesMax = 1024 * 1024;

/** When a schedule fires; see docs/schedules.md. */
export interface ScheduleSettings {
  zone?: string | undefined;
  jitterMs?: number | undefined;
  overlap?: string | undefined;
  missed?: string | undefined;
  /** A moment, or milliseconds from now by the database's clock. */
  until?: string | number | undefined;
}

export interface NewSchedule {
  name: string;
  /** A cron expression, or an interval such as "every 90m". */
  timing: string;
  settings: ScheduleSettings;
}

/** What a schedule posts: jobs of one entry point. */
export interface ScheduledJobs {
  entryPoint: string;
  /** The arguments of each job, as JSON. */
  args: readonly string[];
  /** The options of the postings, as JSON. */
  options: string;
}

export interface ScheduleRow {
  name: string;
  poster: string;
  timing: string;
  zone: string;
  jitterMs: number;
  overlap: string;
  missed: string;
  /** Null if it posts a flow, or prunes. */
  entryPoint: string | null;
  flowName: string | null;
  /** The options of its postings. */
  options: Record<string, unknown>;
  /** The number of jobs, or of stages of a flow. */
  jobCount: number;
  createdAt: Date;
  isPaused: boolean;
  until: Date | null;
  /** The next time, null if there is none. */
  nominalAt: Date | null;
  /** That time with its jitter. */
  firesAt: Date | null;
  /** The posting, or the flow, of its last time; not those by hand. */
  postingId: number | null;
  flowId: number | null;
}

export interface FireRow {
  nominalAt: Date;
  firedAt: Date;
  outcome: FireOutcome;
  byHand: boolean;
  postingId: number | null;
  flowId: number | null;
  reason: string | null;
  /** How many times it stands for: more than 1 for a run of missed times. */
  times: number;
  /** The last time of that run; null for a single time. */
  lastAt: Date | null;
}

/**
 * The arguments of jobs as a schedule stores them.
 *
 * @throws {InvalidInput} they are too large.
 */
export async function storedJobs(
  jobs: AsyncIterable<JobBatch> | Iterable<JobBatch>,
): Promise<string[]> {
  const args: string[] = [];
  let bytes = 0;
  for await (const batch of jobs) {
    if (batch.priorities?.some((priority) => priority !== batch.priorities?.[0]) === true) {
      throw new InvalidInput("priority", ["expected one priority for all jobs of a schedule"]);
    }
    args.push(...batch.args);
    bytes += batch.args.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
    if (bytes > bytesMax) {
      throw new InvalidInput("arguments", [
        "expected at most 1 MiB of arguments in a schedule, found more: keep large data in " +
          "files, and post their names",
      ]);
    }
  }
  return args;
}

/** Adds a schedule, or replaces the caller's schedule with its name. */
export const addSchedule = (
  { sql, schema }: PostingDb,
  schedule: NewSchedule & ScheduledJobs,
) => sql`
  select ${schema}.schedule(
    ${schedule.name}, ${schedule.timing}, ${schedule.entryPoint}, ${schedule.args.join("\n")},
    ${schedule.options}::text::jsonb, ${JSON.stringify(schedule.settings)}::text::jsonb)`;

/** The same for a flow: `flow` is the JSON text that sql/engine/fire_flow.sql describes. */
export const addFlowSchedule = (
  { sql, schema }: Db,
  { name, timing, settings }: NewSchedule,
  { flow, osUser }: { flow: string; osUser: string },
) => sql`
  select ${schema}.schedule_flow(
    ${name}, ${timing}, ${flow}::text::json, ${JSON.stringify({ osUser })}::text::jsonb,
    ${JSON.stringify(settings)}::text::jsonb)`;

/** The same for a prune. */
export const addPruneSchedule = (
  { sql, schema }: Db,
  { name, timing, settings }: NewSchedule,
  { osUser, ...options }: PruneOptions & { osUser: string },
) => sql`
  select ${schema}.schedule_prune(
    ${name}, ${timing}, ${JSON.stringify({ ...options, osUser })}::text::jsonb,
    ${JSON.stringify(settings)}::text::jsonb)`;

/** The schedules that the caller can see, by name; with `name`, only the ones that have it. */
export const readSchedules = ({ sql, schema }: Db, name: string | null = null) => sql<
  ScheduleRow[]
>`
  select name, poster, timing, zone, jitter_ms, overlap, missed, entry_point, flow_name, options,
         job_count, created_at, is_paused, until, nominal_at, fires_at, posting_id, flow_id
  from ${schema}.schedules where ${name}::text is null or name = ${name}
  order by name, poster limit 10000`;

/** The last fires of a schedule, the newest first. */
export const readFires = ({ sql, schema }: Db, name: string, most: number) => sql<FireRow[]>`
  select nominal_at, fired_at, outcome, by_hand, posting_id, flow_id, reason, times, last_at
  from ${schema}.fires where name = ${name} order by nominal_at desc limit ${most}`;

/** When something happens again and again: a schedule, or a time to try. */
export interface Timing extends Pick<ScheduleRow, "timing" | "zone" | "until"> {
  /** The moment since which an interval counts; null for now. */
  createdAt: Date | null;
}

/** Its next times. */
export async function readNextTimes(
  { sql, schema }: Db,
  { timing, zone, until, createdAt }: Timing,
  count: number,
): Promise<Date[]> {
  const rows = await sql<{ at: Date }[]>`
    select at from ${schema}.next_times(
      ${timing}, ${zone}, ${count}, now(), ${createdAt}::timestamptz) as n (at)
    where at is not null and (${until}::timestamptz is null or at <= ${until}::timestamptz)`;
  return rows.map(({ at }) => at);
}

/** Returns whether that changed anything. */
export async function pauseSchedule({ sql, schema }: Db, name: string, pauses: boolean) {
  const [row] = await sql<{ isChanged: boolean }[]>`
    select ${schema}.pause_schedule(${name}, ${pauses}) as is_changed`;
  return row?.isChanged === true;
}

export const deleteSchedule = ({ sql, schema }: Db, name: string) =>
  sql`select ${schema}.delete_schedule(${name})`;

/** What became of a fire by hand. */
export type HandFire = Pick<FireRow, "outcome" | "postingId" | "flowId" | "reason">;

/** Fires a schedule now. */
export async function runSchedule({ sql, schema }: Db, name: string): Promise<HandFire> {
  const [fire] = await sql<HandFire[]>`select * from ${schema}.run_schedule(${name})`;
  if (!fire) throw new Error("run_schedule returned no row");
  return fire;
}

/** A time of a schedule that was made up for; "kept" if it had fired before. */
export interface BackfilledTime extends Omit<HandFire, "outcome"> {
  nominalAt: Date;
  outcome: FireOutcome | "kept";
}

/**
 * Fires a schedule for its past times between two moments that have not posted, each in a
 * transaction of its own, so that nothing is lost if it is interrupted. Overlap does not apply.
 *
 * @throws from is after to.
 */
export async function* backfillSchedule(
  { sql, schema }: Db,
  name: string,
  { from, to }: { from: string; to: string },
): AsyncGenerator<BackfilledTime, void, undefined> {
  for (let next = from; ;) {
    const [time] = await sql<(BackfilledTime & { nextFrom: string | null })[]>`
      select b.*, case when b.nominal_at < ${to}::text::timestamptz
                       then (b.nominal_at + interval '1 us')::text end as next_from
      from ${schema}.backfill_schedule(
        ${name}, ${next}::text::timestamptz, ${to}::text::timestamptz) b`;
    if (!time) return;
    const { nextFrom, ...rest } = time;
    yield rest;
    if (nextFrom === null) return;
    next = nextFrom;
  }
}
