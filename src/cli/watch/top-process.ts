import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { hasCode } from "../../domain/errors.ts";

/** The process functions of the dashboard. */
export const topProcess = (cwd: string, parent = process.ppid) => ({
  isOrphaned: () => process.ppid !== parent,
  /** Like Ctrl-Z: stops all processes of the job, so that the shell sees it stopped. */
  suspend: async (): Promise<void> => {
    const continued = new Promise<void>((resolve) => {
      const done = () => {
        process.off("SIGCONT", done);
        clearTimeout(timer);
        resolve();
      };
      process.on("SIGCONT", done);
      // Without a shell that could continue it, the system ignores the signal, and so do we.
      const timer = setTimeout(done, 200);
    });
    process.kill(0, "SIGTSTP");
    await continued;
  },
  onContinue: (listener: () => void) => {
    process.on("SIGCONT", listener);
    return () => void process.off("SIGCONT", listener);
  },
  onBug: (listener: (error: unknown) => void) => {
    process.on("uncaughtException", listener);
    process.on("unhandledRejection", listener);
    return () => {
      process.off("uncaughtException", listener);
      process.off("unhandledRejection", listener);
    };
  },
  /** Saves text in the current folder without overwriting a file. */
  save: async (text: string): Promise<string> => {
    for (let n = 1; ; n++) {
      const name = `pdoflow-top-${n}.txt`;
      try {
        await writeFile(join(cwd, name), text, { flag: "wx" });
        return name;
      } catch (error) {
        if (!hasCode(error, "EEXIST") || n >= 999) throw error;
      }
    }
  },
});
