import type postgres from "postgres";

/** Runs statements, each on any connection of a pool. Identifiers (bigint) are numbers. */
export type Sql = postgres.Sql<{ bigint: number }>;

/** Runs the statements of one transaction. */
export type Tx = postgres.TransactionSql<{ bigint: number }>;
