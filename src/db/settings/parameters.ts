// The connection parameters of libpq, and which of them PDOFlow uses.
import { InvalidInput } from "../../domain/errors.ts";
import { didYouMean, similarNames } from "../../domain/similar.ts";

/** Parameters that we use, with the variable that sets each. */
export const obeyed = {
  host: "PGHOST",
  hostaddr: "PGHOSTADDR",
  port: "PGPORT",
  dbname: "PGDATABASE",
  user: "PGUSER",
  password: "PGPASSWORD",
  passfile: "PGPASSFILE",
  service: "PGSERVICE",
  servicefile: "PGSERVICEFILE",
  sslmode: "PGSSLMODE",
  sslrootcert: "PGSSLROOTCERT",
  sslcert: "PGSSLCERT",
  sslkey: "PGSSLKEY",
  sslpassword: null,
  target_session_attrs: "PGTARGETSESSIONATTRS",
  connect_timeout: "PGCONNECT_TIMEOUT",
  application_name: "PGAPPNAME",
  options: "PGOPTIONS",
} as const satisfies Readonly<Record<string, string | null>>;

export type Keyword = keyof typeof obeyed;

/** Parameters that request a protection that PDOFlow lacks, with their values that request none. */
const unmet: Readonly<Record<string, { variable: string; harmless: readonly string[] }>> = {
  channel_binding: { variable: "PGCHANNELBINDING", harmless: ["disable", "prefer"] },
  gssencmode: { variable: "PGGSSENCMODE", harmless: ["disable", "prefer"] },
  require_auth: { variable: "PGREQUIREAUTH", harmless: [] },
  requirepeer: { variable: "PGREQUIREPEER", harmless: [] },
  sslcrl: { variable: "PGSSLCRL", harmless: [] },
  sslcrldir: { variable: "PGSSLCRLDIR", harmless: [] },
  sslcertmode: { variable: "PGSSLCERTMODE", harmless: ["allow"] },
  sslnegotiation: { variable: "PGSSLNEGOTIATION", harmless: ["postgres"] },
  ssl_min_protocol_version: {
    variable: "PGSSLMINPROTOCOLVERSION",
    harmless: ["TLSv1", "TLSv1.1", "TLSv1.2"],
  },
};

/** Parameters that can be ignored without harm. */
const ignored: readonly string[] = [
  ...["client_encoding", "fallback_application_name", "gssdelegation", "gsslib", "keepalives"],
  ...["keepalives_count", "keepalives_idle", "keepalives_interval", "krbsrvname"],
  ...["load_balance_hosts", "max_protocol_version", "min_protocol_version"],
  ...["ssl_max_protocol_version", "sslcompression", "sslsni", "tcp_user_timeout"],
];

const isObeyed = (name: string): name is Keyword => Object.hasOwn(obeyed, name);

/** A value, and a description of its source. */
export interface ParameterValue {
  value: string;
  from: string;
}
export type Settings = Map<Keyword, ParameterValue>;

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Adds one parameter of a URL, a text or a file; the last one takes precedence. `from` names its
 * source.
 *
 * @throws {InvalidInput} the parameter is unknown, or requests an unsupported feature.
 */
export function put(settings: Settings, name: string, value: string, from: string): void {
  if (isObeyed(name)) {
    settings.set(name, { value, from });
  } else if (name === "ssl" && value === "true") {
    settings.set("sslmode", { value: "require", from }); // as in JDBC; libpq accepts it too
  } else if (Object.hasOwn(unmet, name)) {
    refuseUnmet(name, value, from);
  } else if (!ignored.includes(name)) {
    throw new InvalidInput(from, [
      `expected a connection parameter of PostgreSQL such as sslmode, found ${name}.` +
        didYouMean(similarNames(name, Object.keys(obeyed))),
    ]);
  }
}

/**
 * Fills parameters that are not set yet from the variables. An empty variable counts as not set.
 */
export function fillFromVariables(settings: Settings, env: Environment): void {
  for (const [keyword, variable] of Object.entries(obeyed)) {
    const value = variable === null ? undefined : env[variable];
    if (!value || !isObeyed(keyword) || settings.has(keyword)) continue;
    settings.set(keyword, { value, from: variable ?? "" });
  }
  for (const [name, { variable }] of Object.entries(unmet)) {
    const value = env[variable];
    if (value) refuseUnmet(name, value, variable);
  }
}

function refuseUnmet(name: string, value: string, from: string): void {
  const harmless = unmet[name]?.harmless ?? [];
  if (harmless.includes(value)) return;
  const expected = harmless.length === 0 ? "none" : harmless.join(" or ");
  throw new InvalidInput(from, [
    `pdoflow does not support this value of ${name}: expected ${expected}, found ${value}. ` +
      "Remove it if you can do without that protection",
  ]);
}
