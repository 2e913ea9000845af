import type { Health } from "../../db/admin/health.ts";
import { advice, type Finding, problem } from "./finding.ts";
import { notificationFindings } from "./notification-findings.ts";
import { poolFindings } from "./pool-findings.ts";
import { replicationFindings } from "./replication-findings.ts";
import { scheduleFindings } from "./schedule-findings.ts";
import { versionFindings } from "./version-findings.ts";

const hourMs = 3_600_000;

/** All problems and advice, each with a remedy. `version` is this program's version. */
export function findingsOf(health: Health, version: string): Finding[] {
  return [
    ...serverFindings(health),
    ...settingFindings(health.settings),
    ...replicationFindings(health),
    ...health.fullTablespaces.map(({ name, reason }) =>
      problem(
        "disk",
        `writing 16 MiB failed in the tablespace ${name}: ${reason}`,
        "free some space on the server's disk, or repair it",
      ),
    ),
    ...schemaFindings(health),
    ...versionFindings(health, version),
    ...tableFindings(health),
    ...blockerFindings(health),
    ...poolFindings(health),
    ...scheduleFindings(health),
    ...notificationFindings(health),
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
    isReadOnly && problem("writes", "the server is read-only", "connect to the primary server"),
    health.isPooled &&
      advice(
        "pooler",
        "the connection goes through a pooler such as PgBouncer, so pools poll for postings",
        "let pools connect directly to the server (docs/database.md)",
      ),
    free < 10 &&
      (free < 3 ? problem : advice)(
        "max_connections",
        `${connections.used} of ${connections.most} connections are in use`,
        "raise max_connections, or run fewer pools and other clients; a pool uses three",
      ),
    skew > 60 &&
      advice(
        "clock",
        `this machine's clock is ${skew} s ${clockSkewMs > 0 ? "behind" : "ahead of"} the server's`,
        "synchronize both with NTP; the queue uses the server's clock, logs use this machine's",
      ),
    oldestTransaction > 1_000_000_000 &&
      problem(
        "wraparound",
        `the oldest transaction is ${oldestTransaction.toLocaleString("en")} transactions old`,
        "run VACUUM FREEZE as a superuser; at 2 billion the server stops accepting writes",
      ),
  ];
  return found.filter((each) => each !== false);
}

/** Harmful values of settings. */
const harmfulSettings: readonly (readonly [
  kind: Finding["kind"],
  name: string,
  harmful: RegExp,
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
  [
    "problem",
    "full_page_writes",
    /^off$/,
    "a crash of the machine can corrupt pages",
    "set it to on",
  ],
  ["problem", "autovacuum", /^off$/, "dead rows accumulate and slow down claims", "set it to on"],
  ["problem", "track_counts", /^off$/, "autovacuum does not notice dead rows", "set it to on"],
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
    "this encoding cannot store all texts of the queue",
    "create a database with: create database … encoding 'UTF8' template template0",
  ],
  [
    "advice",
    "synchronous_commit",
    /^off$/,
    "a crash loses the last outcomes, and their jobs run again",
    "set it to on, unless your jobs can run twice",
  ],
  [
    "advice",
    "statement_timeout",
    /^(?!0$)/,
    "it can abort large postings, prune and migrate",
    "alter role … set statement_timeout = 0",
  ],
  [
    "advice",
    "transaction_timeout",
    /^(?!0$)/,
    "it can abort large postings, which are one transaction",
    "alter role … set transaction_timeout = 0",
  ],
  [
    "advice",
    "idle_in_transaction_session_timeout",
    /^(?!0$)/,
    "it can abort a posting whose arguments arrive slowly",
    "alter role … set idle_in_transaction_session_timeout = 0",
  ],
  [
    "advice",
    "idle_session_timeout",
    /^(?!0$)/,
    "idle pools lose their connections and reconnect",
    "alter role … set idle_session_timeout = 0",
  ],
];

const settingFindings = (settings: Health["settings"]): Finding[] =>
  harmfulSettings.flatMap(([kind, name, harmful, why, remedy]) => {
    const value = settings[name] ?? null;
    if (value === null || !harmful.test(value)) return [];
    return [{ kind, about: name, found: `it is ${value}: ${why}`, remedy }];
  });

function schemaFindings({ schema }: Health): Finding[] {
  const { name, version, isOfThisBuild, forbidden, brokenIndexes } = schema;
  if (version === 0) {
    return [
      problem("schema", `this database has no schema "${name}"`, "create it with: pdoflow migrate"),
    ];
  }
  const found: (Finding | false)[] = [
    !isOfThisBuild &&
      problem(
        "schema",
        "another unreleased build of this version has made it",
        `use that build or another database, or run: drop schema "${name}" cascade; and then: ` +
          "pdoflow migrate",
      ),
    forbidden.length > 0 &&
      problem(
        "rights",
        `this role lacks privileges on ${forbidden.join(", ")}`,
        "ask the owner of the schema to grant them, with: pdoflow grant",
      ),
    brokenIndexes.length > 0 &&
      advice(
        "indexes",
        `invalid indexes: ${brokenIndexes.join(", ")}`,
        "drop them with DROP INDEX CONCURRENTLY, or run: pdoflow prune",
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
        `table ${name} has ${dead.toLocaleString("en")} dead and ${live.toLocaleString("en")} ` +
          `live rows (${Math.round(bytes / 1e6).toLocaleString("en")} MB)`,
        `end the old snapshots listed below, then run: vacuum ${name}`,
      ),
    );

const blockerRemedies: Readonly<Record<string, (name: string) => string>> = {
  session: (name) => `end its transaction, or run: select pg_terminate_backend(${name})`,
  "prepared transaction": (name) =>
    `run: commit prepared '${name}', or rollback prepared '${name}'`,
  "replication slot": (name) => `if it is unused, run: select pg_drop_replication_slot('${name}')`,
};

const blockerFindings = ({ blockers }: Health): Finding[] =>
  blockers.map(({ kind, name, who, ageMs }) =>
    problem(
      kind,
      `${kind} ${name} (${who}) holds a snapshot` +
        `${ageMs === null ? "" : ` that is ${(ageMs / hourMs).toFixed(1)} hours old`}, so rows ` +
        "deleted since then cannot be removed",
      blockerRemedies[kind]?.(name) ?? "end it",
    ),
  );
