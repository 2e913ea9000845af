import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openCli, until } from "../cli.ts";
import { heartbeatTimeout } from "./waiting-jobs.ts";

const jobs = `
  import { existsSync } from "node:fs";
  import { currentJob } from "pdoflow";
  export async function spawns() {
    await currentJob().post("spawn.ts#child", [[1], [2]]);
    while (!existsSync("go")) await Bun.sleep(20);
  }
  export const child = (i) => i;
`;

test("C1: kill -9 of a pool whose job has posted: the next attempt posts, and nothing is twice", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("spawn.ts", jobs);
  await cli.run("post", "spawn.ts#spawns", "--each", "1", "--backoff", "10ms");
  const first = cli.start("pool", "--max-workers", "1", ...heartbeatTimeout);
  await until("the job has posted", async () => {
    const drafts = await db.sql`select from pdoflow.child where draft is not null`;
    return drafts.length === 1;
  });
  first.kill("SIGKILL");
  await first.exited;
  await cli.write("go", "");
  const second = cli.start("pool", "--max-workers", "1", ...heartbeatTimeout);
  await until("the child to end, and the draft to be dropped", async () => {
    const ended = await db.sql`select from pdoflow.posting where state = 'finished'`;
    const dropped = await db.sql`select from pdoflow.child where dropped_at is not null`;
    return ended.length === 2 && dropped.length === 1;
  });
  second.kill("SIGTERM");
  expect(await second.exited).toBe(0);
  const rows = await db.sql`
    select c.attempt, p.done, p.job_count from pdoflow.child c join pdoflow.posting p
      on p.id = c.posting_id`;
  expect([...rows]).toHaveLength(1);
  expect(rows[0]).toMatchObject({ done: 2, jobCount: 2 });
}, 120_000);
