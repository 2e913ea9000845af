export const heartbeatTimeout = ["--heartbeat-timeout", "2s"];

/** Runs for as long as the file "go" is missing, and keeps a journal of when it began. */
export const waits = `
  import { appendFileSync, existsSync } from "node:fs";
  export async function wait(i: number) {
    appendFileSync("journal", i + "\\n");
    while (!existsSync("go")) await Bun.sleep(5);
    return i;
  }`;
