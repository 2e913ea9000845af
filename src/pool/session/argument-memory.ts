/**
 * A pool keeps at most about this number of bytes of arguments. A single job may have that size,
 * and is in memory several times on its way from the database to a worker.
 */
const maxBytes = 64 * 1024 * 1024;

/**
 * The number of bytes of arguments that a pool may claim if it keeps `atHand`; 0 while it waits
 * until jobs have started, whose arguments it need not keep. A claim gets at least one job, of any
 * size.
 */
export const bytesLeft = (atHand: number) => (atHand > maxBytes / 2 ? 0 : maxBytes - atHand);

/** The number of jobs of this mean size that may be claimed. */
export const countLeft = (left: number, meanBytes: number) =>
  left === 0 ? 0 : Math.max(Math.floor(left / Math.max(meanBytes, 1)), 1);

/** From this size on, arguments that were read leave so much memory behind that it matters. */
export const collectBytes = 8 * 1024 * 1024;

/** Collects memory at once, where the runtime can (Bun). */
export function collectMemory(): void {
  const { Bun: runtime } = globalThis as { Bun?: { gc(isSynchronous: boolean): void } };
  runtime?.gc(true);
}
