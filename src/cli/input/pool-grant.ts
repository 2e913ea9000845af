import { type Db, errorCode } from "../../db/connection/connect.ts";
import { readRoutes } from "../../db/engine/routes.ts";
import { exitCodes, PdoflowError } from "../../domain/errors.ts";

/** The role may post, but no pool of it would run what it has posted. */
class RunNeedsPool extends PdoflowError {
  override readonly name = "RunNeedsPool";
  readonly exitCode = exitCodes.database;
  constructor() {
    super(
      "pdoflow run needs a role that may run pools, and this role may not. Nothing was posted. " +
        "Ask the owner of the schema for: pdoflow grant --role ROLE as pool --own. To have the " +
        "jobs run by the pools of others, use: pdoflow post",
    );
  }
}

/**
 * Queries data that only roles with a grant for pools may read.
 *
 * @throws {RunNeedsPool}
 */
export async function requirePoolGrant(db: Db): Promise<void> {
  try {
    await readRoutes(db, { run: crypto.randomUUID() });
  } catch (error) {
    throw errorCode(error) === "42501" ? new RunNeedsPool() : error;
  }
}
