// Migrations while pools of two releases drain 100,000 jobs: docs/upgrading.md.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { connect } from "../../src/db/connection/connect.ts";
import { environment, until } from "../binary/cli.ts";
import { program } from "../cli/in-process.ts";
import { freshDatabase } from "../database.ts";
import { release2, release3 } from "./later-release.ts";

const [v2, v3] = [release2(), release3()];
const folder = mkdtempSync(join(tmpdir(), "pdoflow-upgrade-"));
afterAll(() => {
  for (const release of [v2, v3]) release[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

const jobCount = 100_000;

test("nothing is lost and nobody fails, with a long reader and a killed migrate", async () => {
  await using db = await freshDatabase();
  await Bun.write(
    join(folder, "jobs.ts"),
    "export const nap = (x: number) => (x < 30_000 ? Bun.sleep(1) : x);",
  );
  const env = environment(db.url);
  const start = (...args: string[]) =>
    Bun.spawn([...program, ...args], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  const posted = start("post", "jobs.ts#nap", "--each", `1-${jobCount}`);
  expect(await posted.exited).toBe(0);
  const ended = async () =>
    Number((await db.sql`select coalesce(sum(done), 0) as n from pdoflow.progress`)[0]?.["n"]);
  const older = [start("pool", "-j", "1"), start("pool", "-j", "1")];
  await until("the older pools run jobs", async () => (await ended()) > 0);

  // A reader as pg_dump is one: it has locked the table against changes.
  await using reader = connect(db.db.target, { connections: 1 });
  const read = Promise.withResolvers<void>();
  const reading = reader.sql.begin(async (sql) => {
    await sql`select count(*) from pdoflow.lease`;
    await read.promise;
  });
  const killed = v2.start(db, folder, "migrate");
  await until("a migrate has been given up", () => isWaitingForLock(db.sql));
  const before = await ended();
  await until("jobs end while it waits", async () => (await ended()) > before);
  killed.kill("SIGKILL");
  await killed.exited;
  const [row] = await db.sql`select max(number) as version from pdoflow.migration`;
  expect(row).toEqual({ version: 1 });

  const migrates = Array.from({ length: 4 }, () => v2.run(db, folder, "migrate"));
  await until("another one waits", () => isWaitingForLock(db.sql));
  read.resolve();
  await reading;
  const results = await Promise.all(migrates);
  expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  const applied = results.filter(({ err }) => /^applied 0002_expand/m.test(err));
  expect(applied).toHaveLength(1);

  const newer = v2.start(db, folder, "pool", "-j", "4");
  const versions = async () => [
    ...(await db.sql<{ version: string }[]>`
      select distinct left(w.version, 5) as version
      from pdoflow.outcome_run o join pdoflow.lease l on l.id = o.lease_id
        join pdoflow.pool w on w.id = l.pool_id cross join pdoflow.migration m
      where m.number = 2 and l.claimed_at > m.applied_at order by 1`),
  ];
  await until("both releases have run jobs since", async () => (await versions()).length === 2);
  expect(await versions()).toEqual([{ version: "0.1.0" }, { version: "0.2.0" }]);

  // The older pools end in the middle of their work, and the newer one does the rest.
  expect(await v3.run(db, folder, "migrate", "--end-older-pools")).toMatchObject({ code: 0 });
  for (const pool of older) {
    expect(await pool.exited).toBe(3);
    const log = await pool.stderr.text();
    expect(log).toContain("a newer pdoflow changes the schema");
    expect(log).not.toMatch(/the database|lost|refused/);
  }
  const isEnded = async () =>
    (await db.sql`select from pdoflow.posting where ended_at is not null`).length > 0;
  await until("all jobs have ended", isEnded, 200_000);
  newer.kill("SIGTERM");
  expect([await newer.exited, await newer.stderr.text()]).toEqual([
    0,
    expect.not.stringMatching(/the database|lost|refused/),
  ]);
  const [counts] = await db.sql`
    select count(*)::integer as outcomes, count(distinct seq)::integer as jobs,
           count(*) filter (where state <> 'done' or attempt > 1)::integer as others
    from pdoflow.outcome`;
  expect(counts).toEqual({ outcomes: jobCount, jobs: jobCount, others: 0 });
}, 300_000);

const isWaitingForLock = async (sql: Awaited<ReturnType<typeof freshDatabase>>["sql"]) =>
  (
    await sql`
      select from pg_locks l join pg_class c on c.oid = l.relation
      where not l.granted and l.mode = 'AccessExclusiveLock'
        and c.relnamespace = 'pdoflow'::regnamespace`
  ).length > 0;
