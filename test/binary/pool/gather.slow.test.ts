import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openCli, until } from "../cli.ts";
import { heartbeatTimeout } from "./waiting-jobs.ts";

const code = `
  import { existsSync, writeFileSync } from "node:fs";
  import { currentJob } from "pdoflow";
  export const same = (n) => n;
  export async function sum() {
    const { upstream, attempt } = currentJob();
    let [count, sum] = [0, 0];
    for await (const { result } of upstream.results()) {
      sum += result;
      if (++count !== 3_000) continue;
      writeFileSync("reading", "");
      while (!existsSync("go")) await Bun.sleep(5);
    }
    return { attempt, count, sum };
  }`;

test("kill -9 of a pool whose job reads results: another pool begins again, and has all of them", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("a.ts", code);
  await cli.run("post", "a.ts#same", "--each", "1-5000");
  await cli.run("post", "a.ts#sum", "--gather", "1", "--backoff", "10ms");
  const first = cli.start("pool", "--max-workers", "2", ...heartbeatTimeout);
  await until("the job to have read a part", () => Bun.file(`${cli.folder}/reading`).exists());
  first.kill("SIGKILL");
  await first.exited;
  await cli.write("go", "");
  const second = cli.start("pool", "--max-workers", "2", ...heartbeatTimeout);
  await until("the posting to end", async () => {
    const [row] = await db.sql`select state from pdoflow.posting where id = 2`;
    return row?.["state"] === "finished";
  });
  second.kill("SIGTERM");
  expect(await second.exited).toBe(0);
  const { out } = await cli.run("results", "2");
  expect(JSON.parse(out).result).toEqual({ attempt: 2, count: 5_000, sum: 12_502_500 });
}, 120_000);
