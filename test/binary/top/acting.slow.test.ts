import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { emulated, keys } from "./emulated.ts";
import { openQueueCli } from "../queue-cli.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

test("marked postings are paused and resumed together", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  for (const name of ["a1", "a2", "b1"]) await cli.post(numbers(2), "fn.ts#quick", "--name", name);
  await using top = emulated([...cli.command, "top"], { env: cli.env, cwd: cli.folder });
  await top.shows("b1");
  top.type(`/a${keys.enter}*p`);
  await top.shows("Pause 2 postings with 4 jobs that have not ended? y/n");
  top.type("y");
  await top.shows("paused 2 postings");
  const states = async () =>
    (await db.sql<{ state: string }[]>`select state from pdoflow.posting order by id`)
      .map(({ state }) => state)
      .join(" ");
  expect(await states()).toBe("paused paused open");
  await top.shows(/a1.*paused/);
  top.type("u");
  await top.shows("Resume 2 postings");
  top.type("y");
  await top.shows("resumed 2 postings");
  expect(await states()).toBe("open open open");
});

test("keys raise and lower the priority of waiting jobs", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post(numbers(5), "fn.ts#quick", "--name", "queued");
  await using top = emulated([...cli.command, "top"], {
    ...{ env: cli.env, cwd: cli.folder, columns: 130 },
  });
  await top.shows(/queued.* 0 waiting/);
  top.type(">");
  await top.shows("to 1? y/n");
  top.type("y");
  await top.shows("changed the priority of 1 posting");
  await top.shows(/queued.* 1 waiting/);
  const [lane] = await db.sql<{ priority: number }[]>`
    select effective_priority as priority from pdoflow.lane where state = 'open'`;
  expect(lane?.priority).toBe(1);
});

test("a group of failures is retried from the list of failures", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post(numbers(40));
  await cli.drain();
  await using top = emulated([...cli.command, "top"], { env: cli.env, cwd: cli.folder });
  await top.shows("RangeError");
  top.type(`3/RangeError${keys.enter}r`);
  await top.shows("Retry 4 failed jobs of posting 1 in 1 group? y/n");
  top.type("y");
  await top.shows("4 jobs will be retried");
});

test("with --read-only nothing can be changed", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post(numbers(2), "fn.ts#quick");
  await using top = emulated([...cli.command, "top", "--read-only"], {
    env: cli.env,
    cwd: cli.folder,
  });
  await top.shows("read-only");
  top.type("c");
  await top.shows("Read-only: it was started with --read-only");
});
