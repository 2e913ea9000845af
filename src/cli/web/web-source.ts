import { type Db, explainDatabaseError } from "../../db/connection/connect.ts";
import { answered, openDatabase } from "../../db/connection/open.ts";
import { readOnlyTarget } from "../../db/connection/read-only.ts";
import { readSchedules, type ScheduleRow } from "../../db/posting/schedules.ts";
import { readReport } from "../../db/read/figures/report-data.ts";
import { listFlows, readStages } from "../../db/read/flows.ts";
import { listPools } from "../../db/read/lists.ts";
import { readPostings } from "../../db/read/snapshot.ts";
import { readCounts } from "../../db/read/status.ts";
import { describeTarget, type Target } from "../../db/settings/target.ts";
import { flowState, stageState } from "../../domain/flow-status.ts";
import { int32Max } from "../../domain/option-values.ts";
import { noJobs, shownState } from "../../domain/states.ts";
import type { ReportFigures } from "../../report/figures.ts";
import { figuresOf } from "../../report/figures-of.ts";
import type { Overview } from "../../report/page/overview-page.ts";
import { build } from "../../version.ts";

const [mostPostings, mostFlows, mostPools] = [50, 20, 100] as const;

/** What a page is about. */
export type Subject =
  { kind: "overview" } | { kind: "posting"; id: number } | { kind: "flow"; id: number };

export type WebFigures =
  | { kind: "overview"; overview: Overview }
  | { kind: "report"; figures: ReportFigures }
  | { kind: "missing" };

/**
 * Reads pages over two connections, which cannot write, and are replaced when they are lost: the
 * overview does not wait for the report of a million jobs.
 */
export class WebSource implements AsyncDisposable {
  readonly #target: Target;
  readonly #withValues: boolean;
  #db: Db | null = null;

  constructor(target: Target, withValues: boolean) {
    this.#target = readOnlyTarget(target);
    this.#withValues = withValues;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#db?.abort();
  }

  /** @throws an error that names the database and the cause. */
  async read(subject: Subject): Promise<WebFigures> {
    try {
      const db = (this.#db ??= await openDatabase(this.#target, { connections: 2 }));
      // A server that has gone does not always close the connection: a first answer comes soon.
      await answered(db, Promise.resolve(db.sql`select 1`));
      return await this.#read(db, subject);
    } catch (error) {
      void this.#db?.abort();
      this.#db = null;
      throw explainDatabaseError(error, this.#target);
    }
  }

  async #read(db: Db, subject: Subject): Promise<WebFigures> {
    if (subject.kind === "overview") return { kind: "overview", overview: await readOverview(db) };
    const { kind, id } = subject;
    const data = await readReport(db, {
      postings: kind === "posting" ? [id] : [],
      flows: kind === "flow" ? [id] : [],
      withValues: this.#withValues,
    });
    const isFound = kind === "posting" ? data.postings.length > 0 : data.flows.length > 0;
    return isFound ? { kind: "report", figures: figuresOf(data, build) } : { kind: "missing" };
  }
}

async function readOverview(db: Db): Promise<Overview> {
  const postings = await readPostings(db, mostPostings);
  const counts = await readCounts(
    db,
    postings.map(({ id }) => id),
  );
  const flows = await listFlows(db, int32Max, mostFlows);
  const stages = await readStages(
    db,
    flows.map(({ id }) => id),
  );
  const pools = await listPools(db, false, mostPools);
  const schedules = await readSchedules(db);
  return {
    madeAt: new Date(),
    database: describeTarget(db.target),
    postings: postings.map((posting) => {
      const { id, name, entryPoint, command, reason, poster, postedAt, jobCount } = posting;
      const [work, jobs] = [command ?? entryPoint, counts.get(id) ?? noJobs];
      const state = shownState(posting);
      return { id, name, work, state, reason, poster, postedAt, jobCount, jobs };
    }),
    flows: flows.map(({ id, name, postedAt }) => {
      const own = stages.get(id) ?? [];
      const done = own.filter((one) => stageState(one) === "done").length;
      return { id, name, postedAt, state: flowState(own), stages: own.length, done };
    }),
    pools: [...pools],
    schedules: schedules.map((schedule) => {
      const { name, entryPoint, flowName, isPaused, firesAt } = schedule;
      const work = entryPoint ?? `flow ${flowName}`;
      return { name, work, isPaused, firesAt, last: lastFire(schedule) };
    }),
  };
}

function lastFire({ postingId, flowId }: ScheduleRow): Overview["schedules"][number]["last"] {
  if (flowId !== null) return { kind: "flow", id: flowId };
  return postingId === null ? null : { kind: "posting", id: postingId };
}
