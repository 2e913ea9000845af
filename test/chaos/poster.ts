import { connect, type Db, isConnectionLoss } from "../../src/db/connection/connect.ts";
import { insertPosting, type JobsToPost } from "../../src/db/posting/insert.ts";
import { type Arena, jobsFolder } from "./arena.ts";
import type { Chronicle } from "./chronicle.ts";
import type { Dice } from "./dice.ts";
import { parseNeeds } from "../../src/domain/capabilities.ts";
import type { Edge } from "../../src/domain/option-values.ts";
import { type Sweep, sweepOf } from "../../src/domain/sweep.ts";

/** The jobs to post: their entry point, number and arguments. */
interface Kind {
  name: string;
  weight: number;
  jobs: readonly [least: number, most: number];
  argument?: (dice: Dice) => number;
  flags?: Readonly<Record<string, number>>;
  /** What its jobs take of their pool. */
  needs?: string;
  /** Its jobs kill their worker, and with it unreported results of that worker. */
  isRough?: boolean;
}

const rough = { flags: { maxAttempts: 5, backoff: 50 }, argument: () => 0.1, isRough: true };

const kinds: readonly Kind[] = [
  { name: "quick", weight: 3, jobs: [1, 2500] },
  { name: "nap", weight: 5, jobs: [20, 400], argument: (dice) => dice.whole(5, 50) },
  { name: "nap", weight: 1, jobs: [1, 4], argument: (dice) => dice.whole(500, 3000) },
  { name: "burn", weight: 2, jobs: [5, 60], argument: (dice) => dice.whole(20, 150) },
  {
    name: "fails",
    weight: 2,
    jobs: [5, 100],
    argument: () => 0.2,
    flags: { maxAttempts: 4, backoff: 50 },
  },
  { name: "dies", weight: 1, jobs: [2, 20], ...rough },
  { name: "quick", weight: 1, jobs: [1, 2500], needs: "cpus=2" },
  {
    name: "nap",
    weight: 2,
    jobs: [2, 60],
    argument: (dice) => dice.whole(5, 50),
    needs: "gpu=0.5",
  },
  { name: "dies", weight: 1, jobs: [2, 10], ...rough, needs: "gpu=1" },
  { name: "exits", weight: 1, jobs: [2, 20], ...rough },
  { name: "prints", weight: 1, jobs: [2, 30], argument: (dice) => dice.whole(1, 300) },
  {
    name: "hangs",
    weight: 1,
    jobs: [1, 8],
    ...rough,
    flags: { backoff: 50, timeout: 700, grace: 100 },
  },
];

/** Jobs that were to be posted together, known by their number in their arguments. */
export interface Batch {
  number: number;
  jobCount: number;
  isRough: boolean;
  /** The number of the batch that it follows job by job; null for none. */
  upstream: number | null;
  /** Once the poster got the answer. */
  postingId: number | null;
}

const unendedMax = 20;
const postMs = 30_000;

/** The jobs of a batch as a sweep, however few: the argument is the same for all of them. */
function sweepOfBatch({ number, jobCount }: Batch, argument: number): Sweep | null {
  const parts = [
    { values: [String(number)] },
    { first: "0", last: String(jobCount - 1), step: "1", width: 0 },
    { values: [String(argument)] },
  ];
  const axes = parts.map((part) => ({ name: null, parts: [part] }));
  return sweepOf(axes, 0);
}

/** Posts batches of all kinds, by the compiled binary and in this process. */
export class Poster {
  readonly batches: Batch[] = [];
  readonly #arena: Arena;
  readonly #chronicle: Chronicle;
  readonly #dice: Dice;
  #db: Db;

  constructor(arena: Arena, chronicle: Chronicle, dice: Dice) {
    this.#arena = arena;
    this.#chronicle = chronicle;
    this.#dice = dice;
    this.#db = connect(arena.target, { connections: 2 });
  }

  /** Posts until `until`, on average every `meanMs`. */
  async run(until: AbortSignal, meanMs: number): Promise<void> {
    while (!until.aborted) {
      const [row] = await this.#arena.ask(
        ({ sql, schema }) => sql<{ unended: number }[]>`
          select count(*)::integer as unended from ${schema}.posting where ended_at is null`,
      );
      if ((row?.unended ?? 0) < unendedMax) await this.#postSome();
      await Bun.sleep(this.#dice.gapMs(meanMs));
    }
    await this.#db.abort();
  }

  async #postSome(): Promise<void> {
    const dice = this.#dice;
    const kind = dice.weighted(kinds);
    if (!kind) return;
    const byBinary = dice.chance(0.4);
    const isSingles = !byBinary && dice.chance(0.2);
    const hasStages = !isSingles && dice.chance(0.3);
    for (let left = isSingles ? dice.whole(10, 40) : 1; left > 0; left--) {
      const jobCount = isSingles ? 1 : dice.whole(...kind.jobs);
      const batch: Batch = {
        number: this.batches.length,
        jobCount,
        isRough: kind.isRough ?? false,
        upstream: null,
        postingId: null,
      };
      this.batches.push(batch);
      const sweep = dice.chance(0.3) ? sweepOfBatch(batch, kind.argument?.(dice) ?? 0) : null;
      const args = Array.from({ length: jobCount }, (_, index) =>
        JSON.stringify([batch.number, index, kind.argument?.(dice) ?? 0]),
      );
      const priority = dice.chance(0.3) ? dice.whole(-5, 5) : 0;
      batch.postingId = byBinary
        ? await this.#postByBinary(kind, priority, args)
        : await this.#postInProcess(kind, priority, sweep ?? this.#inBatches(args, hasStages));
      this.#chronicle.count(batch.postingId === null ? "posts that failed" : "posts");
      if (hasStages) await this.#postStages(batch);
    }
  }

  /** Posts two more stages, each of which follows the one before job by job. */
  async #postStages(first: Batch): Promise<void> {
    let upstream = first;
    while (upstream.postingId !== null && this.batches.length < first.number + 3) {
      const kind = this.#dice.weighted(kinds.filter(({ isRough }) => isRough !== true));
      if (!kind) return;
      const { jobCount } = first;
      const batch = {
        ...{ number: this.batches.length, jobCount, isRough: false, upstream: upstream.number },
        postingId: null as number | null,
      };
      this.batches.push(batch);
      const args = Array.from({ length: jobCount }, (_, index) =>
        JSON.stringify([batch.number, index, Math.min(kind.argument?.(this.#dice) ?? 0, 50)]),
      );
      const after = [{ posting: upstream.postingId, kind: "each" as const }];
      batch.postingId = await this.#postInProcess(kind, 0, [{ args }], after);
      this.#chronicle.count(batch.postingId === null ? "posts that failed" : "stages that follow");
      upstream = batch;
    }
  }

  async #postByBinary(kind: Kind, priority: number, args: string[]): Promise<number | null> {
    const flags = Object.entries(kind.flags ?? {}).flatMap(([name, value]) =>
      name === "maxAttempts" ? ["--max-attempts", String(value)] : [`--${name}`, `${value}ms`],
    );
    if (kind.needs !== undefined) flags.push("--needs", kind.needs);
    const { program, folder } = this.#arena;
    const command = ["post", `jobs.ts#${kind.name}`, "-", "--root", jobsFolder];
    const child = Bun.spawn([program, ...command, `--priority=${priority}`, ...flags], {
      cwd: folder,
      env: this.#arena.environment(),
      stdio: [Buffer.from(args.join("\n")), "pipe", "pipe"],
    });
    const [out, err, code] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    if (code === 0) return Number(out);
    if (code !== 3) this.#chronicle.violations.push(`post ended with exit code ${code}: ${err}`);
    return null;
  }

  /** Of several priorities, unless other jobs follow them. */
  #inBatches(jobs: readonly string[], hasStages: boolean): JobsToPost {
    const isSorted = this.#dice.chance(0.2) && !hasStages;
    const priorities = isSorted ? jobs.map(() => this.#dice.whole(-3, 3)) : undefined;
    return [{ args: [...jobs], priorities }];
  }

  async #postInProcess(
    kind: Kind,
    priority: number,
    jobs: JobsToPost,
    after: Edge[] = [],
  ): Promise<number | null> {
    const { maxAttempts, backoff, timeout, grace } = kind.flags ?? {};
    const options = {
      entryPoint: `jobs.ts#${kind.name}`,
      priority,
      osUser: "chaos",
      after,
      needs: kind.needs === undefined ? [] : [...parseNeeds(kind.needs)],
      ...(maxAttempts === undefined ? {} : { maxAttempts }),
      ...(backoff === undefined ? {} : { backoffMs: backoff }),
      ...(timeout === undefined ? {} : { timeoutMs: timeout }),
      ...(grace === undefined ? {} : { graceMs: grace }),
    };
    const posting = insertPosting(this.#db, options, jobs, "chaos");
    const late = Promise.withResolvers<null>();
    const timer = setTimeout(late.resolve, postMs, null); // unlike a sleep it can be ended
    try {
      const posted = await Promise.race([posting, late.promise]);
      if (posted) return posted.id;
      posting.catch(() => {}); // too late to be of interest
      this.#chronicle.tell(`a post in process got no answer within ${postMs} ms`);
      this.#chronicle.count("posts without an answer");
    } catch (error) {
      if (!isConnectionLoss(error)) throw error;
      this.#chronicle.tell(`a post in process failed: ${String(error)}`);
    } finally {
      clearTimeout(timer);
    }
    void this.#db.abort();
    this.#db = connect(this.#arena.target, { connections: 2 });
    return null; // whether it was posted is not known: a lost answer
  }
}
