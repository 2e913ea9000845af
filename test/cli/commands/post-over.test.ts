import { expect, test } from "bun:test";

import { settle } from "../../../src/db/engine/settle.ts";
import { freshDatabase } from "../../database.ts";
import { openCommands } from "../in-process.ts";

const code = `
  export const square = (n: number) => {
    if (n === 3) throw new Error("three");
    return n * n;
  };
  export const scale = (n: number, by: number) => n * by;
`;

test("--over posts a job for each job of a posting, with its result, and a pool runs them", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("f.ts", code);
  await cli.run("post", "f.ts#square", "--each", "1-4", "--name", "one", "--max-attempts", "1");
  const dry = await cli.run("post", "f.ts#scale", "--over", "@one", "--with", "10", "--dry-run");
  expect(dry.out).toContain('"result of 1/0",10');
  expect(await cli.run("post", "f.ts#scale", "--over", "@one", "--with", "10")).toMatchObject({
    code: 0,
    out: "2\n",
  });
  await settle(db.db, [1]);
  expect((await cli.run("explain", "2/0")).out).toContain(
    "2/0 waits: its element 1/0 is waiting; see: pdoflow explain 1/0.",
  );
  await cli.run("pool", "--once");
  expect((await cli.run("explain", "2/2")).out).toContain(
    "2/2 was skipped: 1/2 failed: Error: three; to run both: pdoflow retry 1/2.",
  );
  expect((await cli.run("status", "2")).err).toContain(
    "skipped 1, because these jobs of 1 failed or were cancelled; run them too: pdoflow retry 1",
  );
  await cli.run("post", "f.ts#scale", "--args", "1", "2", "--after", "2");
  expect((await cli.run("status", "3")).err).toContain(
    "blocked: 2 has 1 cancelled job, skipped because of 1. Repair it: pdoflow retry 1 --failed;",
  );
  const { out } = await cli.run("results", "2");
  expect(out.match(/(?<="result":)\w+|(?<="message": ")[^"]*/g)?.join()).toBe(
    "10,40,null,1/2 failed,160",
  );
});

test("--after-each starts each job after the job of that posting", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("f.ts", code);
  await cli.run("post", "f.ts#square", "--each", "4-6");
  const posted = await cli.run("post", "f.ts#square", "--each", "1-2,5", "--after-each", "1");
  expect(posted).toMatchObject({ code: 0, out: "2\n" });
  expect(posted.err).toContain("posting 2 waits for the jobs of 1");
  const other = await cli.run("post", "f.ts#square", "--each", "1-2", "--after-each", "1");
  expect(other).toMatchObject({ code: 2 });
  expect(other.err).toContain("1 has 3 jobs, these are 2");
  await cli.run("pool", "--once");
  expect((await cli.run("status", "2")).out).toContain("finished");
});

test("2, 11: what cannot be posted over is refused, and nothing is posted", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("f.ts", code);
  expect(await cli.run("post", "f.ts#scale", "--over", "41")).toMatchObject({ code: 4 });
  const both = await cli.run("post", "f.ts#scale", "--over", "1", "--each", "1-3");
  expect(both).toMatchObject({ code: 2 });
  expect(both.err).toContain("expected no other source of jobs, found --each");
  expect(await db.sql`select from pdoflow.posting`).toHaveLength(0);
});
