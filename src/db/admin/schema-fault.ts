import { PdoflowError } from "../../domain/errors.ts";
import { errorCode } from "../connection/connect.ts";
import { openDatabase } from "../connection/open.ts";
import type { Target } from "../settings/target.ts";
import { requireUsableSchema } from "./schema-state.ts";

/** A function, table, column or schema does not exist, or not in this form. */
const missing = /^(42883|42P01|42703|42804|42P13|3F000)$/;

/**
 * Why a statement of a running program failed, if a newer pdoflow has changed the schema since it
 * checked the version; null if not.
 */
export async function schemaFault(error: unknown, target: Target): Promise<PdoflowError | null> {
  if (!missing.test(errorCode(error) ?? "")) return null;
  try {
    await using db = await openDatabase(target, { connections: 1 });
    await requireUsableSchema(db);
    return null;
  } catch (fault) {
    return fault instanceof PdoflowError ? fault : null; // else the first error says more
  }
}
