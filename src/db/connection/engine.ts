import { exitCodes, PdoflowError } from "../../domain/errors.ts";

/** The server speaks the protocol of PostgreSQL, and lacks what a queue needs. */
export class EngineUnsuitable extends PdoflowError {
  override readonly name = "EngineUnsuitable";
  readonly exitCode = exitCodes.database;
  constructor(engine: string, lacks: string) {
    super(
      `expected PostgreSQL, found ${engine}, which cannot keep the queue: ${lacks}. ` +
        "Use a PostgreSQL server of version 14 or later, your own or a managed one.",
    );
  }
}

/** Other engines, by `select version()` or by the name of the host. */
const engines: readonly (readonly [pattern: RegExp, name: string, lacks: string])[] = [
  [
    /^CockroachDB\b/,
    "CockroachDB",
    "it has no LISTEN, and SKIP LOCKED passes over rows that nobody has locked",
  ],
  [
    /-YB-/,
    "YugabyteDB",
    "partitions cannot be created within a transaction, and advisory locks are incomplete",
  ],
  [
    /\.dsql\.[\w-]+\.on\.aws$/,
    "Aurora DSQL",
    "it has no PL/pgSQL, no row locks that wait, no advisory locks and no partitions",
  ],
  [/\bRedshift\b/, "Amazon Redshift", "it has no row locks, no indexes and no LISTEN"],
  [/\bMaterialize\b/, "Materialize", "it has no row locks and no PL/pgSQL"],
  [/^CrateDB\b/, "CrateDB", "it has no transactions"],
  [/\bQuestDB\b/, "QuestDB", "it has no row locks and no PL/pgSQL"],
];

/**
 * Checks that a server is PostgreSQL, by its `version()`, or a fork that keeps its semantics.
 *
 * @throws {EngineUnsuitable}
 */
export function requireEngine(version: string, host: string): void {
  for (const [pattern, name, lacks] of engines) {
    if (pattern.test(version) || pattern.test(host)) throw new EngineUnsuitable(name, lacks);
  }
}
