import { roughTime } from "../../../tui/draw/pace.ts";
import { blockedText, metNotes, waitText } from "../../domain/edge-text.ts";
import {
  formatNeed,
  isCommandNeed,
  isCount,
  type Needs,
  unmetNeeds,
} from "../../domain/capabilities.ts";
import type { JobCounts } from "../../domain/states.ts";
import { receiverOf } from "../../domain/notification.ts";
import { isOfProject, mayServe } from "../../domain/route.ts";
import { unmetText } from "../../domain/unmet-text.ts";
import { startPool } from "../../domain/start-pool.ts";
import type { JobError } from "../../domain/attempt.ts";
import type { ElementFacts, JobFacts, PostingFacts } from "../../db/read/explain.ts";
import { silenceText } from "./silent-pools.ts";

/** Explains the status of a job in one sentence, with a remedy if there is one. */
export function explainJob(facts: JobFacts): string {
  const { id, status, attempts, host } = facts;
  const attemptsText = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
  switch (status) {
    case "done":
      return `${id} is done, after ${attemptsText}.`;
    case "failed":
      return `${id} has permanently failed after ${attemptsText}${lastError(facts)}.`;
    case "cancelled":
      if (facts.element && facts.posting.state !== "cancelled") {
        return `${id} was skipped: ${elementText(facts.element)}.`;
      }
      return `${id} is cancelled: ${facts.posting.reason ?? "its posting was cancelled"}.`;
    case "running":
      return `${id} is claimed by a pool${host === null ? "" : ` on ${host}`}${silence(facts)}.`;
    case "retrying":
    case "waiting":
      return `${id} ${whyNot(facts)}${refusalOf(facts)}.`;
  }
}

/**
 * The state of a posting, the reasons why none of its jobs run, its progress, its notifications,
 * and remedies.
 */
export const explainPosting = (facts: PostingFacts): string =>
  [statePhrase(facts), ...facts.notifications.map(notificationPhrase)].join(" ");

function notificationPhrase(notification: PostingFacts["notifications"][number]): string {
  const { receiver, postingId: id, hasEnded, hasFailed } = notification;
  if (hasFailed) return `Its notification to ${receiver} failed; see why: pdoflow explain ${id}.`;
  if (hasEnded) return `Its notification to ${receiver} was sent.`;
  return `Its notification to ${receiver} is posting ${id}; see: pdoflow explain ${id}.`;
}

function statePhrase(facts: PostingFacts): string {
  const { posting, jobs, startsInMs } = facts;
  const { id, state } = posting;
  const reason = posting.reason ?? "no reason given";
  if (state === "finished") {
    const why = jobs.failed === 0 ? "" : ` See why: pdoflow failures ${id}.`;
    return `posting ${id} has finished: ${endedJobs(jobs)}.${why}`;
  }
  if (state === "cancelled") {
    return `posting ${id} is cancelled (${reason})${silence(facts)}. ${progress(jobs)}`;
  }
  const what = {
    paused: () => `is paused (${reason}); go on with: ${resumeCommand(facts)}`,
    errored_out: () =>
      `was stopped (${reason}); see why: pdoflow failures ${id}; ` +
      `after fixing the cause: ${resumeCommand(facts)}; ` +
      `to go on although jobs fail: ${resumeAnyway(id, posting.reason)}`,
    open: () =>
      (whyUpstream(facts) ?? (startsInMs === null ? whyOpen(facts) : start(startsInMs))) +
      refusalOf(facts),
  }[state]();
  const notes = metNotes(facts.edges).map((note) => ` Note: ${note}.`);
  return `posting ${id} ${what}${silence(facts)}. ${progress(jobs)}${notes.join("")}`;
}

/** That pools with the jobs are silent. */
function silence({ posting, route, silent, pools }: WaitFacts | PostingFacts): string {
  if (silent.length === 0) return "";
  return `; ${silenceText({ id: posting.id, route, silent, isRescued: pools.length > 0 })}`;
}

/** The command that resumes a stopped posting so that the same reason does not stop it again. */
export const resumeAnyway = (id: number, reason: string | null): string =>
  `pdoflow resume ${id} ` +
  (reason?.includes("--max-failures") === true ? "--max-failures none" : "--stop-after 0");

/** The state of the job of the upstream, and a remedy if it failed. */
function elementText({ id, status, host, error }: ElementFacts): string {
  switch (status) {
    case "running":
      return `its element ${id} is running${host === null ? "" : ` on ${host}`}`;
    case "failed": {
      const why = error === null ? "" : `: ${error.name}: ${firstLine(error)}`;
      return `${id} failed${why}; to run both: pdoflow retry ${id}`;
    }
    case "cancelled":
      return `${id} is cancelled; see: pdoflow explain ${id}`;
    case "retrying":
      return `its element ${id} will be tried again; see: pdoflow explain ${id}`;
    default:
      return `its element ${id} is ${status}; see: pdoflow explain ${id}`;
  }
}

function whyOpen(facts: PostingFacts): string {
  const { jobs, full } = facts;
  const left = jobs.waiting + jobs.retrying;
  if (jobs.running > 0) {
    const limit = full === null || left === 0 ? "" : `, and is at its limit: ${limits(full)}`;
    return `is running: pools have ${countJobs(jobs.running)} in hand${limit}`;
  }
  if (left === 0) return "has no jobs left to run, and is about to end";
  const last = jobs.waiting > 0 ? { dueInMs: null } : {};
  const isFed = facts.edges.some(
    ({ kind, state }) => (kind === "each" || kind === "over") && state === "waiting",
  );
  if (isFed && obstacleOf(facts) === null) return `waits for ${waitText(facts.edges)}`;
  return whyNot({ ...facts, ...last, element: null, error: null, host: null });
}

/** Only a run runs the jobs of a run (R2). */
const resumeCommand = ({ posting, route }: PostingFacts): string =>
  `pdoflow ${route.run === "" ? "" : "run --"}resume ${posting.id}`;

/** The number of its jobs that have ended. */
function progress(jobs: JobCounts): string {
  const all = sumOf(jobs);
  const ended = jobs.done + jobs.failed + jobs.cancelled;
  const has = ended === 1 ? "has" : "have";
  if (all === 0) return "It has no jobs.";
  if (ended === 0)
    return all === 1 ? "Its job has not ended." : `None of its ${countJobs(all)} has ended.`;
  return `${ended.toLocaleString("en")} of its ${countJobs(all)} ${has} ended: ${endedJobs(jobs)}.`;
}

/** As in "8 of its 10 jobs are done, 2 have failed". */
function endedJobs(jobs: JobCounts): string {
  const { done, failed, cancelled } = jobs;
  const be = (count: number) => (count === 1 ? "is" : "are");
  const texts = [`${done.toLocaleString("en")} of its ${countJobs(sumOf(jobs))} ${be(done)} done`];
  if (failed > 0)
    texts.push(`${failed.toLocaleString("en")} ${failed === 1 ? "has" : "have"} failed`);
  if (cancelled > 0) texts.push(`${cancelled.toLocaleString("en")} ${be(cancelled)} cancelled`);
  return texts.join(", ");
}

const sumOf = (jobs: JobCounts) => Object.values(jobs).reduce((sum, count) => sum + count, 0);

const countJobs = (count: number) => (count === 1 ? "1 job" : `${count.toLocaleString("en")} jobs`);

/** The reasons why a job waits. */
type WaitFacts = Omit<JobFacts, "id" | "status" | "attempts">;

/** Which postings its posting waits for; null if it waits for none. */
function whyUpstream({ posting, edges }: Pick<WaitFacts, "posting" | "edges">): string | null {
  if (!posting.waits && !posting.isBlocked) return null;
  if (!posting.isBlocked) return `waits for ${waitText(edges)}`;
  return blockedText(posting.id, edges);
}

function whyNot(facts: WaitFacts): string {
  const { posting, route, dueInMs } = facts;
  if (posting.state === "paused" || posting.state === "errored_out") {
    const state = posting.state === "paused" ? "is paused" : "was stopped";
    const reason = posting.reason ?? "no reason given";
    return (
      `waits because its posting ${state} (${reason}); ` +
      `resume it with: pdoflow resume ${posting.id}`
    );
  }
  const upstream = whyUpstream(facts);
  if (upstream !== null) return upstream;
  if (facts.element) return `waits: ${elementText(facts.element)}`;
  if (facts.startsInMs !== null) return `waits because its posting ${start(facts.startsInMs)}`;
  if (route.run !== "") {
    return (
      "waits for the `pdoflow run` that posted it, because no other pool can run it; if that run " +
      `has ended, continue it with: pdoflow run --resume ${posting.id}`
    );
  }
  const obstacle = obstacleOf(facts);
  if (obstacle !== null) return `waits because ${obstacle}`;
  if (dueInMs !== null && dueInMs > 0) {
    return `will be retried in ${roughTime(dueInMs)}${lastError(facts)}`;
  }
  if (facts.full !== null)
    return `waits because its posting is at its limit: ${limits(facts.full)}`;
  return `waits ${queue(facts.ahead, route.needs)}`;
}

/** Other pools may still run it, so this is reported besides the reason for waiting. */
function refusalOf({ refusal, posting }: Pick<JobFacts, "refusal" | "posting">): string {
  if (refusal === null || posting.state !== "open") return "";
  return `; it was ${refusal}; when this is fixed, run: pdoflow resume ${posting.id}`;
}

const start = (ms: number) =>
  ms > 0 ? `starts in ${roughTime(ms)}` : "starts at the next poll of a pool";

/** Why no live pool runs jobs of a route; null if one can. */
export function obstacleOf({ route, pools: all }: Pick<JobFacts, "route" | "pools">) {
  if (all.length === 0) return `no pool is running; start one with: ${startPool(route)}`;
  const pools = all.filter(({ servesOthers }) => !servesOthers);
  if (pools.length === 0) {
    return `all pools serve only other postings; start one with: ${startPool(route)}`;
  }
  if (!pools.some((pool) => mayServe(route, pool))) return unserved({ route, pools });
  if (pools.some((pool) => mayServe(route, pool) && !pool.refuses)) return null;
  return "every pool that could run it has refused it";
}

/** Why no live pool can run it: because of its project, its needs or its poster. */
function unserved({ route, pools: all }: Pick<JobFacts, "route" | "pools">): string {
  const pools = all.filter((pool) => isOfProject(route, pool));
  const live = all.length === 1 ? "1 live pool" : `${all.length} live pools`;
  const how = `start one with: ${startPool(route)}`;
  if (pools.length === 0) {
    return `no pool serves the project ${route.project} (${live}); ${how}`;
  }
  const missing = pools.map((pool) => unmetNeeds(route.needs, pool.provides));
  const always = route.needs.filter((need) => missing.every((unmet) => unmet.includes(need)));
  if (always.some(isCommandNeed)) {
    return `no pool runs commands (${live}); ${how}`;
  }
  const receiver = always.map(receiverOf).find((name) => name !== null);
  if (receiver !== undefined) {
    return `no pool has the receiver ${receiver} (${live}); ${how}`;
  }
  const unmet = unmetText(
    route.needs,
    pools.map(({ provides }) => provides),
  );
  const isAmount = always.some((need) => typeof need[2] === "number");
  if (unmet !== null) return `${unmet} (${live}); ${isAmount ? "ask for less, or " : ""}${how}`;
  return `the pools that could run it do not run jobs of ${route.posterOs} (${live})`;
}

function limits({ maxRunning, rateCount, rateMs }: NonNullable<JobFacts["full"]>): string {
  const texts = [];
  if (maxRunning !== null) texts.push(`at most ${maxRunning} of its jobs run at the same time`);
  if (rateMs !== null) texts.push(`at most ${rateCount} start in ${rateMs / 1000} s`);
  return texts.join(", ");
}

function queue({ higherPriority, samePriority }: JobFacts["ahead"], needs: Needs): string {
  if (higherPriority > 0) return `behind ${countJobs(higherPriority)} of higher priority`;
  if (samePriority > 0) return `behind ${countJobs(samePriority)} posted before it`;
  const taken = needs.filter(isCount).map(formatNeed);
  if (taken.length > 0) return `until a pool has ${taken.join(", ")} free: it is next`;
  return "for a free worker: it is next";
}

function lastError({ error, host }: Pick<JobFacts, "error" | "host">): string {
  if (error === null) return "";
  const where = host === null ? "" : ` on ${host}`;
  return `; its last attempt failed${where}: ${error.name}: ${firstLine(error)}`;
}

/** Without its full stop, because the sentence has its own. */
const firstLine = ({ message }: JobError) => (message.split("\n")[0] ?? "").replace(/\.$/, "");
