import { texts } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/** The kinds of grants; docs/security.md describes the rights of each. */
export type RoleKind = "poster" | "viewer" | "operator" | "pool" | "scaler" | "owner";

/** A kind with its limits; the default applies to undefined ones. */
export interface Grant {
  kind: RoleKind;
  /** The roles whose jobs a pool may run in addition to its own (T1); null for all roles. */
  posters: string[] | null;
  /** The share of a poster (T2). */
  share: number;
  /** The maximum number of open postings of a poster, and of bytes of its arguments (T3). */
  maxOpen: number | null;
  maxArgumentBytes: number | null;
  /** The maximum size of a result of its jobs, and of each stream that is kept (T4). */
  maxResultBytes: number | null;
  maxOutputBytes: number | null;
}

export interface GrantRow extends Grant {
  role: string;
}

/** Grants a kind to a role, or transfers the queue to it (owner). */
export async function grantKind(db: Db, role: string, grant: Grant): Promise<void> {
  await db.sql`select ${db.schema}.change_grants(${role}, ${rowOf(db, grant)}, false)`;
}

export async function revokeKind(db: Db, role: string, grant: Grant): Promise<void> {
  await db.sql`select ${db.schema}.change_grants(${role}, ${rowOf(db, grant)}, true)`;
}

/** The statements that granting, or revoking, would run. */
export async function grantStatements(
  db: Db,
  role: string,
  grant: Grant,
  revokes: boolean,
): Promise<string[]> {
  const { sql, schema } = db;
  await sql`select ${schema}.require_grantable(${role})`;
  const rows =
    grant.kind === "owner"
      ? await sql<{ text: string }[]>`select ${schema}.owner_statements(${role}) as text`
      : await sql<{ text: string }[]>`
          select ${schema}.change_statements(${role}, ${rowOf(db, grant)}, ${revokes}) as text`;
  return rows.map(({ text }) => text);
}

/** The grants, by role. */
export const readGrants = ({ sql, schema }: Db) => sql<GrantRow[]>`
  select r.rolname::text as role, g.kind, to_json(g.posters) as posters, g.share, g.max_open,
         g.max_argument_bytes, g.max_result_bytes, g.max_output_bytes
  from ${schema}.grantee g join pg_roles r on r.oid = g.role order by 1, 2`;

/** A row of grantee without its role. */
function rowOf({ sql, schema }: Db, grant: Grant) {
  const { kind, posters, share, maxOpen, maxArgumentBytes } = grant;
  return sql`row(null, ${kind}, ${posters && texts(posters)}::text[], ${share}::real,
    ${maxOpen}::integer, ${maxArgumentBytes}::integer, ${grant.maxResultBytes}::integer,
    ${grant.maxOutputBytes}::integer)::${schema}.grantee`;
}
