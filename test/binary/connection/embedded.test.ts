import { expect, test } from "bun:test";

import { openCli } from "../cli.ts";
import { withoutServer } from "./machine.ts";

test("any command starts the embedded server; post, pool and status share it; down stops it", async () => {
  await using machine = withoutServer(await openCli(null));
  await machine.write("add.ts", "export const add = (a: number, b: number) => a + b;");
  await machine.write("args.json", "[[1, 2], [3, 4]]");
  const posted = await machine.run("post", "add.ts#add", "args.json");
  expect(posted).toMatchObject({ code: 0, out: "1\n" });
  expect(posted.err).toContain("first start only");

  const pool = await machine.run("pool", "--once", "--max-workers", "2");
  expect(pool.code).toBe(0);
  expect(pool.err).toContain("(the embedded server)");

  const status = await machine.run("status", "--json");
  expect(status).toMatchObject({ code: 0, err: "" });
  expect(JSON.parse(status.out)).toMatchObject({
    database: { source: "the embedded server" },
    postings: [
      { id: 1, entryPoint: "add.ts#add", state: "finished", jobs: { done: 2, waiting: 0 } },
    ],
  });

  const up = await machine.run("up");
  expect(up).toMatchObject({ code: 0, out: "" });
  expect(up.err).toContain(`data folder: ${machine.data}`);
  const url = /connect with: (\S+)\n/.exec(up.err)?.[1] ?? "";
  const database = ["--database", url];
  const byUrl = await machine.run("status", "--json", ...database);
  expect(JSON.parse(byUrl.out)).toMatchObject({ postings: [{ id: 1 }] });
  const down = await machine.run("down");
  expect(down).toMatchObject({ code: 0, out: "" });
  expect(down.err).toContain("was stopped");
  expect((await machine.run("down")).err).toContain("no embedded PostgreSQL is running");
  // Committed rows exist after the next start.
  expect((await machine.run("status", "1")).out).toContain("add.ts#add");
}, 120_000);
