import { expect, test } from "bun:test";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../in-process.ts";

test("asking for postings to complete starts no server, and does not wait for one", async () => {
  using cli = await openCommands(null);
  const none = await cli.runWith(
    { env: { PDOFLOW_DATABASE_URL: "", PDOFLOW_DATA: join(cli.folder, "data") } },
    "completions",
    "postings",
  );
  expect(none).toEqual({ code: 0, out: "", err: "" });
  expect(await Array.fromAsync(new Bun.Glob("data/**").scan(cli.folder))).toEqual([]);
  // Takes the connection and says nothing.
  using silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const url = `postgres://nobody@127.0.0.1:${silent.port}/none`;
  const late = await cli.runWith(
    { env: { PDOFLOW_DATABASE_URL: url, PGCONNECT_TIMEOUT: "3600" } }, // longer than this test
    "completions",
    "postings",
  );
  expect(late).toEqual({ code: 0, out: "", err: "" });
});

test("the exports of a file are found without running it", async () => {
  using cli = await openCommands(null);
  await cli.write(
    "lib/f.ts",
    "export const alpha = (i: number): number => i; export function beta() {} const hidden = 1;\n" +
      "export type Shape = string; throw new Error('it runs');",
  );
  const { out } = await cli.run("completions", "exports", "lib/f.ts#al");
  expect(out.trimEnd().split("\n").toSorted()).toEqual(["lib/f.ts#alpha", "lib/f.ts#beta"]);
  const none = { code: 0, out: "", err: "" };
  expect(await cli.run("completions", "exports", "lib/none.ts#")).toEqual(none);
  await cli.write("bad.ts", "export const = ;");
  expect(await cli.run("completions", "exports", "bad.ts#")).toEqual(none);
});

test("pools and groups of failures are completed", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await db.sql`insert into pdoflow.pool (host, pid, slots, version, os_user) values ('node17', 1, 1, 'x', 'u')`;
  const pools = await cli.run("completions", "pools");
  expect(pools.out).toBe("1\tnode17, up\nnode17\thost\n");
  await cli.write("fn.ts", "export const fn = () => { throw new RangeError('too far'); };");
  await cli.run("run", "fn.ts#fn", "--each", "1-3", "--max-attempts", "1");
  const { out } = await cli.run("completions", "groups", "last");
  expect(out).toMatch(/^[0-9a-f]{8}\t3 jobs, RangeError\n$/);
  expect(await cli.run("completions", "groups", "99")).toEqual({ code: 0, out: "", err: "" });
});
