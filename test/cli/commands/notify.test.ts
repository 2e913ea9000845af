// Notifications from the command line: posted, explained, sent by a pool, and no secret kept.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Sql } from "../../../src/db/connection/connect.ts";
import { freshDatabase } from "../../database.ts";
import { type Endpoint, openEndpoint } from "../../pool/notify/endpoint.ts";
import { type Commands, openCommands, program } from "../in-process.ts";

setDefaultTimeout(60_000);

let endpoint: Endpoint;
beforeAll(async () => void (endpoint = await openEndpoint()));
afterAll(async () => await endpoint[Symbol.asyncDispose]());

const secret = `whsec_${Buffer.from("SECRET of the receiver, in base64").toString("base64")}`;

/** Writes notify.d/NAME.toml; `path` is of the endpoint. */
function receiver({ folder }: Commands, name: string, path: string, more = ""): void {
  mkdirSync(join(folder, "notify.d"), { recursive: true, mode: 0o700 });
  const file = join(folder, "notify.d", `${name}.toml`);
  const url = `http://127.0.0.1:${endpoint.port}${path}`;
  writeFileSync(file, `url = "${url}"\ninsecure = true\nallow = ["127.0.0.1"]\n${more}`);
  chmodSync(file, 0o600);
}

const jobs = `
export const ok = () => 1;
export const bad = (n) => { throw new RangeError("too bright: " + n); };
`;

/** A folder with jobs, whose commands succeed. */
async function folderOf(db: { url: string }) {
  const cli = await openCommands(db);
  await cli.write("work.ts", jobs);
  const run = async (line: string) => {
    const { code, out, err } = await cli.run(...line.split(" "));
    if (code !== 0) throw new Error(`${line}: ${code}: ${err}`);
    return out.trim();
  };
  return { cli, run };
}

/** All that the database has, as text. */
async function dump(sql: Sql): Promise<string> {
  const tables = await sql<{ name: string }[]>`
    select oid::regclass::text as name from pg_class
    where relnamespace = 'pdoflow'::regnamespace and relkind in ('r', 'p')`;
  const texts = [];
  for (const { name } of tables) {
    texts.push(...(await sql<{ text: string }[]>`select t::text as text from ${sql(name)} t`));
  }
  return texts.map(({ text }) => text).join("\n");
}

test("a pool notifies of a posting, a flow and a schedule; of a good one only with --on-end", async () => {
  await using db = await freshDatabase();
  const { cli, run } = await folderOf(db);
  using _ = cli;
  receiver(cli, "hook", "/hook");
  await run("post work.ts#bad --args [1] --max-attempts 1 --name night --on-failure hook");
  await run("post work.ts#ok --no-args --on-failure hook");
  await cli.write(
    "f.toml",
    'name = "f"\non-end = ["hook"]\n[stage.a]\nrun = "work.ts#ok"\nno-args = true\n',
  );
  await run("flow post f.toml");
  const schedule = "schedule add daily @daily -- post work.ts#ok --no-args --on-end hook";
  await run(schedule);
  await run("schedule run daily");
  await run("schedule add flows @daily -- flow post f.toml");
  await run("schedule run flows");
  const { err } = await cli.run("pool", "--once", "--notify-from", "notify.d");
  expect(err).toContain("ended: 8 done, 1 failed");
  const seen = [];
  while (seen.length < 4) seen.push(await endpoint.next());
  const bodies = seen.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
  const orderOf = ({ name, id }: Record<string, unknown>) => `${String(name)} ${String(id)}`;
  expect(bodies.toSorted((a, b) => orderOf(a).localeCompare(orderOf(b)))).toEqual([
    expect.objectContaining({ kind: "posting", state: "done", schedule: "daily" }),
    expect.objectContaining({ kind: "flow", name: "f", state: "done" }),
    expect.objectContaining({ kind: "flow", name: "f", state: "done" }),
    expect.objectContaining({
      ...{ kind: "posting", name: "night", state: "failed" },
      failures: [expect.objectContaining({ count: 1, message: "too bright: 1" })],
    }),
  ]);
});

test("without a pool that has the receiver, explain and status say so", async () => {
  await using db = await freshDatabase();
  const { cli, run } = await folderOf(db);
  using _ = cli;
  await run("post work.ts#ok --no-args --name night --on-end slack");
  expect(await run("explain @night")).not.toContain("slack");
  await run("pool --once");
  const remedy = "start one with: pdoflow pool --notify-from FOLDER";
  expect(await run("explain @notify-slack")).toContain(`no pool is running; ${remedy}`);
  expect(await run("explain @night")).toEndWith(
    "Its notification to slack is posting 2; see: pdoflow explain 2.",
  );
  const pool = cli.start("pool");
  const other = async () => (await run("pools")) !== "";
  while (!(await other()));
  expect(await run("explain 2")).toContain(
    `no pool has the receiver slack (1 live pool); ${remedy}`,
  );
  expect((await cli.run("status")).err).toContain(
    "posting 2 waits because no pool has the receiver",
  );
  expect(await run("status last")).toContain("work.ts#ok");
  pool.kill("SIGTERM");
  await pool.exited;
});

test("no secret and no part of the URL reaches the database, a log or an error", async () => {
  await using db = await freshDatabase();
  const { cli, run } = await folderOf(db);
  using _ = cli;
  const own = `secret = "${secret}"\ntoken = "tk_TOKENSECRET"\n`;
  receiver(cli, "echo", "/echo/PATHSECRET?key=QUERYSECRET", own);
  receiver(cli, "ok", "/ok/PATHSECRET", own);
  await run("post work.ts#ok --no-args --on-end echo,ok");
  const { code, out, err } = await cli.run("pool", "--once", "--notify-from", "notify.d", "-v");
  expect({ code, out }).toEqual({ code: 1, out: "" });
  const requests = [await endpoint.next(), await endpoint.next()];
  expect(requests.map(({ url }) => url).toSorted()).toEqual([
    "/echo/PATHSECRET?key=QUERYSECRET",
    "/ok/PATHSECRET",
  ]);
  const texts = [
    err,
    await dump(db.sql),
    await run("failures @notify-echo"),
    await run("explain @notify-echo"),
    await run("results @notify-ok --json"),
    (await cli.run("notify", "test", "echo")).err,
  ];
  await endpoint.next();
  expect(texts[2]).toContain("answered 404");
  expect(texts.slice(0, 5).join()).not.toContain("no such hook");
  expect(texts[5]).toContain("answered 404: no such hook");
  for (const text of texts) {
    expect(text).not.toMatch(/PATHSECRET|QUERYSECRET|TOKENSECRET|whsec_/);
    expect(text).not.toContain(secret.slice("whsec_".length, 30));
  }
});

test("the output of a command that fails reaches neither the database nor a log", async () => {
  await using db = await freshDatabase();
  const { cli, run } = await folderOf(db);
  using _ = cli;
  mkdirSync(join(cli.folder, "notify.d"), { mode: 0o700 });
  const page = "echo OUT${PDOFLOW_KIND:+SECRET}; echo ERR${PDOFLOW_KIND:+SECRET} >&2; exit 3";
  writeFileSync(join(cli.folder, "notify.d/page.toml"), `command = ["sh", "-c", "${page}"]`, {
    mode: 0o600,
  });
  await run("post work.ts#ok --no-args --on-end page");
  await run("pool --once");
  await db.sql`update pdoflow.posting set max_attempts = 1 where name = 'notify-page'`;
  const { code, err } = await cli.run("pool", "--once", "--notify-from", "notify.d", "-v");
  const failures = await run("failures @notify-page");
  expect({ code, failures }).toEqual({
    ...{ code: 1, failures: expect.stringContaining("its command ended with exit code 3") },
  });
  expect(`${err} ${failures} ${await dump(db.sql)}`).not.toMatch(/(OUT|ERR)SECRET/);
});

test("Retry-After moves the next attempt, which has the same id, and 410 ends it", async () => {
  await using db = await freshDatabase();
  const { cli, run } = await folderOf(db);
  using _ = cli;
  receiver(cli, "later", "/429");
  receiver(cli, "gone", "/410");
  await run("post work.ts#ok --no-args --on-end gone,later");
  const pool = cli.start("pool", "--notify-from", "notify.d");
  const due = async () =>
    await db.sql<{ ms: number; attempt: number }[]>`
      select (extract(epoch from due_at - now()) * 1000)::float8 as ms, attempt from pdoflow.retry`;
  let [found] = await due();
  for (; found === undefined; [found] = await due());
  expect(found.ms).toBeGreaterThan(100_000);
  expect(found.attempt).toBe(2);
  const requests = [await endpoint.next(), await endpoint.next()];
  await db.sql`update pdoflow.retry set due_at = now()`;
  const again = await endpoint.next();
  const before = requests.find(({ url }) => url === "/429");
  expect([again.headers["webhook-id"], again.body]).toEqual([
    before?.headers["webhook-id"],
    before?.body,
  ]);
  pool.kill("SIGTERM");
  await pool.exited;
  const [gone] = await db.sql`
    select failed from pdoflow.posting where name = 'notify-gone' and ended_at is not null`;
  expect(gone).toEqual({ failed: 1 });
});

test("a pool with --allow sends notifications, and one with --worker-user refuses to", async () => {
  await using db = await freshDatabase();
  const { cli, run } = await folderOf(db);
  using _ = cli;
  receiver(cli, "hook", "/hook");
  await run("post work.ts#ok --no-args --on-end hook");
  await run("pool --once");
  const from = ["--notify-from", "notify.d", "--allow", "none.ts#none"];
  expect((await cli.run("pool", "--once", ...from)).err).toContain("ended: 1 done, 0 failed");
  expect(JSON.parse((await endpoint.next()).body)).toMatchObject({ id: 1, state: "done" });
  const wrong = await cli.run("pool", "--once", ...from, "--worker-user", "nobody");
  expect(wrong).toMatchObject({
    code: 2,
    err: expect.stringContaining("expected no --worker-user"),
  });
  const gone = await cli.run("pool", "--once", "--notify-from", "gone");
  expect(gone).toMatchObject({
    code: 4,
    err: expect.stringContaining("expected a folder of rece"),
  });
});

test("notify test sends an example, and reports what went wrong", async () => {
  const cli = await openCommands(null);
  using _ = cli;
  receiver(cli, "hook", "/hook", 'template = "slack"\n');
  expect(await cli.run("notify", "test", "hook")).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^receiver hook accepted the notification test-\d+ \(200\)\n$/),
  });
  expect((await endpoint.next()).body).toContain("this is a test of the receiver");
  receiver(cli, "down", "/500");
  expect(await cli.run("notify", "test", "down")).toEqual({
    ...{ code: 1, out: "" },
    err: "pdoflow notify test: receiver down: it answered 500: status 500\n",
  });
  await endpoint.next();
});

test("notify test prints JSON with --json, and otherwise the output of a command on stderr", async () => {
  const cli = await openCommands(null);
  using _ = cli;
  receiver(cli, "hook", "/hook");
  receiver(cli, "down", "/500");
  const json = async (name: string) => {
    const { code, out, err } = await cli.run("notify", "test", name, "--json");
    await endpoint.next();
    return { code, err, found: JSON.parse(out) as unknown };
  };
  const common = { version: 1, id: expect.stringMatching(/^test-\d+$/) };
  expect(await json("hook")).toEqual({
    ...{ code: 0, err: "" },
    found: { ...common, receiver: "hook", isAccepted: true, status: 200, reason: null },
  });
  const reason = "receiver down: it answered 500: status 500";
  expect(await json("down")).toEqual({
    ...{ code: 1, err: "" },
    found: { ...common, receiver: "down", isAccepted: false, status: null, reason },
  });
  const file = join(cli.folder, "notify.d/page.toml");
  writeFileSync(file, 'command = ["sh", "-c", "echo hello"]', { mode: 0o600 });
  const page = (...more: string[]) => {
    const { stdout, stderr } = Bun.spawnSync([...program, "notify", "test", "page", ...more], {
      cwd: cli.folder,
    });
    return { out: String(stdout), err: String(stderr) };
  };
  expect(page()).toEqual({ out: expect.stringMatching(/^receiver page accepted/), err: "hello\n" });
  const { out, err } = page("--json");
  expect({ found: JSON.parse(out), err }).toMatchObject({ found: { isAccepted: true }, err: "" });
});
