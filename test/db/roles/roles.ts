// Roles of the server for the stories of one file: made before them, gone after them.
import { connect, type Db, type Sql } from "../../../src/db/connection/connect.ts";
import { type Grant, grantKind, type RoleKind } from "../../../src/db/admin/grants.ts";
import { freshDatabase } from "../../database.ts";

/** A queue, and roles with short names for it. */
export interface Roles extends AsyncDisposable {
  db: Db;
  url: string;
  /** The name that a role has on the server. */
  nameOf: (role: string) => string;
  /** One connection whose session is that of a role: `session_user`, as if it had logged in. */
  as: (role: string) => Promise<Db>;
  grant: (role: string, kind: RoleKind, more?: Partial<Grant>) => Promise<void>;
}

/** The defaults of a role. */
export const unlimited = {
  ...{ posters: null, share: 1, maxOpen: null, maxArgumentBytes: null },
  ...{ maxResultBytes: null, maxOutputBytes: null },
};

/** Makes a role for each word, without any right. */
export async function withRoles(...roles: readonly string[]): Promise<Roles> {
  const { db, url, ...database } = await freshDatabase();
  const suffix = crypto.randomUUID().slice(0, 8);
  const nameOf = (role: string) => `${role}_${suffix}`;
  for (const role of roles) await db.sql`create role ${db.sql(nameOf(role))}`;
  const open: Db[] = [];
  return {
    ...{ db, url, nameOf },
    as: async (role) => {
      const one = connect(db.target, { connections: 1 });
      open.push(one);
      await one.sql`set session authorization ${one.sql(nameOf(role))}`;
      return one;
    },
    grant: (role, kind, more = {}) => grantKind(db, nameOf(role), { ...unlimited, kind, ...more }),
    async [Symbol.asyncDispose]() {
      for (const one of open) await one.close();
      const { sql } = db;
      await sql`reassign owned by ${names(sql, roles.map(nameOf))} to current_user`;
      await sql`drop owned by ${names(sql, roles.map(nameOf))}`;
      await sql`drop role ${names(sql, roles.map(nameOf))}`;
      await database[Symbol.asyncDispose]();
    },
  };
}

/** Names with commas between them. */
const names = (sql: Sql, all: readonly string[]) =>
  all.map((name, i) => (i === 0 ? sql`${sql(name)}` : sql`, ${sql(name)}`));

/** Does something in a transaction that is rolled back. */
export async function trying<T>(db: Db, act: (db: Db) => Promise<T>): Promise<T> {
  await db.sql`begin`;
  try {
    return await act(db);
  } finally {
    await db.sql`rollback`;
  }
}
