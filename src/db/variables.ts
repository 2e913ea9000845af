import type { Db } from "./connect.ts";

export interface Variable {
  name: string;
  /** Encoded, as JSON text. */
  value: string;
  updatedAt: Date;
}

/** All variables by name, or the one that is named. */
export const readVariables = ({ sql, schema }: Db, name: string | null) => sql<Variable[]>`
  select name, value::text as value, updated_at from ${schema}.variable
  where ${name === null ? sql`true` : sql`name = ${name}`} order by name`;

export async function writeVariable({ sql, schema }: Db, name: string, value: string) {
  await sql`
    insert into ${schema}.variable (name, value) values (${name}, ${value}::text::jsonb)
    on conflict (name) do update set value = excluded.value, updated_at = now()`;
}

/** Returns whether there was one. */
export async function deleteVariable({ sql, schema }: Db, name: string): Promise<boolean> {
  return (await sql`delete from ${schema}.variable where name = ${name} returning name`).length > 0;
}
