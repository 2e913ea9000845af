/** From this size on, arguments that were read leave so much memory behind that it matters. */
export const collectBytes = 8 * 1024 * 1024;

/** Collects memory at once, where the runtime can (Bun). */
export function collectMemory(): void {
  const { Bun: runtime } = globalThis as { Bun?: { gc(isSynchronous: boolean): void } };
  runtime?.gc(true);
}
