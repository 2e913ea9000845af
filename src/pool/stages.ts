import { Children } from "./children.ts";
import type { FailureWatch } from "./failure-watch.ts";
import { Intake } from "./intake.ts";
import { jobSupply } from "./job-supply.ts";
import type { PoolOptions, PoolSummary } from "./options.ts";
import { Results } from "./results.ts";
import type { JobSupply, Runner } from "./run/runner.ts";
import type { StartFailure } from "./run/worker-starts.ts";
import { ClaimLoop, type ClaimLoopListener } from "./session/claim-loop.ts";
import type { Meter } from "./session/meter.ts";
import type { Links, Session } from "./session/session.ts";
import type { PoolState } from "./state.ts";
import { UpstreamResults } from "./upstream-results.ts";
import type { JobRun } from "./wire/leased-job.ts";

/** The pool whose stages they are. */
export interface StagesContext
  extends
    Pick<JobSupply, "hasPeers">,
    Pick<ClaimLoopListener, "room" | "crowd" | "onNothingLeft" | "onError"> {
  links: Links;
  options: PoolOptions;
  summary: PoolSummary;
  meter: Meter;
  failureWatch: FailureWatch;
  state(): PoolState;
  /** Null while the pool has no row. */
  session(): Session | null;
  /** Whether the session may claim. */
  mayClaim(): boolean;
  /** Runs work whose failure the pool handles. */
  attempt(work: () => Promise<void>): Promise<void>;
  /** The ends of attempts at these jobs were passed to the recorder. */
  onRecorded(run: JobRun): void;
  /** Attempts at these jobs have ended by a stop signal: to be released. */
  onInterrupted(run: JobRun): void;
  /** Jobs were claimed. */
  onJobs(): void;
  onStartFailed(failure: StartFailure): void;
}

/** The stages of a pool, from the claim of a job to its outcome. */
export interface Stages {
  claims: ClaimLoop;
  intake: Intake;
  runner: Runner;
  results: Results;
}

/** Makes the stages of a pool, and connects each with the next. */
export function connectStages(pool: StagesContext): Stages {
  const { links, options, summary, meter } = pool;
  const session = () => pool.session();
  const children = new Children(links, session);
  const upstreams = new UpstreamResults(links, session);
  const results = new Results({ ...pool, children }, options, summary, pool.failureWatch);
  const supply = jobSupply({
    session,
    claims: () => claims,
    hasPeers: () => pool.hasPeers(),
    onReturned: (runs, cause) => void pool.attempt(() => intake.returned(runs, cause)),
  });
  const runner = options.makeRunner({
    attempts: results,
    supply,
    readResults: (job, first) => upstreams.read(job, first),
    post: (job, call, isRunning) => children.post(job, call, isRunning),
    onStartFailed: (failure) => pool.onStartFailed(failure),
  });
  const intake: Intake = new Intake(pool, { links, options, runner }, summary);
  const claims: ClaimLoop = new ClaimLoop(
    {
      ...pool,
      session: () => (pool.mayClaim() ? session() : null),
      isQuiet: () => runner.isIdle && session()?.recorder.isIdle === true,
      onNews: () => options.codeWatch.begin(),
      onJobs: async (claimer, runs, unread) => {
        pool.onJobs();
        await intake.add(claimer, runs, unread);
      },
      onClaimed: (found, ms) => meter.claimed(found, ms),
    },
    { isOnce: () => options.once },
  );
  return { claims, intake, runner, results };
}
