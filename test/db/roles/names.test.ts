// The owner of a posting, and the rights of members of a role (docs/security.md).
import { expect, test } from "bun:test";

import { connect } from "../../../src/db/connection/connect.ts";
import { prune } from "../../../src/db/admin/prune.ts";
import { postJobs, refusal } from "../engine.ts";
import { withRoles } from "./roles.ts";

test("a grant holds for all members of a role, and members of the owner own the queue", async () => {
  await using roles = await withRoles("group", "ada", "boss", "deputy");
  const { sql } = roles.db;
  const name = (role: string) => sql(roles.nameOf(role));
  await roles.grant("group", "poster");
  const ada = await roles.as("ada");
  expect(await refusal(postJobs(ada, 1))).toContain("permission denied");
  await sql`grant ${name("group")} to ${name("ada")}`;
  await sql`grant ${name("boss")} to ${name("deputy")}`;
  await roles.grant("boss", "owner");
  expect(await postJobs(ada, 1)).toBe(1);
  const deputy = await roles.as("deputy");
  expect(await prune(deputy, { olderThanMs: 1e12, states: ["finished"] })).toMatchObject({
    postings: 0,
  });
  expect(await deputy.sql`select poster from pdoflow.postings`).toHaveLength(1);
});

test("a posting belongs to the name that posted it: not to a renamed role, but to its new bearer", async () => {
  await using roles = await withRoles("ada", "eve");
  const { sql } = roles.db;
  await roles.grant("ada", "poster");
  await roles.grant("eve", "poster");
  await postJobs(await roles.as("ada"), 1);
  const rename = (from: string, to: string) =>
    sql`alter role ${sql(roles.nameOf(from))} rename to ${sql(roles.nameOf(to))}`;
  const seen = async (role: string) => {
    await using db = connect(roles.db.target, { connections: 1 });
    await db.sql`set session authorization ${db.sql(roles.nameOf(role))}`;
    return (await db.sql`select from pdoflow.postings`).length;
  };
  expect([await seen("ada"), await seen("eve")]).toEqual([1, 0]);
  await rename("ada", "gone");
  await rename("eve", "ada");
  expect([await seen("gone"), await seen("ada")]).toEqual([0, 1]);
  await rename("ada", "eve");
  await rename("gone", "ada");
});
