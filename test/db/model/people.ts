// What people and the upkeep do: post, pause, resume, cancel, finish, fold.
import * as fc from "fast-check";

import type { Db } from "../../../src/db/connection/connect.ts";
import { retryFailed, setPriority } from "../../../src/db/engine/control.ts";
import { finishPostings, finishStragglers, foldProgress } from "../../../src/db/engine/outcomes.ts";
import { cancel, hold, postJobs, resume } from "../engine.ts";
import * as changes from "./changes.ts";
import { entryPoints } from "./leases.ts";
import { jobKey, type Posting, type Queue } from "./queue.ts";
import { type Act, choose, pick, type Step } from "./step.ts";

const priority = fc.integer({ min: -1, max: 2 });
const maxAttempts = fc.integer({ min: 1, max: 3 });

const maxRunning = fc.constantFrom(null, null, null, 1, 2, 6);

/** Every third posting is of a single job, and some have priorities for each job. */
const shape = fc.record({
  entryPoint: fc.constantFrom(...entryPoints),
  osUser: fc.constantFrom("ada", "ada", "ben"),
  maxAttempts,
  backoffMs: fc.constantFrom(0, 0, 3_600_000),
  maxRunning,
  priority,
  runAt: fc.constantFrom(null, null, null, "9000-01-01T00:00:00Z"),
  priorities: fc.oneof(
    fc.constantFrom([0], Array<number>(6).fill(1)),
    fc.array(priority, { minLength: 1, maxLength: 8 }),
  ),
  isUniform: fc.boolean(),
});

type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never;

const posting = ({ priorities: each, isUniform, ...options }: Shape): Act => ({
  name: "post",
  plan: ({ queue }) => (queue.places.size > 60 ? null : postStep(each, isUniform, options)),
});

/** One posting. */
export const postAct: fc.Arbitrary<Act> = shape.map(posting);

/** Three postings that differ at most in their limits. */
export const postAlike: fc.Arbitrary<Act[]> = fc
  .tuple(shape, fc.tuple(maxRunning, maxRunning, maxRunning))
  .map(([one, limits]) => limits.map((limit) => posting({ ...one, maxRunning: limit })));

interface Options {
  entryPoint: string;
  osUser: string;
  maxAttempts: number;
  backoffMs: number;
  maxRunning: number | null;
  priority: number;
  runAt: string | null;
}

function postStep(each: readonly number[], isUniform: boolean, options: Options): Step {
  const { entryPoint, osUser } = options;
  const priorities = isUniform ? each.map(() => options.priority) : each;
  return {
    kind: "post",
    told:
      `${osUser} posts ${entryPoint} at [${priorities.join(" ")}], ` +
      `${options.maxAttempts} maxAttempts, ${options.backoffMs} ms apart` +
      (options.maxRunning === null ? "" : `, at most ${options.maxRunning} at a time`) +
      (options.runAt === null ? "" : ", to start later"),
    async send(db) {
      const more = isUniform ? options : { ...options, priorities };
      const id = await postJobs(db, each.length, more);
      const routeId = await routeOf(db, id);
      const { maxAttempts, backoffMs, maxRunning } = options;
      const jobCount = each.length;
      const start = options.runAt === null ? ("begun" as const) : ("later" as const);
      const posting = {
        id,
        entryPoint,
        routeId,
        jobCount,
        maxAttempts,
        backoffMs,
        maxRunning,
        start,
      };
      return ({ queue }) => addPosting(queue, posting, priorities);
    },
  };
}

async function routeOf({ sql }: Db, id: number): Promise<number> {
  const [row] = await sql<{ routeId: number }[]>`
    select route_id from pdoflow.posting where id = ${id}`;
  return row?.routeId ?? 0;
}

function addPosting(
  queue: Queue,
  posting: Omit<Posting, "state" | "isEnded">,
  priorities: readonly number[],
): void {
  const postingId = posting.id;
  queue.postings.set(postingId, { ...posting, state: "open", isEnded: false });
  const state = posting.start === "begun" ? "open" : "paused";
  let firstSeq = 0;
  for (const priority of [...new Set(priorities)].sort((a, b) => b - a)) {
    const endSeq = firstSeq + priorities.filter((p) => p === priority).length;
    const lane = { postingId, priority, rank: priority, firstSeq, endSeq, cursor: firstSeq };
    queue.lanes.push({ ...lane, state });
    firstSeq = endSeq;
  }
  for (let seq = 0; seq < posting.jobCount; seq++) {
    queue.places.set(jobKey({ postingId, seq }), { at: "lane" });
  }
}

const postings = (queue: Queue): number[] => [...queue.postings.keys()];

/** An act upon one posting, seldom an ended one, which answers whether it did anything. */
function control(
  kind: string,
  send: (db: Db, id: number) => Promise<number[]>,
  apply: (queue: Queue, id: number) => boolean,
): fc.Arbitrary<Act> {
  return pick.map((number) => ({
    name: kind,
    plan({ queue }) {
      const open = postings(queue).filter((id) => queue.postings.get(id)?.isEnded === false);
      const id = choose(number % 8 === 0 || open.length === 0 ? postings(queue) : open, number);
      if (id === null) return null;
      return {
        kind,
        told: `somebody ${kind}s posting ${id}`,
        async send(db) {
          const told = await send(db, id);
          return ({ queue }) => {
            const expected = apply(queue, id) ? [id] : [];
            if (Bun.deepEquals(told, expected)) return;
            throw new Error(`${kind}: it says [${told.join()}], not [${expected.join()}]`);
          };
        },
      };
    },
  }));
}

export const pauseAct = control(
  "pause",
  (db, id) => hold(db, id, "paused"),
  (queue, id) => changes.hold(queue, id, "paused"),
);
export const stopAct = control(
  "stop",
  (db, id) => hold(db, id, "errored_out"),
  (queue, id) => changes.hold(queue, id, "errored_out"),
);
export const resumeAct = control("resume", resume, changes.resume);
export const cancelAct = control("cancel", cancel, changes.cancel);
/** Somebody gives a posting another priority, that of others mostly. */
export const priorityAct = fc.oneof(
  ...[-1, 0, 3].map((rank) =>
    control(
      `set the priority ${rank}`,
      (db, id) => setPriority(db, [id], rank),
      (queue, id) => changes.setPriority(queue, id, rank),
    ),
  ),
);

/** Someone retries failed jobs of a posting, ended or not; mostly of one that has some. */
export const retryAct: fc.Arbitrary<Act> = pick.map((number) => ({
  name: "retry by hand",
  plan({ queue }) {
    const failed = [...queue.places].flatMap(([key, place]) =>
      place.at === "ended" && place.state === "failed" ? [Number.parseInt(key, 10)] : [],
    );
    const id = choose(number % 8 === 0 || failed.length === 0 ? postings(queue) : failed, number);
    if (id === null) return null;
    return {
      kind: "retry by hand",
      told: `somebody retries what has failed of posting ${id}`,
      async send(db) {
        const jobs = await retryFailed(db, id, { indices: null, fingerprint: null });
        return ({ queue }) => {
          const expected = changes.retryFailed(queue, id);
          if (jobs !== expected) throw new Error(`retry by hand: ${jobs}, not ${expected}`);
        };
      },
    };
  },
}));

/** Finishes all postings, or only postings that may have been left behind. */
export const finishAct: fc.Arbitrary<Act> = fc.boolean().map((isForStragglers) => ({
  name: "finish",
  plan({ queue }) {
    const ids = postings(queue);
    return {
      kind: "finish",
      told: isForStragglers ? "stragglers are finished" : "postings are finished",
      async send(db) {
        const told = isForStragglers ? null : await finishPostings(db, ids);
        if (isForStragglers) await finishStragglers(db);
        return ({ queue }) => {
          const expected = changes.finish(queue, ids);
          const isRight =
            told === null || Bun.deepEquals(told.sort(byNumber), expected.sort(byNumber));
          if (!isRight) throw new Error(`finish: [${told?.join()}], not [${expected.join()}]`);
        };
      },
    };
  },
}));

const byNumber = (a: number, b: number) => a - b;

/** Folds one posting's rows: it gets enough rows to be worth it, which add nothing to its sum. */
export const foldAct: fc.Arbitrary<Act> = pick.map((number) => ({
  name: "fold",
  plan({ queue }) {
    const open = [...queue.postings.values()].filter(({ isEnded }) => !isEnded);
    const id = choose(open, number)?.id;
    if (id === undefined) return null;
    return {
      kind: "fold",
      told: `progress is folded, with 60 more rows for posting ${id}`,
      async send(db) {
        await db.sql`
          insert into pdoflow.progress (posting_id)
          select id from pdoflow.posting, generate_series(1, 60)
          where id = (select id from pdoflow.posting where id = ${id} and ended_at is null
                      for no key update)`;
        await foldProgress(db);
        const rows = await db.sql`select from pdoflow.progress where posting_id = ${id}`;
        return () => {
          if (rows.length !== 1) throw new Error(`fold: ${rows.length} rows are left, not 1`);
        };
      },
    };
  },
}));

/** Time passes: scheduled postings start. */
export const startAct: fc.Arbitrary<Act> = fc.constant({
  name: "start",
  plan: () => ({
    kind: "start",
    told: "all that was to start later may",
    async send(db: Db) {
      await db.sql.begin(async (sql) => {
        await sql`
          update pdoflow.posting set run_at = now() - interval '1 s' where run_at > now()`;
        await sql`select pdoflow.start_due()`;
      });
      return ({ queue }: { queue: Queue }) => changes.startAll(queue);
    },
  }),
});

/** Time passes: retries become due. */
export const dueAct: fc.Arbitrary<Act> = fc.constant({
  name: "make due",
  plan: ({ queue }) =>
    [...queue.places.values()].some((place) => place.at === "retry" && place.due === "later")
      ? {
          kind: "make due",
          told: "all retries are due",
          async send({ sql }: Db) {
            await sql`
              update pdoflow.retry set due_at = now() - interval '1 s'
              where due_at > now() and due_at < 'infinity'`;
            return ({ queue }: { queue: Queue }) => changes.makeRetriesDue(queue);
          },
        }
      : null,
});
