import { advice, type Finding, problem } from "./finding.ts";
import { poolFindings, type PoolHealth } from "./pool-findings.ts";

/** What is looked at of a server and a queue to tell whether they are well. Times are in ms. */
export interface Health extends PoolHealth {
  /** As in 180004. */
  serverVersion: number;
  isReadOnly: boolean;
  isPooled: boolean;
  /** By name, as `show` has them; null where the server knows none of that name. */
  settings: Readonly<Record<string, string | null>>;
  /** Tablespaces of the queue in which a probe could not be written, with the server's reason. */
  fullTablespaces: readonly { name: string; reason: string }[];
  connections: { used: number; most: number };
  /** The oldest transaction of the database, in transactions ago. */
  oldestTransaction: number;
  /** The server's clock less this machine's. */
  clockSkewMs: number;
  roundTripMs: number;
  schema: {
    name: string;
    /** 0 where there is none. */
    version: number;
    known: number;
    /** Tables that the role may not read or write, and functions that it may not call. */
    forbidden: readonly string[];
    /** Indexes that a statement left half-built. */
    brokenIndexes: readonly string[];
  };
  tables: readonly { name: string; live: number; dead: number; bytes: number }[];
  blockers: readonly { kind: string; name: string; who: string; ageMs: number | null }[];
}

const hourMs = 3_600_000;

/** What is wrong, each with what to do about it; `version` is that of this program. */
export function findingsOf(health: Health, version: string): Finding[] {
  return [
    ...serverFindings(health),
    ...settingFindings(health.settings),
    ...health.fullTablespaces.map(({ name, reason }) =>
      problem(
        "disk",
        `writing 16 MiB failed in the tablespace ${name}: ${reason}`,
        "free some space on the server's disk, or repair it",
      ),
    ),
    ...schemaFindings(health),
    ...tableFindings(health),
    ...blockerFindings(health),
    ...poolFindings(health, version),
  ];
}

function serverFindings(health: Health): Finding[] {
  const { serverVersion, isReadOnly, connections, clockSkewMs, oldestTransaction } = health;
  const free = connections.most - connections.used;
  const skew = Math.round(Math.abs(clockSkewMs) / 1_000);
  const found: (Finding | false)[] = [
    serverVersion < 140_000 &&
      problem(
        "version",
        `PostgreSQL ${Math.floor(serverVersion / 10_000)} is older than 14`,
        "upgrade the server",
      ),
    isReadOnly &&
      problem("writes", "the server takes no writes", "name the address of the primary"),
    health.isPooled &&
      advice(
        "pooler",
        "a pooler such as PgBouncer is in between, so pools learn of postings by looking",
        "let pools connect to the server itself (docs/database.md)",
      ),
    free < 10 &&
      (free < 3 ? problem : advice)(
        "max_connections",
        `${connections.used} of ${connections.most} connections are in use`,
        "raise max_connections, or run fewer pools and other clients; a pool takes two",
      ),
    skew > 60 &&
      advice(
        "clock",
        `this machine's clock is ${skew} s ${clockSkewMs > 0 ? "behind" : "ahead of"} the server's`,
        "let both follow NTP; the queue goes by the server's clock, logs go by their machine's",
      ),
    oldestTransaction > 1_000_000_000 &&
      problem(
        "wraparound",
        `the oldest transaction is ${oldestTransaction.toLocaleString("en")} transactions ago`,
        "run vacuum freeze as a superuser, before the server stops to take writes at 2 billion",
      ),
  ];
  return found.filter((each) => each !== false);
}

/** What each setting is when it hurts, and why. */
const hurtful: readonly (readonly [
  kind: Finding["kind"],
  name: string,
  hurts: RegExp,
  why: string,
  remedy: string,
])[] = [
  [
    "problem",
    "fsync",
    /^off$/,
    "a crash of the machine can destroy the whole database",
    "set it to on",
  ],
  ["problem", "full_page_writes", /^off$/, "a crash of the machine can tear pages", "set it to on"],
  ["problem", "autovacuum", /^off$/, "dead rows stay, and every claim gets slower", "set it to on"],
  ["problem", "track_counts", /^off$/, "autovacuum does not learn of dead rows", "set it to on"],
  [
    "problem",
    "default_transaction_read_only",
    /^on$/,
    "nothing can be posted or recorded",
    "alter role … set default_transaction_read_only = off",
  ],
  [
    "problem",
    "server_encoding",
    /^(?!(UTF8|SQL_ASCII)$)/,
    "the queue holds texts that this encoding does not have",
    "create database … encoding 'UTF8' template template0, and use that one",
  ],
  [
    "advice",
    "synchronous_commit",
    /^off$/,
    "outcomes of the last moment are lost in a crash, and those jobs run again",
    "set it to on, unless jobs may run twice",
  ],
  [
    "advice",
    "statement_timeout",
    /^(?!0$)/,
    "large postings, prune and migrate may take longer and are cut off",
    "alter role … set statement_timeout = 0",
  ],
  [
    "advice",
    "transaction_timeout",
    /^(?!0$)/,
    "large postings are one transaction and are cut off",
    "alter role … set transaction_timeout = 0",
  ],
  [
    "advice",
    "idle_in_transaction_session_timeout",
    /^(?!0$)/,
    "a posting whose arguments come slowly is cut off",
    "alter role … set idle_in_transaction_session_timeout = 0",
  ],
  [
    "advice",
    "idle_session_timeout",
    /^(?!0$)/,
    "connections of pools that wait are cut off and made anew",
    "alter role … set idle_session_timeout = 0",
  ],
];

const settingFindings = (settings: Health["settings"]): Finding[] =>
  hurtful.flatMap(([kind, name, hurts, why, remedy]) => {
    const value = settings[name] ?? null;
    if (value === null || !hurts.test(value)) return [];
    return [{ kind, about: name, found: `it is ${value}: ${why}`, remedy }];
  });

function schemaFindings({ schema }: Health): Finding[] {
  const { name, version, known, forbidden, brokenIndexes } = schema;
  if (version === 0) {
    return [problem("schema", `there is no schema "${name}" in this database`, "pdoflow migrate")];
  }
  const found: (Finding | false)[] = [
    version < known &&
      problem("schema", `it is at version ${version} of ${known}`, "pdoflow migrate"),
    version > known &&
      problem(
        "schema",
        `it is at version ${version}, newer than ${known}, which this pdoflow knows`,
        "upgrade pdoflow on this machine",
      ),
    forbidden.length > 0 &&
      problem(
        "rights",
        `this role may not use all of ${forbidden.join(", ")}`,
        "let the owner of the schema grant them to this role, with pdoflow grant",
      ),
    brokenIndexes.length > 0 &&
      advice(
        "indexes",
        `half-built indexes are there: ${brokenIndexes.join(", ")}`,
        "drop index concurrently, or let the next pdoflow prune do so",
      ),
  ];
  return found.filter((each) => each !== false);
}

const tableFindings = ({ tables }: Health): Finding[] =>
  tables
    .filter(({ live, dead }) => dead > 100_000 && dead > live / 2)
    .map(({ name, live, dead, bytes }) =>
      advice(
        "dead rows",
        `table ${name} has ${dead.toLocaleString("en")} dead rows beside ` +
          `${live.toLocaleString("en")} (${Math.round(bytes / 1e6).toLocaleString("en")} MB)`,
        `see what holds them back below, else: vacuum ${name}`,
      ),
    );

const blockerRemedies: Readonly<Record<string, (name: string) => string>> = {
  session: (name) => `end its transaction, or: select pg_terminate_backend(${name})`,
  "prepared transaction": (name) => `commit prepared '${name}', or rollback prepared '${name}'`,
  "replication slot": (name) => `if nobody reads it: select pg_drop_replication_slot('${name}')`,
};

const blockerFindings = ({ blockers }: Health): Finding[] =>
  blockers.map(({ kind, name, who, ageMs }) =>
    problem(
      kind,
      `${kind} ${name} (${who}) sees the database as it was ` +
        `${ageMs === null ? "long" : `${(ageMs / hourMs).toFixed(1)} hours`} ago, so that no row ` +
        "that was deleted since can be removed",
      blockerRemedies[kind]?.(name) ?? "end it",
    ),
  );
