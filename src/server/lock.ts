import { Database, SQLiteError } from "bun:sqlite";
import { closeSync, openSync } from "node:fs";

/**
 * Runs `work` while no other process is inside `alone` with the same `file`; waits for its turn.
 *
 * The lock is SQLite's, on an empty database, because the kernel releases it when its holder dies,
 * even after kill -9. A file with a pid in it would leave us guessing which process has that pid
 * now.
 */
export async function alone<T>(file: string, work: () => Promise<T>): Promise<T> {
  // Created here because of its mode: a user who can open the file can lock it.
  closeSync(openSync(file, "a", 0o600));
  using lock = new Database(file);
  while (!entered(lock)) await Bun.sleep(20);
  return await work();
}

function entered(lock: Database): boolean {
  try {
    lock.run("begin exclusive");
    return true;
  } catch (error) {
    if (error instanceof SQLiteError && error.code === "SQLITE_BUSY") return false;
    throw error;
  }
}
