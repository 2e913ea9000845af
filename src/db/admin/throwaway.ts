import type { Db } from "../connection/connect.ts";
import { migrate } from "./migrations.ts";
import { startDue } from "../engine/starts.ts";

/** Creates the target's schema, which must not exist yet. */
export async function makeSchema(db: Db): Promise<void> {
  await db.sql`create schema ${db.schema}`;
  await migrate(db);
}

/** Drops the target's schema, without notices on its objects. */
export async function dropSchema({ sql, schema }: Db): Promise<void> {
  await sql.begin(async (sql) => {
    await sql`set local client_min_messages = error`;
    await sql`drop schema if exists ${schema} cascade`;
  });
}

/** Makes everything that waits for its time due now: retries, and postings that start later. */
export async function hasten(db: Db): Promise<void> {
  const { sql, schema } = db;
  await sql`
    update ${schema}.retry set due_at = now() where due_at > now() and due_at < 'infinity'`;
  await sql`update ${schema}.posting set run_at = now() where run_at > now()`;
  await startDue(db);
}
