/**
 * Ends this process's connections to the queue, after waiting up to five seconds for running
 * statements. You do not need it at the end of a script: connections close by themselves half a
 * second after their last use. Later calls open them again.
 *
 * @example await close();
 */
export async function close(): Promise<void> {
  const { closeAll } = await import("./connection.ts");
  await closeAll();
}
