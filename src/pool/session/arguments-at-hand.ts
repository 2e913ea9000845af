/**
 * A pool has about this many bytes of arguments at hand at most. One job may have as many, and is
 * in memory several times on its way from the database to a worker.
 */
const mostBytes = 64 * 1024 * 1024;

/**
 * How many bytes of arguments a pool may claim when it has `atHand`; 0 while it waits until jobs
 * have started, whose arguments it need not keep. A claim gets at least one job, of any size.
 */
export const bytesLeft = (atHand: number) => (atHand > mostBytes / 2 ? 0 : mostBytes - atHand);

/** How many jobs may be claimed, of such a mean size. */
export const countLeft = (left: number, meanBytes: number) =>
  left === 0 ? 0 : Math.max(Math.floor(left / Math.max(meanBytes, 1)), 1);
