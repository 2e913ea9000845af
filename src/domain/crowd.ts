// How many pools share the work that any one of them could do. `dice` are random numbers from 0 to
// before 1. A few pools do all of it at once; of many, each does a part or takes its turn, so that
// the load of the server does not grow with their number.

/** The pools that claim the same jobs. */
export interface Crowd {
  /** The number of pools that are alive. */
  pools: number;
  /** How many of them wait for postings. */
  waiting: number;
}

/** A pool by itself, before its first heartbeat was answered. */
export const alone: Crowd = { pools: 1, waiting: 1 };

/** About this many pools keep house between two heartbeats of a pool. */
const housekeepers = 8;

/** Whether a pool keeps house now, after one of its heartbeats. */
export const keepsHouse = ({ pools }: Crowd, dice: number): boolean => dice * pools < housekeepers;

/** From this many pools on, a pool reports its work for display only with regular heartbeats. */
const manyReporters = 100;

/** Whether a pool also reports its work with a heartbeat that came early, for urgent news. */
export const reportsEarly = ({ pools }: Crowd): boolean => pools < manyReporters;

const pollMs = { few: 2_000, most: 20_000 };
/** Of all pools that wait. */
const pollsPerSecond = 50;

/** How long a pool that waits for a notification sleeps until it claims without one. */
export const pollPauseMs = ({ waiting }: Crowd, dice: number): number =>
  clamp((waiting / pollsPerSecond) * 1_000, pollMs.few, pollMs.most) * (0.75 + dice / 2);

/** These pools claim at once, and two more for each job, because some get none. */
const first = 4;
const firstPerJob = 2;
/** How many pools follow in a second, if no other work keeps them from claiming. */
const followersPerSecond = 250;
/** … if it is not known for how many jobs. */
const unknownPerSecond = 1_000;

/**
 * How long a waiting pool sleeps when all of them are notified of `jobs` jobs: without an order, a
 * thousand pools would claim one job at the same moment. Null stands for an unknown number.
 */
export function turnMs({ waiting }: Crowd, jobs: number | null, dice: number): number {
  const ahead = dice * waiting - first - firstPerJob * (jobs ?? 0);
  if (ahead < 0) return 0;
  const perSecond = jobs === null ? unknownPerSecond : followersPerSecond;
  return Math.min((ahead / perSecond) * 1_000, pollMs.most);
}

/** These look for more than the postings of a notification, if they found nothing of these. */
const lookouts = 16;

/** Whether a waiting pool looks for retries and starts after a notification in vain. */
export const looksOut = ({ waiting }: Crowd, dice: number): boolean => dice * waiting < lookouts;

const clamp = (x: number, least: number, most: number) => Math.min(Math.max(x, least), most);
