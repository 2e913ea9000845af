import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What the dashboard needs of the process that it runs in. */
export const topProcess = (cwd: string, parent = process.ppid) => ({
  isOrphaned: () => process.ppid !== parent,
  /** As Ctrl-Z does it: all processes of the job, so that the shell sees it stopped. */
  suspend: async (): Promise<void> => {
    const goesOn = new Promise<void>((resolve) => {
      const done = () => {
        process.off("SIGCONT", done);
        clearTimeout(timer);
        resolve();
      };
      process.on("SIGCONT", done);
      // Where no shell would let it go on the system ignores the signal, and so do we.
      const timer = setTimeout(done, 200);
    });
    process.kill(0, "SIGTSTP");
    await goesOn;
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
  /** In the folder where it runs; an older file is never lost. */
  save: async (text: string): Promise<string> => {
    for (let n = 1; ; n++) {
      const name = `pdoflow-top-${n}.txt`;
      try {
        await writeFile(join(cwd, name), text, { flag: "wx" });
        return name;
      } catch (error) {
        const isTaken = error instanceof Error && "code" in error && error.code === "EEXIST";
        if (!isTaken || n >= 999) throw error;
      }
    }
  },
});
