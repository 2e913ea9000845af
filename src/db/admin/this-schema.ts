// The schema that this program needs. In the package this module has constant functions
// (build/package.ts): a program that posts need not load the text of the schema.
import { createHash } from "node:crypto";

import { migrations } from "./migration-list.ts";

/** The number of its migrations. */
export const schemaVersion = (): number => migrations.length;

/** The oldest version of the schema that this program can work with. */
export const oldestUsableSchema = (): number =>
  migrations.findLastIndex(({ isOptional }) => isOptional !== true) + 1;

let digest: string | null = null;

/** A digest of the whole schema, without comments and line ends. */
export function schemaDigest(): string {
  if (digest !== null) return digest;
  const text = migrations[0]?.sql.replaceAll(/^\s*--.*$/gm, "").replaceAll(/\s+/g, " ") ?? "";
  return (digest = createHash("sha256").update(text).digest("hex"));
}
