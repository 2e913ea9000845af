/**
 * Ends this process's connections to the queue, waiting up to five seconds for statements that
 * run. Not needed at the end of a script: they end by themselves half a second after the last use.
 * Later calls open them again.
 *
 * @example await close();
 */
export async function close(): Promise<void> {
  const { closeAll } = await import("./connection.ts");
  await closeAll();
}
