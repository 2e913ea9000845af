import { expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { documentOf } from "./json.ts";
import { openCommands } from "../in-process.ts";
import { type CommandLine } from "../../binary/cli.ts";

const ofTests: readonly string[] = ["fsync", "full_page_writes", "synchronous_commit"];

/** The findings of doctor except for those on all test servers, which need not be durable. */
async function examine(cli: CommandLine): Promise<{ code: number; findings: [string, string][] }> {
  const { code, out } = await cli.run("doctor", "--json");
  const { findings } = documentOf("doctor", out);
  const ours = findings.filter(({ about }) => !ofTests.includes(about));
  return { code, findings: ours.map(({ kind, about }) => [kind, about]) };
}

test("a queue that is well has no findings", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  expect((await examine(cli)).findings).toEqual([]);
  const { out, err } = await cli.run("doctor");
  expect(err).toMatch(/^PostgreSQL \d+\.\d+, database .* answers in [\d.]+ ms$/m);
  expect(out === "all is well\n" || out.includes("fsync")).toBe(true);
});

test("schedules that fail ten times in a row, and a prune that no pool runs, are found", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await db.sql`
    select pdoflow.schedule(name, '@daily', 'a.ts#f') from unnest(array['nine', 'ten', 'ok']) as s (name)`;
  await db.sql`select pdoflow.schedule_prune('prune', '@daily', '{"olderThanMs": 0}')`;
  await db.sql`
    insert into pdoflow.fire (schedule_id, nominal_at, outcome, reason)
    select s.id, now() - n * interval '1 d', case when n = 10 and s.name = 'ok' then 'posted'
           else 'refused' end, 'the limit'
    from pdoflow.schedule s, generate_series(1, 10) as t (n) where s.name <> 'prune' and (s.name <> 'nine' or n < 10)`;
  await db.sql`
    update pdoflow.schedule set nominal_at = now() - interval '1 h', fires_at = now() - interval '1 h'
    where name = 'prune'`;
  const { code, findings } = await examine(cli);
  expect({ code, findings }).toEqual({
    ...{
      code: 1,
      findings: [
        ["problem", "schedules"],
        ["advice", "prune"], // no pool runs at all
      ],
    },
  });
  expect((await cli.run("doctor")).out).toContain(
    "the last ten times of the schedule ten of pdoflow posted nothing; the last reason: the limit",
  );
});

test("notifications that failed for good or expired are found, until later ones were sent", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await db.sql`select pdoflow.post('a.ts#f', '[[]]', '{"name": "notify-end"}')`; // of a user
  await db.sql`update pdoflow.posting set ended_at = now(), state = 'finished', failed = 1`;
  let last = 1;
  const end = async (receiver: string, how: string): Promise<void> => {
    last += 1;
    await db.sql`
      select pdoflow.post_notifications('ada', 'ada', array[${receiver}::text],
        array[pdoflow.new_posting_id()],
        ${db.sql.json({ kind: "posting", id: last, ending: 1 })})`;
    await db.sql`
      update pdoflow.posting
      set ended_at = now(), done = (${how} = 'sent')::integer,
          failed = (${how} not in ('sent', 'expired', 'cancelled'))::integer,
          cancelled = (${how} in ('expired', 'cancelled'))::integer, gave_up = ${how} = 'expired'
      where id = ${last}`;
    await db.sql`
      insert into pdoflow.failure (posting_id, fingerprint, jobs, last_at, message)
      select ${last}, 'f', 1, now(), ${how} where ${how} like 'receiver %'`;
  };
  await end("old", "receiver old answered 410");
  await db.sql`update pdoflow.posting set ended_at = now() - interval '8 days' where id = ${last}`;
  await end("end", "sent");
  await end("mail", "cancelled"); // by a person
  await end("pager", "expired");
  await end("slack", "receiver slack answered 404");
  await end("slack", "receiver slack answered 410");
  const { out } = await cli.run("doctor");
  expect(out.match(/^problem: notifications:/gm)).toHaveLength(2);
  expect(out).toContain("1 notification to the receiver pager expired in the last 7 days");
  expect(out).toContain(
    "2 notifications to the receiver slack failed for good in the last 7 days; the last error: " +
      "receiver slack answered 410\n",
  );
  expect(out).toContain("send them again: pdoflow retry 7 6 --failed\n");
  await end("pager", "sent");
  await end("slack", "sent");
  expect((await examine(cli)).findings).toEqual([
    ["advice", "notifications"],
    ["advice", "notifications"],
  ]);
});

test("settings of the database that hurt are found with their remedy", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const name = db.sql(db.name);
  await db.sql`alter database ${name} set statement_timeout = '20min'`; // ours do without
  expect((await examine(cli)).findings).toEqual([]);
  const env = { PGOPTIONS: "-c statement_timeout=20min" }; // that was meant for us
  const { out } = await cli.runWith({ env }, "doctor");
  expect(out).toContain("advice: statement_timeout: it is 20min: it can abort large postings");
  expect(out).toContain("  alter role … set statement_timeout = 0");
});

test("a database whose encoding can't hold the queue is refused by migrate, and found", async () => {
  await using db = await freshDatabase();
  const name = `${db.name}_latin1`;
  for (const encoding of ["LATIN1", "SQL_ASCII"]) {
    await db.sql.unsafe(
      `create database ${name} encoding '${encoding}' locale_provider libc locale 'C'
       template template0`,
    );
    try {
      using cli = await openCommands({ url: db.url.replace(db.name, name) });
      const { code, err } = await cli.run("migrate");
      if (encoding === "SQL_ASCII") {
        expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining("applied 0001") });
        continue;
      }
      expect({ code, err }).toEqual({
        code: 3,
        err:
          `pdoflow migrate: expected a database with the encoding UTF8, found ${name} with ` +
          "LATIN1. Run: create database NAME encoding 'UTF8' template template0\n",
      });
      expect((await examine(cli)).findings).toContainEqual(["problem", "server_encoding"]);
    } finally {
      await db.sql.unsafe(`drop database ${name} with (force)`);
    }
  }
});

test("a schema that is not there, or out of date, is found", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await db.sql`
    delete from pdoflow.migration
    where number = (select max(number) from pdoflow.migration)`;
  expect(await examine(cli)).toEqual({ code: 1, findings: [["problem", "schema"]] });
  await db.sql`drop schema pdoflow cascade`;
  expect(await examine(cli)).toEqual({ code: 1, findings: [["problem", "schema"]] });
});

test("a pool that is silent and leases of none are found", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const [pool] = await db.sql<{ id: number }[]>`
    insert into pdoflow.pool (host, pid, version, os_user, slots, heartbeat_at)
    values ('n1', 1, 'old', 'ada', 1, now() - interval '1 hour') returning id`;
  await db.sql`
    insert into pdoflow.lease (pool_id, posting_ids, first_seqs, end_seqs, attempts)
    values (${(pool?.id ?? 0) + 1}, '{1}', '{0}', '{1}', '{1}')`;
  expect(await examine(cli)).toEqual({
    code: 1,
    findings: [
      ["advice", "versions"],
      ["problem", "pools"],
      ["problem", "leases"],
    ],
  });
});

test("missing rights of a role are found", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const role = `pdoflow_test_${crypto.randomUUID().replaceAll("-", "")}`;
  await db.sql`create role ${db.sql(role)}`;
  try {
    await db.sql`grant usage on schema pdoflow to ${db.sql(role)}`;
    await db.sql`grant select on all tables in schema pdoflow to ${db.sql(role)}`;
    const env = { PGOPTIONS: `-c role=${role}` };
    const { code, out } = await cli.runWith({ env }, "doctor");
    expect(code).toBe(1);
    expect(out).toMatch(/problem: rights: this role lacks privileges on .*table job/);
    expect(out).not.toContain("table migration");
  } finally {
    await db.sql`drop owned by ${db.sql(role)}`;
    await db.sql`drop role ${db.sql(role)}`;
  }
});

test("config shows the settings in effect with their sources, and no secret", async () => {
  using cli = await openCommands(null);
  await cli.write(".pg_service.conf", "[queue]\nhost=db.example\nport=7\nuser=ben\n");
  await cli.write(".pgpass", "db.example:7:*:ben:s3cret\n");
  chmodSync(join(cli.folder, ".pgpass"), 0o600);
  const env = { HOME: cli.folder, PGSERVICE: "queue", PGDATABASE: "jobs", PDOFLOW_SCHEMA: "mine" };
  const { code, out, err } = await cli.runWith({ env }, "config");
  expect(code).toBe(0);
  expect(out).toMatch(/^port +7 +.*\.pg_service\.conf:3$/m);
  expect(out).toMatch(/^dbname +jobs +PGDATABASE$/m);
  expect(out).toMatch(/^password +set +the password file$/m);
  expect(out).toMatch(/^sslmode +prefer +the default$/m);
  expect(out).toMatch(/^schema +mine +PDOFLOW_SCHEMA$/m);
  expect(out).toMatch(/\.pgpass +yes$/m);
  const json = await cli.runWith({ env }, "config", "--json");
  const { settings } = documentOf("config", json.out);
  expect(settings.find(({ name }) => name === "password")).toMatchObject({
    isSet: true,
    value: null,
  });
  expect(out + err + json.out).not.toContain("s3cret");
});

test("config reports a missing password, and the folder of the embedded server", async () => {
  using cli = await openCommands(null);
  const { out } = await cli.run("config", "--database", "postgres://h/");
  expect(out).toMatch(/^password +not set$/m);
  const env = { PDOFLOW_DATA: join(cli.folder, "data") };
  const embedded = await cli.runWith({ env }, "config");
  expect(embedded.out).toMatch(/^data +\S+data +PDOFLOW_DATA$/m);
  expect(embedded.out).toMatch(/^server +stopped/m);
});
