import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { documentOf } from "./json.ts";
import { openQueueCommands } from "../../binary/queue-cli.ts";

test("list shows unfinished postings, and the number of hidden ones", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([1]);
  await cli.post([2]);
  await cli.drain();
  for (const i of [3, 4, 5]) await cli.post([i]);
  await cli.run("pause", "4");
  const ids = async (...args: string[]) => {
    const list = documentOf("list", (await cli.run("list", ...args, "--json")).out);
    return [list.postings.map(({ id }) => id), list.hidden, list.hasMore];
  };
  expect(await ids()).toEqual([[5, 4, 3], 2, false]);
  expect(await ids("--all")).toEqual([[5, 4, 3, 2, 1], 0, false]);
  expect(await ids("--state", "paused")).toEqual([[4], 2, false]);
  expect(await ids("--state", "finished")).toEqual([[2, 1], 0, false]);
  expect(await ids("--limit", "2")).toEqual([[5, 4], 2, true]);
  expect(await ids("--limit", "2", "--before", "4")).toEqual([[3], 2, false]);
  const { out, err } = await cli.run("list");
  expect(out).toMatch(/^posting  name +entry point +state +jobs/);
  expect(out.split("\n")).toHaveLength(5);
  expect(err).toBe("not shown: 2 ended postings: pdoflow list --all\n");
});

test("list-postings and posting-status of the Python original list all, and show one", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([1]);
  await cli.drain();
  await cli.post([2]);
  const { out } = await cli.run("list-postings", "--json");
  expect(documentOf("list", out).postings.map(({ id }) => id)).toEqual([2, 1]);
  const one = await cli.run("posting-status", "1", "--json");
  expect(one).toMatchObject({ code: 0, err: "" });
  expect(one.out).toBe((await cli.run("status", "1", "--json")).out);
  expect((await cli.run("help", "posting-status")).out).toContain("usage: pdoflow status");
});

test("depth is one number: the jobs that run or could run, or the pools for them", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  expect((await cli.run("depth")).out).toBe("0\n");
  await cli.post([1, 2, 3]);
  await cli.post([1, 2, 3, 4]);
  await cli.run("pause", "2");
  expect((await cli.run("depth")).out).toBe("3\n");
  await cli.run("post", "jobs.ts#double", "--no-check", "--each", "1-9", "--needs", "gpu,mem>=8G");
  expect((await cli.run("depth")).out).toBe("12\n");
  expect((await cli.run("depth", "--for", "gpu,mem=4G")).out).toBe("3\n");
  expect((await cli.run("depth", "--for", "gpu,mem=8G", "--slots", "5")).out).toBe("3\n");
  expect(await cli.run("depth", "--for", "gpu", "--for", "mem=8G")).toMatchObject({
    ...{ code: 2, out: "", err: expect.stringContaining("--for: expected it once") },
  });
  const asked = await cli.run("depth", "--slots", "5", "--json");
  expect(documentOf("depth", asked.out)).toMatchObject({ slots: 12, pools: 3 });
});

test("pools lists running pools, and with --all ended ones too", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.drain();
  const live = await cli.run("pools");
  expect(live.err).toBe("no pools; start one with: pdoflow pool\n");
  const { pools } = documentOf("pools", (await cli.run("pools", "--all", "--json")).out);
  expect(pools).toMatchObject([{ id: 1, state: "stopped", slots: 1 }]);
});
