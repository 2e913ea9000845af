import type { Db } from "../../src/db/connection/connect.ts";
import type { Chronicle, Trouble } from "./chronicle.ts";
import type { Run } from "./journal.ts";
import type { Batch } from "./poster.ts";

interface Outcome {
  batch: number;
  index: number;
  attempt: number;
  state: string;
  workerPid: number;
}

/**
 * How long after a job's end its outcome may still be on its way to the database, and how long a
 * job may take that is not written to have ended.
 */
const onItsWayMs = 6_000;
/** A worker whose pool was killed dies a moment later, and may start a job in that moment. */
const dyingMs = 1_000;
const faultsToldMax = 20;

/** Compares the jobs' own journal with the recorded outcomes. Counts explained differences. */
export async function compareRuns(
  db: Db,
  chronicle: Chronicle,
  journal: ReadonlyMap<number, Run[]>,
  batches: readonly Batch[],
): Promise<string[]> {
  const faults: string[] = [];
  const postings = new Map((await readPostings(db)).map(({ batch, id }) => [batch, id]));
  for (const { number, isRough } of batches) {
    const runs = journal.get(number) ?? [];
    const outcomes = await readOutcomes(db, postings.get(number) ?? -1);
    chronicle.count("journal starts", runs.length);
    chronicle.count("journal ends", runs.filter(({ endedAt }) => endedAt !== null).length);
    faults.push(...doneWithoutEnd(runs, outcomes));
    for (const run of startsWithoutOutcome(runs, outcomes)) {
      const why = isRough ? "rough job" : explanationOf(run, chronicle.troubles);
      if (why === null) faults.push(`${told(run)} started and has no outcome, for no known reason`);
      else chronicle.count(`start without outcome: ${why}`);
    }
    for (const [first, second] of atOnce(runs)) {
      const why = explanationOf(first, chronicle.troubles);
      if (why === null) faults.push(`${told(first)} and ${told(second)} ran at once`);
      else chronicle.count(`ran twice at once: ${why}`);
    }
  }
  return faults.slice(0, faultsToldMax);
}

const readPostings = ({ sql, schema }: Db) => sql<{ batch: number; id: number }[]>`
  select (split_part(coalesce(args, ${schema}.sweep_lines(sweep, 0, 1)), e'\\n', 1)::json
          ->> 0)::integer as batch, posting_id as id
  from ${schema}.job where first_seq = 0`;

const readOutcomes = ({ sql, schema }: Db, postingId: number) => sql<Outcome[]>`
  select (j.args->>0)::integer as batch, (j.args->>1)::integer as index, o.attempt, o.state,
         o.worker_pid
  from ${schema}.outcome o join ${schema}.job_status j using (posting_id, seq)
  where o.posting_id = ${postingId}`;

const told = ({ batch, index, pid, pool, startedAt }: Run) =>
  `job ${index} of batch ${batch} in worker ${pid} of pool ${pool} at ${startedAt}`;

const keyOf = (index: number, pid: number) => `${index} ${pid}`;

function doneWithoutEnd(runs: readonly Run[], outcomes: readonly Outcome[]): string[] {
  const ends = new Set(runs.filter(({ isDone }) => isDone).map((run) => keyOf(run.index, run.pid)));
  return outcomes
    .filter((outcome) => outcome.state === "done")
    .filter(({ index, workerPid }) => !ends.has(keyOf(index, workerPid)))
    .map(
      ({ batch, index, attempt, workerPid }) =>
        `job ${index} of batch ${batch} is done by attempt ${attempt}, but did not end in worker ` +
        `${workerPid}`,
    );
}

/** The surplus of starts, for each job and worker. */
function startsWithoutOutcome(runs: readonly Run[], outcomes: readonly Outcome[]): Run[] {
  const recorded = new Map<string, number>();
  for (const { index, workerPid } of outcomes) {
    const key = keyOf(index, workerPid);
    recorded.set(key, (recorded.get(key) ?? 0) + 1);
  }
  return runs.filter((run) => {
    const key = keyOf(run.index, run.pid);
    const left = recorded.get(key) ?? 0;
    recorded.set(key, left - 1);
    return left <= 0;
  });
}

function explanationOf(run: Run, troubles: readonly Trouble[]): string | null {
  const until = (run.endedAt ?? run.startedAt) + onItsWayMs;
  const trouble = troubles.find(
    ({ pid, batch, from, to }) =>
      (pid === null || pid === run.pid || pid === run.pool) &&
      (batch === null || batch === run.batch) &&
      from <= until &&
      to + dyingMs >= run.startedAt,
  );
  return trouble?.what ?? null;
}

/** Pairs of overlapping runs of one job. */
function atOnce(runs: readonly Run[]): [Run, Run][] {
  return [...Map.groupBy(runs, ({ index }) => index).values()].flatMap((ofOneJob) => {
    const inOrder = ofOneJob.toSorted((a, b) => a.startedAt - b.startedAt);
    return inOrder.flatMap((first, place) =>
      inOrder
        .slice(place + 1)
        .filter(({ startedAt }) => first.endedAt !== null && startedAt < first.endedAt)
        .map((second): [Run, Run] => [first, second]),
    );
  });
}
