import type { JobSupply } from "./run/runner.ts";
import type { ClaimLoop } from "./session/claim-loop.ts";
import type { Session } from "./session/session.ts";

interface SupplyContext extends Pick<JobSupply, "hasPeers" | "onReturned"> {
  session: () => Session | null;
  claims: () => ClaimLoop;
}

/** Supplies the runner of a pool with the jobs that the pool claims. */
export const jobSupply = ({ session, claims, ...rest }: SupplyContext): JobSupply => ({
  ...rest,
  onRoom: () => claims().next(),
  mayStart: () => session()?.recorder.isFull !== true,
  jobTime: (entryPoint) => session()?.claimer.jobTime(entryPoint) ?? null,
  onFreed: () => {
    if (session()?.claimer.isWithholding) claims().wake();
  },
  countsOf: (routeId) => session()?.claimer.countsOf(routeId) ?? null,
});
