import type { FireRow, ScheduleRow } from "../../db/posting/schedules.ts";
import { missedText } from "../schedule/fire-rows.ts";
import { localText } from "../../domain/local-time.ts";

interface ScheduleFacts {
  schedule: ScheduleRow;
  /** Its newest fire; null if it has none. */
  last: FireRow | null;
  /** Why no pool fires it. */
  obstacle: string | null;
  /** The time of the database. */
  now: Date;
}

/** Why a schedule does not fire, or when it does; and why its last time posted nothing. */
export function explainSchedule({ schedule, last, obstacle, now }: ScheduleFacts): string {
  const what = whatNext(schedule, obstacle, now);
  return `schedule ${schedule.name} ${what}.${last === null ? "" : ` ${lastText(last)}`}`;
}

function whatNext(
  { name, isPaused, firesAt, until }: ScheduleRow,
  obstacle: string | null,
  now: Date,
): string {
  if (isPaused) return `is paused; go on with: pdoflow schedule resume ${name}`;
  if (firesAt === null) {
    return until === null
      ? "has no more times"
      : `has no more times before its end, ${localText(until)} (--until)`;
  }
  const isDue = firesAt <= now;
  if (obstacle === null) {
    return isDue
      ? "is due, and fires with the next heartbeat of a pool"
      : `fires next at ${localText(firesAt)}`;
  }
  const remedy = obstacle.startsWith("no pool") ? "; start one with: pdoflow pool" : "";
  const due = isDue ? `since ${localText(firesAt)}` : `at ${localText(firesAt)}`;
  return `is due ${due}, but does not fire: ${obstacle}${remedy}`;
}

function lastText(fire: FireRow): string {
  const { nominalAt, outcome, reason, postingId, flowId } = fire;
  const at = `Its last time, ${localText(nominalAt)},`;
  const why = reason === null ? "" : `: ${reason}`;
  switch (outcome) {
    case "posted":
      return flowId === null ? `${at} posted ${postingId}.` : `${at} posted flow ${flowId}.`;
    case "started":
      return `${at} began to prune.`;
    case "pruned":
      return `${at} pruned ${reason ?? "nothing"}.`;
    case "skipped":
      return `${at} was skipped${why}${seeAlso(reason)}.`;
    case "missed":
      return fire.lastAt === null
        ? `${at} was missed${why}. What becomes of missed times: --missed.`
        : `Its last times: ${missedText(fire)}${why}. What becomes of missed times: --missed.`;
    case "refused":
      return `${at} was refused${why}.`;
  }
}

/** What to look at, if the reason names a posting or a flow that has not ended. */
function seeAlso(reason: string | null): string {
  const [, kind, id] = /^(posting|flow) (\d+) /.exec(reason ?? "") ?? [];
  if (id === undefined) return "";
  return kind === "flow" ? `; see: pdoflow flow show ${id}` : `; see: pdoflow explain ${id}`;
}
