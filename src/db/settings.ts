import * as v from "valibot";

import { InvalidInput } from "../domain/errors.ts";
import { parse } from "../domain/parse.ts";
import { type Address, parseAddresses, splitAuthority } from "./addresses.ts";

/** How to reach the server, or one of several of which one at a time takes writes. */
export interface Target extends Address {
  /** Where else it may be, in the order in which they are tried; missing where nowhere. */
  others?: readonly Address[];
  user: string;
  database: string;
  password: string | undefined;
  tls: false | "prefer" | "require" | "verify-full";
  schema: string;
  /** Where these settings come from, in words: "DATABASE_URL", "the embedded server". */
  source: string;
}

/** Where the queue's own connections must lead, since all of them write. */
const writingSessions: readonly string[] = ["any", "read-write", "primary"];

export type Environment = Readonly<Record<string, string | undefined>>;

/** Plain names only: the schema's name is put into the text of the migrations. */
const Schema = v.pipe(
  v.string(),
  v.regex(
    /^[a-z_][a-z0-9_]{0,40}$/,
    (issue) =>
      "expected a schema name of lower case letters, digits and _ (41 at most), " +
      `found ${issue.received}`,
  ),
);

const SslMode = v.picklist(
  ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
  (issue) => `expected an sslmode such as require or verify-full, found ${issue.received}`,
);

/** The schema that holds the queue: `PDOFLOW_SCHEMA`, by default `pdoflow`. */
export function schemaName(env: Environment): string {
  return parse(Schema, env["PDOFLOW_SCHEMA"] ?? "pdoflow", "PDOFLOW_SCHEMA");
}

/**
 * The server that the flags and the environment name: `--database`, else `PDOFLOW_DATABASE_URL`,
 * else `DATABASE_URL`, else the `PG…` variables; null where nothing names one.
 *
 * @throws {InvalidInput} a URL or a variable has the wrong shape. Its text is not repeated: it
 * may hold a password.
 */
export function configuredTarget(flag: string | undefined, env: Environment): Target | null {
  const named: [string, string | undefined][] = [
    ["--database", flag],
    ["PDOFLOW_DATABASE_URL", env["PDOFLOW_DATABASE_URL"]],
    ["DATABASE_URL", env["DATABASE_URL"]],
  ];
  for (const [source, url] of named) if (url) return fromUrl(url, source, env);
  const isNamed = ["PGHOST", "PGDATABASE", "PGUSER", "PGPORT"].some((name) => env[name]);
  return isNamed ? fromParts({}, "the PG… variables", env) : null;
}

interface Parts {
  host?: string | undefined;
  port?: string | undefined;
  user?: string | undefined;
  password?: string | undefined;
  database?: string | undefined;
  sslmode?: string | undefined;
  sessions?: string | undefined;
}

function fromUrl(text: string, source: string, env: Environment): Target {
  const { hosts, ports, rest } = splitAuthority(text);
  const url = rest !== null && URL.canParse(rest) ? new URL(rest) : null;
  if (!url || !isDecodable(text)) {
    throw new InvalidInput(source, [
      "expected a URL such as postgres://user:password@host:5432/database",
    ]);
  }
  const decode = (part: string) => (part === "" ? undefined : decodeURIComponent(part));
  return fromParts(
    {
      host: url.searchParams.get("host") ?? decode(hosts),
      port: url.searchParams.get("port") ?? decode(ports),
      user: url.searchParams.get("user") ?? decode(url.username),
      password: url.searchParams.get("password") ?? decode(url.password),
      database: url.searchParams.get("dbname") ?? decode(url.pathname.slice(1)),
      sslmode: url.searchParams.get("sslmode") ?? undefined,
      sessions: url.searchParams.get("target_session_attrs") ?? undefined,
    },
    source,
    env,
  );
}

/** Whether all percent codes stand for characters. */
function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function fromParts(parts: Parts, source: string, given: Environment): Target {
  // As for psql, a variable that is empty is as good as not set.
  const env = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
  const user = parts.user ?? env["PGUSER"] ?? env["USER"] ?? env["LOGNAME"] ?? "postgres";
  const [first, ...others] = parseAddresses(
    parts.host ?? env["PGHOST"] ?? "localhost",
    parts.port ?? env["PGPORT"] ?? "",
    source,
  );
  const sessions = parts.sessions ?? env["PGTARGETSESSIONATTRS"] ?? "any";
  if (!writingSessions.includes(sessions)) {
    throw new InvalidInput(source, [
      `expected target_session_attrs read-write, since a queue is written to, found ${sessions}`,
    ]);
  }
  const sslmode = parse(SslMode, parts.sslmode ?? env["PGSSLMODE"] ?? "prefer", source);
  const isLocal = first.host.startsWith("/") || sslmode === "disable" || sslmode === "allow";
  const encrypted = sslmode === "verify-ca" || sslmode === "verify-full" ? "verify-full" : sslmode;
  return {
    ...first,
    ...(others.length > 0 ? { others } : {}),
    user,
    database: parts.database ?? env["PGDATABASE"] ?? user,
    password: parts.password ?? env["PGPASSWORD"],
    tls: isLocal
      ? false
      : encrypted === "require" || encrypted === "verify-full"
        ? encrypted
        : "prefer",
    schema: schemaName(env),
    source,
  };
}

/** The target in words, without its password: `db at host:5432 as user, schema pdoflow`. */
export function describeTarget(target: Target): string {
  const place = [target, ...(target.others ?? [])].map(describeAddress).join(", ");
  return `database ${target.database} at ${place} as ${target.user} (${target.source})`;
}

export function describeAddress({ host, port }: Address): string {
  return host.startsWith("/") ? `socket ${host}` : `${host}:${port}`;
}
