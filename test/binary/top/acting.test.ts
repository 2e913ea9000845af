import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { emulated } from "./emulated.ts";
import { openQueueCli } from "../queue-cli.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

test("cancelling asks first, with the number of jobs, and shows the result", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  const id = await cli.post(numbers(1200), "fn.ts#quick", "--name", "doomed");
  await using top = emulated([...cli.command, "top"], { env: cli.env, cwd: cli.folder });
  await top.shows("doomed");
  top.type("c");
  await top.shows(
    `Cancel posting ${id} (doomed) for good, with 1,200 jobs that have not ended? y/n`,
  );
  top.type("n");
  await top.shows("Nothing was changed.");
  const state = async () =>
    (await db.sql<{ state: string }[]>`select state from pdoflow.posting where id = ${id}`)[0]
      ?.state;
  expect(await state()).toBe("open");
  top.type("c");
  await top.shows("y/n");
  top.type("y");
  await top.shows("cancelled 1 posting");
  expect(await state()).toBe("cancelled");
});

test("top is read-only if the role can only read", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post([1], "fn.ts#quick", "--name", "theirs");
  const role = `looker_${crypto.randomUUID().slice(0, 8)}`;
  await db.sql.unsafe(`create role ${role}`);
  expect(await cli.run("grant", "--role", role, "as", "viewer")).toMatchObject({ code: 0 });
  const env = { ...cli.env, PGOPTIONS: `-c role=${role}` };
  await using top = emulated([...cli.command, "top"], { env, cwd: cli.folder });
  await top.shows(/theirs.*waiting/);
  await top.shows("read-only");
  top.type("c");
  await top.shows(`Read-only: the role ${role} can only read`);
  top.type("q");
  await top.exited;
  await db.sql.unsafe(`drop owned by ${role}; drop role ${role}`);
});
