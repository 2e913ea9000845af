import { Command, Option } from "clipanion";

import { describeTarget } from "../../db/settings/target.ts";
import {
  findPostings,
  type PoolRow,
  type PostingRow,
  readPools,
  readPostings,
} from "../../db/read/snapshot.ts";
import type { WaitingPosting } from "../../db/read/explain.ts";
import { type Family, readFamilies } from "../../db/read/family.ts";
import type { Db } from "../../db/connection/connect.ts";
import { readJobSamples } from "../../db/read/job-samples.ts";
import { readPaces } from "../../db/read/pace.ts";
import { readCounts } from "../../db/read/status.ts";
import { canReadOutcomes } from "../../db/read/rights.ts";
import { readEdges } from "../../db/read/edges.ts";
import { roughTime } from "../../../tui/draw/pace.ts";
import { readScheduleOverview, type ScheduleOverview } from "../../db/read/schedules.ts";
import { localText } from "../../domain/local-time.ts";
import { fireColor } from "../schedule/fire-rows.ts";
import { scheduleCells, scheduleHeader } from "../schedule/overview-rows.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { waitsFor } from "../output/schema-parts.ts";
import { exitCodes } from "../../domain/errors.ts";
import {
  causeText,
  type EdgeFacts,
  metNotes,
  remedyText,
  waitText,
} from "../../domain/edge-text.ts";
import {
  type JobCounts,
  type JobStatus,
  jobStatuses,
  noJobs,
  shownState,
} from "../../domain/states.ts";
import { usesText } from "../../domain/resource-use.ts";
import { isOfProject } from "../../domain/route.ts";
import { projectOfPool } from "../../pool/entry/project.ts";
import type { Color } from "../output/color.ts";
import { postingPlots, samplesMax } from "../plot/posting-plots.ts";
import { pluralize } from "../output/pluralize.ts";
import { rateText } from "../shell/job-progress.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { obstacleLines } from "../diagnosis/obstacles.ts";
import { silenceLines } from "../diagnosis/silent-pools.ts";
import { findWholePostings, noneNamed, readSelectors } from "../input/select.ts";

const postingLimit = 20;
const scheduleLimit = 20;

export class StatusCommand extends PdoflowCommand {
  static override paths = [["status"]];
  static override usage = Command.Usage({
    description: "show postings, their jobs by status, and pools",
    details: `
      Without a posting, shows unfinished postings, then the newest ended ones, at most
      ${postingLimit}.

      For postings that are running, also shows the jobs that ended per second in the last minute,
      and the time that is left at this pace.

      On a terminal, status of one posting also plots how long its jobs took and how many ended over
      time, from at most 2,000 of its jobs. Pipes and files never get plots.

      Waiting jobs have not been claimed, running jobs are claimed by a pool, and retrying jobs have
      failed and wait for another attempt. Done, failed and cancelled jobs have ended.

      A waiting posting runs when the postings that it waits for (\`post --after\`) are done. A
      blocked posting can run only after something is repaired: status names the cause, and the
      command that helps.
    `,
    examples: [
      ["Show all postings and pools", "$0 status"],
      ["Show one posting, for a script", "$0 status 42 --json"],
    ],
  });
  postings = Option.Rest({ name: "posting" });

  async run() {
    const selectors = await readSelectors(this.postings, this.context.stdin);
    const isAll = this.postings.length === 0; // not if `-` was given and standard input is empty
    return await this.withDatabase(async (db) => {
      const postings = isAll
        ? await readPostings(db, postingLimit)
        : await findPostings(db, await findWholePostings(db, selectors));
      const counted = await countPostings(db, postings);
      const pools = isAll ? await readPools(db) : [];
      const isReader = await canReadOutcomes(db);
      const hasSchedules = isAll && isReader;
      const schedules = hasSchedules ? [...(await readScheduleOverview(db, scheduleLimit))] : [];
      if (this.json) {
        this.printJson(outputSchemas.status, {
          database: db.target,
          postings: counted,
          pools,
          schedules,
        });
      } else {
        this.say(describeTarget(db.target));
        this.#showPostings(counted);
        // For this folder's own project, #showPools reports below that no pool is live.
        const own = projectOfPool({
          ...this.context,
          option: undefined,
          root: this.context.cwd,
          ...db,
        });
        const isShown = ({ route, pools }: WaitingPosting) =>
          !isAll || pools.length > 0 || !isOfProject(route, { project: own });
        const ids = postings.map(({ id }) => id);
        const families = isReader ? await readFamilies(db, ids) : [];
        for (const family of families) this.say(familyLine(family));
        for (const line of (await silenceLines(db, counted)).values()) this.say(line);
        for (const line of await obstacleLines(db, counted, isShown)) this.say(line);
        if (isReader) await this.#showPlots(db, counted);
        if (isAll) this.#showPools(pools);
        if (schedules.length > 0) this.#showSchedules(schedules);
      }
      return exitCodes.ok;
    });
  }

  #showPostings(postings: readonly CountedPosting[]): void {
    if (postings.length === 0) {
      this.say(
        this.postings.length > 0
          ? noneNamed
          : "no postings yet; post one with: pdoflow post fn.ts#name args.json",
      );
      return;
    }
    // A terminal has no room for columns of zeros.
    const isShown = (status: JobStatus) =>
      !/^(retrying|cancelled)$/.test(status) ||
      !this.context.isTerminal.stdout ||
      postings.some(({ jobs }) => jobs[status] > 0);
    const statuses = jobStatuses.filter(isShown);
    this.printTable(
      ["posting", "entry point", "state", "jobs", ...statuses],
      postings.map(({ id, entryPoint, command, jobCount, jobs, ...posting }) => [
        String(id),
        command ?? entryPoint,
        shownState(posting),
        jobCount,
        ...statuses.map((status) => jobs[status]),
      ]),
      stateColor,
    );
    for (const posting of postings) {
      const { id, state, reason, perSecond, leftMs } = posting;
      for (const line of waitLines(posting)) this.say(`posting ${id}: ${line}`);
      if (posting.schedule !== null && posting.scheduledAt !== null && this.postings.length > 0) {
        const at = localText(posting.scheduledAt);
        this.say(`posting ${id}: posted by the schedule ${posting.schedule} for ${at}`);
      }
      if (state === "open" && reason !== null) this.say(`posting ${id}: ${reason}`);
      if (perSecond === null || leftMs === null || state !== "open") continue;
      this.say(`posting ${id}: ${rateText(perSecond)}, about ${roughTime(leftMs)} left`);
    }
  }

  /** On a terminal, for one posting: how long its jobs took, and how many ended per second. */
  async #showPlots(db: Db, postings: readonly CountedPosting[]): Promise<void> {
    const [posting] = postings;
    if (!posting || this.postings.length !== 1 || postings.length !== 1) return;
    if (!this.context.isTerminal.stdout) return;
    const { done, failed } = posting.jobs;
    const samples = await readJobSamples(db, posting.id, samplesMax);
    const lines = postingPlots(samples, { ended: done + failed }, this.plotStyle(false));
    if (lines.length > 0) this.print(["", ...lines].join("\n"));
  }

  #showSchedules(schedules: readonly ScheduleOverview[]): void {
    this.print("");
    this.printTable(scheduleHeader, schedules.map(scheduleCells), (cell) =>
      cell === "paused" ? "yellow" : fireColor(cell),
    );
  }

  #showPools(pools: readonly PoolRow[]): void {
    if (pools.length === 0) {
      this.say("no pools; start one with: pdoflow pool");
      return;
    }
    this.print("");
    this.printTable(poolHeader, pools.map(poolCells), stateColor);
  }
}

/** Postings with their jobs, pace and edges. */
async function countPostings(
  db: Db,
  postings: readonly PostingRow[],
): Promise<(CountedPosting & { waitsFor: ReturnType<typeof waitsFor> })[]> {
  const counts = await readCounts(
    db,
    postings.map(({ id }) => id),
  );
  const open = postings.filter(({ endedAt }) => endedAt === null);
  const paces = await readPaces(
    db,
    open.map(({ id }) => id),
  );
  const edges = await readEdges(
    db,
    postings.map(({ id }) => id),
  );
  return postings.map((row) => {
    const jobs = counts.get(row.id) ?? noJobs;
    const own = edges.get(row.id) ?? [];
    return {
      ...row,
      jobs,
      ...paceOf(jobs, paces.get(row.id)),
      edges: own,
      waitsFor: waitsFor(own),
    };
  });
}

function familyLine({ id, parent, childCount, firstChildren }: Family): string {
  const more = childCount > firstChildren.length ? ", …" : "";
  const named = `${firstChildren.join(", ")}${more}`;
  const parts = [
    ...(parent === null ? [] : [`job ${parent} posted it`]),
    ...(childCount === 0 ? [] : [`its jobs posted ${pluralize(childCount, "posting")}: ${named}`]),
  ];
  return `posting ${id}: ${parts.join("; ")}`;
}

interface CountedPosting extends PostingRow {
  jobs: JobCounts;
  perSecond: number | null;
  leftMs: number | null;
  edges: readonly EdgeFacts[];
}

/** What a posting waits for or why it is blocked; later, for what it did not wait. */
function waitLines({ id, waits, isBlocked, edges }: CountedPosting): string[] {
  if (!waits) return metNotes(edges);
  if (!isBlocked) return [`waiting for ${waitText(edges)}`];
  return [`blocked: ${causeText(edges)}. ${remedyText(id, edges)}`];
}

function paceOf({ waiting, running, retrying }: JobCounts, perSecond: number | undefined) {
  if (perSecond === undefined) return { perSecond: null, leftMs: null };
  return { perSecond, leftMs: ((waiting + running + retrying) / perSecond) * 1_000 };
}

export const poolHeader = [
  ...["pool", "host", "pid", "workers", "state", "last heartbeat", "refused", "free"],
];

export const poolCells = (pool: PoolRow): (string | number)[] => [
  String(pool.id),
  pool.host,
  String(pool.pid),
  pool.slots,
  pool.isStale ? "stale" : pool.state,
  `${(pool.beatAgoMs / 1000).toFixed(1)} s ago`,
  pool.refused,
  usesText(pool.resources),
];

/** Red for states that need attention, dim for ended ones. */
export function stateColor(cell: string): Color | null {
  if (/^(errored_out|failed|lost|blocked|stale)$/.test(cell)) return "red";
  if (/^(paused|retrying|draining|waiting)$/.test(cell)) return "yellow";
  return /^(finished|cancelled|stopped)$/.test(cell) ? "dim" : null;
}
