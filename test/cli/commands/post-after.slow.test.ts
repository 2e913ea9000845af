// Postings that wait for others, with real pools (docs/flows.md).
import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { until } from "../../binary/cli.ts";
import { type Commands, openCommands } from "../in-process.ts";
import { documentOf } from "./json.ts";

/** Jobs that fail until the file "fixed" exists. */
const work = `import { appendFileSync, existsSync } from "node:fs";
  export const good = (name: string) => (appendFileSync("journal", name + "\\n"), name);
  export const bad = () => { if (!existsSync("fixed")) throw new RangeError("no star"); };`;

async function openFlow(db: { url: string }): Promise<Commands> {
  const cli = await openCommands(db);
  await cli.write("w.ts", work);
  return cli;
}

const post = (cli: Commands, ...args: string[]) => cli.run("post", "--no-check", ...args);
const pool = (cli: Commands) => cli.run("pool", "--once", "--max-workers", "2");

test("post --after prints the number alone, and on stderr what the posting waits for", async () => {
  await using db = await freshDatabase();
  using cli = await openFlow(db);
  await post(cli, "w.ts#good", "--each", "a,b,c");
  expect(await post(cli, "w.ts#good", "--args", "last", "--after", "1")).toEqual({
    code: 0,
    out: "2\n",
    err: "posting 2 waits for 1 (w.ts#good: 0 % done)\n",
  });
  const { out, err } = await cli.run("status");
  expect(out).toMatch(/^2 +w.ts#good +waiting +1 +1 /m);
  expect(err).toContain("posting 2: waiting for 1 (w.ts#good: 0 % done)");
  expect((await cli.run("list", "--state", "waiting")).out).toMatch(/^2 .* waiting /m);
  expect((await cli.run("explain", "2/0")).out).toBe("2/0 waits for 1 (w.ts#good: 0 % done).\n");
  expect(documentOf("status", (await cli.run("status", "2", "--json")).out).postings).toMatchObject(
    [
      {
        state: "open",
        isBlocked: false,
        waitsFor: [{ posting: 1, kind: "after", tolerate: null, state: "waiting", cause: null }],
      },
    ],
  );
  expect((await cli.run("depth")).out).toBe("3\n");
});

test("a posting waits for one whose jobs are the elements of a list that is not there yet", async () => {
  await using db = await freshDatabase();
  using cli = await openFlow(db);
  await cli.write("list.ts", "export const none = () => [];");
  await post(cli, "list.ts#none", "--no-args");
  await post(cli, "w.ts#good", "--expand", "1");
  expect(await post(cli, "w.ts#good", "--args", "a", "--after", "2")).toMatchObject({
    err: "posting 3 waits for 2 (w.ts#good: waiting)\n",
  });
  expect((await cli.run("list")).out).toMatch(/^3 .* waiting /m);
  expect((await cli.run("explain", "2")).out).toContain("It has no jobs.");
  expect(await post(cli, "w.ts#good", "--over", "2")).toMatchObject({
    code: 2,
    err: expect.stringContaining("expected a posting with jobs, found 2 without"),
  });
  expect(await pool(cli)).toMatchObject({ code: 0 });
  expect(await cli.run("wait", "2", "3")).toMatchObject({
    code: 0,
    err: "posting 2 is finished: it has no jobs\nposting 3 is finished: 1 done\n",
  });
});

test("a chain runs to its end, in its order, in one pool --once", async () => {
  await using db = await freshDatabase();
  using cli = await openFlow(db);
  await post(cli, "w.ts#good", "--args", "1");
  for (const name of ["2", "3", "4"]) {
    await post(cli, "w.ts#good", "--args", name, "--after", "last");
  }
  expect(await pool(cli)).toMatchObject({ code: 0 });
  expect(await Bun.file(`${cli.folder}/journal`).text()).toBe("1\n2\n3\n4\n");
});

test("2: an unknown upstream is exit code 4, and nothing is posted", async () => {
  await using db = await freshDatabase();
  using cli = await openFlow(db);
  expect(await post(cli, "w.ts#good", "--args", "a", "--after", "41")).toEqual({
    code: 4,
    out: "",
    err: "pdoflow post: there is no posting 41. List postings with: pdoflow list --all\n",
  });
  expect(await post(cli, "w.ts#good", "--args", "a", "--after-any", "@night")).toMatchObject({
    code: 4,
  });
  expect(await db.sql`select from pdoflow.posting`).toHaveLength(0);
});

test("a posting is blocked by failed jobs: wait exits with 1 at once, and a retry repairs it", async () => {
  await using db = await freshDatabase();
  using cli = await openFlow(db);
  await post(cli, "w.ts#bad", "--no-args", "--max-attempts", "1");
  await post(cli, "w.ts#good", "--args", "a", "--after", "1");
  await post(cli, "w.ts#good", "--args", "b", "--after", "2");
  await pool(cli);
  const { err: idle } = await pool(cli); // finds nothing to run
  const remedy = (id: number) =>
    "1 has 1 failed job. Repair it: pdoflow retry 1 --failed; " +
    `or run it anyway: pdoflow unblock ${id}; or give it up: pdoflow cancel ${id}`;
  expect(idle).toContain(`posting 3 is blocked: ${remedy(3)}`);
  const waited = await cli.run("wait", "3");
  expect(waited).toEqual({ code: 1, out: "", err: `posting 3 is blocked: ${remedy(3)}\n` });
  expect(documentOf("wait", (await cli.run("wait", "2", "--json")).out)).toMatchObject({
    end: "blocked",
    postings: [{ id: 2, isBlocked: true, waitsFor: [{ cause: "1 has 1 failed job" }] }],
  });
  const { out, err } = await cli.run("status");
  expect(out).toMatch(/^3 +w.ts#good +blocked /m);
  expect(err).toContain(`posting 2: blocked: ${remedy(2)}`);
  expect((await cli.run("list", "--state", "blocked")).out).toMatch(/^3 .*\n2 .*\n$/m);
  expect((await cli.run("list", "--state", "waiting")).out).not.toMatch(/^\d/m);
  expect((await cli.run("explain", "3")).out).toContain(`posting 3 is blocked: ${remedy(3)}.`);

  await cli.write("fixed", "");
  await cli.run("retry", "1", "--failed");
  expect((await cli.run("list", "--state", "blocked")).out).not.toMatch(/^\d/m);
  await pool(cli);
  expect((await cli.run("wait", "1", "2", "3")).code).toBe(0);
});

test("--tolerate: as many jobs may fail, in number or in percent", async () => {
  await using db = await freshDatabase();
  using cli = await openFlow(db);
  await post(cli, "w.ts#bad", "--args", "1", "--max-attempts", "1");
  for (const tolerate of ["0", "1", "99%", "100%"]) {
    await post(cli, "w.ts#good", "--args", tolerate, "--after", "1", "--tolerate", tolerate);
  }
  await pool(cli);
  const states = async () =>
    (await db.sql`select waits from pdoflow.posting order by id`).map(({ waits }) => waits);
  expect(await states()).toEqual([false, true, false, true, false]);
  expect((await cli.run("explain", "2")).out).toContain("blocked: 1 has 1 failed job.");
  expect(await post(cli, "w.ts#good", "--args", "a", "--tolerate", "1")).toMatchObject({
    code: 2,
    err: "pdoflow post: --tolerate: expected --after or --gather with a posting\n",
  });
  const wrong = await post(cli, "w.ts#good", "--args", "a", "--after", "1", "--tolerate", "1x");
  expect(wrong).toMatchObject({
    code: 2,
    err: expect.stringContaining('such as "1%", found "1x"'),
  });
});

test("unblock runs a posting anyway, and status names who has done so", async () => {
  await using db = await freshDatabase();
  using cli = await openFlow(db);
  await post(cli, "w.ts#bad", "--no-args", "--max-attempts", "1");
  await post(cli, "w.ts#good", "--args", "a", "--after", "1");
  await pool(cli);
  expect((await cli.run("unblock", "--state", "blocked")).err).toBe("posting 2 was unblocked\n");
  expect((await cli.run("unblock", "2")).err).toBe("posting 2 is open: not changed\n");
  await pool(cli);
  expect((await cli.run("status", "2")).err).toMatch(
    /posting 2: unblocked by \w+ at 20\d\d-.*Z: did not wait for 1\n/,
  );
  const [posting] = documentOf("status", (await cli.run("status", "2", "--json")).out).postings;
  expect(posting).toMatchObject({
    state: "finished",
    waitsFor: [{ state: "met", unblockedBy: expect.stringMatching(/\w/) }],
  });
});

test("--after-any, --after-failed and --after-start wait for these", async () => {
  await using db = await freshDatabase();
  using cli = await openFlow(db);
  await post(cli, "w.ts#bad", "--no-args", "--max-attempts", "1");
  await post(cli, "w.ts#good", "--args", "any", "--after-any", "1");
  await post(cli, "w.ts#good", "--args", "failed", "--after-failed", "1");
  await post(cli, "w.ts#good", "--args", "start", "--after-start", "1");
  await post(cli, "w.ts#good", "--args", "none", "--after-failed", "2");
  await pool(cli);
  const ran = await Bun.file(`${cli.folder}/journal`).text();
  expect(ran.split("\n").toSorted().join()).toBe(",any,failed,start");
  expect((await cli.run("explain", "5")).out).toContain(
    "posting 5 is blocked: 2 ended without a failed job. Run it anyway: pdoflow unblock 5;",
  );
});

test("--if-blocked cancel and run, and --deadline, end the wait", async () => {
  await using db = await freshDatabase();
  using cli = await openFlow(db);
  await post(cli, "w.ts#bad", "--no-args", "--max-attempts", "1");
  await post(cli, "w.ts#good", "--args", "a", "--after", "1", "--if-blocked", "cancel");
  await post(cli, "w.ts#good", "--args", "b", "--after", "1", "--if-blocked", "run");
  await pool(cli);
  expect((await cli.run("status", "2", "3")).out).toMatch(/cancelled .*\n3 .*finished /);
  expect(await Bun.file(`${cli.folder}/journal`).text()).toBe("b\n");
  const late = await post(cli, "w.ts#good", "--args", "a", "--after", "1", "--deadline", "1h30m");
  expect(late.err).not.toContain("--deadline");
  const [row] = await db.sql`
    select extract(epoch from deadline - posted_at)::integer as s from pdoflow.posting
    where id = 4`;
  expect(row?.["s"]).toBe(5_400);
  const soon = await post(cli, "w.ts#good", "--args", "a", "--start-by", "tomorrow");
  expect(soon.err).toMatch(
    /^--start-by tomorrow: the posting is cancelled if it has not begun at 20/,
  );
});

test("a key that exists: the message names the other postings to wait for", async () => {
  await using db = await freshDatabase();
  using cli = await openFlow(db);
  await post(cli, "w.ts#good", "--args", "a");
  await post(cli, "w.ts#good", "--args", "b", "--key", "k", "--after", "1", "--tolerate", "1%");
  const again = (...more: string[]) =>
    post(cli, "w.ts#good", "--args", "b", "--key", "k", "--deadline", "6h", ...more);
  const same = await again("--after", "1", "--tolerate", "1%");
  expect(same).toMatchObject({ out: "2\n", err: expect.not.stringContaining("differs") });
  expect((await again("--after-any", "1")).err).toContain(
    "differs: --after any 1 (posting 2: 1 (tolerate 1%))",
  );
});

test("commands wait, too", async () => {
  await using db = await freshDatabase();
  using cli = await openFlow(db);
  await post(cli, "w.ts#good", "--args", "a");
  await post(cli, "--after", "1", "--", "cp", "journal", "{}", ":::", "copy");
  await cli.run("pool", "--once", "--commands", "--max-workers", "1");
  expect(await Bun.file(`${cli.folder}/copy`).text()).toBe("a\n");
});

test("a pool that waits runs a posting when its upstream ends, at once", async () => {
  await using db = await freshDatabase();
  using cli = await openFlow(db);
  const running = cli.start("pool", "--max-workers", "1");
  await post(cli, "w.ts#good", "--args", "a", "--run-at", "+2s");
  await post(cli, "w.ts#good", "--args", "b", "--after", "1");
  await until("both to end", async () => {
    const rows = await db.sql`select from pdoflow.posting where ended_at is not null`;
    return rows.length === 2;
  });
  const [row] = await db.sql`
    select extract(epoch from max(ended_at) - min(ended_at))::float8 as s from pdoflow.posting`;
  expect(row?.["s"]).toBeLessThan(2);
  running.kill("SIGTERM");
  expect(await running.exited).toBe(0);
});
