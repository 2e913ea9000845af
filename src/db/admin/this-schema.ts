// The schema that this program needs. In the package this module has two constant
// functions (build/package.ts): a program that posts need not load the text of the schema.
import { createHash } from "node:crypto";

import { migrations } from "./migration-list.ts";

/** The number of its migrations. */
export const schemaVersion = (): number => migrations.length;

let digest: string | null = null;

/** A digest of the whole schema, without comments and line ends. */
export function schemaDigest(): string {
  if (digest !== null) return digest;
  const text = migrations[0]?.sql.replaceAll(/^\s*--.*$/gm, "").replaceAll(/\s+/g, " ") ?? "";
  return (digest = createHash("sha256").update(text).digest("hex"));
}
