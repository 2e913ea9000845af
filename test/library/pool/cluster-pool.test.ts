import { describe, expect, spyOn, test } from "bun:test";
import { ChildProcess } from "node:child_process";
import { join } from "node:path";

import { ClusterPool, postWork } from "../../../src/index.ts";
import { PoolProcess } from "../../../src/library/pool/pool-process.ts";
import { freshDatabase } from "../../database.ts";
import { drivenPool } from "../hand-driven.ts";
import { anything, scale } from "../jobs.ts";
import { isAlive, obedient, stub, until } from "../stub.ts";

const root = join(import.meta.dir, "..");

test("a pool is `pdoflow pool`, with the database in its environment alone", async () => {
  await using program = await stub(obedient);
  await using pool = new ClusterPool({
    maxWorkers: 3,
    root: "some/folder",
    binary: program.binary,
    db: "postgres://user:secret@host/db",
  });
  await until(async () => (await program.calls()).length > 0);
  const folder = join(process.cwd(), "some/folder");
  const args = `pool --max-workers 3 --root ${folder}`;
  expect(await program.calls()).toEqual([`${args} postgres://user:secret@host/db`]);
  expect(isAlive(pool.pid)).toBe(true);
});

test("its resources, and the posters that it serves, are options of the command", async () => {
  await using program = await stub(obedient);
  const { binary } = program;
  const kind = { resources: ["gpu=0,1", "mem=64G"], onlyMine: true, profilePercent: 12.5 };
  await using mine = new ClusterPool({ binary, ...kind });
  await using ours = new ClusterPool({ binary, posters: ["ann", "bob"], env: ["A", "B_*"] });
  await until(async () => (await program.calls()).length === 2);
  expect([isAlive(mine.pid), isAlive(ours.pid)]).toEqual([true, true]);
  const calls = (await program.calls()).join();
  expect(calls).toContain(" --resource gpu=0,1 --resource mem=64G --only-mine --profile=12.500%");
  expect(calls).toContain(" --env A,B_* --posters ann,bob");
});

test.each<[object]>([
  [{ posters: [] }],
  [{ posters: "ann" }],
  [{ posters: ["-x"] }],
  [{ env: ["A,B"] }],
  [{ concurrency: 2, onlyMine: true }],
  [{ concurrency: 2, profilePercent: 10 }],
  [{ profilePercent: 101 }],
  [{ maxWorkers: 0 }],
  [{ maxWorkers: 1.5 }],
  [{ maxworkers: 3 }],
])("the options %p are refused", (options) => {
  expect(() => new ClusterPool(options)).toThrow("options of ClusterPool");
});

describe("upkeep", () => {
  test("leaves a pool that runs alone, and starts one that was killed again", async () => {
    await using program = await stub(obedient);
    await using pool = new ClusterPool({ binary: program.binary });
    const first = pool.pid ?? 0;
    expect(await pool.upkeep()).toEqual({ restarted: false });
    process.kill(first, "SIGKILL");
    await until(() => pool.pid === undefined);
    expect(await pool.upkeep()).toEqual({ restarted: true });
    expect(await pool.upkeep()).toEqual({ restarted: false });
    expect(pool.pid).not.toBe(first);
  });

  test("reports once why a pool refused to run, then starts it again", async () => {
    await using program = await stub("echo 'has no schema' >&2; exit 3");
    const pool = new ClusterPool({ binary: program.binary });
    await until(() => pool.pid === undefined);
    expect(await errorOf(pool.upkeep())).toMatchObject({
      name: "PoolFailed",
      stderr: "has no schema",
      message: expect.stringMatching(/exited with code 3\. It said:\nhas no schema/),
    });
    expect(await pool.upkeep()).toEqual({ restarted: true });
    await until(() => pool.pid === undefined);
    expect(await nameOf(pool.stop())).toBe("PoolFailed");
  });

  test("reports a pool that fails at its start, regardless of the exit code", async () => {
    await using program = await stub("exit 1");
    const pool = new ClusterPool({ binary: program.binary });
    await until(() => pool.pid === undefined);
    expect(await nameOf(pool.upkeep())).toBe("PoolFailed");
    await pool.stop();
  });

  test("reports that the program was not found, even if nobody asks", async () => {
    using written = spyOn(process.stderr, "write").mockReturnValue(true);
    const pool = new ClusterPool({ binary: "/nowhere/pdoflow" });
    await until(() => pool.pid === undefined);
    const error = await pool.upkeep().catch(String);
    expect(error).toMatch(
      /could not be started \(.*ENOENT.*PDOFLOW_BINARY.*\/nowhere\/pdoflow pool/s,
    );
    expect(written.mock.calls.flat().join("")).toMatch(/^pool: it could not be started .*PATH/);
  });

  test("signals nobody if the program was not found", async () => {
    using written = spyOn(process.stderr, "write").mockReturnValue(true);
    using kill = spyOn(ChildProcess.prototype, "kill");
    const pool = new ClusterPool({ binary: "/nowhere/pdoflow" });
    expect(await nameOf(pool.stop())).toBe("PoolFailed");
    expect(kill).not.toHaveBeenCalled();
    expect(written).toHaveBeenCalled();
  });

  test("does nothing after stop", async () => {
    await using program = await stub(obedient);
    const pool = new ClusterPool({ binary: program.binary });
    await pool.stop();
    await pool.stop();
    expect(await pool.upkeep()).toEqual({ restarted: false });
    expect(pool.pid).toBeUndefined();
  });
});

describe("stop", () => {
  test("waits until the pool has ended", async () => {
    await using program = await stub("trap 'sleep 0.2; exit 0' TERM; while :; do sleep 0.02; done");
    const pool = new ClusterPool({ binary: program.binary });
    const { pid } = pool;
    await until(async () => (await program.calls()).length > 0);
    await pool.stop();
    expect(isAlive(pid)).toBe(false);
  });

  test("asks twice, the second time after the grace", async () => {
    await using program = await stub(
      "trap 'n=x$n; [ $n = xx ] && exit 0' TERM; while :; do sleep 0.02; done",
    );
    const pool = new ClusterPool({ binary: program.binary, graceMs: 500 }); // or the two are one signal
    await until(async () => (await program.calls()).length > 0);
    await pool.stop();
  });

  test("finally kills a pool that does not react", async () => {
    await using program = await stub("trap '' TERM; while :; do sleep 0.02; done");
    const pool = new PoolProcess([program.binary], process.env);
    await until(async () => (await program.calls()).length > 0);
    expect(await pool.stop(50, 50)).toEqual({ kind: "killed", signal: "SIGKILL" });
  });

  test("reports a pool that had crashed", async () => {
    await using program = await stub("echo 'out of memory' >&2; kill -9 $$");
    const pool = new ClusterPool({ binary: program.binary });
    await until(() => pool.pid === undefined);
    const error = await pool.stop().catch(String);
    expect(error).toMatch(/was killed by SIGKILL\. It said:\nout of memory/);
  });
});

describe("awaitCompletion", () => {
  test("rejects if the pool cannot run, and stops waiting", async () => {
    await using database = await freshDatabase();
    const posting = await postWork(anything, [[1]], [], { root, db: database.url });
    const pool = new ClusterPool({ binary: "/nowhere/pdoflow" });
    expect(await nameOf(pool.awaitCompletion(posting))).toBe("PoolFailed");
  });

  test("starts a pool that was killed again, and resolves with the posting", async () => {
    await using database = await freshDatabase();
    await using program = await stub(obedient);
    const posting = await postWork(anything, [[1]], [], { root, db: database.url });
    await using pool = new ClusterPool({ binary: program.binary });
    const ended = pool.awaitCompletion(posting);
    await until(async () => (await program.calls()).length === 1);
    process.kill(pool.pid ?? 0, "SIGKILL");
    await until(async () => (await program.calls()).length === 2);
    await (await drivenPool(database.db)).endAll();
    expect(await ended).toMatchObject({ done: 1 });
  });

  test("ends by its time limit and its signal", async () => {
    await using database = await freshDatabase();
    await using program = await stub(obedient);
    const posting = await postWork(anything, [[1]], [], { root, db: database.url });
    await using pool = new ClusterPool({ binary: program.binary });
    expect(await nameOf(pool.awaitCompletion(posting, { timeoutMs: 20 }))).toBe("WaitTimedOut");
    const signal = AbortSignal.abort();
    expect(await nameOf(pool.awaitCompletion(posting, { signal }))).toBe("AbortError");
  });
});

test("a script that ends without stopping its pool takes it along", async () => {
  await using program = await stub(obedient);
  const script = join(program.folder, "script.ts");
  const library = JSON.stringify(join(import.meta.dir, "../../../src/index.ts"));
  await Bun.write(
    script,
    `import { ClusterPool } from ${library};
     const pool = new ClusterPool({ binary: ${JSON.stringify(program.binary)} });
     console.log(pool.pid);
     setTimeout(() => { throw new Error("a fault of the script"); }, 100);`,
  );
  const child = Bun.spawn([process.execPath, script], { stdout: "pipe", stderr: "ignore" });
  const pid = Number(await child.stdout.text());
  expect(pid).toBeGreaterThan(0);
  expect(await child.exited).toBe(1);
  await until(() => !isAlive(pid));
});

test("jobs that are posted are run by a pool of this source, and give results", async () => {
  await using database = await freshDatabase();
  const options = { root, db: database.url };
  const posting = await postWork(
    scale,
    [
      [1, 2, "a"],
      [2, 3, "b"],
    ],
    [],
    options,
  );
  await using pool = new ClusterPool({ maxWorkers: 2, ...options });
  expect(await pool.awaitCompletion(posting, { timeoutMs: 50_000 })).toMatchObject({ done: 2 });
  const results = await Array.fromAsync(posting.results(), ({ result }) => result);
  expect(results).toEqual(["a: 2", "b: 6"]);
});

const errorOf = (failing: Promise<unknown>) => failing.then(String, (error: Error) => error);
const nameOf = (failing: Promise<unknown>) => failing.then(String, (error: Error) => error.name);
