import type { Provides } from "../domain/capabilities.ts";
import type { PoolSummary } from "./options.ts";
import type { Meter } from "./session/meter.ts";
import type { Runner } from "./run/runner.ts";
import type { Links, Session, SessionListener } from "./session/session.ts";
import type { PoolState } from "./state.ts";

/** The state of a pool and its counts since its start. Reading them costs nothing per job. */
export interface PoolFigures {
  state: PoolState;
  /**
   * It is running, and no heartbeat got through for most of the heartbeat timeout: with
   * `--on-database-lost finish` its jobs go on.
   */
  isSilent: boolean;
  /** It is registered, the database answers, and it claims jobs. */
  isReady: boolean;
  slots: number;
  /** Workers that have a job. */
  busy: number;
  attempts: PoolSummary;
  meter: Meter;
  connected: { claims: boolean; work: boolean; side: boolean };
  connectionLosses: number;
  /** The age of the last heartbeat that was answered; null before the first one. */
  beatAgoMs: number | null;
  /** Outcomes that wait to be written. */
  backlog: { outcomes: number; bytes: number };
}

interface FigureSource extends Pick<
  PoolFigures,
  "state" | "slots" | "busy" | "attempts" | "meter"
> {
  mayClaim: boolean;
  links: Links;
  session: Session | null;
}

export function figuresOf({ mayClaim, links, session, ...counts }: FigureSource): PoolFigures {
  const { claims, work, side } = links;
  const isRunning = counts.state === "running";
  const isSilent = isRunning && session?.heartbeat.isSilent === true;
  return {
    ...counts,
    isSilent,
    isReady: isRunning && mayClaim && !isSilent,
    connected: {
      claims: claims.isConnected,
      work: work.isConnected,
      side: side.isConnected,
    },
    connectionLosses: claims.losses + work.losses + side.losses,
    beatAgoMs: session && mayClaim ? performance.now() - session.heartbeat.lastSentAt : null,
    backlog: session?.recorder.backlog ?? { outcomes: 0, bytes: 0 },
  };
}

/** What a session reports of the runner of its pool. */
export const workReports = (
  runner: Runner,
  provides: Provides,
): Pick<SessionListener, "output" | "busy" | "free"> => ({
  output: (postings) => runner.output(postings),
  busy: () => runner.busy,
  free: () => runner.resources?.free.amounts(provides) ?? {},
});
