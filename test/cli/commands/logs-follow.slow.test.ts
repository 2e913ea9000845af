import { expect, test } from "bun:test";

import { QueueSource } from "../../../src/cli/watch/top-source.ts";
import { configuredTarget } from "../../../src/db/settings/target.ts";
import { freshDatabase } from "../../database.ts";
import { openProxy } from "../../proxy.ts";
import { until } from "../../binary/cli.ts";
import { openCommands, type Started } from "../in-process.ts";
import { documentsOf } from "./json.ts";

/** Prints a line, and the next one once there is a file of that name. */
const source = `
import { existsSync } from "node:fs";
export async function fn(name: string) {
  process.stdout.write(name + " has bégun\\n");
  while (!existsSync(name)) await Bun.sleep(20);
  console.error(name, "goes on");
  while (!existsSync(name + "-end")) await Bun.sleep(20);
  console.log(name, "ends");
  if (name === "b") throw new RangeError("b is too far");
}
`;

/** Reads the output of a command as it comes. */
function reader(child: Started) {
  const all = { text: "" };
  const decoder = new TextDecoder();
  const ended = (async () => {
    for await (const bytes of child.stdout) all.text += decoder.decode(bytes, { stream: true });
  })();
  return { all, ended };
}

test("logs -f shows the output of running jobs, and jobs as they end, and ends with the last", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("fn.ts", source);
  await cli.write("jobs.json", '[["a"],["b"]]');
  await cli.run("post", "fn.ts#fn", "jobs.json", "--max-attempts", "1");
  const pool = cli.start("pool", "--once", "--max-workers", "2");
  const logs = cli.start("logs", "1", "-f");
  const one = cli.start("logs", "1/0", "-f", "--json");
  const { all, ended } = reader(logs);
  const lines = reader(one);
  await until("both begin", async () => /a has bégun[^]*b has bégun/.test(all.text));
  await cli.write("a", "");
  await until("a goes on", async () => all.text.includes("a goes on"));
  await cli.write("a-end", "");
  await lines.ended; // 1/0 has ended, 1/1 has not
  expect(await one.exited).toBe(0);
  await cli.write("b", "");
  await cli.write("b-end", "");
  await ended;
  expect(await logs.exited).toBe(0);
  expect(await pool.exited).toBe(1); // one has failed
  expect(all.text).toStartWith(
    "==> 1/0 stdout <==\na has bégun\n==> 1/1 stdout <==\nb has bégun\n",
  );
  // Kept, because it failed: once, including output that no heartbeat had reported.
  expect(all.text.match(/b goes on\n/g)).toHaveLength(1);
  expect(all.text.match(/b ends\n/g)).toHaveLength(1);
  expect(all.text).toContain("==> 1/1 error <==\nRangeError: b is too far\n");
  const documents = documentsOf("logs", lines.all.text);
  expect(documents[0]).toMatchObject({ job: "1/0", status: "running", stdout: "a has bégun\n" });
  expect(documents.at(-1)).toMatchObject({ job: "1/0", status: "done", attempt: 1 });
  expect([...(await db.sql`select posting_id from pdoflow.live_output`)]).toEqual([]);
});

test("no output of running jobs is written for postings that nobody follows", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("fn.ts", source);
  await cli.write("jobs.json", '[["a"]]');
  await cli.run("post", "fn.ts#fn", "jobs.json");
  await cli.run("post", "fn.ts#fn", "jobs.json");
  const pool = cli.start("pool", "--once", "--max-workers", "2", "--heartbeat-timeout", "2s");
  const beats = async () =>
    (await db.sql`select heartbeat_at from pdoflow.pool where jsonb_array_length(running) = 2`)[0];
  const first = await until("a beat", beats);
  await until("another beat", async () => (await beats())?.["heartbeatAt"] > first["heartbeatAt"]);
  expect([...(await db.sql`select posting_id from pdoflow.live_output`)]).toEqual([]);
  await db.sql`select * from pdoflow.follow(2)`;
  const shown = await until("output", async () => {
    const rows = [...(await db.sql`select posting_id, stdout_end from pdoflow.live_output`)];
    return rows.length > 0 && rows;
  });
  expect(shown).toEqual([{ postingId: 2, stdoutEnd: 13 }]);
  await db.sql`update pdoflow.followed set until = now()`;
  await until("nobody follows", async () => {
    return (await db.sql`select from pdoflow.live_output`).length === 0;
  });
  await cli.write("a", "");
  await cli.write("a-end", "");
  expect(await pool.exited).toBe(0);
});

test("logs -f reports omitted output of a noisy job, and ends at once if all jobs have ended", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "fn.ts",
    `import { existsSync } from "node:fs";
     export async function fn() {
       process.stdout.write("x".repeat(100_000));
       while (!existsSync("end")) await Bun.sleep(20);
       throw new Error("no");
     }`,
  );
  await cli.run("post", "fn.ts#fn", "--args", "1", "--max-attempts", "1");
  const pool = cli.start("pool", "--once");
  const logs = cli.start("logs", "last/0", "--follow");
  const { all, ended } = reader(logs);
  await until("the tail", async () => all.text.length > 16_000);
  expect(all.text).toStartWith(`… (${100_000 - 16_384} bytes left out) …\nxxx`);
  await cli.write("end", "");
  await Promise.all([pool.exited, ended]);
  const again = await cli.run("logs", "1", "-f");
  expect(again.code).toBe(0);
  expect(again.out).toContain("==> 1/0 error <==\nError: no");
});

test("logs -f continues after lost connections, and reports each end once", async () => {
  await using db = await freshDatabase();
  let lookups = 0;
  await using proxy = await openProxy(db.url, (bytes) => {
    // Every other connection is lost at its first query for the output of an ended job.
    if (bytes.includes("s.stdout, s.stderr") && lookups++ % 2 === 0) proxy.cut();
  });
  using cli = await openCommands(db);
  using follower = await openCommands({ ...db, url: proxy.url });
  await cli.write("fn.ts", source);
  await cli.write("jobs.json", '[["a"],["b"]]');
  await cli.run("post", "fn.ts#fn", "jobs.json", "--max-attempts", "1", "--output", "all");
  const pool = cli.start("pool", "--once", "--max-workers", "2");
  const logs = follower.start("logs", "1", "-f");
  const { all, ended } = reader(logs);
  await until("both begin", async () => /a has bégun[^]*b has bégun/.test(all.text));
  proxy.cut();
  for (const file of ["a", "a-end"]) await cli.write(file, "");
  await until("a ends", async () => all.text.includes("a ends"));
  proxy.cut();
  for (const file of ["b", "b-end"]) await cli.write(file, "");
  await ended;
  expect(await logs.exited).toBe(0);
  expect(await pool.exited).toBe(1);
  expect(lookups).toBeGreaterThanOrEqual(4);
  const lines = all.text.split("\n").filter((line) => /^\S+ (has|goes|ends)|Error/.test(line));
  expect(lines.sort()).toEqual([
    "RangeError: b is too far",
    ...["a ends", "a goes on", "a has bégun", "b ends", "b goes on", "b has bégun"],
  ]);
});

test("the dashboard's view of a running job shows its output and progress", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "told.ts",
    `import { existsSync } from "node:fs";
    import { currentJob } from "pdoflow";
    export async function fn(name: string) {
      currentJob()?.progress(0.4, "fitting");
      console.log(name, "has begun");
      console.error("and says so");
      while (!existsSync("end")) await Bun.sleep(20);
    }`,
  );
  await cli.runWith({ input: '[["a"]]' }, "post", "told.ts#fn", "-", "--no-check");
  const pool = cli.start("pool", "--once", "--max-workers", "1");
  const target = configuredTarget(db.url, {});
  if (!target) throw new Error("expected the URL of a database");
  await using source = new QueueSource(target);
  const job = await until("it is shown", async () => {
    const found = await source.job(1, 0);
    return found?.stdout && found.progress ? found : null;
  });
  expect(job).toMatchObject({
    ...{ status: "running", stdout: "a has begun\n", stderr: "and says so\n" },
    ...{ progress: 0.4, note: "fitting" },
  });
  await cli.write("end", "");
  expect(await pool.exited).toBe(0);
  expect(await source.job(1, 0)).toMatchObject({ status: "done", progress: null });
});
