import type { Db } from "../connection/connect.ts";

export interface Variable {
  name: string;
  /** Encoded, as JSON text. */
  value: string;
  updatedAt: Date;
}

/** The variables that the caller may see by name (V1), or the one with the given name. */
export const readVariables = ({ sql, schema }: Db, name: string | null) => sql<Variable[]>`
  select distinct on (name) name, value::text as value, updated_at from ${schema}.variable
  where owner in ('', ${schema}.caller()) and ${name === null ? sql`true` : sql`name = ${name}`}
  order by name, owner desc`;

export async function writeVariable({ sql, schema }: Db, name: string, value: string) {
  await sql`select ${schema}.set_variable(${name}, ${value}::text::jsonb)`;
}

/** Returns whether it existed. */
export async function deleteVariable({ sql, schema }: Db, name: string): Promise<boolean> {
  const [row] = await sql<{ wasThere: boolean }[]>`
    select ${schema}.delete_variable(${name}) as was_there`;
  return row?.wasThere ?? false;
}

/** The value of a variable for the caller, as JSON text; null if it is not set. */
export async function readVariable({ sql, schema }: Db, name: string): Promise<string | null> {
  const [row] = await sql<{ value: string | null }[]>`
    select ${schema}.get_variable(${name})::text as value`;
  return row?.value ?? null;
}

/**
 * Sets a variable if it still is `old`, as `readVariable` returned it. Returns whether it was set.
 */
export async function swapVariable(
  { sql, schema }: Db,
  name: string,
  { old, value }: { old: string | null; value: string },
): Promise<boolean> {
  const [row] = await sql<{ isSet: boolean }[]>`
    select ${schema}.swap_variable(${name}, ${old}::text::jsonb, ${value}::text::jsonb) as is_set`;
  return row?.isSet ?? false;
}
