import { isWorthAnotherTry } from "../../db/connection/connect.ts";

/** Why a query failed, for public pages: without names of hosts, roles or folders. */
export const publicReason = (error: unknown): string =>
  isWorthAnotherTry(error) ? "the database does not answer" : "the database refuses the query";
