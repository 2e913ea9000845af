import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import { connect, type Db } from "../../../src/db/connection/connect.ts";
import { sendHeartbeat, markListening } from "../../../src/db/engine/pools.ts";
import { migrations } from "../../../src/db/admin/migration-list.ts";
import { migrate, pendingMigrations, prepareSchema } from "../../../src/db/admin/migrations.ts";
import { requireUsableSchema, schemaState } from "../../../src/db/admin/schema-state.ts";
import { finishStragglers, foldProgress } from "../../../src/db/engine/outcomes.ts";
import { readCounts } from "../../../src/db/read/status.ts";
import {
  cancel,
  freshQueue,
  hold,
  jobsOf,
  newPool,
  postJobs,
  putBack,
  record,
  recordPart,
  refusal,
  rescue,
  resume,
  silence,
  take,
  takeAll,
} from "../engine.ts";
import { until } from "../locks.ts";
import { catalogOf } from "./catalog.ts";

const names = migrations.map(({ name }) => name);

/** Migration 1 as it was released; nothing has been released, so as it is. */
const released = migrations[0]?.sql ?? "";

/** A database in which no pdoflow has ever been. */
async function emptyDatabase(): Promise<Db> {
  const db = await freshQueue();
  await db.sql`drop schema pdoflow cascade`;
  return db;
}

const tables = async ({ sql }: Db, schema: string) =>
  (
    await sql<{ name: string }[]>`
      select relname as name from pg_class
      where relnamespace = to_regnamespace(${schema}) and relkind = 'r' order by relname`
  ).map(({ name }) => name);

describe("migrating", () => {
  test("ten at the same time bring an empty database up to date once", async () => {
    await using db = await emptyDatabase();
    const applied = await Promise.all(
      Array.from({ length: 10 }, async () => {
        await using alone = connect(db.target, { connections: 1 });
        return await migrate(alone);
      }),
    );
    expect(applied.flatMap((each) => each.applied)).toEqual(names);
    await requireUsableSchema(db);
    const written = await db.sql`select number, name from pdoflow.migration order by number`;
    expect([...written]).toEqual(names.map((name, place) => ({ number: place + 1, name })));
  });

  test("an old schema gets the missing migrations", async () => {
    await using db = await freshQueue();
    await db.sql`delete from pdoflow.migration where number = ${names.length}`;
    expect((await pendingMigrations(db)).map(({ name }) => name)).toEqual(names.slice(-1));
    expect(await refusal(requireUsableSchema(db))).toContain("Run: pdoflow migrate");
  });

  test("if one fails, nothing is left", async () => {
    await using db = await emptyDatabase();
    await db.sql`create schema pdoflow`;
    await db.sql`create table pdoflow.outcome (mine integer)`;
    expect(await refusal(migrate(db))).toContain('relation "outcome" already exists');
    expect(await tables(db, "pdoflow")).toEqual(["outcome"]);
    expect([...(await db.sql`select 1 as well`)]).toEqual([{ well: 1 }]);
  });

  test("the statements can be printed without writing anything", async () => {
    await using db = await emptyDatabase();
    const pending = await pendingMigrations(db);
    expect(pending.map(({ name }) => name)).toEqual(names);
    expect(pending[0]?.sql).toContain("create table pdoflow.job (");
    expect((await schemaState(db)).version).toBe(0);
    expect(await tables(db, "pdoflow")).toEqual([]);
  });

  test("a database without a schema is refused with the remedy", async () => {
    await using db = await emptyDatabase();
    expect(await refusal(requireUsableSchema(db))).toContain(
      `the database has no schema "pdoflow"; this pdoflow needs version ${names.length}. ` +
        "Run: pdoflow migrate",
    );
  });

  test("a schema of a newer pdoflow is used as it is, unless it no longer supports this", async () => {
    await using db = await freshQueue();
    await db.sql`
      insert into pdoflow.migration (number, name, compatible_since)
      values (98, 'expanded', ${names.length}), (99, 'contracted', ${names.length})`;
    await requireUsableSchema(db);
    expect(await pendingMigrations(db)).toEqual([]);
    expect(await migrate(db)).toEqual({ applied: [], heldBack: null });
    // The row without a time announces a migration that waits for older pools to end.
    for (const isAnnounced of [true, false]) {
      await db.sql`
        update pdoflow.migration set compatible_since = 98,
          applied_at = case when not ${isAnnounced}::boolean then now() end
        where number = 99`;
      for (const act of [requireUsableSchema, pendingMigrations, migrate]) {
        expect(await refusal(act(db))).toContain(
          'schema "pdoflow" supports programs for its version 98 or newer; this pdoflow is for ' +
            `version ${names.length}. Upgrade pdoflow on this machine.`,
        );
      }
    }
  });

  test("a schema that another unreleased build has made is left alone", async () => {
    await using db = await freshQueue();
    const spoils = [
      db.sql`update pdoflow.migration set digest = 'of another text'`,
      // the first builds had neither
      db.sql`alter table pdoflow.migration drop column digest, drop column compatible_since`,
    ];
    for (const spoil of spoils) {
      await spoil;
      for (const act of [requireUsableSchema, pendingMigrations, migrate]) {
        expect(await refusal(act(db))).toContain("was made by another unreleased build");
      }
    }
  });
});

describe("upgrading", () => {
  /** A schema that was released with an older pdoflow and then upgraded. */
  async function upgraded(old: string[], later: string[]): Promise<string[]> {
    await using db = await emptyDatabase();
    await prepareSchema(db, db.sql);
    for (const text of [...old, ...later]) await db.sql.unsafe(text);
    await db.sql`select pdoflow.apply_grants()`;
    return await catalogOf(db.sql);
  }

  const fresh = async () => {
    await using db = await freshQueue();
    return await catalogOf(db.sql);
  };

  test("an upgraded schema equals a new one", async () => {
    const later = migrations.slice(1).map(({ sql }) => sql);
    expect(await upgraded([released], later)).toEqual(await fresh());
  });

  test("a migration that does less or more than the files of the nouns is found", async () => {
    const before = [released, "drop index pdoflow.posting_name"];
    const same = "create index posting_name on pdoflow.posting (name, id) where name is not null";
    const now = await fresh();
    expect(await upgraded(before, [same])).toEqual(now);
    expect(await upgraded(before, [])).not.toEqual(now);
    expect(await upgraded([released], ["alter table pdoflow.lane add extra text"])).not.toEqual(
      now,
    );
  });

  test("the body of each function is valid", async () => {
    await using db = await freshQueue();
    const rows = await db.sql<{ text: string }[]>`
      select pg_get_functiondef(oid) as text from pg_proc
      where pronamespace = 'pdoflow'::regnamespace`;
    expect(rows.length).toBeGreaterThan(100);
    for (const { text } of rows) await db.sql.unsafe(text);
  });
});

describe("a schema of another name", () => {
  /** A second queue in the same database. */
  async function otherQueue(db: Db, schema = "other_queue"): Promise<Db> {
    const other = connect({ ...db.target, schema }, { connections: 2 });
    expect((await migrate(other)).applied).toEqual(names);
    return other;
  }

  test("stands beside the first, and neither sees the other's jobs", async () => {
    await using db = await freshQueue();
    await using other = await otherQueue(db);
    await postJobs(db, 2);
    await postJobs(other, 3);
    expect(await tables(db, "other_queue")).toEqual(await tables(db, "pdoflow"));
    expect(jobsOf(await takeAll(db, await newPool(db)))).toHaveLength(2);
    expect(jobsOf(await takeAll(other, await newPool(other)))).toHaveLength(3);
  });

  test("needs nothing of the first: everything works without it", async () => {
    await using db = await freshQueue();
    await using other = await otherQueue(db);
    await db.sql`drop schema pdoflow cascade`;
    const pool = await newPool(other);
    await sendHeartbeat(other, pool, []);
    const id = await postJobs(other, 6, { priorities: [1, 0, 1, 0, 1, 0] });
    const jobs = jobsOf(await take(other, pool));
    await recordPart(other, pool, jobs.slice(0, 1), { state: "retried" });
    await putBack(other, pool, jobs);
    await hold(other, id);
    await resume(other, id);
    await takeAll(other, pool);
    await silence(other, pool);
    expect(await rescue(other)).toMatchObject([{ poolId: pool, jobs: 6 }]);
    const next = await newPool(other);
    const again = jobsOf(await takeAll(other, next));
    expect(again).toHaveLength(6);
    await record(other, next, again.slice(0, 2));
    await foldProgress(other);
    await cancel(other, id);
    await finishStragglers(other);
    expect((await readCounts(other, [id])).get(id)).toMatchObject({ done: 2, retrying: 0 });
    expect((await other.sql`select from other_queue.job_status`).length).toBe(6);
  });

  test("has channels of its own", async () => {
    await using db = await freshQueue();
    await using other = await otherQueue(db);
    const told: string[] = [];
    const onNotify = (channel: string) => told.push(channel);
    await using listener = connect({ ...other.target }, { connections: 1, onNotify });
    await listener.sql`select other_queue.listen()`;
    await listener.sql`listen "other_queue.ended"`;
    for (const queue of [db, other]) await markListening(queue, await newPool(queue));
    await postJobs(db, 1);
    const id = await postJobs(other, 1);
    await cancel(other, id);
    await until("all three are notified", () => told.length === 3);
    expect(told).toEqual(["other_queue.posted", "other_queue.changed", "other_queue.ended"]);
  });

  test("is named nowhere else", async () => {
    await using db = await freshQueue();
    await using other = await otherQueue(db);
    const left = await other.sql`
      select proname::text as name from pg_proc
      where pronamespace = 'other_queue'::regnamespace and prosrc like '%pdoflow.%'
      union all
      select viewname from pg_views
      where schemaname = 'other_queue' and definition like '%pdoflow.%'`;
    expect([...left]).toEqual([]);
  });

  test("may be a word of SQL", async () => {
    await using db = await freshQueue();
    await using other = await otherQueue(db, "user");
    expect(await postJobs(other, 1)).toBe(1);
  });
});

describe("comments", () => {
  const withoutComment = ({ sql }: Db) => sql<{ name: string }[]>`
    select relname::text as name from pg_class
    where relnamespace = 'pdoflow'::regnamespace and relkind in ('r', 'p') and not relispartition
      and obj_description(oid, 'pg_class') is null`;

  test("each table describes one row", async () => {
    await using db = await freshQueue();
    const names = [...(await withoutComment(db))].map(({ name }) => name);
    expect(names.filter((name) => name !== "migration")).toEqual([]);
  });

  test("the table of migrations says so, too", async () => {
    await using db = await freshQueue();
    expect([...(await withoutComment(db))]).toEqual([]);
  });

  test("each invariant that they number is cited by a test of this folder", async () => {
    await using db = await freshQueue();
    const [row] = await db.sql<{ text: string }[]>`
      select string_agg(obj_description(oid, 'pg_class'), ' ') as text from pg_class
      where relnamespace = 'pdoflow'::regnamespace and relkind = 'r'`;
    const numbered = new Set(row?.text.match(/(?<=^ {2})[A-Z]\d(?= {2})/gm));
    expect(numbered.size).toBeGreaterThan(20);
    const tested = new Set<string>();
    for (const file of new Bun.Glob("**/*.test.ts").scanSync(join(import.meta.dir, ".."))) {
      const text = await Bun.file(join(import.meta.dir, "..", file)).text();
      for (const [title] of text.matchAll(/"(?=[^"\n]*: )[^"\n]*"/g)) {
        for (const [number] of title.matchAll(/\b[A-Z]\d\b/g)) tested.add(number);
      }
    }
    expect([...numbered].filter((number) => !tested.has(number))).toEqual([]);
  });
});
