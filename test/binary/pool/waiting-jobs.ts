import type { Db } from "../../../src/db/connection/connect.ts";
import { until } from "../cli.ts";

export const heartbeatTimeout = ["--heartbeat-timeout", "2s"];

/** Runs for as long as the file "go" is missing, and keeps a journal of when it began. */
export const waits = `
  import { appendFileSync, existsSync } from "node:fs";
  export async function wait(i: number) {
    appendFileSync("journal", i + "\\n");
    while (!existsSync("go")) await Bun.sleep(5);
    return i;
  }`;

/** Resolves once the only pool has reported this number of running jobs. */
export const untilRunning = ({ sql }: Pick<Db, "sql">, jobs: number) =>
  until(`${jobs} jobs to be known as running`, async () => {
    const [row] = await sql`select jsonb_array_length(running) as n from pdoflow.pool`;
    return row?.["n"] === jobs;
  });

/** Resolves once the only posting has ended. */
export const untilFinished = ({ sql }: Pick<Db, "sql">) =>
  until("the posting to end", async () => {
    const [row] = await sql`select state from pdoflow.posting`;
    return row?.["state"] === "finished";
  });
