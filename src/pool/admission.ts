import type { RunnablePosting } from "../db/engine/leases.ts";
import { notificationEntryPoint } from "../domain/notification.ts";
import { groupBy } from "../domain/node-20.ts";
import type { PoolOptions } from "./options.ts";
import { retryUntil } from "./link/retry-until.ts";
import type { Links, Session } from "./session/session.ts";
import type { AdmissionPolicy, AskDatabase, PolicyDecision } from "./trust/admission-policy.ts";
import type { JobRun } from "./wire/leased-job.ts";
import type { LeasedRun } from "./wire/leased-run.ts";

/** Claimed jobs, sorted by whether they may run here. */
export interface Admitted {
  runs: LeasedRun[];
  /** To be released, for other pools. */
  refused: JobRun[];
  /** Whether workers may have imported other code than these jobs need. */
  isCodeNew: boolean;
}

/**
 * Decides which claimed jobs may run: the policy must admit them, and their code must be here.
 * Remembers postings that are not admitted, so that this pool does not claim them again (H1).
 */
export class Admission {
  readonly #links: Links;
  readonly #options: Pick<PoolOptions, "policy" | "codeWatch" | "log">;

  constructor(links: Links, options: Pick<PoolOptions, "policy" | "codeWatch" | "log">) {
    this.#links = links;
    this.#options = options;
  }

  /** Returns null if the leases of the jobs ended in the meantime. */
  async admit(
    session: Session,
    runs: readonly LeasedRun[],
    isWanted: () => boolean,
  ): Promise<Admitted | null> {
    const { policy, codeWatch, log } = this.#options;
    const { recoveries } = session;
    const isCurrent = () => isWanted() && session.recoveries === recoveries;
    // Notifications are built in: their pool was started for them.
    const own = runs.filter(({ posting }) => posting.entryPoint !== notificationEntryPoint);
    const decision = policy
      ? await retryUntil(() => this.#decide(session, policy, own), isCurrent)
      : nothingRefused;
    if (!decision) return null;
    for (const [id, why] of decision.refused) log(`posting ${id} was refused: ${why}`);
    const admitted = own.filter(({ posting }) => !decision.refused.has(posting.id));
    const isCodeNew = decision.isCodeNew || (await codeWatch.hasChanged(admitted));
    if (isCodeNew) log("code has changed: replacing the workers");
    const missing = groupBy(
      admitted.filter(({ posting }) => codeWatch.reasonFor(posting.entryPoint) !== undefined),
      ({ posting }) => posting.entryPoint,
    );
    for (const [entryPoint, own] of missing) {
      const reason = codeWatch.reasonFor(entryPoint) ?? "no code";
      await this.#noteMissing(session, entryPoint, own, reason);
    }
    if (!isCurrent()) return null;
    const mayRun = ({ posting }: JobRun) =>
      !decision.refused.has(posting.id) && !missing.has(posting.entryPoint);
    return {
      runs: runs.filter(mayRun),
      refused: runs.filter((run) => !mayRun(run)),
      isCodeNew,
    };
  }

  /** Skips the postings of jobs, all of one entry point, whose code is missing here. */
  async skipMissing(session: Session, runs: readonly JobRun[], reason: string): Promise<void> {
    const [first] = runs;
    if (!first) return;
    const { codeWatch, log } = this.#options;
    const { id, entryPoint } = first.posting;
    if (codeWatch.noteMissing(entryPoint, reason)) {
      log(
        `posting ${id} is skipped, like all postings of ${entryPoint}: ${reason} ` +
          "The pool checks again when the code here has changed.",
      );
    }
    await this.#noteMissing(session, entryPoint, runs, reason);
  }

  async #noteMissing(
    session: Session,
    entryPoint: string,
    runs: readonly JobRun[],
    reason: string,
  ): Promise<void> {
    const routes = routesOf(runs);
    const refused = new Map([...routes.keys()].map((id) => [id, reason]));
    const screen = (postings: readonly RunnablePosting[]) =>
      new Map(
        postings.flatMap((posting) =>
          posting.entryPoint === entryPoint ? [[posting.id, reason] as const] : [],
        ),
      );
    await retryUntil(
      () => session.claimer.refusals.add(refused, routes, screen, entryPoint),
      () => !session.isOver,
    );
  }

  async #decide(
    session: Session,
    policy: AdmissionPolicy,
    runs: readonly LeasedRun[],
  ): Promise<PolicyDecision> {
    const ask: AskDatabase = (work) => this.#links.work.ask(work);
    const decision = await policy.check(runs, ask);
    const { refused } = decision;
    if (refused.size === 0) return decision;
    const screen = (postings: readonly RunnablePosting[]) => policy.screen(postings, ask);
    const { refusals } = session.claimer;
    const { ahead, skippedRoutes } = await refusals.add(refused, routesOf(runs), screen);
    for (const [id, why] of ahead) this.#options.log(`posting ${id} was refused: ${why}`);
    for (const route of skippedRoutes) {
      const poster = session.claimer.posterOf(route);
      this.#options.log(
        `too many postings of ${poster} were refused: ` +
          "the pool claims no postings of that role for 5 minutes",
      );
    }
    return decision;
  }
}

const nothingRefused: PolicyDecision = { refused: new Map(), isCodeNew: false };

/** The route of each posting. */
const routesOf = (runs: readonly JobRun[]): Map<number, number> =>
  new Map(runs.map(({ posting }) => [posting.id, posting.routeId]));
