import type { LaterOption } from "../../domain/later-options.ts";
import type { OptionsInput } from "../../domain/posting-options.ts";
import type { JobFunction } from "../../job/job-mark.ts";
import type { Posting } from "../posting/posting.ts";
import type { Args, ResultOf } from "../post/post-work.ts";
import type { Source } from "../post/source.ts";

/** The options of a schedule: when it fires, and those of its postings. */
export interface ScheduleOptions extends OptionsInput<Exclude<LaterOption, "name">> {
  /** Its name, and that of its postings. A schedule of yours with this name is replaced. */
  name: string;
  /** A cron expression such as `"0 2 * * *"`, or an interval such as `"every 90m"`. */
  timing: string;
  /** The time zone of a cron expression, such as `"Europe/Berlin"` (default: `"UTC"`). */
  zone?: string | undefined;
  /** Fire up to this many milliseconds later: a fixed delay for each time (default: 0). */
  jitterMs?: number | undefined;
  /**
   * If the last posting has not ended: `"skip"` this time, `"queue"` behind it, `"allow"` or
   * `"cancel"` it (default: `"skip"`).
   */
  overlap?: "skip" | "queue" | "allow" | "cancel" | undefined;
  /**
   * After a time without a pool: fire the `"last"` missed time of the last day, `"none"`, or
   * `"all"`, but at most the last 100 (default: `"last"`).
   */
  missed?: "last" | "none" | "all" | undefined;
  /** The last moment at which it can fire, or milliseconds from now (default: none). */
  until?: Date | string | number | undefined;
  /** Cancel a posting that has not ended this many milliseconds after it was posted. */
  deadline?: number | undefined;
  /** Cancel a posting of which no job has begun this many milliseconds after it was posted. */
  startBy?: number | undefined;
  /**
   * The folder that the entry point is relative to; pools need the same (default: the current
   * folder).
   */
  root?: string | undefined;
  /** The URL of the database (default: from the environment, else the embedded server). */
  db?: string | undefined;
}

/** A schedule of the database, by its name. Creating an instance reads and writes nothing. */
export class Schedule<Result = unknown> {
  readonly name: string;
  readonly #db: string | undefined;

  constructor(name: string, { db }: Pick<ScheduleOptions, "db"> = {}) {
    this.name = name;
    this.#db = db;
  }

  /**
   * The next times, without jitter; fewer than `count` if it ends before.
   *
   * @throws {ScheduleNotFound}
   */
  async next(count = 1): Promise<Date[]> {
    return await (await this.#stored()).next(count);
  }

  /**
   * Posts the jobs now, without using up a time. Null if that was skipped or refused, or if it
   * posts a flow: see `pdoflow schedule history`.
   *
   * @throws {QueueRefused} there is no such schedule.
   */
  async run(): Promise<Posting<Result> | null> {
    return await (await this.#stored()).run();
  }

  /**
   * Times that pass until `resume` do not fire. Returns false if it was paused already.
   *
   * @throws {QueueRefused} there is no such schedule.
   */
  async pause(): Promise<boolean> {
    return await (await this.#stored()).pause(true);
  }

  /**
   * Fires again at later times. Returns false if it was not paused.
   *
   * @throws {QueueRefused} there is no such schedule.
   */
  async resume(): Promise<boolean> {
    return await (await this.#stored()).pause(false);
  }

  /**
   * Deletes the schedule and its history; its postings stay.
   *
   * @throws {QueueRefused} there is no such schedule.
   */
  async delete(): Promise<void> {
    await (await this.#stored()).delete();
  }

  async #stored() {
    const { StoredSchedule } = await import("./stored-schedule.ts");
    return new StoredSchedule<Result>(this.name, this.#db);
  }
}

/**
 * Posts the same jobs again and again, at given times; running pools fire the schedule
 * (docs/schedules.md). The jobs are stored now, up to 1 MiB: one for each list of arguments, as for
 * `postWork`.
 *
 * @example
 * const nightly = await schedule(report, [["full"]], { name: "nightly", timing: "0 2 * * *" });
 * const [next] = await nightly.next();
 * @throws {InvalidInput} an option, an entry point, or more than 1 MiB of arguments.
 * @throws {NothingToPost} {UnencodableJob} {ArgumentsRefused} of the arguments.
 * @throws {NotAJob} {JobNotExported} {OutsideRoot} no worker could find the function.
 * @throws {NoDatabase} {DatabaseUnavailable} {SchemaOutdated}
 */
export async function schedule(
  entryPoint: string,
  posargs: Source<readonly unknown[]>,
  options: ScheduleOptions,
): Promise<Schedule>;
export async function schedule<F extends JobFunction>(
  fn: F | string,
  posargs: Source<Args<F>>,
  options: ScheduleOptions,
): Promise<Schedule<ResultOf<F>>>;
export async function schedule(
  fn: JobFunction | string,
  posargs: Source<readonly unknown[]>,
  options: ScheduleOptions,
): Promise<Schedule> {
  const { storeSchedule } = await import("./store-schedule.ts");
  return await storeSchedule(fn, posargs, options);
}
