// A poster whose transaction stays open makes no other poster wait.
import { afterAll, beforeAll, expect, test } from "bun:test";

import { type Db, errorCode } from "../../../src/db/connection/connect.ts";
import { keepRoom } from "../../../src/db/posting/insert.ts";
import { sendHeartbeat } from "../../../src/db/engine/pools.ts";
import { newPool, postJobs } from "../engine.ts";
import { type Roles, withRoles } from "../roles/roles.ts";

let roles: Roles;
let ada: Db;
let bob: Db;
let cluster: Db;
let pool: number;

beforeAll(async () => {
  roles = await withRoles("ada", "bob", "cluster");
  await roles.grant("ada", "poster");
  await roles.grant("bob", "poster");
  await roles.grant("cluster", "pool");
  ada = await roles.as("ada");
  bob = await roles.as("bob");
  cluster = await roles.as("cluster");
  pool = await newPool(cluster);
});

afterAll(() => roles[Symbol.asyncDispose]());

const post = ({ sql }: Db) => sql<{ id: number }[]>`
  select pdoflow.post('a.ts#f', '[[1]]') as id`;

const usedUp = () => roles.db.sql`
  select setval('pdoflow.posting_id_seq', (select max(end_id) - 1 from pdoflow.span))`;

test("a posting by SQL at the end of a span holds no lock that another poster needs", async () => {
  await usedUp();
  await keepRoom(cluster);
  await ada.sql`begin`;
  await post(ada);
  await bob.sql`set lock_timeout = '1s'`;
  expect(await post(bob)).toHaveLength(1);
  expect(await postJobs(bob, 1)).toBeGreaterThan(0);
  // The next heartbeats of the pool do not wait either.
  await roles.db.sql`update pdoflow.span set full_bytes = 1`;
  await keepRoom(cluster);
  await ada.sql`commit`;
});

test("numbers that were drawn and rolled back are not the last ones", async () => {
  await keepRoom(cluster);
  await ada.sql`begin`;
  await ada.sql`
    do $$ begin
      for n in 1..1000 loop
        begin
          perform pdoflow.begin_posting('a.ts#f');
          raise exception using errcode = 'P0001';
        exception when raise_exception then null;
        end;
      end loop;
    end $$`;
  await ada.sql`select pdoflow.next_span()`;
  expect(await post(bob)).toHaveLength(1);
  await usedUp();
  await keepRoom(cluster); // not delayed by ada, who may not make room while a pool does
  expect(await post(bob)).toHaveLength(1);
  await ada.sql`rollback`;
});

test("a poster that finds no room waits for the pool that makes it", async () => {
  await usedUp();
  await usedUp();
  await roles.db.sql`select nextval('pdoflow.posting_id_seq')`;
  const posted = post(bob).execute();
  await sendHeartbeat(cluster, pool, []);
  await keepRoom(cluster);
  expect(await posted).toHaveLength(1);
});

test("without a pool a poster makes room, and others get an error after some seconds at most", async () => {
  await cluster.sql`select pdoflow.pool_end(${pool})`;
  await usedUp();
  await roles.db.sql`select nextval('pdoflow.posting_id_seq')`;
  await ada.sql`begin`;
  expect(await post(ada)).toHaveLength(1);
  await bob.sql`begin isolation level repeatable read`;
  let code: string | null = null;
  await post(bob).catch((error: unknown) => (code = errorCode(error)));
  expect(code as string | null).toBe("40001");
  await bob.sql`rollback`;
  await ada.sql`commit`;
  expect(await post(bob)).toHaveLength(1);
});
