import { afterAll, describe, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { until } from "../binary/cli.ts";
import { freshDatabase } from "../database.ts";
import { drivenPool } from "../library/hand-driven.ts";
import { eachJob } from "../db/each-job.ts";

const root = await mkdtemp(join(tmpdir(), "pdoflow-node-"));
afterAll(() => rm(root, { recursive: true }));
await buildLibrary();

const jobs = `
  export const fit = job(async (n, name) => name + ": " + n * 2);
`;
/** As a user writes them: a file that exports a job, and posts it when it is run by itself. */
const guard = `import { fileURLToPath } from "node:url";
  const isMain = process.argv[1] === fileURLToPath(import.meta.url);`;

describe("in plain Node", () => {
  test("a script posts its own function, and ends by itself", async () => {
    await using database = await freshDatabase();
    await write(
      "post.mjs",
      `import { job, postWork } from "pdoflow";${guard}${jobs}
      if (isMain) {
        const posting = await postWork(fit, [[1, "a"], [2, "b"]], [], { priority: 3 });
        console.log(JSON.stringify([posting.id, posting.jobCount, await posting.status()]));
        process.on("exit", () => console.log(performance.now() - doneAt));
        const doneAt = performance.now();
      }`,
    );
    const [posted, idleMs] = (await node("post.mjs", database.url)).split("\n");
    expect(JSON.parse(posted ?? "")).toMatchObject([1, 2, { state: "open", waiting: 2 }]);
    expect(Number(idleMs)).toBeLessThan(3_000);
    const rows = await database.sql`
      select p.entry_point, job.args, l.priority from pdoflow.posting p
        join ${database.sql.unsafe(eachJob)} on job.posting_id = p.id join pdoflow.lane l on l.posting_id = p.id
      order by job.seq`;
    const entryPoint = "post.mjs#fit";
    expect([...rows]).toEqual([
      { entryPoint, args: [1, "a"], priority: 3 },
      { entryPoint, args: [2, "b"], priority: 3 },
    ]);
  });

  test("a script adds a schedule, and reads its next times", async () => {
    await using database = await freshDatabase();
    await write(
      "schedule.mjs",
      `import { schedule } from "pdoflow";
      const options = { name: "nightly", timing: "0 2 * * *", maxAttempts: 1 };
      const nightly = await schedule("post.mjs#fit", [[1, "a"]], options);
      console.log((await nightly.next(2)).map((time) => time.getUTCHours()).join());`,
    );
    expect(await node("schedule.mjs", database.url)).toBe("2,2\n");
    expect(await database.sql`select entry_point, jobs from pdoflow.schedule`).toMatchObject([
      { entryPoint: "post.mjs#fit", jobs: '[1,"a"]' },
    ]);
  });

  test("a CommonJS script waits for its posting and reads the results", async () => {
    await using database = await freshDatabase();
    await write(
      "wait.cjs",
      `const { postWork } = require("pdoflow");
      (async () => {
        const posting = await postWork("post.mjs#fit", [[1, new Date(0)], [2, NaN]]);
        console.log("posted");
        console.log(JSON.stringify(await posting.wait({ timeoutMs: 20_000 })));
        for await (const { index, result } of posting.results()) console.log(index, result);
      })();`,
    );
    const child = spawn("wait.cjs", database.url);
    const lines = readLines(child.stdout);
    expect((await lines.next()).value).toBe("posted");
    await (await drivenPool(database.db)).endAll({ result: '{"$bigint":"12"}' });
    const { value: counts = "" } = await lines.next();
    expect(JSON.parse(counts)).toMatchObject({ state: "finished", done: 2 });
    expect(await Array.fromAsync(lines)).toEqual(["0 12n", "1 12n"]);
    expect(await child.exited).toBe(0);
  });

  test("a pool that a script starts runs its jobs", async () => {
    await using database = await freshDatabase();
    const main = join(import.meta.dir, "../../src/main.ts");
    await write("bin/pdoflow", `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
    await chmod(join(root, "bin/pdoflow"), 0o755);
    await write(
      "pool.mjs",
      `import { ClusterPool, job, postWork } from "pdoflow";${guard}${jobs}
      if (isMain) {
        const posting = await postWork(fit, [[1, "a"], [2, "b"]]);
        const pool = new ClusterPool({ maxWorkers: 2 });
        const { done } = await pool.awaitCompletion(posting, { timeoutMs: 50_000 });
        await pool.stop();
        console.log(done);
        for await (const { result } of posting.results()) console.log(result);
      }`,
    );
    expect(await node("pool.mjs", database.url)).toBe("2\na: 2\nb: 4\n");
  });

  test("a pool in the script itself runs its jobs, those of other files, and ends", async () => {
    await using database = await freshDatabase();
    await write(
      "other #1%20.mjs",
      `import { currentJob } from "pdoflow";
       export const name = async () => { await null; return currentJob().id; };`,
    );
    await write(
      "in-process.mjs",
      `import { setTimeout as sleep } from "node:timers/promises";
      import { ClusterPool, currentJob, job, postWork } from "pdoflow";
      export const nap = job(async (ms) => {
        await sleep(ms);
        return [currentJob().id, process.pid > 0, typeof Bun];
      });
      const naps = await postWork(nap, [[20], [10]]);
      const names = await postWork("other #1%20.mjs#name", [[]]);
      const broken = await postWork("broken.mjs#f", [[]], [], { maxAttempts: 1 });
      const late = await postWork("late.mjs#f", [[]], [], { maxAttempts: 1 });
      const pool = new ClusterPool({ concurrency: 2 });
      for (const posting of [naps, names, broken, late]) {
        await pool.awaitCompletion(posting, { timeoutMs: 50_000 });
        for await (const { result, error } of posting.results()) {
          console.log(JSON.stringify(result ?? error.message.split(":")[0]));
        }
      }
      await pool.stop();`,
    );
    await write("broken.mjs", "throw new Error('broken')");
    const said = node("in-process.mjs", database.url);
    // A missing file fails no job: the pool skips the posting until the file is there.
    const isSkipped = async () => (await database.sql`select from pdoflow.refusal`).length > 0;
    await until("the posting of late.mjs is skipped", isSkipped);
    await write("late.mjs", "export const f = () => 'it is there';");
    expect((await said).split("\n")).toEqual([
      '["1/0",true,"undefined"]',
      '["1/1",true,"undefined"]',
      '"2/0"',
      '"broken.mjs#f could not be imported"',
      '"it is there"',
      "",
    ]);
  });

  test("errors keep their names and say what to do", async () => {
    const faults = `
      import { PdoflowError, postWork } from "pdoflow";
      for (const url of ["postgres://nobody@127.0.0.1:1/none", "mysql://host/db", undefined]) {
        await postWork("a.mjs#f", [[1]], [], { db: url }).catch((error) => {
          console.log(error instanceof PdoflowError, error.name, error.message);
        });
      }`;
    await write("faults.mjs", faults);
    const said = await node("faults.mjs", undefined);
    expect(said.split("\n")).toEqual([
      expect.stringMatching(/^true DatabaseUnavailable .*nothing listens there/),
      expect.stringMatching(/^true InvalidInput the option db: expected a URL/),
      expect.stringMatching(/^true NoDatabase .*pdoflow up/),
      "",
    ]);
  });

  test("the ESM and the CommonJS copy share one registry", async () => {
    await write(
      "copies.mjs",
      `import { createRequire } from "node:module";
      import * as esm from "pdoflow";
      const cjs = createRequire(import.meta.url)("pdoflow");
      export const first = esm.job(() => 1);
      export const second = cjs.job(() => 2);
      esm.Registry.add(first);
      cjs.Registry.add(second);
      console.log(esm.Registry === cjs.Registry);
      for (const { Registry } of [esm, cjs]) {
        for (const fn of Registry) console.log(await Registry.get(fn).entryPoint());
      }`,
    );
    const both = "copies.mjs#first\ncopies.mjs#second\n";
    expect(await node("copies.mjs", undefined)).toBe(`false\n${both}${both}`);
  });

  test("importing the library opens nothing", async () => {
    await write(
      "import.mjs",
      `const before = process.getActiveResourcesInfo().length;
      await import("pdoflow");
      console.log(process.getActiveResourcesInfo().length - before);`,
    );
    expect(await node("import.mjs", "postgres://nobody@127.0.0.1:1/none")).toBe("0\n");
  });
});

/** A package `pdoflow` as it is published, for ESM and for CommonJS. */
async function buildLibrary(): Promise<void> {
  const folder = join(root, "node_modules/pdoflow");
  for (const [format, name] of [
    ["esm", "index.mjs"],
    ["cjs", "index.cjs"],
  ] as const) {
    await Bun.build({
      entrypoints: [join(import.meta.dir, "../../src/index.ts")],
      target: "node",
      format,
      outdir: folder,
      naming: name,
    });
  }
  const exports = { import: "./index.mjs", require: "./index.cjs" };
  await Bun.write(join(folder, "package.json"), JSON.stringify({ name: "pdoflow", exports }));
}

async function write(name: string, text: string): Promise<void> {
  await mkdir(join(root, "bin"), { recursive: true });
  await Bun.write(join(root, name), text);
}

function spawn(script: string, url: string | undefined) {
  const { PATH } = process.env;
  return Bun.spawn(["node", script], {
    cwd: root,
    env: {
      PATH: `${join(root, "bin")}:${PATH}`,
      HOME: root,
      PDOFLOW_DATA: join(root, "data"),
      ...(url === undefined ? {} : { PDOFLOW_DATABASE_URL: url }),
    },
    stdout: "pipe",
    stderr: "inherit",
    timeout: 60_000,
  });
}

/** The stdout of the script. It must end by itself, without an error. */
async function node(script: string, url: string | undefined): Promise<string> {
  const child = spawn(script, url);
  const text = await child.stdout.text();
  expect(await child.exited).toBe(0);
  return text;
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
