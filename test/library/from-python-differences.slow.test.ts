import { expect, test } from "bun:test";
import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";

import { findPosting, job, postWork, Registry, Value } from "../../src/index.ts";
import { openQueueCommands } from "../binary/queue-cli.ts";
import { openCommands } from "../cli/in-process.ts";
import { freshDatabase } from "../database.ts";
import { drivenPool } from "./hand-driven.ts";

// Each of "These differences matter" in docs/from-python.md is true.
const page = await readFile(join(import.meta.dir, "../../docs/from-python.md"), "utf8");
const titles = [...page.matchAll(/^- \*\*(.+?)\*\*/gms)].map(([, title = ""]) => title);

export const fit = job((n: number, options?: { rate: number }) => n * (options?.rate ?? 1));
const root = import.meta.dir;
const nameOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "none",
    (error: unknown) => (error instanceof Error ? error.name : "?"),
  );

const covered = new Set<string>();
function difference(title: string, work: () => Promise<void>): void {
  covered.add(title);
  test(`the difference: ${title}`, work);
}

difference("Results are kept", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("own.ts", "export const echo = (value: unknown) => value;");
  const values = [Number.NaN, Number.POSITIVE_INFINITY, new Date(0), new Uint8Array([7])];
  const echo = job((value: unknown) => value, { file: join(cli.folder, "own.ts"), name: "echo" });
  const posting = await postWork(
    echo,
    values.map((value): [unknown] => [value]),
    [],
    { db: db.url, root: cli.folder },
  );
  await cli.run("pool", "--once", "--project", "*");
  const results = await Array.fromAsync(posting.results(), (each) => each.result);
  expect(results).toEqual(values);
});

difference("Keyword arguments are an object", async () => {
  await using db = await freshDatabase();
  await postWork(fit, [[1]], [{ rate: 0.5 }], { db: db.url, root });
  const [found] = await db.sql`select args from pdoflow.job`;
  expect(found).toEqual({ args: '[1,{"rate":0.5}]' });
});

difference("A job's file is its identity", async () => {
  expect(await Registry.get(fit).entryPoint(root)).toBe("from-python-differences.slow.test.ts#fit");
});

difference("There is one registry", async () => {
  const [one, two] = [job(() => 1, { name: "same" }), job(() => 2, { name: "same" })];
  expect([...Registry]).toContain(one);
  expect([...Registry]).toContain(two);
  const unmarked = Registry.get(() => 3);
  expect(await nameOf(unmarked.postWork([[]]))).toBe("NotAJob");
});

difference("Lists must fit", async () => {
  await using db = await freshDatabase();
  const options = { db: db.url, root };
  expect(await nameOf(postWork(fit, [[1], [2]], [{ rate: 1 }], options))).toBe("UnequalLengths");
  expect(await nameOf(postWork(fit, [], [], options))).toBe("NothingToPost");
  expect(await nameOf(postWork(fit, [[1], [2]], [], options))).toBe("none");
});

difference("A posting stops early only if nothing works", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "own.ts",
    "export const odd = (n: number) => { if (n > 0) throw new Error('no'); };",
  );
  const once = ["--max-attempts", "1"];
  await cli.run("post", "own.ts#odd", "--each", "0-40", ...once);
  await cli.run("post", "own.ts#odd", "--each", "1-1000", ...once);
  await cli.run("pool", "--once", "--max-workers", "1");
  const states = await db.sql`select state from pdoflow.posting order by id`;
  expect(states.map(({ state }: { state?: string }) => state)).toEqual(["finished", "errored_out"]);
});

difference("Variables belong to the queue", async () => {
  await using db = await freshDatabase();
  const posting = await postWork(fit, [[1]], [], { db: db.url, root });
  const count = new Value(`${posting.id}/count`, 0, { db: db.url });
  await Promise.all(Array.from({ length: 8 }, () => count.update((n) => n + 1)));
  await db.sql`delete from pdoflow.posting`;
  expect(await count.get()).toBe(8);
  expect(await count.delete()).toBe(true);
});

difference("Jobs have no connection.", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "own.ts",
    "export const own = () => Object.values(process.env).filter((v) => v?.includes('postgres'));",
  );
  expect((await cli.run("run", "own.ts#own", "--no-args")).out).toBe("[]\n");
});

difference("If a worker dies, its job is tried again", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "own.ts",
    `
    import { existsSync, writeFileSync } from "node:fs";
    export function dies() {
      if (existsSync("died")) return "alive";
      writeFileSync("died", "");
      process.kill(process.pid, "SIGKILL");
    }`,
  );
  const { code, out } = await cli.run("run", "own.ts#dies", "--no-args", "--backoff", "0s");
  expect({ code, out }).toEqual({ code: 0, out: '"alive"\n' });
});

difference("`execute-job` records nothing", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([3, 5]);
  expect((await cli.run("execute-job", "1/0")).err).toContain("nothing was recorded");
  const attempts = async () => (await db.sql`select 1 from pdoflow.outcome where seq = 0`).length;
  expect(await attempts()).toBe(0);
  await cli.drain();
  await cli.run("retry", "1/0");
  await cli.run("pool", "--posting", "1", "--once");
  expect(await attempts()).toBe(2);
});

difference("Some options do not exist", async () => {
  using cli = await openCommands(null);
  const tries = [
    ["pool", "--batchsize", "10"],
    ["pool", "--upkeep-rate", "1"],
    ["pool", "--exception-logging", "warning"],
    ["pool", "--warning-logging", "debug"],
    ["list-postings", "--table-format", "simple"],
  ];
  for (const [word = "", option = "", value = ""] of tries) {
    expect(page).toContain(`\`${option}\``);
    const { code, err } = await cli.run(word, option, value);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(`no option ${option}`) });
    if (option === "--table-format") expect(err).toContain('Did you mean "--json"?');
  }
});

difference("The settings", async () => {
  using cli = await openCommands(null);
  const config = async (env: Record<string, string>) =>
    await cli.runWith({ env: { HOME: cli.folder, ...env } }, "config", "--url");
  await cli.write(
    ".config/pdoflow/db.conf",
    "[pdoflow]\ndatabase_name = science\nusername = ben\npassword = x\n",
  );
  const file = join(cli.folder, ".config/pdoflow/db.conf");
  await chmod(file, 0o644);
  expect((await config({})).err).toContain(`chmod 600 ${file}`);
  await chmod(file, 0o600);
  expect((await config({})).out).toContain("ben@localhost");
  const host = { POSTGRES_HOST: "db.example" };
  expect((await config({ ...host, XDG_CONFIG_HOME: "/nonexistent" })).err).toContain(
    'export PGHOST="$POSTGRES_HOST"',
  );
  expect((await config({ ...host, PGHOST: "other" })).out).toContain("other");
});

difference("Waiting costs nothing", async () => {
  await using db = await freshDatabase();
  const { id } = await postWork(fit, [[1]], [], { db: db.url, root });
  const found = await findPosting(id, fit, { db: db.url });
  const ended = Promise.all([found.wait(), found.wait(), found.wait()]);
  await (await drivenPool(db.db)).endAll();
  expect((await ended).map(({ done }) => done)).toEqual([1, 1, 1]);
});

test("each difference of the page has a test", () => {
  expect(titles.filter((title) => !covered.has(title))).toEqual([]);
  expect([...covered].filter((title) => !titles.includes(title))).toEqual([]);
});

test("the rows of the command line work as they are written", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([5, 3]);
  await cli.write("ids", "1\n");
  const same = await cli.run("status", "1");
  expect(await cli.run("posting-status", "1")).toEqual(same);
  expect(await cli.runWith({ input: "1\n" }, "status", "-")).toEqual(same);
  expect(await cli.run("list-postings")).toEqual(await cli.run("list", "--all"));
  expect((await cli.run("jobs", "1")).out).toContain("1/1");
  expect((await cli.run("set-posting-status", "1", "paused")).code).toBe(0);
  expect((await cli.run("priority-stats")).out).toContain("priority");
});
