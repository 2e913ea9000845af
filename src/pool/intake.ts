import { Admission } from "./admission.ts";
import { EarlyReports } from "./early-reports.ts";
import type { PoolOptions, PoolSummary } from "./options.ts";
import type { ReturnCause, Runner } from "./run/runner.ts";
import type { RunningJob } from "../db/engine/pools.ts";
import type { Links, Session } from "./session/session.ts";
import type { PoolState } from "./state.ts";
import { withdrawStopped } from "./stop-check.ts";
import type { JobRun } from "./wire/leased-job.ts";
import type { LeasedRun } from "./wire/leased-run.ts";

/** The pool, as its intake needs it. */
export interface IntakeContext {
  state(): PoolState;
  session(): Session | null;
  /** Runs work whose failure the pool handles. */
  attempt(work: () => Promise<void>): Promise<void>;
}

/** Passes claimed jobs that may run here to the runner, and releases the others. */
export class Intake {
  readonly #pool: IntakeContext;
  readonly #links: Links;
  readonly #options: PoolOptions;
  readonly #runner: Runner;
  readonly #summary: PoolSummary;
  readonly #admission: Admission;
  readonly #earlyReports = new EarlyReports();

  constructor(
    pool: IntakeContext,
    { links, options, runner }: { links: Links; options: PoolOptions; runner: Runner },
    summary: PoolSummary,
  ) {
    this.#pool = pool;
    this.#links = links;
    this.#options = options;
    this.#runner = runner;
    this.#summary = summary;
    this.#admission = new Admission(links, options);
  }

  /** Takes the jobs of one claim in. `unread` jobs are released. */
  async add(session: Session, claimed: LeasedRun[], unread: JobRun[]): Promise<void> {
    const isCurrent = () => session === this.#pool.session() && this.#pool.state() !== "stopping";
    const admitted = await this.#admission.admit(session, claimed, isCurrent);
    if (!admitted) return; // rescued in the meantime, and its leases have ended
    if (admitted.isCodeNew) this.#runner.replaceWorkers();
    const areLeased = await this.#reportEarly(session, admitted.runs);
    if (!areLeased || !isCurrent()) return;
    if (this.#pool.state() !== "running") return await this.release([...claimed, ...unread]);
    this.#runner.add(admitted.runs);
    await this.release([...admitted.refused, ...unread]); // after add: workers keep their jobs
  }

  /** The runner returns jobs that it has not started. */
  async returned(runs: readonly JobRun[], cause: ReturnCause): Promise<void> {
    const session = this.#pool.session();
    if (!session) return;
    if (cause === "late") session.claimer.limits.late(performance.now());
    if (typeof cause === "string") return await this.release(runs);
    await this.#admission.skipMissing(session, runs, cause.missingCode);
    const ids = new Set(runs.map(({ posting }) => posting.id));
    const others = this.#runner.withdraw(({ posting }) => ids.has(posting.id));
    await this.release([...runs, ...others]);
  }

  /** Replaces workers that may have imported old code, and stops the jobs of stopped postings. */
  async check(): Promise<void> {
    const session = this.#pool.session();
    if (!session) return;
    const { codeWatch, log } = this.#options;
    if (!this.#runner.isIdle && (await codeWatch.hasChanged([]))) {
      log("code has changed: replacing the workers");
      this.#runner.replaceWorkers();
    }
    await this.release(await withdrawStopped(session, this.#links, this.#runner));
  }

  /** Releases the jobs that have not started. */
  async releaseAll(): Promise<void> {
    await this.release(this.#runner.withdraw(() => true));
  }

  async release(runs: readonly JobRun[]): Promise<void> {
    const released = await this.#pool.session()?.release(runs, () => this.#runner.all);
    this.#summary.released += released ?? 0;
  }

  /** The outcomes of these jobs will be recorded. */
  ended(run: JobRun): void {
    this.#earlyReports.ended(run);
  }

  /** The jobs to report as running. */
  get running(): RunningJob[] {
    return this.#earlyReports.running(this.#runner);
  }

  /** Returns false if the leases of the jobs have ended by then. */
  async #reportEarly(session: Session, runs: readonly JobRun[]): Promise<boolean> {
    const { recoveries, claimer, heartbeat } = session;
    const isKnown = (entryPoint: string) => claimer.jobTime(entryPoint) !== null;
    if (!this.#earlyReports.isNeeded(runs, { idle: this.#runner.idle, isKnown })) return true;
    // If the report fails, they run all the same.
    await this.#pool.attempt(() => this.#earlyReports.report(runs, () => heartbeat.report()));
    return session.recoveries === recoveries;
  }
}
