import * as v from "valibot";

import { fireOutcomes } from "../../domain/fire-outcomes.ts";
import { count, id, moment, output } from "./schema-parts.ts";

const name = v.string();
const Change = output({ name, isChanged: v.boolean() });

const schedule = {
  name,
  poster: v.string(),
  timing: v.string(),
  zone: v.string(),
  jitterMs: count,
  overlap: v.string(),
  missed: v.string(),
  /** Null if it posts a flow. */
  entryPoint: v.nullable(v.string()),
  flowName: v.nullable(v.string()),
  /** The number of jobs, or of stages of the flow. */
  jobCount: count,
  isPaused: v.boolean(),
  until: v.nullable(moment),
  /** The next time; null if there is none. */
  nominalAt: v.nullable(moment),
  /** That time with its jitter. */
  firesAt: v.nullable(moment),
  /** The posting, or the flow, of its last time; null if there is none. Not those by hand. */
  postingId: v.nullable(id),
  flowId: v.nullable(id),
};
const fires = v.array(
  v.object({
    nominalAt: moment,
    firedAt: moment,
    outcome: v.picklist(fireOutcomes),
    byHand: v.boolean(),
    postingId: v.nullable(id),
    flowId: v.nullable(id),
    reason: v.nullable(v.string()),
    /** More than 1 for a run of missed times; 101 of a cron expression: more than 100. */
    times: count,
    /** The last time of that run; null for a single time. */
    lastAt: v.nullable(moment),
  }),
);

/** A schedule in an overview. */
export const ScheduleOverview = v.object({
  name,
  poster: v.string(),
  timing: v.string(),
  zone: v.string(),
  isPaused: v.boolean(),
  /** The next time with its jitter; null if there is none. */
  firesAt: v.nullable(moment),
  /** Its last time, and what came of it; null if there was none. */
  lastAt: v.nullable(moment),
  lastOutcome: v.nullable(v.picklist(fireOutcomes)),
  lastReason: v.nullable(v.string()),
  postingId: v.nullable(id),
  flowId: v.nullable(id),
  /** Times of the last 7 days that no pool fired, or that were refused; runs as a whole. */
  missed: count,
});

/** The output of the commands `schedule …`. */
export const scheduleSchemas = {
  "schedule add": output({
    name,
    timing: v.string(),
    /** Null if it never fires. */
    nextAt: v.nullable(moment),
  }),
  "schedule list": output({ schedules: v.array(v.object(schedule)) }),
  "schedule show": output({
    ...schedule,
    /** The options of its postings, as in docs/sql.md. */
    options: v.record(v.string(), v.unknown()),
    /** The next three times, without jitter. */
    next: v.array(moment),
    /** The last five times. */
    fires,
  }),
  "schedule next": output({ times: v.array(moment) }),
  "schedule history": output({ fires }),
  "schedule pause": Change,
  "schedule resume": Change,
  "schedule delete": Change,
  "schedule run": output({
    /** Null if nothing was posted. */
    posting: v.nullable(id),
    flow: v.nullable(id),
    outcome: v.picklist(fireOutcomes),
    reason: v.nullable(v.string()),
  }),
  "schedule backfill": output({
    times: v.array(
      v.object({
        nominalAt: moment,
        /** Kept: it had posted before. */
        outcome: v.picklist([...fireOutcomes, "kept"]),
        postingId: v.nullable(id),
        flowId: v.nullable(id),
        reason: v.nullable(v.string()),
      }),
    ),
  }),
};
