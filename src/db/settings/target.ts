import { join } from "node:path";

import * as v from "valibot";

import { InvalidInput } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import { type Address, type Encryption, parseAddresses } from "./addresses.ts";
import { type Certificates, readCertificates } from "./certificates.ts";
import { readConninfo, readLines } from "./conninfo.ts";
import { type Environment, fillFromVariables, type Keyword, type Settings } from "./parameters.ts";
import { passwordFrom } from "./password-file.ts";
import { readPythonSection, refusePythonVariables } from "./python-settings.ts";
import { requirePrivate, textOf } from "./secret-file.ts";
import type { ServerAddress } from "./server-paths.ts";
import { readService } from "./service-file.ts";

/** How to reach the server, or one of several of which one at a time accepts writes. */
export interface Target extends Address {
  /** Its other addresses, in the order in which they are tried; missing if there are none. */
  others?: readonly Address[];
  user: string;
  database: string;
  password: string | undefined;
  tls: Encryption;
  certificates?: Certificates;
  /** How long an address has to answer; missing for our default. */
  answerMs?: number;
  /** The name of the session on the server. */
  applicationName?: string;
  /** Settings for the session, as in PGOPTIONS. */
  options?: string;
  /** Called after each statement with its text, which has $1 for the first parameter. */
  onStatement?: (text: string, ms: number) => void;
  schema: string;
  /** A description of the source of these settings: "DATABASE_URL", "the embedded server". */
  source: string;
}

/** The `source` of a target that is the embedded server. */
export const embeddedSource = "the embedded server";

/** The target that is an embedded server. */
export const embeddedTarget = (
  { host, port, username, database }: ServerAddress,
  schema: string,
): Target => ({
  host,
  port,
  user: username,
  database,
  password: undefined,
  tls: false,
  schema,
  source: embeddedSource,
});

/** Whether it is the server that all projects of a user on this machine share. */
export const isEmbedded = ({ source }: Target): boolean => source === embeddedSource;

/** The queue's own connections must lead to a server of this kind, because all of them write. */
const writingSessions: readonly string[] = ["any", "read-write", "primary"];

/** Plain names only: the schema's name is inserted into the text of the migrations. */
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

/** The schema of the queue: `PDOFLOW_SCHEMA`, by default `pdoflow`. */
export function schemaName(env: Environment): string {
  return parse(Schema, env["PDOFLOW_SCHEMA"] ?? "pdoflow", "PDOFLOW_SCHEMA");
}

/**
 * The server that the flags and the environment name: `--database`, else `PDOFLOW_DATABASE_URL`,
 * else `DATABASE_URL`, else the `PG…` variables, else ~/.config/pdoflow/db.conf; null if none of
 * them names one.
 *
 * @throws {InvalidInput} a URL, a variable or a file has the wrong form, or other users can read a
 * file with a secret. The message does not repeat the text, because it may contain a password.
 */
export function configuredTarget(flag: string | undefined, env: Environment): Target | null {
  const found = configuredSettings(flag, env);
  return found && targetOf(found.settings, found.source, env);
}

/**
 * The connection parameters, each with its source, and a description of the source that names the
 * server.
 */
export function configuredSettings(
  flag: string | undefined,
  given: Environment,
): { settings: Settings; source: string } | null {
  // As for psql, an empty variable counts as not set.
  const env = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
  const named = namedServer(flag, env);
  if (!named) return null;
  const { settings, source } = named;
  const service = settings.get("service")?.value ?? env["PGSERVICE"];
  if (service !== undefined) {
    const file = settings.get("servicefile")?.value ?? env["PGSERVICEFILE"];
    for (const [keyword, setting] of readService(service, file, env)) {
      if (!settings.has(keyword)) settings.set(keyword, setting);
    }
  }
  fillFromVariables(settings, env);
  return { settings, source };
}

/**
 * The first source that names the server.
 *
 * @throws {InvalidInput} the option is empty. The next source could be another server than the one
 *   that an unset variable of a script was meant to name.
 */
function namedServer(flag: string | undefined, env: Environment) {
  if (flag !== undefined && flag.trim() === "") {
    throw new InvalidInput("--database", [
      "expected a URL or settings, found an empty text. Is a variable of your script unset?",
    ]);
  }
  const named: [string, string | undefined][] = [
    ["--database", flag],
    ["PDOFLOW_DATABASE_URL", env["PDOFLOW_DATABASE_URL"]],
    ["DATABASE_URL", env["DATABASE_URL"]],
  ];
  for (const [source, text] of named) {
    if (text) return { settings: readConninfo(text, source), source };
  }
  const variables = ["PGHOST", "PGHOSTADDR", "PGDATABASE", "PGUSER", "PGPORT"];
  const isNamed = variables.some((name) => env[name]);
  const none: Settings = new Map();
  if (isNamed) return { settings: none, source: "the PG… variables" };
  if (env["PGSERVICE"]) return { settings: none, source: `the service ${env["PGSERVICE"]}` };
  const found = namedByFile(env);
  if (!found?.isOurs) refusePythonVariables(env); // the original obeys them before its file
  return found;
}

function namedByFile(env: Environment) {
  const file = settingsFile(env);
  const text = file === null ? null : textOf(file);
  if (file === null || text === null) return null;
  const python = readPythonSection(text, file);
  const settings = python ?? readSettingsFile(text, file);
  if (settings.has("password") || settings.has("sslpassword")) requirePrivate(file);
  return settings.size === 0 ? null : { settings, source: file, isOurs: python === null };
}

/**
 * The file of a user's own settings: lines `name=value` as in pg_service.conf, one URL, or the
 * section `[pdoflow]` of the Python original.
 */
export function settingsFile(env: Environment): string | null {
  const config = env["XDG_CONFIG_HOME"];
  if (config?.startsWith("/")) return join(config, "pdoflow/db.conf");
  return env["HOME"] ? join(env["HOME"], ".config/pdoflow/db.conf") : null;
}

function readSettingsFile(text: string, file: string): Settings {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !/^\s*#/.test(line));
  const [url = ""] = lines;
  if (lines.length === 1 && url.includes("://")) return readConninfo(url.trim(), file);
  return readLines(text, file, null) ?? new Map();
}

function targetOf(settings: Settings, source: string, env: Environment): Target {
  const get = (keyword: Keyword) => settings.get(keyword)?.value;
  const user = get("user") ?? env["USER"] ?? env["LOGNAME"] ?? "postgres";
  const database = get("dbname") ?? user;
  const from = (keyword: Keyword) => {
    const origin = settings.get(keyword)?.from ?? source;
    return /^PG[A-Z]+$/.test(origin) ? "the PG… variables" : origin;
  };
  const addresses = parseAddresses(
    get("host") ?? "",
    get("port") ?? "",
    from("port"),
    get("hostaddr"),
  );
  const sessions = get("target_session_attrs") ?? "any";
  if (!writingSessions.includes(sessions)) {
    throw new InvalidInput(from("target_session_attrs"), [
      `expected target_session_attrs read-write, since a queue is written to, found ${sessions}`,
    ]);
  }
  const [first, ...others] = withPasswords(addresses, settings, database, user, env);
  return {
    ...first,
    ...(others.length > 0 ? { others } : {}),
    user,
    database,
    password: first.password ?? get("password"),
    ...encryptionOf(addresses, settings, from("sslmode"), env),
    ...session(settings, from("connect_timeout")),
    schema: schemaName(env),
    source,
  };
}

/** The addresses. If no password is given, each has the one from the password file. */
function withPasswords(
  [first, ...others]: readonly [Address, ...Address[]],
  settings: Settings,
  database: string,
  user: string,
  env: Environment,
): [Address, ...Address[]] {
  const home = env["HOME"];
  const file = settings.get("passfile")?.value ?? (home ? join(home, ".pgpass") : undefined);
  if (settings.has("password") || file === undefined) return [first, ...others];
  const withPassword = (address: Address): Address => {
    const password = passwordFrom(file, address, database, user);
    return password === undefined ? address : { ...address, password };
  };
  return [withPassword(first), ...others.map(withPassword)];
}

function encryptionOf(
  addresses: readonly Address[],
  settings: Settings,
  source: string,
  env: Environment,
): Pick<Target, "tls" | "certificates"> {
  const given = settings.get("sslmode")?.value;
  const sslmode = given === undefined ? null : parse(SslMode, given, source);
  if (addresses.every(({ host }) => host.startsWith("/"))) return { tls: false };
  const mode = sslmode === "disable" ? false : sslmode;
  const { tls, certificates } = readCertificates(mode, settings, env);
  return Object.keys(certificates).length === 0 ? { tls } : { tls, certificates };
}

/** Parameters of a session, and how long to wait for it. */
function session(settings: Settings, source: string): Partial<Target> {
  const timeout = settings.get("connect_timeout")?.value;
  const applicationName = settings.get("application_name")?.value;
  const options = settings.get("options")?.value;
  if (timeout !== undefined && !/^-?\d{1,6}$/.test(timeout)) {
    throw new InvalidInput(source, [
      `expected a connect_timeout in whole seconds, 0 for no limit, found ${timeout}`,
    ]);
  }
  // The longest wait of a timer, which counts as forever.
  const answerMs = Number(timeout) > 0 ? Number(timeout) * 1_000 : 2 ** 31 - 1;
  return {
    ...(timeout === undefined ? {} : { answerMs }),
    ...(applicationName === undefined ? {} : { applicationName }),
    ...(options === undefined ? {} : { options }),
  };
}

/** Describes the target without its password: `db at host:5432 as user, schema pdoflow`. */
export function describeTarget(target: Target): string {
  const addresses = [target, ...(target.others ?? [])].map(describeAddress).join(", ");
  return `database ${target.database} at ${addresses} as ${target.user} (${target.source})`;
}

export function describeAddress({ host, port, hostaddr }: Address): string {
  const number = hostaddr === undefined || hostaddr === host ? "" : ` (${hostaddr})`;
  return host.startsWith("/") ? `socket ${host}` : `${host}${number}:${port}`;
}
