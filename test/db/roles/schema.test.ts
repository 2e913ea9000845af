import { expect, test } from "bun:test";

import { connect } from "../../../src/db/connection/connect.ts";
import { grantKind, revokeKind } from "../../../src/db/admin/grants.ts";
import { migrate } from "../../../src/db/admin/migrations.ts";
import { refusal } from "../engine.ts";
import { unlimited, withRoles } from "./roles.ts";

const poster = { ...unlimited, kind: "poster" as const };

test("grants are for one schema, whose name may be a word of SQL, and nothing of them stays", async () => {
  await using roles = await withRoles("ada", "owner");
  await using db = connect({ ...roles.db.target, schema: "order" }, { connections: 1 });
  await migrate(db);
  await grantKind(db, roles.nameOf("owner"), { ...poster, kind: "owner" });
  await grantKind(db, roles.nameOf("ada"), { ...poster });
  await grantKind(db, roles.nameOf("ada"), { ...poster, kind: "pool", posters: [] });
  const ada = await roles.as("ada");
  await ada.sql`select "order".post('a.ts#f', '[[1]]')`;
  expect([...(await ada.sql`select poster from "order".postings`)]).toEqual([
    { poster: roles.nameOf("ada") },
  ]);
  const elsewhere = ada.sql`select pdoflow.post('a.ts#f', '[[1]]')`;
  expect(await refusal(elsewhere)).toContain("permission denied for schema pdoflow");
  await revokeKind(db, roles.nameOf("ada"), { ...poster });
  expect(await refusal(ada.sql`select "order".post('a.ts#f', '[[1]]')`)).toContain("denied");
  await revokeKind(db, roles.nameOf("ada"), { ...poster, kind: "pool" });
  const left = await db.sql`
    with acl as (
      select relname::text as name, relacl as acl from pg_class
      union all select proname, proacl from pg_proc
      union all select nspname, nspacl from pg_namespace)
    select name from acl where acl::text like ${`%${roles.nameOf("ada")}%`}`;
  expect([...left]).toEqual([]);
});
