import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The prefix of the names of the job folders of a process. */
const prefix = (pid: number) => `pdoflow-job-${pid}-`;

/** Creates an empty folder for a job of this process, in the temp folder of the system. */
export const makeJobFolder = (): string => mkdtempSync(join(tmpdir(), prefix(process.pid)));

export const removeJobFolder = (folder: string): void =>
  rmSync(folder, { recursive: true, force: true, maxRetries: 2 });

/** Removes the folders that jobs of a killed process have left. */
export function removeJobFolders(pid: number): void {
  for (const name of readdirSync(tmpdir())) {
    if (name.startsWith(prefix(pid))) removeJobFolder(join(tmpdir(), name));
  }
}
