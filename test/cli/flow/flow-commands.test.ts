import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase, type TestDatabase } from "../../database.ts";
import { documentOf } from "../commands/json.ts";
import { type Commands, openCommands } from "../in-process.ts";

let db: TestDatabase;
let cli: Commands;
beforeAll(async () => {
  db = await freshDatabase();
  cli = await openCommands(db);
  await cli.write(
    "work.ts",
    `import { existsSync } from "node:fs";
    export const square = (x) => x * x;
    export const careful = (x) => { if (!existsSync("mended")) throw new Error("not yet"); };
    export const total = () => 1;
    export const count = (path) => path.length;`,
  );
});
afterAll(async () => {
  cli[Symbol.dispose]();
  await db[Symbol.asyncDispose]();
});
beforeEach(async () => {
  rmSync(join(cli.folder, "mended"), { force: true });
});

/** A flow of three stages, the last two of which wait for the first. */
const night = (options = "", run = "work.ts#square") => `name = "night"
[set]
most = 3
[stage.square]
run = "${run}"
each = "1-{most}"
max-attempts = 1
stop-after = 0
${options}
[stage.total]
run = "work.ts#total"
after = "square"
[stage.report]
run = "work.ts#total"
after-any = ["square", "total"]
`;

const post = async (text: string, ...options: string[]) => {
  await cli.write("night.toml", text);
  return await cli.run("flow", "post", "night.toml", "--no-check", ...options);
};

/** The number of a posted flow. */
const posted = async (text: string, ...options: string[]): Promise<string> => {
  const { code, out, err } = await post(text, ...options);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return out.trim();
};

/** Waits for a flow while a pool runs; returns the result of the wait. */
async function runAll(id: string) {
  const pool = cli.start("pool", "--max-workers", "2", "--no-reload");
  const waited = await cli.run("flow", "wait", id);
  pool.kill("SIGTERM");
  await pool.exited;
  return waited;
}

const postings = async () => {
  const [row] = await db.sql<{ count: number }[]>`select count(*)::int from pdoflow.posting`;
  return row?.count ?? 0;
};

test("the stages of a flow run one after the other, and flow wait reports them", async () => {
  const id = await posted(night());
  expect(await runAll("@night")).toEqual({
    code: 0,
    out: "",
    err: "square done: 3 done\ntotal done: 1 done\nreport done: 1 done\n",
  });
  const { out } = await cli.run("flow", "show", id);
  expect(out).toStartWith(`flow ${id} night: done, 3 of 3 stages done\n● square`);
  expect((await cli.run("status", "@night.total")).code).toBe(0);
});

test("a dry run shows the graph and the numbers of jobs, and posts nothing", async () => {
  const before = await postings();
  const { out, err } = await post(night(), "--dry-run", "--set", "most=200");
  expect(out).toBe(
    [
      "● square    work.ts#square, 200 jobs",
      "├─● total   work.ts#total, 1 job",
      "●─╯ report  work.ts#total, 1 job\n",
    ].join("\n"),
  );
  expect(err).toBe("checked 3 stages of night; nothing was posted\n");
  expect(await postings()).toBe(before);
});

test("a stage has a job for each element of a list, and another one gathers their results", async () => {
  await cli.write("list.ts", "export const list = () => [7, 8];\nexport const all = () => 1;");
  const text = `name = "list"
[stage.list]
run = "list.ts#list"
[stage.each]
run = "work.ts#square"
expand = "list"
[stage.all]
run = "list.ts#all"
gather = "each"
`;
  await cli.write("list.toml", text);
  const dry = await cli.run("flow", "post", "list.toml", "--dry-run");
  expect(dry.out).toBe(
    [
      "● list  list.ts#list, 1 job",
      "● each  work.ts#square, jobs of its upstream",
      "● all   list.ts#all, 1 job\n",
    ].join("\n"),
  );
  const { code, out } = await cli.run("flow", "post", "list.toml");
  expect(code).toBe(0);
  expect(await runAll(out.trim())).toMatchObject({
    err: "list done: 1 done\neach done: 2 done\nall done: 1 done\n",
  });
  await cli.write("list.ts", "export const list = () => [];\nexport const all = () => 1;");
  const id = (await cli.run("flow", "post", "list.toml")).out.trim();
  const shown = async () => (await cli.run("flow", "show", id)).out;
  expect(await shown()).toMatch(/ each +\d+ +waiting +\[-{10}\] +0% +0 jobs; for list\n/);
  expect(await runAll(id)).toMatchObject({
    err: "list done: 1 done\neach done: it has no jobs\nall done: 1 done\n",
  });
  expect(await shown()).toMatch(/ each +\d+ +done +\[#{10}\] +100% +0 jobs\n/);
}, 60_000);

test("18: the same key posts nothing and prints the flow that exists", async () => {
  const id = await posted(night(), "--key", "n1");
  const before = await postings();
  const again = await post(night("timeout = '5m'"), "--key", "n1", "--json");
  expect(documentOf("flow post", again.out)).toMatchObject({ id: Number(id), isNew: false });
  const other = await post(night(), "--key", "n1", "--set", "most=4");
  expect(other).toMatchObject({ code: 0, out: `${id}\n` });
  expect(other.err).toEndWith("What you gave now differs:\nsquare: it had 3 jobs, has 4 jobs\n");
  const text = night().replace('after = "square"', "").replace('square", "total', "square");
  const changed = await post(text, "--key", "n1");
  expect(changed).toMatchObject({ code: 2, out: "" });
  expect(changed.err).toContain(
    `the key "n1" belongs to flow ${id}, which differs:\n` +
      "total: its upstreams were after square, are none\n" +
      "report: its upstreams were after-any square, after-any total, are after-any square\n",
  );
  expect(await postings()).toBe(before);
});

test("20: wrong options, files and code are refused with their lines, before anything is posted", async () => {
  const before = await postings();
  await cli.write(
    "night.toml",
    `name = "night"
[stage.a]
run = "work.ts#missing"
[stage.b]
run = "work.ts#square"
timeout = "5 minutes"
max-running = 0
[stage.c]
run = "work.ts#count"
from-glob = "none/*.fits"
[stage.d]
run = "work.ts#count"
`,
  );
  const { code, out, err } = await cli.run("flow", "post", "night.toml");
  expect({ code, out }).toEqual({ code: 2, out: "" });
  const lines = err.split("\n");
  expect(lines[0]).toStartWith(
    "pdoflow flow post: night.toml:3: a: work.ts#missing: expected an export",
  );
  expect(lines[1]).toStartWith("night.toml:6: b: options: --timeout: expected a duration");
  expect(lines[2]).toStartWith('night.toml:10: c: no file matches "none/*.fits"');
  expect(lines[3]).toStartWith("night.toml:12: d: run: work.ts#count takes 1 argument: expected");
  expect(lines.slice(4)).toEqual(["Nothing was posted.", ""]);
  expect(await postings()).toBe(before);
  expect(await cli.run("flow", "post", "missing.toml")).toMatchObject({ code: 4 });
});

test("19: if a stage is refused by the server, no stage is posted", async () => {
  const before = await postings();
  const refused = await post(`${night()}[stage.late]\nrun = "work.ts#total"\nafter = 999999\n`);
  expect(refused).toMatchObject({ out: "" });
  expect(refused.code).not.toBe(0);
  expect(await postings()).toBe(before);
});

test("a failed stage blocks the stages that need it, and a retry goes on", async () => {
  const id = await posted(night("", "work.ts#careful"));
  const failed = await runAll(id);
  expect(failed.code).toBe(1);
  const [square] = await db.sql<{ id: number }[]>`
    select id from pdoflow.posting where flow_id = ${id} and stage = 'square'`;
  expect(failed.err).toContain("square failed: 3 failed; why: pdoflow failures");
  expect(failed.err).toContain(`total blocked (${square?.id} has 3 failed jobs): 1 waiting`);
  await cli.write("mended", "");
  expect((await cli.run("flow", "retry", id)).err).toBe(
    `square: 3 jobs of posting ${square?.id} retried\n`,
  );
  expect(await runAll(id)).toMatchObject({ code: 0 });
});

test("flow wait reports that no pool runs, gives up after its timeout, and the flow continues", async () => {
  const id = await posted(night());
  const { code, err } = await cli.run("flow", "wait", id, "--timeout", "2500ms");
  const [first] = await db.sql<{ id: number }[]>`
    select id from pdoflow.posting where flow_id = ${id} and stage = 'square'`;
  expect({ code, err }).toEqual({
    code: 124,
    err:
      `pdoflow flow wait: posting ${first?.id} waits because no pool is running; start one with: ` +
      "pdoflow pool\n" +
      `pdoflow flow wait: flow ${id} continues\n` +
      "square open: 3 waiting\ntotal waiting: 1 waiting\nreport waiting: 1 waiting\n",
  });
  await cli.run("flow", "cancel", id, "--yes");
});

test("flow cancel cancels all stages that have not ended", async () => {
  const id = await posted(night());
  const { out } = await cli.run("flow", "cancel", id, "--yes", "--json");
  const { stages } = documentOf("flow cancel", out);
  expect(stages.map(({ state, isChanged }) => ({ state, isChanged }))).toEqual(
    Array.from({ length: 3 }, () => ({ state: "cancelled", isChanged: true })),
  );
  expect((await cli.run("flow", "show", id)).out).toStartWith(
    `flow ${id} night: cancelled, 0 of 3`,
  );
  expect(await cli.run("flow", "wait", id)).toMatchObject({ code: 1 });
});

test("flow show fits into a terminal of 80 columns, and says what a stage waits for", async () => {
  const id = await posted(night("# " + "x".repeat(100)));
  const { out } = await cli.runWith({ columns: 80 }, "flow", "show", id);
  const lines = out.trimEnd().split("\n");
  expect(lines.every((line) => Bun.stringWidth(line) <= 80)).toBe(true);
  expect(lines[2]).toMatch(/^├─○ total +\d+ +waiting +\[-{10}\] +0% +1 job; for square$/);
  const document = documentOf("flow show", (await cli.run("flow", "show", id, "--json")).out);
  expect(document.stages[1]).toMatchObject({
    stage: "total",
    state: "waiting",
    waitsFor: [{ stage: "square", kind: "after", isMet: false }],
  });
  const mermaid = await cli.run("flow", "show", id, "--mermaid");
  expect(mermaid.out).toContain("  s1 -->|after-any| s3\n  s2 -->|after-any| s3\n");
  await cli.run("flow", "cancel", id, "--yes");
});

test("flow list shows flows, the newest first", async () => {
  const id = await posted(night());
  const all = documentOf("flow list", (await cli.run("flow", "list", "--json")).out);
  expect(all.flows[0]).toMatchObject({ id: Number(id), state: "running", stages: 3, done: 0 });
  const one = await cli.run("flow", "list", "--limit", "1");
  expect(one.out).toContain(`${id} `);
  expect(one.err).toBe(`more flows: pdoflow flow list --before ${id}\n`);
  await cli.run("flow", "cancel", id, "--yes");
});

test("a flow that does not exist is not found", async () => {
  expect(await cli.run("flow", "show", "999")).toMatchObject({ code: 4 });
  expect((await cli.run("flow", "wait", "@none")).err).toContain('no flow has the name "none"');
  expect(await cli.run("flow", "show", "1/3")).toMatchObject({ code: 2 });
});

const resume = async (id: string, text: string, ...options: string[]) => {
  await cli.write("night.toml", text);
  return await cli.run("flow", "resume", id, "night.toml", "--no-check", ...options);
};

/** As in "square kept, total runs", without the reasons. */
const fates = (out: string) =>
  [...out.matchAll(/^(\w+) +(kept|runs): /gm)].map(([, stage, fate]) => `${stage} ${fate}`);

test("flow resume keeps what is done and unchanged, and says why the others run", async () => {
  const id = await posted(night());
  await runAll(id);
  const same = await resume(id, night("max-running = 5"));
  expect(same.out).toMatch(/^square +kept: done and unchanged, posting \d+\ntotal +kept: /);
  expect(fates(same.out)).toEqual(["square kept", "total kept", "report kept"]);
  const before = await postings();
  const dry = await resume(id, night(), "--set", "most=4", "--dry-run");
  expect(dry.out).toBe(
    "square  runs: it had 3 jobs, has 4 jobs\n" +
      "total   runs: square, which it waits for, runs again\n" +
      "report  runs: square, which it waits for, runs again\n",
  );
  expect(await postings()).toBe(before);
  const end = night().replace(
    '[stage.report]\nrun = "work.ts#total"',
    '[stage.report]\nrun = "work.ts#count"\nargs = "x"',
  );
  const changed = await resume(id, end);
  expect(fates(changed.out)).toEqual(["square kept", "total kept", "report runs"]);
  expect(changed.out).toContain(
    "its entry point was work.ts#total, is work.ts#count; its arguments changed",
  );
  expect(await runAll(id)).toMatchObject({ code: 0 });
  expect(fates((await resume(id, end)).out)).toEqual(["square kept", "total kept", "report kept"]);
});

test("flow resume posts failed stages again, with the stages behind them, and cancels the old ones", async () => {
  const text = night("", "work.ts#careful");
  const id = await posted(text);
  await runAll(id);
  await cli.write("mended", "");
  const { out } = await resume(id, text);
  expect(out).toContain("square  runs: 3 of its jobs failed, posting ");
  expect(fates(out)).toEqual(["square runs", "total runs", "report runs"]);
  const old = await db.sql<{ state: string }[]>`
    select state from pdoflow.posting where flow_id = ${id} and stage = 'total' order by id`;
  expect(old.map(({ state }) => state)).toEqual(["cancelled", "open"]);
  expect(await runAll(id)).toMatchObject({ code: 0 });
});

test("a module describes a flow by a function that takes the settings", async () => {
  await cli.write(
    "night.ts",
    `export default ({ most = "2" }: { most?: string }) => ({
      name: "coded",
      stage: Object.fromEntries(
        Array.from({ length: Number(most) }, (_, i) => [
          "s" + i,
          { run: "work.ts#total", ...(i > 0 ? { after: "s" + (i - 1) } : {}) },
        ]),
      ),
    });
    export const wrong = () => ({ name: "coded", stage: { a: { run: "work.ts#total", afer: "b" } } });
    export const broken = () => { throw new Error("no telescope"); };`,
  );
  const dry = await cli.run("flow", "post", "night.ts", "--set", "most=3", "--dry-run");
  expect(dry.out.match(/s\d/g)).toEqual(["s0", "s1", "s2"]);
  const wrong = await cli.run("flow", "post", "night.ts#wrong");
  expect(wrong).toMatchObject({ code: 2 });
  expect(wrong.err).toContain(
    'night.ts#wrong stage a afer: unknown key "afer". Did you mean "after"',
  );
  const broken = await cli.run("flow", "post", "night.ts#broken");
  expect(broken.err).toContain("night.ts#broken: it threw: no telescope. Nothing was posted.");
});

test("stages take the results of others as arguments, and gather them", async () => {
  await cli.write(
    "sum.ts",
    `import { currentJob } from "pdoflow";
    export async function sum() {
      let sum = 0;
      for await (const { result } of currentJob().upstream.results()) sum += result;
      return sum;
    }`,
  );
  const text = `name = "sums"
[stage.sum]
run = "sum.ts#sum"
gather = "again"
[stage.again]
run = "work.ts#square"
over = "square"
[stage.square]
run = "work.ts#square"
each = "1-4"
`;
  const id = await posted(text);
  expect(await runAll(id)).toMatchObject({
    code: 0,
    err: "square done: 4 done\nagain done: 4 done\nsum done: 1 done\n",
  });
  expect((await cli.run("results", "@sums.sum")).out).toContain('"result":354');
  expect((await cli.run("flow", "show", id, "--mermaid")).out).toContain(
    "  s1 -->|over| s2\n  s2 -->|gather| s3",
  );
  await posted(text, "--key", "sums");
  expect((await post(text, "--key", "sums")).err).toEndWith(
    'has the key "sums": nothing was posted\n',
  );
  const { err } = await post(text.replace('"again"', '["square", "again"]'));
  expect(err).toContain("night.toml:4: gather: expected one stage");
});
